"""What is foretold must come true: the judge is asked about all-good samples of the very schedule that was foretold."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idchaos.experiment import (
    Bound,
    Canary,
    Invariant,
    LoadPlan,
    Objective,
    Phase,
    PhaseName,
    Plan,
    Stream,
    Verdict,
)
from idchaos.load.flows.catalogue import planned as planned_flows
from idchaos.planning import sample_counts as planned
from idchaos.planning.arrivals import Choices, schedule
from idchaos.planning.sample_counts import Setup
from idchaos.record.record import RunRecord
from idchaos.run.building import everyday_load, invariants
from idchaos.settings import CommonSettings
from idchaos.verdict import objectives, sli, stats
from idchaos.verdict.power import Decidable, ObjectiveForecast, foretell

Make = Callable[..., RunRecord]
SETUP = Setup(
    access_ttl_s=20,
    replicas=("gateway-1", "gateway-2"),
    routes=(("/orders/1", "orders"), ("/accounts/1", "accounts")),
)
START = 1000.3
BASELINE_S, FAULT_S = 5.0, 10.0


def plan_of(
    *objectives: Objective, streams: tuple[Stream, ...] = (), fault_s: float = FAULT_S, load: LoadPlan | None = None,
    held: tuple[Invariant, ...] = (),
) -> Plan:  # fmt: skip
    return Plan(
        scenario="foretold",
        variant="plain",
        phases=(
            Phase(name=PhaseName.BASELINE, duration_s=BASELINE_S),
            Phase(name=PhaseName.FAULT, duration_s=fault_s),
        ),
        load=load or LoadPlan(streams=streams, flows=planned_flows(streams)),
        objectives=objectives,
        invariants=held,
    )


def objective(name: str, op: Any = ">=", limit: float = 0.999, unit: Any = "share") -> Objective:
    return Objective(name="good", sli=name, phase=PhaseName.FAULT, bound=Bound(op=op, limit=limit, unit=unit))


def api(rate: float, **more: Any) -> Stream:
    return Stream(flow="api", rate=rate, **more)


def forecast(plan: Plan, setup: Setup = SETUP) -> ObjectiveForecast:
    return foretell(plan, setup).objectives[0]


def judged(make_record: Make, plan: Plan, seed: int) -> objectives.Judgement:
    """The judge's word on a run in which everything went well."""
    choices = Choices(sessions=4, routes=2, replicas=2, kinds=(1,) * len(plan.load.streams))
    rows = [
        {
            "due_at": START + arrival.due,
            "sent_at": START + arrival.due,
            "flow": plan.load.streams[arrival.stream].flow,
            "endpoint": SETUP.routes[arrival.route][0],
            "service": SETUP.routes[arrival.route][1],
            "replica": SETUP.replicas[arrival.replica],
        }
        for arrival in schedule(plan.load, seed, plan.duration_s, choices)
    ]
    windows = {
        phase.name.value: (START + at, START + at + phase.duration_s)
        for phase, at in zip(plan.phases, plan.phase_starts().values(), strict=True)
    }
    record = make_record(rows, plan=plan, windows=windows)
    wanted = plan.objectives[0]
    measured = sli.measure(record, wanted.sli, wanted.phase)
    within = sli.within(record, wanted.sli, wanted.phase, wanted.bound.limit)
    return objectives.judge(wanted, measured, FAULT_S, within)


OBJECTIVES = st.one_of(
    st.builds(objective, st.just("success_rate{flow=api}"), limit=st.floats(0.5, 0.998)),
    st.builds(objective, st.just("success_rate{flow=api,replica=gateway-1}"), limit=st.floats(0.5, 0.995)),
    st.builds(objective, st.just("wrongly_denied_rate{flow=api}"), st.just("<="), st.floats(0.002, 0.5)),
    st.builds(objective, st.just("success_rate_change{flow=api}"), limit=st.floats(-0.5, -0.01)),
    st.builds(
        objective, st.sampled_from(["latency_p50{flow=api}", "latency_p95{flow=api}", "latency_p99{service=orders}"]),
        st.just("<="), st.just(0.5), st.just("s"),
    ),
)  # fmt: skip


ARRIVALS = st.sampled_from(["poisson", "constant"])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(wanted=OBJECTIVES, rate=st.floats(0.2, 200), arrivals=ARRIVALS, seed=st.integers(0, 99))
def test_what_is_foretold_comes_true(
    make_record: Make, wanted: Objective, rate: float, arrivals: Any, seed: int
) -> None:
    plan = plan_of(wanted, streams=(api(rate, arrivals=arrivals),))
    found = forecast(plan)
    verdict = judged(make_record, plan, seed)
    if found.decidable is Decidable.YES:
        assert verdict.verdict is Verdict.PASS, verdict.reason
    if found.decidable is Decidable.NO:
        assert verdict.verdict is Verdict.INCONCLUSIVE
        assert "takes" in verdict.reason or "needs at least" in verdict.reason or "can't decide" in verdict.reason


