"""The guide's ten measures on runs written by hand: what is met, what is missed, what a run can't tell."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import pytest

from idchaos.experiment import Bound, Objective, PhaseName, Plan, Verdict
from idchaos.record.record import RunRecord
from idchaos.verdict import sli
from idchaos.verdict.generator_health import GeneratorHealth
from idchaos.verdict.guide import DEFINITIONS
from idchaos.verdict.lifetimes import lifetime_histogram
from idchaos.verdict.measurements import measure_run
from idchaos.verdict.measures import Measure, measures
from idchaos.verdict.verdict import judge_run

Make = Callable[..., RunRecord]
MakePlan = Callable[..., Plan]
Traffic = Callable[..., list[dict[str, Any]]]
Rows = list[dict[str, Any]]
DENIED = {"decision": "deny", "status": 401, "error_code": "kid_unknown"}
BAD_GATEWAY = {"decision": "undecided", "status": 502, "error_code": "upstream_unavailable"}
REFUSED = {"decision": "undecided", "status": 0, "error_code": "connect_refused"}
TIMED_OUT = {"decision": "undecided", "status": 0, "error_code": "read_timeout"}


def of(record: RunRecord, **health: GeneratorHealth) -> dict[str, Measure]:
    by_phase = {PhaseName(name): each for name, each in health.items()}
    measured = dataclasses.replace(measure_run(record), health=by_phase)
    return {each.id: each for each in measures(measured)}


def login(session: str, at: float, typos: int = 0, attempt: int = 0) -> Rows:
    """A login as the load records it: the form is sent once for each typo and once more."""
    step = {"flow": "login", "session": session, "retry": attempt}
    mistyped = {"endpoint": "login", "expected": "deny", "decision": "deny", "status": 401}
    return [
        step | {"endpoint": "authorize", "due_at": at},
        *(step | mistyped | {"due_at": at + 0.01} for _ in range(typos)),
        step | {"endpoint": "login", "due_at": at + 0.02},
        step | {"endpoint": "token", "due_at": at + 0.03},
    ]


def counts(replays: int, foreign: int) -> dict[str, Any]:
    """What detectors counted over the load: used refresh tokens at the IdP, foreign audiences at a gateway."""

    def side(replays: int, foreign: int, total: int) -> dict[str, Any]:
        return {
            "idp": {"issuer": "i", "replays_detected": replays, "requests": {"token": {"total": total}}},
            "gateway-1": {"requests": {"total": total, "upstream": {}, "by_reason": {"audience_mismatch": foreign}}},
        }

    return {"before": side(2, 1, 10), "after": side(2 + replays, 1 + foreign, 500)}


# --- all ten


def test_the_guide_s_ten_in_its_order(make_record: Make) -> None:
    found = measures(measure_run(make_record()))
    assert [each.id for each in found] == [f"M{n}" for n in range(1, 11)]
    assert [each.target for each in found] == [
        *(">= 0.999", "<= 0.2 s", "<= 0.001", "<= 0", "<= 0.005"),
        *("<= 0", "<= 30 s", "<= 0.005", "<= 1.2", ""),
    ]


def test_a_run_without_traffic_for_a_measure_has_no_data_and_meets_nothing(make_record: Make) -> None:
    for each in measures(measure_run(make_record())):
        assert each.met is None, each.id
        assert each.note.startswith("no data"), each.id
        assert (each.value, each.interval, each.samples) == (None, (None, None), 0)


@pytest.mark.parametrize(("spoilt", "met"), [(0, True), (60, False)])
def test_a_target_that_the_run_can_decide(make_record: Make, traffic: Traffic, spoilt: int, met: bool) -> None:
    rows = traffic(100, 130, rate=200)
    rows = [row | DENIED if spoilt and n % spoilt == 0 else row for n, row in enumerate(rows)]
    assert of(make_record(rows))["M1"].met is met


def test_too_few_samples_are_said_with_the_number_it_takes(make_record: Make, traffic: Traffic) -> None:
    found = of(make_record(traffic(100, 130)))["M1"]
    assert (found.met, found.note) == (None, "not enough samples: 600, it takes about 2,995")


def test_a_late_load_generator_and_a_run_cut_short_decide_nothing(make_record: Make, traffic: Traffic) -> None:
    rows = traffic(100, 130, rate=200)
    late = GeneratorHealth(late_p99_s=0.2, late_limit_s=0.05, due=100, own_dropped=0, target_dropped=0)
    assert of(make_record(rows), fault=late)["M1"].note == "undecided: the load generator did not keep its schedule"
    assert of(make_record(rows), warmup=late)["M1"].met is True
    assert of(make_record(rows, status="aborted"))["M1"].note == "undecided: the run was not completed (aborted)"


def test_measures_never_change_a_verdict_unless_an_objective_asks_for_one(
    make_record: Make, make_plan: MakePlan, traffic: Traffic, logs_searched: dict[str, Any]
) -> None:
    rows = [row | DENIED if n % 100 == 0 else row for n, row in enumerate(traffic(100, 130, rate=200))]
    easy = Objective(name="easy", sli="success_rate", phase="all", bound=Bound(op=">=", limit=0.5))
    names = ("gateway-1", "gateway-2")
    counted = {
        side: {name: {"requests": {"total": total, "upstream": {}}} for name in names}
        for side, total in (("before", 0), ("after", len(rows) // 2))
    }
    calm = judge_run(make_record(rows, plan=make_plan([easy]), counts=counted, events=[logs_searched]))
    assert (calm.verdict, calm.measures[0].met) == (Verdict.PASS, False)
    asked = [
        Objective(name=each.id, sli=each.sli, phase="all", bound=each.target) for each in DEFINITIONS if each.target
    ]
    strict = judge_run(make_record(rows, plan=make_plan(asked), counts=counted, events=[logs_searched]))
    assert {each.name: each.verdict for each in strict.objectives}["M1"] is Verdict.FAIL


# --- M1


@pytest.mark.parametrize(
    ("row", "passed"), [({}, 1.0), (DENIED, 0.0), (BAD_GATEWAY, 1.0), (TIMED_OUT, 0.0), (REFUSED, None)]
)
def test_validation_is_what_a_gateway_did_with_a_token_that_reached_it(
    make_record: Make, traffic: Traffic, row: dict[str, Any], passed: float | None
) -> None:
    measured = sli.measure(make_record(traffic(100, 130, **row)), "token_validation_success_rate", "all")
    assert math.isnan(measured.value) if passed is None else measured.value == passed


# --- M6


def test_alerts_that_canaries_provoked_are_explained(make_record: Make, traffic: Traffic) -> None:
    refused = {"flow": "canary", "expected": "deny", "decision": "deny"}
    foreign = {"canary": "wrong_audience", "error_code": "audience_mismatch", "endpoint": "/orders", "status": 401}
    replayed = {"canary": "replayed", "error_code": "invalid_grant", "endpoint": "token", "status": 400}
    rows = [*traffic(100, 130), *([refused | foreign | {"due_at": 105.0}] * 4), refused | replayed | {"due_at": 111.0}]
    assert of(make_record(rows, counts=counts(replays=1, foreign=4)))["M6"].met is True
    more = of(make_record(rows, counts=counts(replays=3, foreign=5)))["M6"]
    assert (more.met, more.value) == (False, 3)


def test_a_canary_without_an_answer_may_have_raised_an_alert(make_record: Make, traffic: Traffic) -> None:
    lost = {"flow": "canary", "expected": "deny", "canary": "replayed", "endpoint": "token", "due_at": 111.0}
    found = of(make_record([*traffic(100, 130), lost | TIMED_OUT], counts=counts(replays=1, foreign=0)))["M6"]
    assert (found.met, found.interval) == (None, (0.0, 1.0))


def test_without_detectors_there_is_no_data_about_misuse(make_record: Make, traffic: Traffic) -> None:
    assert of(make_record(traffic(100, 130)))["M6"].note == "no data: no component counts misuse"


# --- M9


def test_retries_are_typos_and_logins_begun_anew(make_record: Make) -> None:
    rows = [*login("a", 101.0), *login("b", 112.0, typos=1), *login("c", 123.0, attempt=2), *login("d", 125.0)]
    measured = sli.measure(make_record(rows), "login_retries", "all")
    assert (measured.value, measured.samples) == (0.75, 4)
    assert sli.measure(make_record(rows), "login_retries", "fault").value == 1.0


def test_a_mistyped_password_is_no_failed_login(make_record: Make) -> None:
    record = make_record([row for n in range(20) for row in login(f"s{n}", 101.0 + n, typos=n % 2)])
    assert sli.measure(record, "login_success_rate", "all").value == 1.0
    assert of(record)["M9"].met is True


# --- M10


def test_tokens_are_counted_once_and_their_uses_by_what_they_had_left(make_record: Make, traffic: Traffic) -> None:
    """Two tokens of 20 s and one of an hour; the IdP's clock is 100 s ahead, which changes nothing."""
    life = (20.0, 20.0, 3600.0)
    rows = traffic(
        100,
        130,
        rate=1,
        jti=lambda n: f"t{n % 3}",
        token_iat=200.0,
        token_exp=lambda n: 200.0 + life[n % 3],
        token_obtained_at=lambda n: 100.0 + n - 12.0,
    )
    record = make_record([row | {"sent_at": row["due_at"]} for row in rows])
    assert [
        (each.from_s, each.to_s, each.issued, each.in_use) for each in lifetime_histogram(record) if each.in_use
    ] == [
        (5.0, 10.0, 0, 20),
        (1800.0, 3600.0, 1, 10),
    ]
    assert sum(each.issued for each in lifetime_histogram(record)) == 3
    found = of(record)["M10"]
    assert (found.value, found.samples, found.met, found.note) == (3600.0, 3, None, "no target")


