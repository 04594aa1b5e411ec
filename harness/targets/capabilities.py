"""What a target may be able to do: small protocols, each granted or not to an instance, and the values they speak in.

``target.capability(RotatesKeys)`` is whoever does it, or ``None``; :func:`required` insists.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol, TypeVar, cast, runtime_checkable

from pydantic import Field

from idchaos.contract import Fact
from idchaos.errors import FaultError
from idchaos.targets.restoring import Wanted
from idchaos.undo.ledger import Undo
from idchaos.values import Value

Kind = TypeVar("Kind")
PROBE_HEADER = {"Idchaos-Probe": "1"}
"""On every request of the harness's own, so that it is counted apart and never taken for evidence."""


class Able(Protocol):
    """Whatever can be asked what it can do."""

    name: str

    def capability(self, kind: type[Kind]) -> Kind | None:
        """Who does what this protocol says, at this very target; ``None``: nobody."""


def known_as(kind: type) -> str:
    """A capability as people are told of it: the first sentence of its docstring, in the middle of another one."""
    said = " ".join((kind.__doc__ or kind.__name__).split()).split(". ")[0].rstrip(".")
    first = said.partition(" ")[0]
    # Names keep their capitals: "IdP endpoints ...".
    return f"{said[:1].lower()}{said[1:]}" if first[1:].islower() or len(first) == 1 else said


def required(target: Able, kind: type[Kind]) -> Kind:
    """Who does what this protocol says.

    Raises:
        FaultError: names the target and the capability that it lacks.
    """
    found = target.capability(kind)
    if found is None:
        raise FaultError(f"the target {target.name} is none where {known_as(kind)}")
    return found


class Granted:
    """Capabilities by protocol. What was not granted is not there, whatever methods an object happens to have."""

    def __init__(self, parts: Mapping[type, object] | None = None) -> None:
        """``parts``: each protocol, and the object that does what it says.

        Raises:
            TypeError: an object lacks a method of the protocol it was named for.
        """
        self._parts = dict(parts or {})
        for kind, part in self._parts.items():
            if not isinstance(part, kind):
                raise TypeError(f"{type(part).__name__} does not do what {kind.__name__} says")

    def capability(self, kind: type[Kind]) -> Kind | None:
        """The object granted for a protocol."""
        return cast("Kind | None", self._parts.get(kind))

    @property
    def kinds(self) -> tuple[type, ...]:
        """Every protocol that was granted."""
        return tuple(self._parts)


class KeyInfo(Value):
    """A signing key as the IdP reports it."""

    kid: str
    alg: str
    published: bool
    signing: bool


class ProbeResult(Value):
    """What one fresh request along a path met."""

    ok: bool
    status: int | None = None
    error: str | None = None
    elapsed_s: float
    size_bytes: int | None = None
    """Of the answer's body."""
    kids: tuple[str, ...] | None = None


class ProcessState(Value):
    """What the system (or the container engine) says of a component's process, whatever that itself may say."""

    status: Literal["running", "paused", "dead"]
    incarnation: str
    """Another one after each start."""
    cpu_s: float | None = None
    """CPU time that it has used since then, with its children, in seconds; ``None``: the system does not say."""


Transform = Literal[
    "unknown_kty", "unknown_curve", "enc_twin", "duplicate_kid", "no_kid", "new_material", "hundred_keys",
    "oversized", "redirect", "retry_after", "cache_control", "gzip", "gzip_bomb", "drip", "short_body",
    "other_jwks_uri", "issuer_respelled", "fractional_exp", "unreadable",
]  # fmt: skip
"""Ways to change a live answer. What each means: :mod:`idchaos.faults.transforms`."""


class EndpointError(Value):
    """What an IdP endpoint is told to answer with: an error, a body of its own, or its live answer, changed."""

    status: int | None = None
    body: str | None = None
    content_type: str | None = None
    delay_s: float = 0.0
    share: float = 1.0
    transform: Transform | None = None
    retry_after_s: int = Field(2, ge=0, le=86_400)
    """With ``retry_after``: what it asks for."""
    max_age_s: int = Field(0, ge=0, le=10**10)
    """With ``cache_control``: how long the answer may be kept."""


@runtime_checkable
class OutlivesRun(Protocol):
    """It was there before the run and stays: a fault on it needs an undo of its own, promised before it is applied.

    Where the harness starts the target, ending it is the undo of everything.
    """

    def undos_of_start(self) -> tuple[Undo, ...]:
        """How whatever ``start`` changes at it is undone; promised before it is called.

        Raises:
            TargetError: that can't be told, since a part of the target does not answer.
        """

    def undo_to(self, wanted: Wanted) -> Undo:
        """How whoever reads the ledger brings it about: a request or a command.

        Raises:
            FaultError: there is no way here, so a fault that needs it must not be applied.
        """


