"""Sessions through an outage, moved as counts: against closed forms, and against sessions that are simulated singly."""

from __future__ import annotations

import random
from statistics import mean
from typing import Any

import numpy as np
import pytest

from idchaos.studies.scale import forms
from idchaos.studies.scale.fleet import Idp, Outage, Sessions, Waiting
from idchaos.studies.scale.herd import Trace, simulate
from idchaos.studies.scale.waits import evenly, split

ENDLESS = Idp(capacity_rps=1e12)
PATIENT = Waiting(first_s=1, growth=2, most_s=16, jitter=0.5)


def sessions(**changes: Any) -> Sessions:
    return Sessions(**({"number": 1_000_000, "access_ttl_s": 300} | changes))


def through(outage_s: float, crowd: Sessions, idp: Idp = ENDLESS, **changes: Any) -> Trace:
    return simulate(crowd, idp, Outage(at_s=30, length_s=outage_s), **({"lasts_s": 900, "seed": 1} | changes))


@pytest.mark.parametrize(("life_s", "jitter"), [(300, 0.0), (300, 0.1), (60, 0.4), (900, 0.2)])
def test_sessions_over_their_refresh_interval_come_each_second(life_s: float, jitter: float) -> None:
    crowd = sessions(access_ttl_s=life_s, refresh_jitter=jitter)
    trace = simulate(crowd, ENDLESS, None, lasts_s=2_000, seed=3)
    assert trace.offered.mean() == pytest.approx(crowd.number / crowd.interval_s, rel=0.005)
    assert (trace.offered == trace.served).all()


def test_no_session_is_ever_lost_or_made() -> None:
    crowd = sessions(number=123_457, waiting=PATIENT)
    trace = through(200, crowd, Idp(capacity_rps=1.3 * crowd.usual_rps, refusal_cost=0.05))
    assert trace.sessions == 123_457


def test_one_seed_gives_one_trace() -> None:
    one, same, other = (through(100, sessions(waiting=PATIENT), seed=seed) for seed in (1, 1, 2))
    assert (one.offered == same.offered).all()
    assert (one.offered != other.offered).any()


@pytest.mark.parametrize("outage_s", [30, 100, 200])
def test_the_herd_is_the_backlog_once_a_wait_beside_the_usual(outage_s: float) -> None:
    """Exact while the outage is shorter than the shortest interval, here 0.7 x 300 s."""
    crowd = sessions()
    trace = through(outage_s, crowd)
    assert trace.waiting[29 + int(outage_s)] == pytest.approx(forms.backlog(crowd, outage_s), rel=0.01)
    assert trace.peak_rps == pytest.approx(forms.herd_rps(crowd, outage_s), rel=0.02)
    assert trace.drained_s == 1, "an IdP without a limit serves them all at once"


@pytest.mark.parametrize(("outage_s", "capacity"), [(60, 1.5), (60, 2), (100, 4), (200, 8), (600, 2)])
def test_a_backlog_drains_as_fast_as_there_is_capacity_to_spare(outage_s: float, capacity: float) -> None:
    crowd = sessions(refresh_jitter=0.0)
    idp = Idp(capacity_rps=capacity * crowd.usual_rps)
    trace = through(outage_s, crowd, idp)
    foretold = forms.drain_s(crowd, idp, outage_s)
    assert foretold is not None
    assert trace.drained_s == pytest.approx(foretold, rel=0.02, abs=2)
    assert trace.served.max() <= idp.capacity_rps + 1


def test_an_idp_without_capacity_to_spare_never_drains() -> None:
    crowd = sessions()
    idp = Idp(capacity_rps=0.99 * crowd.usual_rps)
    assert forms.drain_s(crowd, idp, 60) is None
    assert through(60, crowd, idp).drained_s is None


def test_the_capacity_that_a_time_needs_drains_in_that_time() -> None:
    crowd = sessions(refresh_jitter=0.0)
    needed = forms.capacity_rps(crowd, 100, 50)
    assert through(100, crowd, Idp(capacity_rps=needed)).drained_s == pytest.approx(50, abs=2)


def test_refusing_a_herd_can_cost_all_there_is_and_back_off_ends_that() -> None:
    """The backlog of 100 s asks once a second: 0.05 of that is more than the IdP can do."""
    hasty, patient = sessions(), sessions(waiting=PATIENT)
    idp = Idp(capacity_rps=2 * hasty.usual_rps, refusal_cost=0.05)
    assert forms.collapses(hasty, idp, 100)
    assert through(100, hasty, idp).drained_s is None
    assert not forms.collapses(patient, idp, 100)
    assert through(100, patient, idp).drained_s is not None


