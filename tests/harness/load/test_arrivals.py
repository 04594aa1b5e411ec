import numpy as np
import pytest

from idchaos.experiment import LoadPlan, Stream
from idchaos.planning.arrivals import Choices, due_times, expected_arrivals, schedule

CHOICES = Choices(sessions=40, routes=2, replicas=2, kinds=(1, 11))
PLAN = LoadPlan(streams=(Stream(flow="api", rate=100), Stream(flow="canary", rate=5, arrivals="constant")))


def rng(seed=1):
    return np.random.default_rng(seed)


def test_the_same_seed_gives_the_same_plan_byte_for_byte():
    first, second = (schedule(PLAN, 7, 20.0, CHOICES) for _ in range(2))
    assert first.rows.tobytes() == second.rows.tobytes()
    assert first.digest == second.digest
    assert schedule(PLAN, 8, 20.0, CHOICES).digest != first.digest


def test_one_stream_does_not_depend_on_another():
    alone = schedule(LoadPlan(streams=PLAN.streams[:1]), 7, 20.0, CHOICES)
    together = [a for a in schedule(PLAN, 7, 20.0, CHOICES) if a.stream == 0]
    assert together == list(alone)


def test_arrivals_come_in_order_and_within_the_load():
    due = [arrival.due for arrival in schedule(PLAN, 7, 20.0, CHOICES)]
    assert due == sorted(due)
    assert due[0] >= 0 and due[-1] < 20.0


def test_poisson_gaps_are_exponential():
    due = due_times(Stream(flow="api", rate=200), rng(), 100.0)
    gaps = np.diff(due)
    assert len(due) == pytest.approx(20_000, abs=4 * np.sqrt(20_000))
    assert gaps.mean() == pytest.approx(1 / 200, rel=0.05)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)  # an exponential's deviation is its mean


def test_constant_arrivals_are_evenly_spaced():
    due = due_times(Stream(flow="api", rate=50, arrivals="constant"), rng(), 10.0)
    assert len(due) == 500
    assert np.diff(due) == pytest.approx(1 / 50)


@pytest.mark.parametrize("arrivals", ["poisson", "constant"])
def test_a_ramp_reaches_half_its_arrivals_at_the_root_of_a_half(arrivals):
    """Λ(t) = R t² / 2r on the ramp, so half of its arrivals come in its first r/√2."""
    due = due_times(Stream(flow="api", rate=400, ramp_s=20, arrivals=arrivals), rng(), 20.0)
    assert len(due) == pytest.approx(4_000, rel=0.07)
    assert np.median(due) == pytest.approx(20 / np.sqrt(2), rel=0.05)


@pytest.mark.parametrize(("span", "arrivals"), [(5.0, 12.5), (10.0, 50.0), (30.0, 250.0)])
def test_expected_arrivals_are_the_area_below_the_rate(span, arrivals):
    assert expected_arrivals(Stream(flow="api", rate=10, ramp_s=10), span) == arrivals


def test_a_stream_keeps_to_its_span():
    due = due_times(Stream(flow="api", rate=100, starts_s=5, ends_s=7), rng(), 20.0)
    assert due.min() >= 5 and due.max() < 7
    assert len(due_times(Stream(flow="api", rate=100, starts_s=30), rng(), 20.0)) == 0


def test_every_round_of_canaries_has_every_kind():
    kinds = [a.kind for a in schedule(PLAN, 3, 20.0, CHOICES) if a.stream == 1]
    for start in range(0, len(kinds) - 11, 11):
        assert sorted(kinds[start : start + 11]) == list(range(11))


def test_what_an_arrival_is_about_is_in_the_plan():
    arrivals = list(schedule(PLAN, 7, 20.0, CHOICES))
    assert {a.replica for a in arrivals} == {0, 1}
    assert {a.route for a in arrivals} == {0, 1}
    assert max(a.session for a in arrivals) <= 39