@runtime_checkable
class ReportsState(Protocol):
    """Its parts tell of themselves. How is said in :mod:`idchaos.contract`."""

    def tells(self, component: str) -> frozenset[Fact]:
        """What a component tells; known before the start. Empty: nothing."""

    def state(self, component: str) -> Mapping[str, Any]:
        """``GET /state`` of one component, as it was told.

        Raises:
            TargetError: when it doesn't answer.
        """


@runtime_checkable
class LimitsPromises(Protocol):
    """Its validators don't promise to refuse everything that they should: claims of the component."""

    def unpromised(self) -> Mapping[str, str]:
        """Kinds of canaries, each with the reason; known before the start. All others are promised."""


class BlastRadius(Value):
    """What a run may do to a target at most."""

    max_rate: float
    """Requests a second, of all kinds together."""
    max_seconds: float
    """How long a fault may be in force."""
    replicas: float
    """The share of replicas whose links may be faulted."""
    acts_s: float = 0.0
    """So long one act at it may take, by its own time limits, beyond those of the harness."""


@runtime_checkable
class LimitsBlast(Protocol):
    """Somebody else uses it too: what a run may do has limits."""

    def blast_radius(self) -> BlastRadius:
        """They are; known before the start."""


@runtime_checkable
class KeepsLogs(Protocol):
    """Its parts' logs are in the run's directory when it has stopped."""

    def logged(self) -> tuple[str, ...]:
        """The components whose logs are there; known before the start."""


@runtime_checkable
class PublishesMetrics(Protocol):
    """Its parts have pages of metrics, which scrapers read without any proof of who they are."""

    def metrics(self) -> Mapping[str, str | None]:
        """The text of each page, by component; ``None`` of who does not answer."""


@runtime_checkable
class ProbesUpstream(Protocol):
    """A component can be asked to make one fresh request to one of its upstreams."""

    def probe(self, component: str, upstream: str, patience_s: float | None = None) -> ProbeResult:
        """The result, also when the request failed. Never touches the component's caches, and says by its header
        (:data:`PROBE_HEADER`) that it is one.

        ``patience_s``: how long to wait for the answer; ``None``: as long as the component waits for its own.
        """

    def asks_itself(self, component: str) -> bool:
        """Whether a probe is that component's own request. Else it is the harness's, over the component's link: it
        shows what requests meet there, and not that the component takes that way.
        """


@runtime_checkable
class RotatesKeys(Protocol):
    """Publishing, signing with and retiring a key are separate acts."""

    def keys(self) -> tuple[KeyInfo, ...]:
        """All keys that the IdP knows."""

    def add_key(self, kid: str, alg: str, *, publish: bool, sign: bool) -> str:
        """Create a key; returns its kid. That is ``kid`` only where the IdP lets others choose."""

    def publish_key(self, kid: str) -> None:
        """Put a key into the JWKS."""

    def sign_with(self, kid: str) -> None:
        """Sign new tokens with this key."""

    def retire_key(self, kid: str) -> None:
        """Take a key out of the JWKS."""


@runtime_checkable
class SignsUnpublished(Protocol):
    """A key that is not in the key set can sign all the same, as where the two are told to different machines."""

    def sign_with(self, kid: str) -> None:
        """Sign new tokens with this key, published or not."""


@runtime_checkable
class RotatesSecrets(Protocol):
    """A client's secret can be replaced."""

    def rotate_secret(self, client_id: str, new_secret: str, *, overlap_s: float, revoke_grants: bool) -> int:
        """Take a new secret; the old one is good for ``overlap_s`` more. Returns how many grants were revoked."""


@runtime_checkable
class SkewsClock(Protocol):
    """Component clocks can be made wrong."""

    def skew(self, component: str, offset_s: float, drift_ppm: float = 0.0) -> None:
        """Set a component's clock error; positive is ahead."""


@runtime_checkable
class InjectsErrors(Protocol):
    """IdP endpoints can be told to fail."""

    def inject(self, endpoint: str, error: EndpointError) -> None:
        """Make an endpoint answer with an error."""

    def clear(self, endpoint: str) -> None:
        """Make it answer normally."""


@runtime_checkable
class ControlsProcesses(Protocol):
    """Components can be killed, paused and started again."""

    def process(self, component: str) -> ProcessState:
        """How its process is."""

    def disturb(self, component: str, how: Literal["kill", "pause"]) -> None:
        """End a component at once (no clean-up of its own), or freeze it."""

    def restore(self, component: str, how: Literal["kill", "pause"]) -> None:
        """Start it again at the same addresses, or unfreeze it; returns when it is healthy."""


@runtime_checkable
class FlushesCaches(Protocol):
    """Validators' caches can be emptied."""

    def flush(self, component: str, cache: Literal["jwks", "revocations", "introspection", "all"]) -> None:
        """Empty a cache."""
