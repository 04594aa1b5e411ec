"""What a user can set: groups of typed settings, filled from defaults, profile, scenario, variant, ``--set``."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from idchaos.errors import UsageError
from idchaos.topologies import DEFAULT_TOPOLOGY, TopologyName
from idchaos.values import Value

Overrides = Mapping[str, Any]
"""Dotted names to values: ``{"gateway.jwks_cache_s": 4}``."""

LONGEST_S = 86_400.0


def seconds(default: float, *, at_least: float = 0.0, why: str) -> Any:
    """A setting in seconds, between ``at_least`` and a day."""
    return Field(default, ge=at_least, le=LONGEST_S, description=why)


class GatewaySettings(Value):
    """How the stand-in gateways validate."""

    jwks_cache_s: float = seconds(4, at_least=0.1, why="life of the cached JWKS")
    jwks_stale_s: float = seconds(600, why="how long expired keys may go on being used when the JWKS can't be had")
    jwks_cooldown_s: float = seconds(1, why="least time between refetches that unknown kids or failures cause")
    jwks_timeout_s: float = seconds(2, at_least=0.05, why="time limit of one JWKS fetch")
    leeway_s: float = seconds(5, why="tolerance on exp, nbf and iat")
    nbf_leeway_s: float | None = Field(
        None, ge=0, le=LONGEST_S, description="tolerance on nbf and iat alone; default: that on exp"
    )
    introspection_cache_s: float = seconds(2, why="life of a cached introspection answer")
    revocation_cache_s: float = seconds(2, at_least=0.1, why="age that the list of revoked tokens may reach: the lag")
    idp_path: Literal["link", "direct"] = Field(
        "link", description="link: through Toxiproxy; direct: around it, so that no network fault is felt"
    )

    @property
    def early_leeway_s(self) -> float:
        """By how much a token may be too early: tolerance on nbf and iat."""
        return self.leeway_s if self.nbf_leeway_s is None else self.nbf_leeway_s


class TokenSettings(Value):
    """What the stand-in IdP issues."""

    access_ttl_s: float = seconds(20, at_least=1, why="life of an access token")
    refresh_ttl_s: float = seconds(86_400, at_least=1, why="life of a refresh token")
    session_max_s: float = seconds(
        86_400, at_least=1, why="how long after a login its session may be refreshed, whatever it does"
    )
    refresh_grace_s: float = seconds(0, why="how long a rotated refresh token may be replayed")
    code_ttl_s: float = seconds(12, at_least=1, why="life of an authorization code")
    signing_alg: Literal["RS256", "ES256", "EdDSA"] = Field("RS256", description="algorithm of the signing key")
    profile: Literal["rfc9068", "keycloak", "entra", "auth0", "okta"] = Field(
        "rfc9068", description="whose access tokens they look like: type, audience, where scopes and client stand"
    )


class IdpSettings(Value):
    """How the stand-in IdP registers clients (RFC 7591)."""

    registrations_per_s: float = Field(20, gt=0, le=10_000, description="clients that may register per second")
    registrations_burst: int = Field(20, ge=1, le=10_000, description="clients that may register at once")


class LoadSettings(Value):
    """How much traffic, and of which kind."""

    rate: float = Field(250, gt=0, le=20_000, description="API requests per second, over both gateways")
    arrivals: Literal["poisson", "constant"] = Field("poisson", description="the arrival process")
    sessions: int = Field(40, ge=1, le=10_000, description="logged-in sessions")
    refresh_at: float = Field(0.8, gt=0, lt=1, description="sessions refresh at this share of an access token's life")
    retry_s: float = Field(1, ge=0.05, le=600, description="seconds between a session's attempts, ± half of it")
    refresh_jitter: float = Field(0.1, ge=0, lt=1, description="or earlier, by up to this share of it")
    login_rate: float = Field(2, gt=0, le=1_000, description="new logins per second")
    typo_share: float = Field(0.05, ge=0, le=1, description="share of new logins that mistype the password first")
    machine_rate: float = Field(5, gt=0, le=5_000, description="client-credentials tokens per second")
    canaries_per_kind: float = Field(
        0.7, gt=0, le=100, description="of each kind of request that must be refused, so many per second"
    )
    timeout_s: float = seconds(5, at_least=0.1, why="time limit of one request")
    max_in_flight: int = Field(
        400, ge=1, le=10_000, description="requests waiting at once; more are dropped and counted"
    )


class PhaseSettings(Value):
    """How long the phases around the fault are."""

    warmup_s: float = seconds(3, at_least=1, why="load that is not judged")
    baseline_s: float = seconds(7, at_least=2, why="load before the fault")
    recovery_s: float = seconds(6, at_least=1, why="load after the fault was healed")


class SloSettings(Value):
    """The bounds of the common objectives."""

    success: float = Field(0.995, gt=0, lt=1, description="least share of good API requests that succeed")
    latency_p95_s: float = seconds(0.5, at_least=0.001, why="greatest p95 latency of API requests")
    latency_p99_s: float = seconds(
        0.8, at_least=0.001, why="greatest p99 latency of API requests at each replica, before and after a fault"
    )
    latency_p50_s: float = seconds(0.2, at_least=0.001, why="greatest median latency of API requests after a fault")
    token_latency_p50_s: float = seconds(0.4, at_least=0.001, why="greatest median latency of tokens after a fault")
    key_fetches_per_s: float = Field(
        5, gt=0, le=10_000, description="most key fetches per second of one validator, whatever its own cooldown"
    )
    refusals_s: float = seconds(
        120, at_least=0.1, why="longest time that good tokens may be refused, whatever a validator's own settings allow"
    )
    withdrawn_key_s: float = seconds(
        900, at_least=0.1, why="longest time that a withdrawn key may be accepted, whatever caches allow"
    )
    introspections_per_request: float = Field(
        1.5, gt=0, le=1_000, description="introspections at the IdP for each request that may need one, at most"
    )
    memory_growth_mib: float = Field(
        16, gt=0, le=1_000_000, description="MiB by which a component's memory may have grown after a load"
    )
    files_left_open: int = Field(
        10, ge=0, le=100_000, description="most files and dead sockets that a component may hold open after a load"
    )
    readiness_s: float = seconds(
        3,
        at_least=1,
        why="longest time for which a replica may say that it is ready and decide nothing, or serve and deny it",
    )
    late_p99_s: float = seconds(0.05, at_least=0.001, why="greatest p99 lateness of the load generator itself")
    strict_observation: bool = Field(False, description="a target that can't show all that is judged gets no PASS")


class CommonSettings(Value):
    """The groups that every scenario has. A scenario adds groups of its own."""

    gateway: GatewaySettings = GatewaySettings()
    tokens: TokenSettings = TokenSettings()
    idp: IdpSettings = IdpSettings()
    load: LoadSettings = LoadSettings()
    phases: PhaseSettings = PhaseSettings()
    slo: SloSettings = SloSettings()
    topology: TopologyName = DEFAULT_TOPOLOGY
    """Not one of the groups: it is chosen by an option of its own."""


Settings = TypeVar("Settings", bound=CommonSettings)

PROFILES: dict[str, dict[str, Any]] = {
    # Durations and lifetimes scale together, so that a cache expires within a fault in every profile.
    "quick": {"fault.duration_s": 12},
    "ci": {
        "phases.warmup_s": 3,
        "phases.baseline_s": 7,
        "phases.recovery_s": 8,
        "fault.duration_s": 16,
        "gateway.jwks_cache_s": 6,
        "tokens.access_ttl_s": 24,
    },
    "gameday": {
        "phases.warmup_s": 30,
        "phases.baseline_s": 120,
        "phases.recovery_s": 120,
        "fault.duration_s": 600,
        "gateway.jwks_cache_s": 120,
        "gateway.jwks_stale_s": 3600,
        "tokens.access_ttl_s": 300,
        "load.sessions": 200,
        "slo.success": 0.999,
    },
}


CORES = {"quick": 2, "ci": 2, "gameday": 4}
"""How many cores a run of a profile wants for itself, the load generator's among them: docs/ci/README.md."""