@pytest.mark.parametrize("jitter", [0.1, 0.4])
def test_those_who_begin_together_come_together_as_far_as_jitter_does_not_part_them(jitter: float) -> None:
    crowd = sessions(refresh_jitter=jitter)
    trace = simulate(crowd, ENDLESS, None, lasts_s=300, seed=1, begun_within_s=10)
    assert trace.offered.max() == pytest.approx(forms.together_rps(crowd, 10), rel=0.05)


class Single:
    """One session after another, each with its own clock: what the counts stand for."""

    def __init__(self, crowd: Sessions, idp: Idp, outage: Outage, seed: int) -> None:
        self.crowd, self.rng = crowd, random.Random(seed)
        self.offered, self.waiting_most, self.refused_most, self.drained_s = 0, 0, 0, 0.0
        self.due: list[float] = []
        self.ends: list[float] = []
        self.failed: list[int] = []
        for _ in range(crowd.number):
            # A moment of a renewal process: longer intervals are met more often.
            while True:
                interval = self.interval()
                if self.rng.random() * crowd.access_ttl_s < interval:
                    break
            age = self.rng.random() * interval
            self.due.append(interval - age)
            self.ends.append(crowd.access_ttl_s - age)
            self.failed.append(0)
        self.run(idp, outage)

    def interval(self) -> float:
        crowd = self.crowd
        return crowd.access_ttl_s * (crowd.refresh_at - crowd.refresh_jitter * self.rng.random())

    def run(self, idp: Idp, outage: Outage) -> None:
        waits = self.crowd.waiting.waits_s()
        for now in range(600):
            asking = [each for each, due in enumerate(self.due) if due < now + 1]
            self.rng.shuffle(asking)
            if now >= outage.at_s:
                self.offered += len(asking)
            able = 0 if outage.at_s <= now < outage.ends_s else int(idp.capacity_rps)
            for each in asking[:able]:
                self.due[each] = now + self.interval() + 0.5
                self.ends[each] = now + self.crowd.access_ttl_s + 0.5
                self.failed[each] = 0
            for each in asking[able:]:
                wait = waits[min(self.failed[each], len(waits) - 1)] * (1 + 0.5 * (2 * self.rng.random() - 1))
                self.due[each] = now + 0.5 + max(1, wait)
                self.failed[each] += 1
            waiting = sum(1 for each in self.failed if each)
            refused = sum(1 for failed, end in zip(self.failed, self.ends, strict=True) if failed and end <= now)
            self.waiting_most, self.refused_most = max(self.waiting_most, waiting), max(self.refused_most, refused)
            if now >= outage.ends_s and not waiting and not self.drained_s:
                self.drained_s = now + 1 - outage.ends_s


def test_counts_do_what_single_sessions_do() -> None:
    crowd = Sessions(number=600, access_ttl_s=100, refresh_jitter=0.2, waiting=PATIENT)
    idp, outage = Idp(capacity_rps=14), Outage(at_s=60, length_s=50)
    single = [Single(crowd, idp, outage, seed) for seed in range(12)]
    counted = [simulate(crowd, idp, outage, lasts_s=600, seed=seed) for seed in range(40)]
    assert mean(int(each.waiting.max()) for each in counted) == pytest.approx(
        mean(each.waiting_most for each in single), rel=0.03
    )
    assert mean(each.refused_most for each in counted) == pytest.approx(
        mean(each.refused_most for each in single), rel=0.1
    )
    assert mean(int(each.offered[60:].sum()) for each in counted) == pytest.approx(
        mean(each.offered for each in single), rel=0.03
    )
    drained = [each.drained_s for each in counted if each.drained_s is not None]
    assert len(drained) == len(counted)
    assert mean(drained) == pytest.approx(mean(each.drained_s for each in single), rel=0.1)


def test_an_even_spread_has_its_mean_and_all_of_its_chance() -> None:
    for low, high in ((3.0, 3.0), (210, 240), (0.5, 1.5), (7.25, 9.5)):
        steps, shares = evenly(low, high)
        assert shares.sum() == pytest.approx(1)
        if low >= 1:
            assert (steps * shares).sum() == pytest.approx((low + high) / 2, rel=0.01)


@pytest.mark.parametrize("number", [0, 3, 50_000])
def test_a_crowd_is_split_without_loss(number: int) -> None:
    shares = np.full(20, 0.05)
    assert split(np.random.default_rng(1), number, shares).sum() == number