def test_a_lifetime_can_be_bounded_by_an_objective(make_record: Make, traffic: Traffic) -> None:
    rows = traffic(100, 130, rate=10, jti=str, token_iat=50.0, token_exp=350.0)
    record = make_record(rows)
    within = sli.within(record, "token_lifetime_p95", "all", 300.0)
    assert within is not None
    assert (within.value, dataclasses.astuple(within)[3]) == (1.0, 300)


# --- audiences


def replayed(audience: str, service: str, replica: str, decision: str = "deny") -> dict[str, Any]:
    """A token for one service, sent to another."""
    return {
        "flow": "canary", "canary": "wrong_audience", "expected": "deny", "decision": decision, "due_at": 112.0,
        "session": "canary", "subject_service": audience, "service": service, "endpoint": f"/{service}/1",
        "replica": replica,
    }  # fmt: skip


def confusion(make_record: Make, *rows: dict[str, Any]) -> sli.Measurement:
    return sli.measure(make_record(list(rows)), "audience_confusion", "all")


def test_one_replica_that_takes_another_service_s_tokens_is_one_cell_of_the_matrix(make_record: Make) -> None:
    other = [replayed("accounts", "orders", name) for name in ("gateway-1", "gateway-2")]
    sound, confused = (replayed("orders", "accounts", name) for name in ("gateway-1", "gateway-2"))
    measured = confusion(make_record, *other, sound, confused | {"decision": "accept"}, sound)
    assert (measured.value, measured.note) == (1.0, "for accounts at orders: 0 of 2; for orders at accounts: 1 of 3")
    assert confusion(make_record, *other, sound, confused).value == 0.0


