"""The vocabulary of an experiment: phases, load, objectives, invariants. Frozen, typed, no I/O."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from idchaos.values import Value

Seconds = float
Flow = Literal[
    "api", "opaque", "login", "refresh", "logout", "machine", "canary", "junk", "revocation", "two_tabs", "lost_answer",
    "partner", "attacker", "native_login", "parallel_replay", "thief",
    "registration",
]  # fmt: skip
"""What a request is part of.

``api``: a session calls an API with its JWT · ``opaque``: the same with an opaque token (introspected at the gateway) ·
``login``, ``refresh``, ``logout``: the life of a session at the IdP · ``machine``: a client-credentials token request ·
``canary``: a request that must be denied · ``junk``: one of a flood of tokens with made-up kids · ``revocation``: one
poll of a revocation probe · ``two_tabs``, ``lost_answer``: refreshes that race for one session · ``partner``: a client
whose secret is replaced asks for a token and calls an API with it · ``attacker``: whoever else has its first secret ·
``native_login``: a login from an app that listens on a loopback port of the moment · ``parallel_replay``: a code, a
refresh token or an assertion is used by several at the same moment · ``thief``: whoever has a user's tokens ·
``registration``: a client registers itself, is used once, and is taken back.
"""


class PhaseName(StrEnum):
    """The spans of a run."""

    WARMUP = "warmup"
    BASELINE = "baseline"
    FAULT = "fault"
    RECOVERY = "recovery"


class Phase(Value):
    """A span of the run with a planned length."""

    name: PhaseName
    duration_s: PositiveFloat


class Outcome(StrEnum):
    """What came of a request, whatever status code the gateway used to say it."""

    OK = "ok"
    DENIED = "denied"
    WRONGLY_DENIED = "wrongly_denied"
    WRONGLY_ACCEPTED = "wrongly_accepted"
    UNAVAILABLE = "unavailable"


class Canary(StrEnum):
    """Names of canaries that plans and the judge know by name. What kinds there are, the catalogue of the load
    generator says: :mod:`idchaos.load.canaries.catalogue`.
    """

    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    WRONG_AUDIENCE = "wrong_audience"
    WRONG_ISSUER = "wrong_issuer"
    ALG_NONE = "alg_none"
    HMAC_PUBLIC_KEY = "hmac_public_key"
    UNKNOWN_KID = "unknown_kid"
    RETIRED_KEY = "retired_key"
    TAMPERED = "tampered"
    REVOKED = "revoked"
    REPLAYED = "replayed"
    UNKNOWN_OPAQUE = "unknown_opaque"
    KID_PATH = "kid_path"
    IDENTITY_HEADERS = "identity_headers"
    CODE_REPLAYED = "code_replayed"
    PKCE_MISMATCH = "pkce_mismatch"
    PKCE_DOWNGRADED = "pkce_downgraded"
    REDIRECT_TAMPERED = "redirect_tampered"
    REGISTRATION_UNAUTHORIZED = "registration_unauthorized"
    REGISTRATION_UNSAFE = "registration_unsafe"
    ID_TOKEN = "id_token"
    ASSERTION_REPLAYED = "assertion_replayed"


TRIED_ONCE: frozenset[str] = frozenset(
    {
        "retired_key", "revoked", "replayed", "code_replayed", "assertion_replayed", "pkce_mismatch",
        "pkce_downgraded", "redirect_tampered", "registration_unauthorized", "registration_unsafe",
    }
)  # fmt: skip
"""What :attr:`CanaryPlan.once` was before plans said it."""


class Stream(Value):
    """One arrival process. Due times depend on the seed and on this value alone."""

    flow: Flow
    rate: PositiveFloat
    """Arrivals per second once ramped up."""
    arrivals: Literal["poisson", "constant"] = "poisson"
    ramp_s: Seconds = Field(0.0, ge=0)
    """The rate grows linearly from 0 over this time."""
    starts_s: Seconds = Field(0.0, ge=0)
    ends_s: Seconds | None = None
    """Offsets from the start of the load; ``None``: until its end."""


SHOWN_FOR_S: Seconds = 5.0
"""How long an opaque token is good that will be a canary: long enough to be shown to whoever may remember it."""


class CanaryPlan(Value):
    """Which canaries are sent, and what makes each of them surely bad."""

    kinds: tuple[str, ...]
    """Their names: :mod:`idchaos.load.canaries.catalogue`."""
    once: tuple[str, ...] = tuple(sorted(TRIED_ONCE))
    """Kinds of which one decided attempt in all of the run must do: they are only surely bad after something has
    happened, or sent to an IdP that a fault may keep out of reach for a whole phase."""
    clock_margin_s: PositiveFloat
    """How far beyond its bound a time claim lies: leeway plus every clock error that the run causes, plus slack."""
    retired_after_s: Seconds = 0.0
    """A retired key may still be in caches for this long after it was withdrawn; earlier canaries are not sent."""
    replayed_after_s: Seconds = 0.0
    """A used refresh token may be used again within the IdP's grace; earlier replays are not sent."""
    revoked_after_s: Seconds = 0.0
    """A revoked token may still be accepted from caches for this long; earlier canaries are not sent."""
    around: tuple[str, ...] = ()
    """Every second one of these is sent to a service directly, around the gateways."""

    def after_s(self, kind: str) -> Seconds:
        """For how long after what makes it bad a canary of this kind may still be taken for a good one."""
        return {
            "retired_key": self.retired_after_s,
            "replayed": self.replayed_after_s,
            "revoked": self.revoked_after_s,
        }.get(kind, 0.0)


