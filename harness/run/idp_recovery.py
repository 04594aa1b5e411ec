"""What an IdP owes its clients once its fault is over, as objectives of plans."""

from __future__ import annotations

from idchaos.experiment import Objective, PhaseName
from idchaos.run.building import at_most
from idchaos.settings import CommonSettings


def idp_as_quick_as_before(settings: CommonSettings) -> Objective:
    """After a fault of the IdP tokens come as soon as ever."""
    return at_most(
        settings.slo.token_latency_p50_s,
        "s",
        "latency_p50{flow=machine,endpoint=token}",
        name="token_latency_p50_recovery",
        phase=PhaseName.RECOVERY,
        why="Clients wait for tokens although the fault is over: the IdP has not recovered.",
    )


def sessions_survive(lost: int) -> Objective:
    """The IdP knows whom it has logged in, whatever it went through: sessions are refreshed, and don't begin anew."""
    return at_most(
        lost,
        "count",
        "sessions_lost",
        name="sessions_survive",
        phase="all",
        why="The IdP refused refresh tokens of sessions that nobody had ended: their users had to log in again.",
    )
