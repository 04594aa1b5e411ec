"""Closed forms of what lifetimes cost, risk and survive. Pure; every formula says where it is from.

Symbols: ``T`` life of an access token · ``r`` the share of it at which a session refreshes · ``j`` by how much of a
life that may be earlier, evenly spread · ``C`` life of a cache · ``N`` sessions · ``V`` validators (each cache counts:
replicas times processes) · ``q`` API calls per session and second. Times are in seconds, rates per second.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from idchaos.values import Value

Revocation = Literal["expiry", "list", "introspection"]
"""How a revocation reaches validators. ``expiry``: it doesn't; the token runs out · ``list``: they poll a list ·
``introspection``: they ask the IdP and keep its answer for a while."""
STRATEGIES: tuple[Revocation, ...] = ("expiry", "list", "introspection")

Positive = Field(gt=0, allow_inf_nan=False)


class World(Value):
    """What is given: who uses the system, and how."""

    sessions: float = Positive
    validators: float = Field(2, gt=0)
    calls_per_session_s: float = Field(0.05, gt=0)
    """API calls of one session, over all validators."""
    leeway_s: float = Field(5, ge=0)
    refresh_at: float = Field(0.8, gt=0, lt=1)
    refresh_jitter: float = Field(0.1, ge=0, lt=1)
    logins_per_s: float = Field(0, ge=0)
    retry_s: float = Field(1, gt=0)
    """Between a session's attempts while the IdP is away."""
    keys_renewed_at: float = Field(1, gt=0, le=1)
    """The share of a key cache's life after which validators fetch keys anew, in the background."""

    @model_validator(mode="after")
    def _refreshes_within_a_life(self) -> Self:
        if self.refresh_jitter >= self.refresh_at:
            raise ValueError("refresh_jitter should be less than refresh_at")
        return self

    @property
    def refresh_share(self) -> float:
        """The mean share of a life after which a session refreshes: r - j / 2."""
        return self.refresh_at - self.refresh_jitter / 2


class Choice(Value):
    """What is chosen."""

    access_ttl_s: float = Positive
    jwks_cache_s: float = Positive
    jwks_stale_s: float = Field(0, ge=0)
    """How long expired keys are used when no new ones can be had."""
    revocation: Revocation = "expiry"
    revocation_cache_s: float = Field(0, ge=0)
    """How old a list, or an answer about a token, may be; of no meaning with ``expiry``."""


class Cost(Value):
    """Requests that the IdP must answer, per second."""

    token_rps: float
    """N / (T (r - j/2)), and logins."""
    jwks_rps: float
    """V / (C a): they are fetched anew after the share ``a`` of a cache's life."""
    introspection_rps: float
    """N V / (C + V / q): an answer is kept for C, then the next call of that session at that validator asks again,
    which is V / q later on average (renewal theory, Poisson calls). N V / C is its limit for many calls."""
    list_rps: float
    """V / C."""

    @property
    def idp_rps(self) -> float:
        """All of them."""
        return self.token_rps + self.jwks_rps + self.introspection_rps + self.list_rps


class Exposure(Value):
    """For how long somebody gets on who should not, in seconds."""

    revoked_mean_s: float
    revoked_p95_s: float
    """19 of 20 revoked tokens are refused by then: exposure is evenly spread up to its worst."""
    revoked_worst_s: float
    """After a revocation: what is left of the token, and leeway; with a list or introspection no longer than a cache.
    A session's token is 0 to T (r - j/2) old at a random moment, so T (1 - (r - j/2) / 2) are left on average."""
    stolen_worst_s: float
    """After a theft that nobody notices: what is left of the token, and leeway, at most T + leeway."""
    key_worst_s: float
    """After a signing key was withdrawn because it leaked: the cache of keys (C), whatever tokens say, and the time for
    which keys that ran out are used while the IdP can't be reached: who stole a key may see to that."""


class Availability(Value):
    """What an outage of the IdP does."""

    unnoticed_s: float
    """The longest outage that no session notices: the least of what a refreshing session has left of its token,
    T (1 - r), the time for which validators go on with keys they can't renew (the cache may just have run out: the
    stale time alone), and with introspection nothing at all, since answers run out at once for somebody."""


