"""Gateways that fetch keys, rotations and revocations at scale: against closed forms and worked examples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from idchaos.studies.scale import forms
from idchaos.studies.scale.cadence import cadences, published_before_s, reached
from idchaos.studies.scale.fleet import Keys, Outage, Sessions, Waiting
from idchaos.studies.scale.stampede import Stampede, outage_of_keys, rotation

CROWD = Sessions(number=1_000_000, access_ttl_s=900)


def keys(**changes: Any) -> Keys:
    return Keys(**({"gateways": 5_000, "cache_s": 300, "single_flight": True, "calls_rps": 50} | changes))


def through(outage_s: float, kind: Keys) -> Stampede:
    return outage_of_keys(kind, Outage(at_s=100, length_s=outage_s), lasts_s=300 + outage_s, seed=1)


@pytest.mark.parametrize(
    "changes",
    [{}, {"cache_jitter": 0.2}, {"single_flight": False}, {"edges": 5}, {"cache_s": 60}],
)
def test_validators_over_cache_life_fetch_each_second(changes: dict[str, Any]) -> None:
    kind = keys(**changes)
    lasts_s = 6_000
    seen = outage_of_keys(kind, Outage(at_s=lasts_s, length_s=1), lasts_s=lasts_s, seed=1)
    assert seen.reached.mean() == pytest.approx(forms.usual_fetches_rps(kind), rel=0.03)


@pytest.mark.parametrize(
    ("outage_s", "changes"),
    [
        (30, {}),
        (150, {}),
        (150, {"cache_jitter": 0.4}),
        (60, {"cache_jitter": 0.4}),
        (400, {}),
        (400, {"stale_s": 250}),
    ],
)
def test_who_has_no_keys_at_an_outages_end(outage_s: float, changes: dict[str, Any]) -> None:
    kind = keys(**changes)
    seen = through(outage_s, kind)
    assert seen.without_most / kind.gateways == pytest.approx(forms.without_keys(kind, outage_s), abs=0.01)


def test_the_stampede_is_all_who_ran_out_and_without_single_flight_all_their_calls() -> None:
    assert through(150, keys()).peak_rps == pytest.approx(5_000 * 150 / 300, rel=0.05)
    assert through(150, keys(single_flight=False)).peak_rps == pytest.approx(50 * 5_000 * 150 / 300, rel=0.1)


def test_back_off_with_jitter_flattens_it_and_takes_longer() -> None:
    hasty, patient = through(150, keys()), through(150, keys(waiting=Waiting(growth=2, most_s=60, jitter=0.5)))
    assert patient.peak_rps < hasty.peak_rps / 5
    assert hasty.healed_s is not None
    assert patient.healed_s is not None
    assert patient.healed_s > hasty.healed_s


def test_a_cdn_lets_the_idp_see_one_fetch_an_edge_and_gateways_no_outage() -> None:
    seen = through(1_000, keys(edges=4, edge_ttl_s=60))
    assert seen.reached.max() <= 4
    assert seen.without_most == 0
    assert through(1_000, keys(edges=4, edge_ttl_s=60, edge_stale_s=0)).without_most > 0


def test_a_key_published_long_enough_surprises_nobody() -> None:
    for kind in (keys(), keys(edges=5)):
        lead_s = published_before_s(kind)
        calm = rotation(kind, lead_s=lead_s, interval_s=675, cooldown_s=1, lasts_s=300, seed=1)
        assert (calm.refused.sum(), calm.peak_rps, calm.known_s) == (0, 0, 0)
        late = rotation(kind, lead_s=0, interval_s=675, cooldown_s=1, lasts_s=700, seed=1)
        assert late.refused.sum() > 0
        assert late.known_s is not None
        assert late.known_s > 0


def test_a_surprised_gateway_fetches_once_and_behind_a_cdn_stays_surprised_until_the_edge_has_it() -> None:
    plain = rotation(keys(), lead_s=0, interval_s=675, cooldown_s=1, lasts_s=700, seed=1)
    assert plain.fetches.sum() <= 5_000
    assert plain.known_s is not None
    behind = rotation(keys(edges=5, edge_ttl_s=60), lead_s=0, interval_s=675, cooldown_s=1, lasts_s=700, seed=1)
    assert behind.known_s is not None
    assert plain.known_s < behind.known_s <= 60
    assert behind.refused.sum() > 10 * plain.refused.sum()


def test_what_a_cadence_costs() -> None:
    """Six hours: keys are known for an hour and a quarter beside, if caches live an hour and tokens a quarter."""
    kind = keys(cache_s=3_600, gateways=100)
    six_hours = cadences(kind, CROWD, leeway_s=0)[0]
    assert six_hours.keys_in_set == pytest.approx(1 + 1.25 / 6)
    assert six_hours.surprised_fetches_per_day == 400
    assert six_hours.jwks_gb_per_day == pytest.approx(100 * 24 * (1 + 1.25 / 6) * 430 / 1e9)
    assert six_hours.leaked_s == 3_600 + 6 * 3_600 + 900 + 3_600


def test_when_the_last_of_many_pollers_has_heard() -> None:
    rng = np.random.default_rng(1)
    last = np.median([30 * rng.random(200).max() for _ in range(2_000)])
    assert forms.last_of(200, 30, 0.5) == pytest.approx(last, rel=0.002)


def test_a_revocation_reaches_everyone_by_each_way_no_later_than_its_worst() -> None:
    ways = {way.how: way for way in reached(keys(edges=5), CROWD, leeway_s=5)}
    assert all(way.half_s <= way.last_s <= way.worst_s for way in ways.values())
    assert ways["expiry alone"].worst_s == 905
    assert ways["list polled every 5 s"].idp_rps == 1_000
    assert ways["list polled every 5 s, through the CDN"].idp_rps == 5
    assert ways["introspection, answers kept for 60 s"].idp_rps < ways["introspection, answers kept for 10 s"].idp_rps