def test_200_samples_cannot_show_three_nines_and_both_name_the_same_number(make_record: Make) -> None:
    plan = plan_of(objective("success_rate{flow=api}"), streams=(api(20),))
    found = forecast(plan)
    assert (found.decidable, round(found.planned.mean), found.needed) == (Decidable.NO, 200, 2995)
    assert "takes 2,995 good samples in a row" in judged(make_record, plan, seed=1).reason


@pytest.mark.parametrize("seed", range(5))
def test_the_length_and_the_rate_that_are_advised_do_suffice(make_record: Make, seed: int) -> None:
    wanted = objective("success_rate{flow=api}", limit=0.99)
    found = forecast(plan_of(wanted, streams=(api(20),)))
    assert found.phase_s is not None
    assert found.rate is not None
    longer = plan_of(wanted, streams=(api(20),), fault_s=found.phase_s)
    faster = plan_of(wanted, streams=(api(found.rate),))
    for plan in (longer, faster):
        assert forecast(plan).decidable is Decidable.YES
        assert judged(make_record, plan, seed).verdict is Verdict.PASS


def test_at_the_edge_it_is_a_matter_of_chance() -> None:
    assert forecast(plan_of(objective("success_rate"), streams=(api(299.5),))).decidable is Decidable.PERHAPS


@pytest.mark.parametrize(
    ("sli_name", "op", "limit", "says"),
    [
        ("success_rate", ">=", 1.0, "exactly 100 % can't be shown"),
        ("success_rate_change", ">=", 0.0, "nothing changed at all can't be shown"),
        ("success_rate{kid=new}", ">=", 0.9, "have that kid can't be foretold"),
        ("success_rate{flow=opaque}", ">=", 0.9, "0 samples are planned in fault, it takes 29"),
        ("unavailable_rate", ">=", 0.5, "nothing is known of them beforehand"),
        ("latency_p95_change", "<=", 0.1, "how much latencies scatter"),
        ("registration_error_rate", "<=", 0.1, "0 samples are planned in fault, it takes 29"),
        ("token_lifetime_p95", "<=", 30, "not known beforehand"),
    ],
)
def test_what_no_number_of_samples_decides_says_why(sli_name: str, op: str, limit: float, says: str) -> None:
    found = forecast(plan_of(objective(sli_name, op, limit), streams=(api(500),)))
    assert found.decidable is not Decidable.YES
    assert says in found.reason


def test_a_phase_that_is_not_planned_decides_nothing() -> None:
    wanted = objective("success_rate").model_copy(update={"phase": PhaseName.RECOVERY})
    assert forecast(plan_of(wanted, streams=(api(500),))).reason == "the plan has no phase recovery"


def test_a_change_needs_the_baseline_as_well() -> None:
    wanted = objective("wrongly_denied_rate_change", ">=", -0.02)
    found = forecast(plan_of(wanted, streams=(api(20),)))
    assert (found.decidable, found.reason) == (Decidable.NO, "100 samples are planned in baseline, it takes 149")


def test_everything_that_counts_is_counted() -> None:
    """A machine client asks for a token and calls an API; a login is three requests and makes two of a logout."""
    streams = (api(50), Stream(flow="machine", rate=5), Stream(flow="login", rate=2), Stream(flow="canary", rate=11))
    plan = plan_of(streams=streams)

    def count(text: str) -> float:
        return planned.samples(plan, SETUP, sli.parse(text), PhaseName.FAULT).mean

    assert count("success_rate{flow=api}") == pytest.approx(550)
    assert count("success_rate{flow=api,replica=gateway-2}") == pytest.approx(275)
    assert count("success_rate{service=orders}") == pytest.approx(275)
    assert count("success_rate{flow=machine}") == pytest.approx(50)
    assert count("success_rate{flow=login|logout}") == pytest.approx(100)
    assert count("login_success_rate") == pytest.approx(20)
    assert count("success_rate{endpoint=token,flow=machine|login}") == pytest.approx(70)
    assert count("token_issuance_error_rate{flow=machine}") == pytest.approx(50)
    assert count("success_rate{flow=canary}") == 0


def test_a_revocation_is_seen_at_every_replica() -> None:
    probes = Stream(flow="revocation", rate=8, arrivals="constant")
    load = LoadPlan(streams=(api(10), probes), flows=planned_flows((api(10), probes)))
    wanted = objective("revocation_lag_p95{format=jwt}", "<=", 30, "s")
    found = forecast(plan_of(wanted, load=load))
    assert (found.planned.mean, found.needed) == (70, 59)
    assert found.decidable is Decidable.PERHAPS