class RevocationPlan(Value):
    """How revocation probes are made: mint, use, revoke, then poll every replica until it refuses."""

    formats: tuple[Literal["jwt", "opaque"], ...] = ("jwt", "opaque")
    poll_every_s: PositiveFloat = 0.1
    poll_growth: float = Field(0.1, ge=0)
    """Later polls come after this share of the time since the revocation, if that is longer: the error of a lag stays
    below that share of it, and long lags don't cost thousands of requests."""
    give_up_after_s: PositiveFloat = 32.0
    """A replica that has not refused by then is right-censored."""
    confirm_denials: PositiveInt = 3
    """Polling ends after this many refusals in a row: one refusal may be one cache among several."""


class RacePlan(Value):
    """How refreshes of one session race: in several tabs at once, or again since an answer was lost."""

    tabs: int = Field(2, ge=2, le=20)
    """How many use the same refresh token at the same moment."""
    retry_after_s: Seconds = Field(0.2, ge=0)
    """How long a client waits before it uses the same refresh token again."""


class ParallelPlan(Value):
    """How what may be used once is used by several at the same moment."""

    at_once: int = Field(3, ge=2, le=20)


class RegistrationPlan(Value):
    """How clients register themselves."""

    attempts: PositiveInt = 8
    """How often one tries, in all."""
    retry_s: PositiveFloat = 0.5
    """How long one waits for the second attempt, and twice as long each time, where the IdP does not say."""
    longest_wait_s: PositiveFloat = 4.0
    honours_retry_after: bool = True
    """Else it comes back at once, whatever the IdP said."""


Loot = Literal["access", "session"]
"""What a thief has: an access token, or the refresh token as well."""


class TheftPlan(Value):
    """Somebody else has a user's tokens."""

    loot: tuple[Loot, ...] = ("access", "session")


class RolloutPlan(Value):
    """A client's secret is replaced: when the instances of the rightful client take the new one."""

    starts_s: Seconds = Field(ge=0)
    """When the first do: an offset from the start of the load."""
    stages: PositiveInt = 1
    """In how many equal shares of the instances."""
    every_s: Seconds = Field(0.0, ge=0)
    """Between two stages."""

    def adopts_at_s(self, instance: int) -> Seconds:
        """When an instance takes the new secret: an offset from the start of the load."""
        return self.starts_s + instance % self.stages * self.every_s


class LeakPlan(Value):
    """Somebody else has a client's first secret."""

    ways: tuple[Literal["mint", "refresh", "minted", "granted"], ...] = ("mint", "refresh", "minted", "granted")
    """What they do with it: :mod:`idchaos.load.flows.attack`."""


