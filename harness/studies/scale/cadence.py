"""What a cadence of rotations costs, and when a revocation has reached everyone: closed forms. Pure."""

from __future__ import annotations

from idchaos.studies.lifetimes.model import Choice, World, cost, exposure
from idchaos.studies.scale.fleet import Keys, Sessions
from idchaos.studies.scale.forms import last_of
from idchaos.values import Value

KEY_BYTES = 430
"""Of an RSA key of 2,048 bits in a JWKS: 342 characters of modulus, and its kid, kty, use, alg and e."""
DAY_S = 86_400.0
CADENCES_S = (6 * 3_600.0, DAY_S, 7 * DAY_S, 30 * DAY_S, 90 * DAY_S)
"""From Dex's default to Okta's."""
POLLS_S = (5.0, 30.0)
ANSWERS_S = (10.0, 60.0)


class Cadence(Value):
    """Rotations so often, each key published long enough before it signs."""

    every_s: float
    keys_in_set: float
    """On average: the one that signs, those published before they sign, those of which tokens may still be about."""
    jwks_gb_per_day: float
    surprised_fetches_per_day: float
    """Fetches a day that unknown kids cause if keys are not published before they sign: each gateway once a rotation,
    without single flight more.
    """
    leaked_s: float
    """For how long a key that leaked unnoticed makes tokens that are accepted: until it is out of the last cache."""


class Reached(Value):
    """When a revocation has reached the gateways, by one way."""

    how: str
    half_s: float
    """Half of them."""
    most_s: float
    """99 of 100."""
    last_s: float
    """All of them, in half of all revocations."""
    worst_s: float
    idp_rps: float
    """What that costs, in requests per second at the IdP."""


def cadences(keys: Keys, sessions: Sessions, leeway_s: float) -> tuple[Cadence, ...]:
    """The cost of each cadence of :data:`CADENCES_S`."""
    lead_s, kept_s = published_before_s(keys), sessions.access_ttl_s + leeway_s
    asked_per_day = keys.gateways / keys.cache_s * DAY_S
    found = []
    for every in CADENCES_S:
        in_set = 1 + (lead_s + kept_s) / every
        found.append(
            Cadence(
                every_s=every,
                keys_in_set=in_set,
                jwks_gb_per_day=asked_per_day * in_set * KEY_BYTES / 1e9,
                surprised_fetches_per_day=keys.gateways * DAY_S / every,
                leaked_s=lead_s + every + kept_s + lead_s,
            )
        )
    return tuple(found)


def published_before_s(keys: Keys) -> float:
    """How long a key must be published before it signs, for no gateway to be surprised: a cache life, and with a CDN
    that of an edge before it.
    """
    return keys.cache_s + (keys.edge_ttl_s if keys.edges else 0.0)


def reached(keys: Keys, sessions: Sessions, leeway_s: float) -> tuple[Reached, ...]:
    """When each way has told everyone, and what it costs."""
    world = World(
        sessions=sessions.number,
        validators=keys.gateways,
        calls_per_session_s=keys.calls_rps * keys.gateways / sessions.number,
        leeway_s=leeway_s,
        refresh_at=sessions.refresh_at,
        refresh_jitter=sessions.refresh_jitter,
    )
    plain = Choice(access_ttl_s=sessions.access_ttl_s, jwks_cache_s=keys.cache_s)
    # By expiry all gateways refuse at one moment: what spreads is how old the token is.
    life, spent = sessions.access_ttl_s + leeway_s, sessions.interval_s
    worst = exposure(plain, world).revoked_worst_s
    found = [
        Reached(
            how="expiry alone",
            half_s=life - spent / 2,
            most_s=life - spent / 100,
            last_s=life - spent / 2,
            worst_s=worst,
            idp_rps=0,
        )
    ]
    for poll in POLLS_S:
        found.append(_polled(f"list polled every {poll:g} s", keys.gateways, poll, keys.gateways / poll))
    if keys.edges:
        for poll in POLLS_S:
            found.append(_through_edges(keys, poll))
    for answer in ANSWERS_S:
        asked = plain.model_copy(update={"revocation": "introspection", "revocation_cache_s": answer})
        rps = cost(asked, world).introspection_rps
        # A session is known to few gateways at a time; each has its answer until it is so old.
        knowing = max(1.0, rps * answer / sessions.number)
        found.append(_polled(f"introspection, answers kept for {answer:g} s", knowing, answer, rps))
    return tuple(found)


def _polled(how: str, number: float, period_s: float, rps: float) -> Reached:
    return Reached(
        how=how,
        half_s=period_s / 2,
        most_s=period_s * 0.99,
        last_s=last_of(number, period_s, 0.5),
        worst_s=period_s,
        idp_rps=rps,
    )


def _through_edges(keys: Keys, poll_s: float) -> Reached:
    """An edge's copy is up to a second old: a list that is polled is worth no longer life there."""
    direct = _polled(f"list polled every {poll_s:g} s, through the CDN", keys.gateways, poll_s, keys.edges)
    return direct.model_copy(
        update={name: getattr(direct, name) + 1 for name in ("half_s", "most_s", "last_s", "worst_s")}
    )