@pytest.mark.parametrize(("sessions", "life_s", "logins"), [(40, 20.0, 2.0), (40, 8.0, 0.0), (100, 5.0, 4.0)])
def test_refreshes_are_foretold_as_a_simulation_of_the_sessions_has_them(
    sessions: int, life_s: float, logins: float
) -> None:
    rng = np.random.default_rng(3)
    streams = (api(10), Stream(flow="login", rate=logins)) if logins else (api(10),)
    plan = plan_of(load=LoadPlan(streams=streams, flows=planned_flows(streams), sessions=sessions))
    spans = [(0.0, 10.0), (10.0, 20.0), (20.0, 60.0)]
    rounds = 60
    seen = np.zeros(len(spans))
    for _ in range(rounds):
        births = np.concatenate([np.zeros(sessions), np.cumsum(rng.exponential(1 / logins, 400)) if logins else []])
        for number, birth in enumerate(births):
            ends = births[sessions + number] if logins and sessions + number < len(births) else np.inf
            at = birth
            while (at := at + life_s * (0.8 - 0.1 * rng.random())) < min(ends, 60.0):
                seen += [start <= at < end for start, end in spans]
    foretold = [planned.refreshes(plan, life_s, *span) for span in spans]
    assert foretold == pytest.approx(list(seen / rounds), rel=0.1, abs=2.5)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(rate=st.floats(0.1, 30), seed=st.integers(0, 99), arrivals=ARRIVALS)
def test_canaries_come_as_often_as_foretold(rate: float, seed: int, arrivals: Any) -> None:
    load = everyday_load(CommonSettings()).model_copy(
        update={"streams": (Stream(flow="canary", rate=rate, arrivals=arrivals),)}
    )
    plan = plan_of(load=load, held=invariants())
    assert load.canaries is not None
    turns = [cycle(slot) for slot in load.canaries.slots]
    choices = Choices(sessions=1, routes=2, replicas=2, kinds=(len(turns),))
    dealt = [(row.due, next(turns[row.kind])) for row in schedule(load, seed, plan.duration_s, choices)]
    for held in foretell(plan, SETUP).invariants:
        for each in held.canaries:
            start, end = (0.0, BASELINE_S) if each.phase == "baseline" else (BASELINE_S, BASELINE_S + FAULT_S)
            if each.phase == "all":
                start, end = load.canaries.after_s(each.canary), plan.duration_s
            seen = sum(start <= due < end and kind == each.canary for due, kind in dealt)
            assert each.planned.at_least <= seen <= each.planned.at_most


def test_an_invariant_without_canaries_is_undecidable() -> None:
    held = (Invariant(name="expired_tokens_refused", canaries=(Canary.EXPIRED,)),)
    found = foretell(plan_of(streams=(api(10),), held=held), SETUP)
    assert found.decidable is Decidable.NO
    assert found.invariants[0].reason == "no canary of kind expired is planned"


def test_canaries_that_come_too_seldom_are_said_to() -> None:
    load = everyday_load(CommonSettings.model_validate({"load": {"canaries_per_kind": 0.05}}))
    found = foretell(plan_of(load=load, held=invariants()), SETUP)
    assert found.decidable is Decidable.PERHAPS
    unsigned = next(held for held in found.invariants if held.name == "unsigned_tokens_refused")
    assert "canaries of kind alg_none are planned in baseline" in unsigned.reason


def test_how_many_failures_pass_would_survive() -> None:
    """A first failure costs much: one alone doesn't tell whether failures come by themselves."""
    assert stats.tolerated(2994, 0.999, 12) is None
    assert stats.tolerated(2995, 0.999, 12) == 0
    assert stats.tolerated(3000, 0.995, 12) == 0
    assert stats.tolerated(3000, 0.97, 12) == pytest.approx(60, abs=20)


@pytest.mark.parametrize(("share", "seconds"), [(0.97, 12), (0.99, 30), (0.95, 6)])
def test_what_is_said_to_be_tolerated_is_what_the_judge_tolerates(share: float, seconds: int) -> None:
    """Failures spread over the seconds, as evenly as can be: each number up to the promised one passes, the next does
    not.
    """
    samples, second = 100 * seconds, np.arange(100 * seconds) // 100
    promised = stats.tolerated(samples, share, seconds)
    assert promised is not None

    def low(failures: int) -> float:
        good = np.ones(samples, dtype=bool)
        for k in range(failures):
            good[(k % seconds) * 100 + k // seconds] = False
        return stats.proportion(good, second).low

    assert all(low(failures) >= share for failures in range(promised + 1))
    assert low(promised + 1) < share
