"""A client's secret is stolen and used; then it is rotated. How long does the attacker get on, and who notices?"""

from __future__ import annotations

from pydantic import Field

from idchaos.errors import UsageError
from idchaos.experiment import Bound, Objective, PhaseName, Plan, Stream
from idchaos.faults.secrets import LeakedSecret
from idchaos.load.flows.attack import Leak, Rollout
from idchaos.run.building import (
    CACHE_SLACK_S,
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
from idchaos.targets.standin.parties import PARTNERS
from idchaos.values import Value

WATCH_S = 2.0
"""How long the attacker is watched after the last moment at which they should have succeeded."""


class SecretSettings(Value):
    """How the leak is used, noticed and contained."""

    contain_after_s: float = seconds(5, at_least=1, why="from the leak to the rotation of the secret")
    overlap_s: float = seconds(
        3, why="how long the old secret stays good, so that the client can be told of the new one"
    )
    adopt_after_s: float = seconds(1.5, why="from the rotation until the client uses the new secret")
    attack_rate: float = Field(40, gt=0, le=1_000, description="attempts of the attacker per second, of all kinds")
    partner_rate: float = Field(4, gt=0, le=1_000, description="tokens per second that the rightful client asks for")
    partner_success: float = Field(0.97, gt=0, lt=1, description="least share of the rightful client's good requests")
    slack_s: float = seconds(1, why="how far apart two attempts of one kind may be, and a request under way may end")


class CompromisedSecretSettings(CommonSettings):
    """All settings."""

    secret: SecretSettings = SecretSettings()


def bounds(settings: CompromisedSecretSettings) -> dict[str, tuple[float, str]]:
    """For each way of attacking: seconds after the rotation for which it may still succeed, and what it means."""
    secret, slack = settings.secret, settings.secret.slack_s
    minted = secret.overlap_s + settings.tokens.access_ttl_s + settings.gateway.leeway_s
    return {
        "mint": (secret.overlap_s + slack, "The stolen secret gave new tokens after it had been replaced."),
        "refresh": (slack, "A stolen refresh token outlived the containment: rotating a secret must end its grants."),
        "granted": (revocation_window_s(settings) + slack, "Tokens of revoked grants went on working."),
        "minted": (minted + CACHE_SLACK_S + slack, "Tokens that the attacker had minted worked beyond their life."),
    }


def design(settings: CompromisedSecretSettings) -> Experiment:
    """The attack begins with the fault phase and goes on to the end of the run.

    Raises:
        UsageError: the rightful client would be told of its new secret after the old one has ended.
    """
    secret = settings.secret
    if secret.adopt_after_s > secret.overlap_s:
        raise UsageError(
            f"secret.adopt_after_s={secret.adopt_after_s:g}: the old secret is only good for secret.overlap_s="
            f"{secret.overlap_s:g}; in between the rightful client would have none"
        )
    found = bounds(settings)
    starts = settings.phases.warmup_s + settings.phases.baseline_s
    contained = starts + secret.contain_after_s
    longest = max(limit for limit, _ in found.values())
    spans = phases(settings, secret.contain_after_s + longest + WATCH_S)
    return Experiment(
        plan=Plan(
            scenario=SCENARIO.name,
            variant="contained",
            phases=spans,
            load=everyday_load(
                settings,
                extra=(
                    Stream(flow="partner", rate=secret.partner_rate, arrivals="constant"),
                    Stream(flow="attacker", rate=secret.attack_rate, arrivals="constant", starts_s=starts),
                ),
                flows=(Rollout(starts_s=contained + secret.adopt_after_s), Leak()),
            ),
            objectives=(
                *(
                    at_most(
                        limit,
                        "s",
                        f"attacker_last_success{{way={way}}}",
                        name=f"attacker_{way}",
                        phase="all",
                        why=why,
                    )
                    for way, (limit, why) in found.items()
                ),
                at_most(
                    secret.contain_after_s,
                    "s",
                    "issuance_alarm_delay",
                    name="issuance_alarm",
                    phase="all",
                    why="What the IdP issued to the client did not stand out before it was too late.",
                ),
                Objective(
                    name="partner_success",
                    sli="success_rate{flow=partner}",
                    phase=PhaseName.FAULT,
                    bound=Bound(op=">=", limit=secret.partner_success),
                    why="The rightful client was locked out by the rotation of its own secret.",
                ),
                api_success(settings, PhaseName.FAULT),
                *every_run(settings, spans),
            ),
            invariants=invariants(),
        ),
        faults={
            PhaseName.FAULT: (
                LeakedSecret(clients=PARTNERS, contain_after_s=secret.contain_after_s, overlap_s=secret.overlap_s),
            )
        },
    )


SCENARIO = Scenario(
    name="compromised_secret",
    summary="A client's secret is stolen, used, and rotated: how long does each kind of token go on working?",
    covers=("F3", "F8", "M6", "M7"),
    settings=CompromisedSecretSettings,
    variants={"contained": {}},
    variant_of=lambda _: "contained",
    design=design,
    profiles={
        # What was minted lives on: short lives keep a demonstration short.
        "quick": {"tokens.access_ttl_s": 8},
        "ci": {"tokens.access_ttl_s": 12},
    },
)
