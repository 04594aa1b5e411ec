"""What lifetimes cost, risk and survive: closed forms against worked examples and against a simulation of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from idchaos.studies.lifetimes.choosing import (
    Constraints,
    assess_all,
    choices,
    frontier,
    knee,
    recommend,
    tightened,
)
from idchaos.studies.lifetimes.model import (
    Choice,
    World,
    assess,
    cost,
    drained_s,
    exposure,
    herd_rps,
    refused_share,
    unnoticed_s,
)

EVEN = World(sessions=1_000, refresh_at=0.8, refresh_jitter=0)
WORLD = World(sessions=2_000_000, validators=20)
ALL = assess_all(choices(), WORLD)


def choice(**changes: Any) -> Choice:
    return Choice(**({"access_ttl_s": 300, "jwks_cache_s": 600, "jwks_stale_s": 3_600} | changes))


def test_a_thousand_sessions_of_five_minutes_refresh_four_times_a_second() -> None:
    """1,000 / (300 s x 0.8) = 4.17."""
    assert cost(choice(), EVEN).token_rps == pytest.approx(4.1667, abs=1e-4)


def test_jitter_makes_sessions_refresh_earlier_and_so_more_often() -> None:
    """They refresh evenly between 0.7 and 0.8 of a life: as often as a simulation of them says."""
    world = EVEN.model_copy(update={"refresh_jitter": 0.1})
    rng = np.random.default_rng(1)
    intervals = 300 * (0.8 - 0.1 * rng.random(200_000))
    assert cost(choice(), world).token_rps == pytest.approx(1_000 / intervals.mean(), rel=1e-3)


def test_validators_ask_for_keys_once_a_cache_life() -> None:
    assert cost(choice(jwks_cache_s=4), EVEN).jwks_rps == 0.5
    ahead = EVEN.model_copy(update={"keys_renewed_at": 0.8})
    assert cost(choice(jwks_cache_s=4), ahead).jwks_rps == pytest.approx(0.625)


def test_introspections_are_those_of_a_simulated_cache() -> None:
    """100 sessions call two validators at 0.5 calls a second each in all, answers are kept for 10 s."""
    world = World(sessions=100, validators=2, calls_per_session_s=0.5)
    rng = np.random.default_rng(2)
    asked, ends_s = 0, 20_000.0
    for _ in range(100):
        calls = np.cumsum(rng.exponential(2 / 0.5, size=int(ends_s)))
        known_until = -1.0
        for at in calls[calls < ends_s]:
            if at >= known_until:
                asked, known_until = asked + 1, at + 10
    per_second = 2 * asked / ends_s
    foretold = cost(choice(revocation="introspection", revocation_cache_s=10), world).introspection_rps
    assert foretold == pytest.approx(per_second, rel=0.02)


@pytest.mark.parametrize(
    ("changes", "mean", "worst"),
    [
        ({"revocation": "expiry"}, 300 - 120 + 5, 305),
        ({"revocation": "list", "revocation_cache_s": 30}, 15, 30),
        ({"revocation": "introspection", "revocation_cache_s": 4}, 2, 4),
        ({"revocation": "list", "revocation_cache_s": 900}, 185, 305),
    ],
)
def test_a_revoked_token_goes_on_until_it_ends_or_is_known(changes: dict[str, Any], mean: float, worst: float) -> None:
    found = exposure(choice(**changes), EVEN)
    assert (found.revoked_mean_s, found.revoked_worst_s) == (pytest.approx(mean), pytest.approx(worst))


def test_a_withdrawn_key_is_believed_until_caches_end_and_longer_where_the_idp_is_away_just_then() -> None:
    for cache_s, stale_s, worst_s in ((300, 0, 300), (300, 3_600, 3_900)):
        assert exposure(choice(jwks_cache_s=cache_s, jwks_stale_s=stale_s), EVEN).key_worst_s == worst_s
    both = recommend(ALL, Constraints(key_withdrawn_within_s=600, survive_outage_s=600))
    assert set(both.conflict) == {"key_withdrawn_within_s", "survive_outage_s"}, "a stale time serves thieves, too"


def test_an_outage_is_first_noticed_by_who_must_refresh_or_by_who_needs_keys() -> None:
    assert unnoticed_s(choice(), EVEN) == pytest.approx(60), "a fifth of five minutes"
    assert unnoticed_s(choice(jwks_stale_s=20), EVEN) == 20
    assert unnoticed_s(choice(revocation="introspection", revocation_cache_s=5), EVEN) == 0


def test_who_is_refused_when_an_outage_goes_on() -> None:
    """Sessions have 60 to 300 s left."""
    shares = [refused_share(outage_s, choice(), EVEN) for outage_s in (60, 180, 300, 900)]
    assert shares == [pytest.approx(0), pytest.approx(0.5), pytest.approx(1), 1]


def test_the_herd_after_an_outage_and_how_long_it_takes() -> None:
    """Half of 1,000 sessions fell due in 120 s; they come within a second, beside the 4.17 that come anyway."""
    assert herd_rps(120, choice(), EVEN) == pytest.approx(504.2, abs=0.1)
    assert drained_s(120, 104.1667, choice(), EVEN) == pytest.approx(5)
    assert drained_s(120, 4, choice(), EVEN) is None


def test_the_frontier_leaves_out_what_is_worse_in_everything() -> None:
    good, dear = (assess(choice(access_ttl_s=ttl), EVEN) for ttl in (300, 60))
    worse = assess(choice(jwks_cache_s=60), EVEN)
    assert set(frontier([worse, dear, good])) == {good, dear, worse}, "its keys are withdrawn sooner"
    short = assess(choice(jwks_stale_s=0), EVEN)
    assert set(frontier([good, short])) == {good, short}, "a stale time survives outages, and serves who stole a key"
    assert frontier([good, assess(choice(jwks_stale_s=7_200), EVEN)]) == (good,), "sessions notice before keys run out"
    front = frontier(ALL)
    assert len(front) > 10
    assert [each.cost.idp_rps for each in front] == sorted(each.cost.idp_rps for each in front)
    assert knee(front) in front


def test_a_recommendation_meets_what_is_asked_at_the_least_cost() -> None:
    wanted = Constraints(revocation_within_s=30, survive_outage_s=600, idp_rps_max=2_000)
    found = recommend(ALL, wanted)
    assert found.chosen is not None
    assert wanted.broken_by(found.chosen) == ()
    cheaper = [each for each in ALL if not wanted.broken_by(each) and each.cost.idp_rps < found.chosen.cost.idp_rps]
    assert cheaper == []
    assert {price.constraint for price in found.prices} == set(wanted.asked)
    assert all(price.dearer >= 0 for price in found.prices)


@pytest.mark.parametrize(
    ("name", "harder"),
    [
        ("revocation_within_s", (86_400, 3_600, 900, 300, 60, 30, 10, 1)),
        ("stolen_within_s", (90_000, 3_600, 900, 300, 65)),
        ("key_withdrawn_within_s", (86_400, 3_600, 900, 300, 60)),
        ("survive_outage_s", (0, 60, 600, 3_600)),
        ("idp_rps_max", (1e9, 1e5, 1e4, 1e3, 500)),
    ],
)
def test_no_constraint_gets_cheaper_when_it_is_tightened(name: str, harder: tuple[float, ...]) -> None:
    costs = [rps for _, rps in tightened(ALL, Constraints(), name, harder)]
    found = [rps for rps in costs if rps is not None]
    assert found == sorted(found)
    assert costs[: len(found)] == found, "what can't be met can't be met when it is tightened"


def test_constraints_that_exclude_each_other_are_named_and_no_others() -> None:
    found = recommend(ALL, Constraints(revocation_within_s=30, survive_outage_s=20_000, key_withdrawn_within_s=3_600))
    assert found.chosen is None
    assert found.conflict == ("survive_outage_s",), "nothing lives that long"
    by_expiry = assess_all(choices(strategies=("expiry",)), WORLD)
    found = recommend(by_expiry, Constraints(idp_rps_max=1e6, revocation_within_s=3_600, survive_outage_s=1_000))
    assert found.conflict == ("revocation_within_s", "survive_outage_s")


def test_a_world_that_makes_no_sense_is_refused() -> None:
    for changes in ({"sessions": 0}, {"refresh_at": 0.1, "refresh_jitter": 0.2}, {"calls_per_session_s": 0}):
        with pytest.raises(ValidationError):
            World(**({"sessions": 10} | changes))
