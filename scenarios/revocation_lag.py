"""A token is revoked: how long does each replica go on accepting it?"""

from __future__ import annotations

from pydantic import Field

from idchaos.errors import UsageError
from idchaos.experiment import PhaseName, Plan, Stream
from idchaos.faults.revocation import Revocations
from idchaos.load.flows.revocation import Revocation
from idchaos.run.building import (
    api_success,
    at_most,
    every_run,
    everyday_load,
    invariants,
    phases,
    revocation_window_s,
)
from idchaos.run.scenario import Experiment, Scenario
from idchaos.settings import CommonSettings, seconds
from idchaos.topologies import TOPOLOGIES
from idchaos.values import Value

WATCH_MARGIN_S = 2.0


class RevocationSettings(Value):
    """How much is revoked, and how soon it must be felt."""

    bound_s: float = seconds(
        30, at_least=0.1, why="every replica must refuse a revoked token within this time, whatever its caches allow"
    )
    propagation_s: float = seconds(
        2, why="beyond the life of caches, how long a revocation may be on its way; with it they bound the lag"
    )
    rate: float = Field(20, gt=0, le=200, description="tokens revoked per second, JWTs and opaque ones")
    poll_every_s: float = seconds(0.2, at_least=0.02, why="how soon a replica is asked again about a revoked token")


class RevocationFault(Value):
    """How long tokens are being revoked."""

    duration_s: float = seconds(12, at_least=1, why="how long tokens are being revoked")


class RevocationLagSettings(CommonSettings):
    """All settings."""

    revocation: RevocationSettings = RevocationSettings()
    fault: RevocationFault = RevocationFault()


def lag_bound_s(settings: RevocationLagSettings) -> float:
    """What the target's own settings promise, and never more than the ceiling."""
    own = revocation_window_s(settings) + settings.revocation.propagation_s
    return min(settings.revocation.bound_s, own)


def design(settings: RevocationLagSettings) -> Experiment:
    """Tokens are revoked during the fault phase; every one is followed at every replica for as long as the bound.

    Raises:
        UsageError: the tokens would expire before they could be followed that long.
    """
    bound = lag_bound_s(settings)
    follow = bound + WATCH_MARGIN_S
    if settings.tokens.access_ttl_s < follow + WATCH_MARGIN_S:
        raise UsageError(
            f"tokens.access_ttl_s={settings.tokens.access_ttl_s:g}: revoked tokens are followed for {follow:g} s"
            f" (their bound + {WATCH_MARGIN_S:g}); they must live longer than that, or expiry hides the lag"
        )
    starts = settings.phases.warmup_s + settings.phases.baseline_s
    probes = Stream(
        flow="revocation",
        rate=settings.revocation.rate,
        arrivals="constant",
        starts_s=starts,
        ends_s=starts + settings.fault.duration_s,
    )
    spans = phases(settings, settings.fault.duration_s, follow + WATCH_MARGIN_S)
    formats = TOPOLOGIES[settings.topology].formats
    return Experiment(
        plan=Plan(
            scenario=SCENARIO.name,
            variant="probes",
            phases=spans,
            load=everyday_load(
                settings,
                opaque_share=0.2,
                extra=(probes,),
                flows=[
                    Revocation(
                        formats=formats,
                        poll_every_s=settings.revocation.poll_every_s,
                        rest_s=bound,
                        give_up_after_s=follow,
                    )
                ],
            ),
            objectives=(
                *(
                    at_most(
                        bound,
                        "s",
                        f"{sli}{{format={form}}}",
                        name=f"{form}_{sli}",
                        phase="all",
                        why="Stolen tokens went on working after they were revoked.",
                    )
                    for form in formats
                    # The quantile speaks of all tokens, with confidence; the longest, of those that were seen.
                    for sli in ("revocation_lag_p95", "revocation_lag_max")
                ),
                *(
                    at_most(
                        0,
                        "count",
                        f"revoked_accepted_after_rest{{format={form}}}",
                        name=f"{form}_revoked_after_rest",
                        phase="all",
                        why="A stolen token that was put by worked once more, long after it was revoked.",
                    )
                    for form in formats
                ),
                api_success(settings, PhaseName.FAULT),
                *every_run(settings, spans),
            ),
            invariants=invariants(),
        ),
        faults={PhaseName.FAULT: (Revocations(within_s=bound),)},
    )


SCENARIO = Scenario(
    name="revocation_lag",
    summary="Tokens are revoked under load; every replica is asked until it refuses. JWTs and opaque tokens.",
    covers=("M7", "F7"),
    settings=RevocationLagSettings,
    variants={"probes": {}},
    variant_of=lambda _: "probes",
    design=design,
    profiles={
        "quick": {"tokens.access_ttl_s": 120},
        "ci": {"tokens.access_ttl_s": 120, "revocation.bound_s": 15},
    },
)