class Assessed(Value):
    """A choice, and what it amounts to."""

    choice: Choice
    cost: Cost
    exposure: Exposure
    availability: Availability
    money_per_month: float | None = None
    """By a price file, in its currency; ``None``: there is none."""


def assess(choice: Choice, world: World) -> Assessed:
    """What a choice amounts to."""
    return Assessed(
        choice=choice,
        cost=cost(choice, world),
        exposure=exposure(choice, world),
        availability=Availability(unnoticed_s=unnoticed_s(choice, world)),
    )


def cost(choice: Choice, world: World) -> Cost:
    """Requests per second at the IdP. Source of each: :class:`Cost`."""
    cache = choice.revocation_cache_s
    asked = world.sessions * world.validators
    return Cost(
        token_rps=world.sessions / (choice.access_ttl_s * world.refresh_share) + world.logins_per_s,
        jwks_rps=world.validators / (choice.jwks_cache_s * world.keys_renewed_at),
        introspection_rps=asked / (cache + world.validators / world.calls_per_session_s)
        if choice.revocation == "introspection"
        else 0.0,
        list_rps=world.validators / cache if choice.revocation == "list" and cache > 0 else 0.0,
    )


def exposure(choice: Choice, world: World) -> Exposure:
    """Times of exposure. With a list or introspection, a token may still run out before it is known to be revoked."""
    life, leeway = choice.access_ttl_s, world.leeway_s
    oldest = life * world.refresh_share
    left_mean, left_worst = life - oldest / 2 + leeway, life + leeway
    if choice.revocation == "expiry":
        mean, p95, worst = left_mean, left_worst - 0.05 * oldest, left_worst
    else:
        cache = choice.revocation_cache_s
        mean, p95, worst = min(cache / 2, left_mean), min(0.95 * cache, left_worst), min(cache, left_worst)
    return Exposure(
        revoked_mean_s=mean,
        revoked_p95_s=p95,
        revoked_worst_s=worst,
        stolen_worst_s=left_worst,
        key_worst_s=choice.jwks_cache_s + choice.jwks_stale_s,
    )


def unnoticed_s(choice: Choice, world: World) -> float:
    """The longest outage of the IdP that no session notices. Source: :class:`Availability`."""
    if choice.revocation == "introspection":
        return 0.0
    return min(choice.access_ttl_s * (1 - world.refresh_at), choice.jwks_stale_s)


def refused_share(outage_s: float, choice: Choice, world: World) -> float:
    """The share of sessions whose token has run out when an outage of the IdP has lasted so long.

    Sessions are spread evenly over their lives: at its start a session has T (1 - r) to T left.
    """
    least = choice.access_ttl_s * (1 - world.refresh_share)
    spread = choice.access_ttl_s * world.refresh_share
    return min(1.0, max(0.0, outage_s - least) / spread)


def budget_spent(outage_s: float, choice: Choice, world: World, objective: float = 0.999) -> float:
    """The share of a month's error budget that an outage of the IdP spends: the time that sessions are refused in it,
    over 30 days x (1 - objective). The integral of :func:`refused_share`; what comes after the outage is beside it.
    """
    least = choice.access_ttl_s * (1 - world.refresh_share)
    spread = choice.access_ttl_s * world.refresh_share
    over = max(0.0, outage_s - least)
    refused_s = over**2 / (2 * spread) if over <= spread else spread / 2 + (over - spread)
    return refused_s / (30 * 86_400 * (1 - objective))


def herd_rps(outage_s: float, choice: Choice, world: World) -> float:
    """The peak of token requests when the IdP comes back: all that fell due meanwhile, within one retry interval."""
    interval = choice.access_ttl_s * world.refresh_share
    waiting = world.sessions * min(1.0, outage_s / interval)
    return waiting / world.retry_s + world.sessions / interval


def drained_s(outage_s: float, capacity_rps: float, choice: Choice, world: World) -> float | None:
    """How long after an outage all that waited have been served, by an IdP of so much capacity; ``None``: never."""
    interval = choice.access_ttl_s * world.refresh_share
    steady = world.sessions / interval
    if capacity_rps <= steady:
        return None
    return world.sessions * min(1.0, outage_s / interval) / (capacity_rps - steady)
