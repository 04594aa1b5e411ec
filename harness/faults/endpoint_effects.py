"""Whether an answer, or a validator's key fetch, met just the error that an endpoint was told to give. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from idchaos.faults.fetches import Fetch
from idchaos.faults.symptoms import Met, Symptom, mostly, symptom_of
from idchaos.targets.base import EndpointError
from idchaos.targets.oidc import Answer

SLACK_S = 1.0
"""How much later than its delay an answer may still be on its way."""
TIMER_S = 0.1
"""By so much the timers of two machines may differ."""
PATIENCE_S = 3.0
"""A probe waits no longer. Of a longer delay than that it only tells that no answer came so far; that there is a
delay behind it is what the IdP says of itself.
"""


def patience_s(error: EndpointError) -> float:
    """How long a probe waits for an answer, in seconds."""
    return error.delay_s + SLACK_S if error.delay_s <= PATIENCE_S else PATIENCE_S


def _hung_while_delayed(error: EndpointError, waited_s: float) -> bool:
    """Whether somebody gave up before the delay was over. Who waited for longer has met something else."""
    return error.delay_s > 0 and waited_s <= error.delay_s + TIMER_S


def met_by_answer(error: EndpointError, answer: Answer) -> bool:
    """Whether this is the fault's doing: that status, that body, that delay. Another error is none of its doing, nor
    is an answer that does not come although it is due.
    """
    if not answer.status:
        return answer.error == "timeout" and _hung_while_delayed(error, answer.elapsed_s)
    if answer.elapsed_s < error.delay_s:
        return False
    if error.status is None:
        return error.delay_s > 0 and answer.status < 500
    return answer.status == error.status and (error.body is None or answer.body == error.body.encode())


def well(error: EndpointError, answer: Answer) -> bool:
    """Whether the endpoint answers by itself: no error of anybody's, if only to refuse."""
    return 0 < answer.status < 500 and not met_by_answer(error, answer)


def met_by_fetches(error: EndpointError, fetches: Sequence[Fetch]) -> bool:
    """Whether a validator's own key fetches met it: most of them, or, of an error for a share, at least one."""
    met = [met_by_fetch(error, fetch.error, fetch.met) for fetch in fetches]
    return any(met) if error.share < 1 else mostly([fetch.met for fetch in fetches], met)


def met_by_fetch(error: EndpointError, code: str | None, met: Met) -> bool:
    """Whether one request for keys met it; ``code``: how it failed."""
    if met.symptom is Symptom.HUNG:
        return _hung_while_delayed(error, met.took_s)
    if met.took_s < error.delay_s:
        return False
    if error.status is None:
        return met.symptom is Symptom.ANSWERED
    if error.status != 200:
        return code == f"http_{error.status}"
    return symptom_of(code) is Symptom.UNUSABLE and not str(code).startswith("http_")
