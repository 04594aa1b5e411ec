"""The contract for components: what one may tell of itself, version 1. Every part is optional.

A component tells by one JSON document (``GET /state`` of the control API). What it does not tell is not observable, and
is declared before the run; that is another thing than telling, and missing to. See docs/component-contract.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from idchaos.values import Value

VERSION: Final = 1
Counter = Annotated[int, Field(ge=0)]


class Fact(StrEnum):
    """One thing that a component may tell."""

    INCARNATION = "incarnation"
    CLOCK = "clock"
    REQUESTS = "requests"
    REASONS = "reasons"
    PASSED_ON = "passed on"
    KEYS_HELD = "keys held"
    KEY_AGE = "the age of keys"
    KEYS_USED = "keys used"
    KEY_FETCHES = "key fetches"
    KEY_FETCHES_SEEN = "key fetches that arrived"
    EACH_KEY_FETCH = "each key fetch"
    REVOCATIONS = "revocations"
    INTROSPECTIONS = "introspections"
    ENDPOINTS = "endpoints"
    INJECTED = "injected"
    ISSUED = "issued"
    REVOKED = "revoked"
    REPLAYS = "replays"
    HELD_OPEN = "files held open"
    READY = "readiness"
    MEMORY = "memory"


OF_EVERYBODY: Final = frozenset({Fact.INCARNATION, Fact.CLOCK, Fact.HELD_OPEN, Fact.MEMORY})
OF_VALIDATORS: Final = frozenset(
    {
        Fact.KEYS_HELD,
        Fact.KEY_AGE,
        Fact.KEYS_USED,
        Fact.KEY_FETCHES,
        Fact.KEY_FETCHES_SEEN,
        Fact.EACH_KEY_FETCH,
        Fact.REVOCATIONS,
        Fact.INTROSPECTIONS,
        Fact.READY,
    }
)
OF_IDPS: Final = frozenset({Fact.ENDPOINTS, Fact.INJECTED, Fact.ISSUED, Fact.REVOKED, Fact.REPLAYS})


class NotObserved(Value):
    """Something that this target can't show, known before the run."""

    name: str
    """Of an objective or an invariant, or :data:`COUNTS`, :data:`LOGS`, :data:`POSTED`, :data:`ASKED`."""
    why: str
    """Whoever lacks what, as a plain sentence."""


COUNTS: Final = "counts_reconcile"
"""That the counts of clients and of the target's parts agree."""
LOGS: Final = "no_tokens_in_logs"
"""That no secret is in the target's logs."""
METRICS_LOG: Final = ".metrics.log"
"""How the name of a file ends that holds a component's page of metrics, beside its log."""
CALLED_BAD: Final = "good_tokens_not_called_bad"
"""Whether a refusal of a good token says that it is bad: where nobody says why, that can't be told from an outage."""
ASKED: Final = "requests_to_the_idp"
"""What gateways ask the IdP for: that it is keys, and how often."""
POSTED: Final = "bad_tokens_by_post"
"""That bad tokens meet every API by POST as well."""


class Told(BaseModel):
    """Part of a document. What is not of the contract is kept, and nobody relies on it."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)


class ClockError(Told):
    """How wrong the component's clock was made."""

    offset_s: float
    """Ahead is positive."""
    drift_ppm: float = 0.0


class Process(Told):
    """What the component's process holds on to."""

    open_files: Counter | None = None
    """Files, and sockets that are no established connection; ``None``: it can't tell."""
    memory_bytes: Counter | None = None
    """What of it is resident; ``None``: it can't tell."""


class Requests(Told):
    """Requests that have ended, since the start; each is counted once."""

    total: Counter
    by_reason: Mapping[str, Counter] | None = None
    """Those that were not let through, by reason (:mod:`idchaos.reasons`)."""
    upstream: Mapping[str, Counter] | None = None
    """Of a gateway: those that it sent on, by service."""


class KeyFetch(Told):
    """One fetch of a key set."""

    number: Counter
    """Counted from 1, since the start."""
    took_s: float = Field(ge=0)
    size_bytes: Counter = 0
    """Of the answer's body."""
    error: str | None = None