class LoadPlan(Value):
    """All load of a run."""

    streams: tuple[Stream, ...]
    sessions: PositiveInt = 40
    """Logged-in sessions that ``api`` and ``opaque`` arrivals are spread over."""
    refresh_at: float = Field(0.8, gt=0, lt=1)
    """A session refreshes at this share of its access token's life ..."""
    refresh_jitter: float = Field(0.1, ge=0, lt=1)
    """... or earlier, by a random part of up to this share of it."""
    retry_s: PositiveFloat = 1.0
    """A session whose refresh or login failed tries again after this time, more or less by up to half of it."""
    session_max_s: PositiveFloat | None = None
    """A session that is older must log in again: to refresh it must be refused. ``None``: no such policy."""
    typo_share: float = Field(0.0, ge=0, le=1)
    """Of the users who arrive to log in, those who mistype their password first."""
    timeout_s: PositiveFloat = 5.0
    max_in_flight: PositiveInt = 400
    canaries: CanaryPlan | None = None
    revocations: RevocationPlan | None = None
    races: RacePlan | None = None
    parallel: ParallelPlan | None = None
    theft: TheftPlan | None = None
    registration: RegistrationPlan | None = None
    rollout: RolloutPlan | None = None
    leak: LeakPlan | None = None

    @property
    def rate(self) -> float:
        """Planned arrivals per second of all streams together."""
        return sum(stream.rate for stream in self.streams)


class Bound(Value):
    """What an SLI must satisfy: ``value >= limit`` or ``value <= limit``."""

    op: Literal[">=", "<="]
    limit: float
    unit: Literal["share", "s", "1/s", "per 1,000", "times", "count"] = "share"

    @property
    def text(self) -> str:
        """``>= 0.999``, ``<= 30 s``."""
        return f"{self.op} {self.limit:g}" + ("" if self.unit in ("share", "count") else f" {self.unit}")


class Objective(Value):
    """An SLI, a phase, a bound. Judged PASS, FAIL or INCONCLUSIVE."""

    name: str
    sli: str
    """An SLI's name and selectors: ``success_rate{flow=api}``, ``latency_p95{flow=login}``.
    See :mod:`idchaos.verdict.sli`."""
    phase: PhaseName | Literal["all"]
    bound: Bound
    why: str = ""
    """One sentence for the report: what it means for users when this is missed."""


class Invariant(Value):
    """A security property that no fault excuses: canaries of these kinds are never accepted, in any phase."""

    name: str
    canaries: tuple[str, ...]
    min_attempts: PositiveInt = 1
    """Fewer decided attempts than this, over the run: INCONCLUSIVE."""


class Verdict(StrEnum):
    """PASS, FAIL or INCONCLUSIVE; ``worst`` orders them."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"

    @classmethod
    def worst(cls, verdicts: list[Verdict]) -> Verdict:
        """FAIL over INCONCLUSIVE over PASS. Nothing judged is INCONCLUSIVE: no data is no pass."""
        for verdict in (cls.FAIL, cls.INCONCLUSIVE):
            if verdict in verdicts:
                return verdict
        return cls.PASS if verdicts else cls.INCONCLUSIVE


class Plan(Value):
    """What a scenario asks of a target, with every setting filled in: data, not a script.

    Faults are kept beside it (``idchaos.faults``), since applying them is an effect.
    """

    scenario: str
    variant: str
    phases: tuple[Phase, ...]
    load: LoadPlan
    objectives: tuple[Objective, ...]
    invariants: tuple[Invariant, ...]

    @property
    def duration_s(self) -> Seconds:
        """Planned length of the load."""
        return sum(phase.duration_s for phase in self.phases)

    def phase_starts(self) -> dict[PhaseName, Seconds]:
        """Each phase's planned start, as an offset from the start of the load."""
        starts: dict[PhaseName, Seconds] = {}
        at = 0.0
        for phase in self.phases:
            starts[phase.name] = at
            at += phase.duration_s
        return starts
