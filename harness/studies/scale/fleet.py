"""Who is simulated: sessions and gateways in regions, how they behave, and the IdP that they ask. Values only.

Times are in seconds, rates per second. Waits are evenly spread: ``w`` with a jitter of ``j`` is anything between
``w (1 - j)`` and ``w (1 + j)``, as the load generator's own sessions wait.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from idchaos.values import Value

MOST_SESSIONS = 1_000_000_000
LONGEST_S = 86_400.0


class Waiting(Value):
    """How somebody who was refused, or got no answer, asks again."""

    first_s: float = Field(1, ge=1, le=3_600)
    growth: float = Field(1, ge=1, le=10)
    """Each wait is so many times the one before (exponential back-off); 1: they are all the same."""
    most_s: float = Field(60, ge=1, le=3_600)
    jitter: float = Field(0, ge=0, le=1)

    def waits_s(self) -> tuple[float, ...]:
        """The mean waits after the first, second, ... attempt; all later ones are as the last."""
        found = [self.first_s]
        while self.growth > 1 and found[-1] < self.most_s:
            found.append(min(self.most_s, found[-1] * self.growth))
        return tuple(found)


class Sessions(Value):
    """Sessions that refresh their access tokens."""

    number: int = Field(100_000_000, ge=1, le=MOST_SESSIONS)
    access_ttl_s: float = Field(900, ge=10, le=LONGEST_S)
    refresh_at: float = Field(0.8, gt=0, lt=1)
    refresh_jitter: float = Field(0.1, ge=0, lt=1)
    """They refresh at ``refresh_at`` of a token's life, or earlier by up to this share of it."""
    waiting: Waiting = Waiting()

    @model_validator(mode="after")
    def _refreshes_within_a_life(self) -> Self:
        if self.refresh_jitter >= self.refresh_at:
            raise ValueError("refresh_jitter should be less than refresh_at")
        return self

    @property
    def interval_s(self) -> float:
        """The mean time between two refreshes of a session: T (r - j / 2)."""
        return self.access_ttl_s * (self.refresh_at - self.refresh_jitter / 2)

    @property
    def usual_rps(self) -> float:
        """Refreshes per second when all is well: N / (T (r - j / 2))."""
        return self.number / self.interval_s


class Idp(Value):
    """What the token endpoint can do."""

    capacity_rps: float = Field(gt=0, allow_inf_nan=False)
    refusal_cost: float = Field(0, ge=0, lt=1)
    """What refusing a request takes of what serving one takes (TLS, parsing, a look at the limiter)."""


class Outage(Value):
    """When nobody is served, and for how long."""

    at_s: float = Field(60, ge=0)
    length_s: float = Field(gt=0, le=LONGEST_S)

    @property
    def ends_s(self) -> float:
        """When the IdP is back."""
        return self.at_s + self.length_s


class Keys(Value):
    """How gateways come by the keys, and what stands between them and the IdP."""

    gateways: int = Field(10_000, ge=1, le=1_000_000)
    """Caches of keys: replicas times processes."""
    cache_s: float = Field(300, ge=1, le=LONGEST_S)
    cache_jitter: float = Field(0, ge=0, lt=1)
    """Keys are fetched anew before the cache has run out, by up to this share of its life."""
    stale_s: float = Field(0, ge=0, le=LONGEST_S)
    """For how long keys that ran out are used while no new ones can be had (stale-if-error, RFC 5861)."""
    single_flight: bool = False
    """Of requests that need keys at once, one fetches and the others wait; else each fetches."""
    waiting: Waiting = Waiting()
    calls_rps: float = Field(500, gt=0)
    """API calls per second at one gateway."""
    latency_s: float = Field(0.15, gt=0, le=10)
    """Of one fetch. 150 ms: what Auth0's support calls not unusual at the p95 of a JWKS endpoint."""
    edges: int = Field(0, ge=0, le=10_000)
    """Caches of a CDN between gateways and the IdP, one a region; 0: there is none."""
    edge_ttl_s: float = Field(60, ge=1, le=LONGEST_S)
    edge_stale_s: float = Field(LONGEST_S, ge=0, le=LONGEST_S)