class KeyCache(Told):
    """The keys that a validator keeps (RFC 7517)."""

    kids: tuple[str, ...] | None = None
    fetches: Counter | None = None
    """Begun, since the start."""
    fetch_failures: Counter | None = None
    recent_fetches: tuple[KeyFetch, ...] | None = None
    """The last ones, oldest first."""
    age_s: float | None = None
    """Since the keys were had, in seconds; ``null``: not yet."""


class Revocations(Told):
    """What a validator knows of revoked tokens."""

    size: Counter
    age_s: float | None = None
    fetches: Counter = 0
    fetch_failures: Counter = 0


class Introspections(Told):
    """What a validator asked the IdP about tokens (RFC 7662)."""

    calls: Counter
    call_failures: Counter = 0


class Endpoint(Told):
    """Requests at one endpoint of an IdP."""

    total: Counter
    by_status: Mapping[str, Counter] = Field(default_factory=dict)


class Document(Told):
    """What every component may tell."""

    contract: int = VERSION
    name: str | None = None
    instance: str | None = None
    """Another one after each start."""
    time: float | None = None
    """Its own clock, Unix seconds."""
    clock: ClockError | None = None
    process: Process | None = None

    def facts(self) -> frozenset[Fact]:
        """What it tells."""
        return frozenset(fact for fact, told in self._told().items() if told)

    def _told(self) -> dict[Fact, bool]:
        process = self.process or Process()
        return {
            Fact.INCARNATION: self.instance is not None,
            Fact.CLOCK: self.clock is not None,
            Fact.HELD_OPEN: process.open_files is not None,
            Fact.MEMORY: process.memory_bytes is not None,
        }

    @classmethod
    def of(cls, document: Mapping[str, JsonValue]) -> Self:
        """A document as its types.

        Raises:
            ValueError: it does not keep the contract: says where, and what would be right.
        """
        return cls.model_validate(document)


class ComponentDocument(Document):
    """What a gateway, a service, or whoever else validates may tell."""

    requests: Requests | None = None
    jwks: KeyCache | None = None
    kids_used: Mapping[str, Counter] | None = None
    """Tokens accepted by the key that signed them."""
    revocations: Revocations | None = None
    introspection: Introspections | None = None
    ready: bool | None = None
    """What it says to whoever asks whether to send it traffic."""

    def _told(self) -> dict[Fact, bool]:
        requests, jwks = self.requests, self.jwks
        return super()._told() | {
            Fact.REQUESTS: requests is not None,
            Fact.REASONS: requests is not None and requests.by_reason is not None,
            Fact.PASSED_ON: requests is not None and requests.upstream is not None,
            Fact.KEYS_HELD: jwks is not None and jwks.kids is not None,
            Fact.KEY_AGE: jwks is not None and "age_s" in jwks.model_fields_set,
            Fact.KEYS_USED: self.kids_used is not None,
            Fact.KEY_FETCHES: jwks is not None and None not in (jwks.fetches, jwks.fetch_failures),
            Fact.KEY_FETCHES_SEEN: jwks is not None and jwks.fetches is not None,
            Fact.EACH_KEY_FETCH: jwks is not None and jwks.recent_fetches is not None,
            Fact.REVOCATIONS: self.revocations is not None,
            Fact.INTROSPECTIONS: self.introspection is not None,
            Fact.READY: self.ready is not None,
        }


class IdpDocument(Document):
    """What an IdP may tell."""

    issuer: str | None = None
    requests: Mapping[str, Endpoint] | None = None
    """By endpoint: ``jwks``, ``token``, ``introspect`` ..."""
    injected: Mapping[str, Counter] | None = None
    """Answers that it falsified when it was told to, by endpoint."""
    exposed: Mapping[str, Counter] | None = None
    """Requests that met an endpoint while it was told to answer wrongly."""
    issued: Mapping[str, Counter] | None = None
    """Tokens by kind: ``access``, ``refresh``, ``id``."""
    revoked: Counter | None = None
    replays_detected: Counter | None = None
    """Codes, refresh tokens and assertions that were used again."""

    def _told(self) -> dict[Fact, bool]:
        return super()._told() | {
            Fact.ENDPOINTS: self.requests is not None,
            Fact.INJECTED: self.injected is not None and self.exposed is not None,
            Fact.ISSUED: self.issued is not None,
            Fact.REVOKED: self.revoked is not None,
            Fact.REPLAYS: self.replays_detected is not None,
        }
