"""The vocabulary of an experiment: phases, load, objectives, invariants. Frozen, typed, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from pydantic import Field, JsonValue, PositiveFloat, PositiveInt, model_validator

from idchaos.values import Value

Seconds = float


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
    EXPIRED_OPAQUE = "expired_opaque"
    NOT_YET_VALID = "not_yet_valid"
    WRONG_AUDIENCE = "wrong_audience"
    WRONG_ISSUER = "wrong_issuer"
    ALG_NONE = "alg_none"
    HMAC_PUBLIC_KEY = "hmac_public_key"
    UNKNOWN_KID = "unknown_kid"
    RETIRED_KEY = "retired_key"
    TAMPERED = "tampered"
    REVOKED = "revoked"
    REVOKED_OPAQUE = "revoked_opaque"
    GRANT_REVOKED = "grant_revoked"
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


REVOKED: tuple[str, ...] = (Canary.REVOKED, Canary.REVOKED_OPAQUE, Canary.GRANT_REVOKED)
"""Kinds that are bad because something was revoked, of which the news takes its time."""

SHOWN_WHILE_GOOD: tuple[str, ...] = (Canary.EXPIRED, Canary.EXPIRED_OPAQUE)
"""Kinds of which some are shown to everybody before they turn bad, in a run that is long enough for it."""

TRIED_ONCE: frozenset[str] = frozenset(
    {
        "retired_key", "revoked", "replayed", "code_replayed", "assertion_replayed", "pkce_mismatch",
        "pkce_downgraded", "redirect_tampered", "registration_unauthorized", "registration_unsafe",
    }
)  # fmt: skip
"""What :attr:`CanaryPlan.once` was before plans said it."""


class Stream(Value):
    """One arrival process. Due times depend on the seed and on this value alone."""

    flow: str
    """What a request is part of: :mod:`idchaos.load.flows`."""
    rate: PositiveFloat
    """Arrivals per second once ramped up."""
    arrivals: Literal["poisson", "constant"] = "poisson"
    ramp_s: Seconds = Field(0.0, ge=0)
    """The rate grows linearly from 0 over this time."""
    starts_s: Seconds = Field(0.0, ge=0)
    ends_s: Seconds | None = None
    """Offsets from the start of the load; ``None``: until its end."""


SHOWN_FOR_S: Seconds = 3.0
"""How long a token is good that will be an expired canary: long enough to be shown to whoever may remember it."""
SHOWN = "shown"
"""The way of a canary that was shown to everybody while it was good."""
AT_HOME_AGAIN = "at_home_again"
"""The way of a good token that is used where it is good, right after it was refused elsewhere."""
RESTED = "rested"
"""How the name of a revocation probe begins that was not used between its revocation and its bound; and the way of a
canary that nobody was asked about since its revocation.
"""
RIPENING_S: Seconds = 10.0
"""Ample time to make a canary anew that must be shown, or revoked, beside the time that caches have to forget it."""
SELDOM, RARE = 3, 5


class CanaryPlan(Value):
    """Which canaries are sent, and what makes each of them surely bad."""

    kinds: tuple[str, ...]
    """Their names: :mod:`idchaos.load.canaries.catalogue`."""
    once: tuple[str, ...] = tuple(sorted(TRIED_ONCE))
    """Kinds of which one decided attempt in all of the run must do: they are only surely bad after something has
    happened, or sent to an IdP that a fault may keep out of reach for a whole phase."""
    clock_margin_s: PositiveFloat
    """How far beyond its bound a time claim lies: leeway plus every clock error that the run causes, plus slack."""
    early_margin_s: PositiveFloat | None = None
    """The same for claims that are still to come, where the leeway is another one; ``None``: ``clock_margin_s``."""
    expired_after_s: Seconds | None = None
    """How long after its end a token is surely expired for everybody: leeway plus clock errors. A slow request can only
    make it older, so there is no slack for that; ``None``: ``clock_margin_s``."""
    retired_after_s: Seconds = 0.0
    """A retired key may still be in caches for this long after it was withdrawn; earlier canaries are not sent."""
    replayed_after_s: Seconds = 0.0
    """A used refresh token may be used again within the IdP's grace; earlier replays are not sent."""
    code_life_s: Seconds = 30.0
    """For so long a code surely lives: one that is refused because it has expired says nothing else."""
    codes_expired_after_s: Seconds = 60.0
    """How long after it was given a code has surely expired."""
    revoked_after_s: Seconds = 0.0
    """A revoked token may still be accepted from caches for this long; earlier canaries are not sent."""
    unpromised: Mapping[str, str] = Field(default_factory=dict)
    """Kinds that the target does not promise to refuse, or one way of a kind (``odd_times:iat_ahead``), and why not:
    what becomes of them is told, and not judged."""
    around: tuple[str, ...] = ()
    """Every second one of these is sent to a service directly, around the gateways."""

    everywhere: tuple[str, ...] = ()
    """Kinds that are sent to each service by each everyday method."""

    seldom: tuple[str, ...] = ()
    """Kinds that cost an IdP a login or more each: they come once where others come :data:`SELDOM` times."""
    rare: tuple[str, ...] = ()
    """Kinds that cost an IdP even more: they come once where others come :data:`RARE` times."""
    twice: tuple[str, ...] = ()
    """Kinds that come twice where others come once: some of them turn bad only in the course of a run, or there are so
    many of them that a short run would not come to all."""
    ways: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    """Of kinds that are bad in several ways, each of which is a flaw of its own: all of them."""

    @property
    def ahead_s(self) -> float:
        """How far beyond its bound a time claim lies that is still to come."""
        return self.clock_margin_s if self.early_margin_s is None else self.early_margin_s

    @property
    def slots(self) -> tuple[tuple[str, ...], ...]:
        """A round of canaries: each slot has one kind, or some that take turns; a few kinds have two slots."""
        often = tuple((kind,) for kind in self.kinds if kind not in (*self.seldom, *self.rare))
        again = tuple((kind,) for kind in self.kinds if kind in self.twice)
        return (*often, *again, *self._shared(self.seldom, SELDOM), *self._shared(self.rare, RARE))

    def _shared(self, names: tuple[str, ...], most: int) -> tuple[tuple[str, ...], ...]:
        """Slots in which at most so many of these kinds take turns."""
        kinds = tuple(kind for kind in self.kinds if kind in names)
        slots = -(-len(kinds) // most)
        return tuple(kinds[at::slots] for at in range(slots))

    def by_clocks_apart(self, by_s: Seconds) -> CanaryPlan:
        """The same where clocks may be so much further apart: what is bad by a time claim is so by all of them."""
        after_s = self.expired_after_s
        return self.model_copy(
            update={
                "clock_margin_s": self.clock_margin_s + by_s,
                "early_margin_s": self.ahead_s + by_s,
                "expired_after_s": None if after_s is None else after_s + by_s,
            }
        )

    def after_s(self, kind: str) -> Seconds:
        """For how long after what makes it bad a canary of this kind may still be taken for a good one."""
        return {
            "retired_key": self.retired_after_s,
            "replayed": self.replayed_after_s,
            "revoked": self.revoked_after_s,
            "revoked_opaque": self.revoked_after_s,
            "grant_revoked": self.revoked_after_s,
        }.get(kind, 0.0)

    def expires_codes_in(self, lasting_s: Seconds) -> bool:
        """Whether a load of that length is long enough for a code to be tried when it has expired."""
        return lasting_s >= self.codes_expired_after_s + RIPENING_S

    def shows_in(self, lasting_s: Seconds) -> bool:
        """Whether a load of that length is long enough for a token to be shown while good, and then to have expired
        for everybody.
        """
        over = self.clock_margin_s if self.expired_after_s is None else self.expired_after_s
        return lasting_s >= SHOWN_FOR_S + over + RIPENING_S


_FIELDS_BEFORE = {
    "revocations": "revocation", "races": "two_tabs", "parallel": "parallel_replay", "theft": "thief",
    "registration": "registration", "rollout": "partner", "leak": "attacker",
}  # fmt: skip


class Source(Value):
    """One kind of sample that arrivals of a flow leave, and how many."""

    flow: str
    """What the sample says."""
    endpoint: str = ""
    """At the IdP; empty for a call of an API."""
    each: float = Field(1.0, gt=0)
    """For one arrival."""
    per_replica: bool = False
    """And so many at every replica."""
    called: bool = False
    """Calls of APIs, spread evenly over replicas and routes."""
    format: Literal["", "jwt", "opaque", "everyday"] = ""
    """Of the token; ``everyday``: as everyday sessions have them."""
    steady: bool = False
    """Where arrivals come at even intervals, so do these: chance has no part in how many there are."""


class FlowPlan(Value):
    """How arrivals of a flow are sent, and what they leave. Made by :meth:`idchaos.load.flows.base.Flow.plan`."""

    name: str
    module: str
    """Where the flow is: a module of this package, or a file."""
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    expected: Literal["accept", "deny", "either"] = "accept"
    """What a sound target decides on an arrival."""
    endpoint: str = ""
    """What an arrival asks first at the IdP; empty: it calls an API."""
    sources: tuple[Source, ...] = ()


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
    flows: tuple[FlowPlan, ...] = ()
    """How the arrivals of each flow are sent."""

    @model_validator(mode="before")
    @classmethod
    def _as_before(cls, value: object) -> object:
        """Plans of before the list of flows: their own fields are kept as the settings of each."""
        if not isinstance(value, dict):
            return value
        found = {name: value.get(name) for name in _FIELDS_BEFORE}
        flows = [
            {"name": _FIELDS_BEFORE[name], "module": "", "settings": settings}
            for name, settings in found.items()
            if isinstance(settings, dict)
        ]
        kept = {name: each for name, each in value.items() if name not in _FIELDS_BEFORE}
        return kept | ({"flows": flows} if flows else {})

    def flow(self, name: str) -> FlowPlan | None:
        """How arrivals of that flow are sent; ``None`` when the plan does not say."""
        return next((flow for flow in self.flows if flow.name == name), None)

    def setting(self, flow: str, name: str, default: float) -> float:
        """A number among a flow's settings; ``default`` where the plan has no such flow."""
        found = self.flow(flow)
        value = found.settings.get(name, default) if found else default
        return float(value) if isinstance(value, int | float) else default

    def turns_of(self, canary: str, lasting_s: Seconds) -> float:
        """How often it is that kind's turn in that time."""
        slots = self.canaries.slots if self.canaries else ()
        a_round = sum(1 / len(slot) for slot in slots if canary in slot)
        rate = sum(stream.rate for stream in self.streams if stream.flow == "canary")
        return rate * lasting_s / len(slots) * a_round if rate and a_round else 0.0

    @property
    def rate(self) -> float:
        """Planned arrivals per second of all streams together."""
        return sum(stream.rate for stream in self.streams)


TAIL = "api_latency_p99_"
TAILS = (PhaseName.BASELINE,)
"""Each replica's p99 is asked for in these phases, by objectives of that name and phase, where requests suffice. After
a fault only some scenarios ask for it, and only when what waited for its end is settled.
"""


class Bound(Value):
    """What an SLI must satisfy: ``value >= limit`` or ``value <= limit``."""

    op: Literal[">=", "<="]
    limit: float
    unit: Literal["share", "s", "1/s", "1/min", "per 1,000", "times", "count", "MiB"] = "share"

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
    tails: tuple[PhaseName, ...] = TAILS
    """In these phases each replica's p99 is asked for, where requests suffice: where they don't, it is told."""

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