def test_a_pair_that_was_not_tried_at_all_leaves_it_open(make_record: Make) -> None:
    tried = [replayed("orders", "accounts", name) for name in ("gateway-1", "gateway-2")]
    good = [
        {"flow": "api", "due_at": 112.0, "service": "orders", "endpoint": "/orders/1", "replica": name}
        for name in ("gateway-1", "gateway-2")
    ]
    assert math.isnan(confusion(make_record, *tried, *good).value)


def test_where_services_decide_each_is_asked_for_itself(make_record: Make) -> None:
    own = [replayed(audience, name, name) for audience, name in (("accounts", "orders"), ("orders", "accounts"))]
    assert confusion(make_record, *own).value == 0.0
    assert math.isnan(confusion(make_record, own[0]).value)


def test_a_replica_that_was_not_tried_with_each_audience_leaves_it_open(make_record: Make) -> None:
    both = [replayed("orders", "accounts", name) for name in ("gateway-1", "gateway-2")]
    assert math.isnan(confusion(make_record, *both, replayed("accounts", "orders", "gateway-1")).value)
    assert math.isnan(confusion(make_record).value)


def around(make_record: Make, *rows: dict[str, Any]) -> sli.Measurement:
    """Of a system with two services, to which good traffic goes as well."""
    good = [
        {"flow": "api", "due_at": 112.0, "service": name, "endpoint": f"/{name}/1", "replica": "gateway-1"}
        for name in ("orders", "accounts")
    ]
    directly = [row | {"endpoint": f"around:{row['endpoint']}", "replica": row["service"]} for row in rows]
    return sli.measure(make_record([*good, *directly]), "audience_confusion_around", "all")


def test_what_was_sent_around_the_gateways_is_counted_apart(make_record: Make) -> None:
    one, other = replayed("orders", "accounts", ""), replayed("accounts", "orders", "")
    assert around(make_record, one, other).value == 0.0
    measured = around(make_record, one, other, other | {"decision": "accept"})
    assert (measured.value, measured.note) == (1.0, "for accounts at orders: 1 of 2; for orders at accounts: 0 of 1")
    assert math.isnan(confusion(make_record, one | {"endpoint": "around:/accounts/1"}).value)


def test_a_service_that_was_not_asked_directly_leaves_it_open(make_record: Make) -> None:
    assert math.isnan(around(make_record, replayed("orders", "accounts", "")).value)
    assert math.isnan(around(make_record).value)
    undecided = replayed("accounts", "orders", "", "undecided")
    assert math.isnan(around(make_record, replayed("orders", "accounts", ""), undecided).value)