def profile(name: str) -> dict[str, Any]:
    """The overrides of a profile.

    Raises:
        UsageError: for an unknown name.
    """
    if name not in PROFILES:
        raise UsageError(f"profile: {name!r} is unknown; there are {', '.join(PROFILES)}")
    return PROFILES[name]


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """``["gateway.leeway_s=60"]`` as overrides. Values are JSON where they parse as such, text otherwise.

    Raises:
        UsageError: for text without ``=`` or a name.
    """
    overrides: dict[str, Any] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--set: {text!r} is not of the form key=value")
        overrides[name.strip()] = _parse(value.strip())
    return overrides


def _parse(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=lambda constant: constant)
    except (ValueError, RecursionError):
        return text


def fill(model: type[Settings], *layers: Overrides) -> Settings:
    """A settings value from its defaults and layers of overrides; later layers win.

    Raises:
        UsageError: names the setting, what is wrong with it, and what would be right.
    """
    tree: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            group, _, leaf = name.partition(".")
            if name not in names(model):
                raise UsageError(unknown_setting(model, name))
            tree.setdefault(group, {})[leaf] = value
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{where}={json.dumps(first.get('input'), default=str)}: {plain(first['msg'])}") from None


def plain(message: str) -> str:
    """What pydantic says of a value, in fewer words."""
    shorter = (
        message.removeprefix("Value error, ")
        .replace("Field required", "is missing")
        .replace("Input should be", "should be")
        .replace("should be a valid array", "should be a list, in brackets")
        .replace("should be a valid number, unable to parse string as a number", "should be a number")
    )
    return re.sub(r"^\w+ should have (.*) after validation, not \d+$", r"should have \1", shorter)


def names(model: type[BaseModel]) -> dict[str, str]:
    """Every setting's dotted name and what it means."""
    return {
        f"{group}.{leaf}": leaf_field.description or ""
        for group, kind in _groups(model).items()
        for leaf, leaf_field in kind.model_fields.items()
    }


def _groups(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    kinds = {name: field.annotation for name, field in model.model_fields.items()}
    return {name: kind for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, BaseModel)}


def unknown_setting(model: type[BaseModel], name: str) -> str:
    """The error line for a name that is no setting, with the nearest ones that are."""
    known = names(model)
    near = (
        difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        or [other for other in known if other.partition(".")[0] == name.partition(".")[0]][:5]
    )
    hint = f"did you mean {', '.join(near)}?" if near else f"groups: {', '.join(_groups(model))}"
    return f"setting {name!r} is unknown; {hint}"


def differing(settings: CommonSettings) -> dict[str, Any]:
    """The settings that differ from the model's own defaults, by dotted name."""
    defaults = type(settings)()
    changed: dict[str, Any] = {}
    for group in _groups(type(settings)):
        mine, theirs = getattr(settings, group), getattr(defaults, group)
        for leaf in type(mine).model_fields:
            if getattr(mine, leaf) != getattr(theirs, leaf):
                changed[f"{group}.{leaf}"] = getattr(mine, leaf)
    return changed
