"""SLIs on samples written by hand. Phases: baseline 100-110 s, fault 110-120 s, recovery 120-130 s."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idchaos.errors import UsageError
from idchaos.experiment import Plan
from idchaos.record.record import RunRecord
from idchaos.verdict import sli

Make = Callable[..., RunRecord]
Traffic = Callable[..., list[dict[str, Any]]]
DENIED = {"decision": "deny", "status": 401, "error_code": "kid_unknown", "outcome": "wrongly_denied"}
TIMED_OUT = {
    "decision": "undecided",
    "status": 0,
    "error_code": "read_timeout",
    "outcome": "unavailable",
    "latency_s": 5.0,
}
REFUSED = TIMED_OUT | {"error_code": "connect_refused", "latency_s": 0.001}
DROPPED = TIMED_OUT | {"error_code": "dropped", "sent_at": math.nan, "latency_s": math.nan, "service_time_s": math.nan}


# --- spelling


def test_selectors() -> None:
    selector = sli.parse("success_rate{flow=api|opaque, replica=gateway-1}")
    assert selector.name == "success_rate"
    assert selector.where == (("flow", ("api", "opaque")), ("replica", ("gateway-1",)))
    assert sli.parse("latency_p99").where == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("succes_rate", "did you mean 'success_rate'"),
        ("latency_p0", "unknown"),
        ("latency_p", "unknown"),
        ("success_rate{flow}", "'flow' is no selector"),
        ("success_rate{colour=red}", "no selector"),
        ("success_rate{flow=api", "expected name{selector=value,...}"),
        ("skew_threshold_min{side=left}", "ahead or behind"),
        ("success_rate{side=ahead}", "no selector"),
        ("", "expected name"),
    ],
)
def test_bad_spelling_is_a_clear_error(text: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        sli.parse(text)
    assert said in str(error.value)


@given(st.text(max_size=60))
def test_any_text_is_an_sli_or_a_usage_error(text: str) -> None:
    try:
        sli.parse(text)
    except UsageError as error:
        assert str(error)


# --- shares


def test_shares_of_good_traffic(make_record: Make, traffic: Traffic) -> None:
    """100 good requests: 90 ok, 6 refused, 4 unanswered. Canaries and undecidable ones are not good
    traffic.
    """
    rows = traffic(110, 115)
    rows[::20] = [row | DENIED for row in rows[::20]]
    rows[3] |= DENIED
    rows[11::25] = [row | TIMED_OUT for row in rows[11::25]]
    canary = {"flow": "canary", "canary": "expired", "expected": "deny", "decision": "deny", "due_at": 112.0}
    either = {"due_at": 112.5, "expected": "either", "decision": "deny"}
    record = make_record([*rows, canary, either])
    value = {name: sli.measure(record, name, "all") for name in sli.REGISTRY if name.endswith(("_rate", "ability"))}
    assert value["success_rate"].value == pytest.approx(0.90)
    assert value["wrongly_denied_rate"].value == pytest.approx(0.06)
    assert value["unavailable_rate"].value == pytest.approx(0.04)
    assert value["availability"].value == pytest.approx(0.96)
    assert value["success_rate"].samples == 100


def test_a_phase_counts_what_was_due_in_it(make_record: Make, traffic: Traffic) -> None:
    record = make_record(traffic(100, 130))
    assert [sli.measure(record, "success_rate", phase).samples for phase in ("baseline", "fault", "all")] == [
        200,
        200,
        600,
    ]
    late = make_record([{"due_at": 119.999, "sent_at": 125.0, "endpoint": "/orders"}])
    assert sli.measure(late, "success_rate", "fault").samples == 1


def test_warm_up_is_not_part_of_all(make_record: Make, traffic: Traffic) -> None:
    windows = {"warmup": (100.0, 110.0), "baseline": (110.0, 120.0)}
    record = make_record(traffic(100, 120), windows=windows)
    assert sli.measure(record, "success_rate", "all").samples == 200


def test_selected_replica(make_record: Make, traffic: Traffic) -> None:
    rows = traffic(110, 120)
    rows = [row | (DENIED if row["replica"] == "gateway-2" else {}) for row in rows]
    record = make_record(rows)
    assert sli.measure(record, "success_rate{replica=gateway-1}", "fault").value == 1.0
    assert sli.measure(record, "success_rate{replica=gateway-2}", "fault").value == 0.0


def test_what_was_dropped_was_not_served(make_record: Make, traffic: Traffic) -> None:
    rows = traffic(110, 120)
    rows[::2] = [row | DROPPED for row in rows[::2]]
    assert sli.measure(make_record(rows), "success_rate", "fault").value == 0.5


def test_no_data(make_record: Make) -> None:
    for name in sli.names():
        spelling = name + ("{side=ahead}" if name.startswith("skew_threshold") else "")
        measured = sli.measure(make_record(), spelling, "fault")
        assert math.isnan(measured.value), name
        assert measured.samples == 0


def test_token_errors_by_flow(make_record: Make) -> None:
    refused = {"decision": "deny", "status": 400, "error_code": "invalid_grant"}
    rows = [
        {
            "due_at": 110.0 + n / 10,
            "flow": flow,
            "endpoint": "token",
            **(refused if flow == "refresh" and n < 5 else {}),
        }
        for n in range(50)
        for flow in ("refresh", "machine")
    ]
    record = make_record(rows)
    assert sli.measure(record, "refresh_error_rate", "fault").value == pytest.approx(0.1)
    assert sli.measure(record, "token_issuance_error_rate", "fault").value == pytest.approx(0.05)


def test_a_login_is_whole_or_failed(make_record: Make) -> None:
    """Three logins: one ends with a token, one fails at the token, one is still under way when the load
    ends.
    """

    def login(session: str, start: float, *steps: tuple[str, bool]) -> list[dict[str, Any]]:
        return [
            {"due_at": start + n / 100, "flow": "login", "session": session, "endpoint": name}
            | ({} if ok else TIMED_OUT)
            for n, (name, ok) in enumerate(steps)
        ]

    record = make_record(
        [
            *login("a", 111.0, ("authorize", True), ("login", True), ("token", True)),
            *login("b", 112.0, ("authorize", True), ("login", True), ("token", False)),
            *login("a", 119.9, ("authorize", True), ("login", True)),
        ]
    )
    measured = sli.measure(record, "login_success_rate", "fault")
    assert (measured.value, measured.samples) == (0.5, 2)


# --- latency


def test_latency_is_from_when_it_was_due(make_record: Make, traffic: Traffic) -> None:
    record = make_record(traffic(110, 120, latency_s=lambda n: 0.001 * (n + 1)))
    assert sli.measure(record, "latency_p50", "fault").value == pytest.approx(0.1)
    assert sli.measure(record, "latency_p95", "fault").value == pytest.approx(0.19)
    assert sli.measure(record, "latency_p95", "fault").needed == 59


@pytest.mark.parametrize("lost", [TIMED_OUT, REFUSED, DROPPED])
def test_what_got_no_answer_is_never_quick(make_record: Make, traffic: Traffic, lost: dict[str, Any]) -> None:
    """10 % without an answer: p95 is the time limit, even though connections were refused within a
    millisecond.
    """
    rows = traffic(110, 120)
    rows[::10] = [row | lost for row in rows[::10]]
    measured = sli.measure(make_record(rows), "latency_p95", "fault")
    assert measured.value == 5.0
    assert "20 of 200 got no answer" in measured.note


def test_change_against_the_baseline(make_record: Make, traffic: Traffic) -> None:
    slow = traffic(100, 110, latency_s=lambda n: 0.01 + n * 1e-5) + traffic(
        110, 120, latency_s=lambda n: 0.11 + n * 1e-5
    )
    measured = sli.measure(make_record(slow), "latency_p95_change", "fault")
    assert measured.low <= measured.value <= measured.high
    assert measured.value == pytest.approx(0.1, abs=0.001)
    bad = traffic(100, 110) + [row | (DENIED if n % 4 == 0 else {}) for n, row in enumerate(traffic(110, 120))]
    assert sli.measure(make_record(bad), "success_rate_change", "fault").value == pytest.approx(-0.25)


# --- counters


def fetches(counts: list[int], failures: list[int], component: str = "gateway-1") -> list[tuple[float, str, Any]]:
    """One report a second from 109.5 s on."""
    return [
        (109.5 + n, component, {"jwks": {"fetches": total, "fetch_failures": failed}})
        for n, (total, failed) in enumerate(zip(counts, failures, strict=True))
    ]


def test_fetch_failures_a_minute(make_record: Make) -> None:
    """6 failures within a phase of 10 s, one of them somewhere on its edge."""
    told = fetches(list(range(12)), [0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 6, 6])
    measured = sli.measure(make_record(telemetry=told), "jwks_fetch_failures", "fault")
    assert measured.value == pytest.approx(36)
    assert (measured.low, measured.high) == (pytest.approx(30), pytest.approx(36))
    assert sli.measure(make_record(telemetry=told), "jwks_fetch_rate", "fault").high == pytest.approx(1.1)


def test_a_restart_loses_no_count_that_was_reported(make_record: Make) -> None:
    told = fetches([7, 8, 9, 10, 0, 1, 2, 3, 3, 3, 3, 3], [0] * 12)
    assert sli.measure(make_record(telemetry=told), "jwks_fetch_rate", "fault").high == pytest.approx(0.6)


def test_a_validator_that_fell_silent_is_no_data(make_record: Make) -> None:
    told = fetches([0] * 12, [0] * 12) + fetches([0] * 3, [0] * 3, "gateway-2")
    measured = sli.measure(make_record(telemetry=told), "jwks_fetch_failures", "fault")
    assert measured.samples == 0


def test_a_stampede_at_one_validator_does_not_drown_among_the_others(make_record: Make) -> None:
    told = fetches(list(range(12)), [0] * 12) + fetches([5 * n for n in range(12)], [0] * 12, "gateway-2")
    measured = sli.measure(make_record(telemetry=told), "jwks_fetch_rate_max", "fault")
    assert (measured.low, measured.value, measured.note) == (
        pytest.approx(4.5),
        pytest.approx(5.5),
        "most at gateway-2",
    )
    quiet = sli.measure(make_record(telemetry=told), "jwks_fetch_rate_max{replica=gateway-1}", "fault")
    assert quiet.value == pytest.approx(1.1)


def test_where_one_validator_is_silent_the_greatest_rate_is_only_known_from_below(make_record: Make) -> None:
    told = fetches(list(range(12)), [0] * 12) + fetches([0] * 3, [0] * 3, "gateway-2")
    measured = sli.measure(make_record(telemetry=told), "jwks_fetch_rate_max", "fault")
    assert (measured.low, measured.high) == (pytest.approx(0.9), math.inf)
    nobody = sli.measure(make_record(telemetry=[]), "jwks_fetch_rate_max", "fault")
    assert (nobody.samples, math.isnan(nobody.value)) == (0, True)


def gateway(number: int, asked_per_report: int) -> list[tuple[float, str, dict[str, Any]]]:
    """A gateway that fetched keys once a second, as it reports it each second."""
    return [
        (
            109.5 + n,
            f"gateway-{number}",
            {"jwks": {"fetches": n}, "requests": {"total": n * asked_per_report, "upstream": {}}},
        )
        for n in range(12)
    ]


def test_fetches_per_1000_requests(make_record: Make) -> None:
    """Two gateways with 100 requests and one fetch a second: 10 per 1,000, but for what lies on the phase's edges."""
    service = [(at, "accounts", {"jwks": {"fetches": 500 * at}}) for at, _, _ in gateway(1, 100)]
    record = make_record(telemetry=gateway(1, 100) + gateway(2, 100) + service)
    measured = sli.measure(record, "jwks_fetches_per_1000", "fault")
    assert measured.value == pytest.approx(10)
    assert (measured.low, measured.high) == (pytest.approx(10 * 9 / 11), pytest.approx(10 * 11 / 9))
    assert sli.measure(record, "jwks_fetches_per_1000{replica=gateway-1}", "fault").value == pytest.approx(10)


def test_fetches_per_1000_requests_are_those_of_who_decides_by_keys(make_record: Make) -> None:
    passing = [(at, name, state | {"settings": {"decides": False}}) for at, name, state in gateway(1, 100)]
    deciding = [
        (at, "orders", {"jwks": {"fetches": 2 * n}, "requests": {"total": 100 * n}, "settings": {"decides": True}})
        for n, (at, _, _) in enumerate(gateway(1, 100))
    ]
    assert sli.measure(make_record(telemetry=passing + deciding), "jwks_fetches_per_1000", "fault").value == 20
    asking = [
        (at, name, state | {"settings": {"decides": True, "introspects": "every"}})
        for at, name, state in gateway(1, 100)
    ]
    assert math.isnan(sli.measure(make_record(telemetry=asking), "jwks_fetches_per_1000", "fault").value)


def test_fetches_per_1000_requests_need_requests(make_record: Make) -> None:
    assert sli.measure(make_record(telemetry=gateway(1, 0)), "jwks_fetches_per_1000", "fault").high == math.inf
    assert sli.measure(make_record(), "jwks_fetches_per_1000", "fault").samples == 0


def test_a_herd_of_token_requests_has_a_peak(make_record: Make, traffic: Traffic) -> None:
    """90 requests spread over 9 s, and 110 within one: 110 and some in a second, where 20 are the mean."""
    spread = traffic(110, 119, rate=10, flow="refresh", endpoint="token")
    herd = traffic(119, 120, rate=110, flow="refresh", endpoint="token")
    record = make_record(spread + herd)
    assert sli.measure(record, "token_request_peak", "fault").value == pytest.approx(110 / 20)
    assert sli.measure(make_record(spread[:1] * 0), "token_request_peak", "fault").samples == 0
    even = make_record(traffic(110, 120, flow="refresh", endpoint="token"))
    assert sli.measure(even, "token_request_peak", "fault").value == pytest.approx(1)


def test_attempts_per_refresh(make_record: Make, traffic: Traffic) -> None:
    """50 refreshes came due, half of them were tried three more times: 2.5 attempts each."""
    begun = traffic(110, 120, rate=5, flow="refresh", endpoint="token")
    again = [row | {"retry": attempt} for row in begun[::2] for attempt in (1, 2, 3)]
    measured = sli.measure(make_record(begun + again), "refresh_attempts", "fault")
    assert (measured.value, measured.samples) == (2.5, 50)
    assert sli.measure(make_record(again), "refresh_attempts", "fault").samples == 0


def test_recovery_of_logins_is_that_of_requests_to_the_idp(make_record: Make, traffic: Traffic) -> None:
    """Healed at 120; API calls were good all along, logins failed until 121.5."""
    logins = traffic(120, 130, flow="login", endpoint="token", replica="")
    logins[:30] = [row | TIMED_OUT for row in logins[:30]]
    events = [
        {"at": 110.0, "event": "fault_applied", "fault": "f"},
        {"at": 120.0, "event": "fault_healed", "fault": "f"},
    ]
    record = make_record(traffic(120, 130) + logins, events=events)
    assert sli.measure(record, "recovery_time", "recovery").value == 0
    measured = sli.measure(record, "recovery_time{flow=login}", "recovery")
    assert measured.value == pytest.approx(1.45, abs=0.01)
    assert measured.note == "longest at the IdP"


# --- everything


@given(st.randoms(use_true_random=False))
@settings(max_examples=5, deadline=None)
def test_the_order_of_samples_is_irrelevant(
    make_record: Make, traffic: Traffic, make_plan: Callable[..., Plan], shuffle: random.Random
) -> None:
    rng = np.random.default_rng(4)
    rows = [row | (DENIED if rng.random() < 0.1 else {}) for row in traffic(100, 130, latency_s=lambda _: rng.random())]
    events = [
        {"at": 110.0, "event": "fault_applied", "fault": "f"},
        {"at": 120.0, "event": "fault_healed", "fault": "f"},
    ]
    mixed = list(rows)
    shuffle.shuffle(mixed)
    for name in ("success_rate", "latency_p95", "refusal_window", "recovery_time"):
        for phase in ("fault", "recovery"):
            first = sli.measure(make_record(rows, events=events), name, phase)
            second = sli.measure(make_record(mixed, events=events), name, phase)
            assert str(first) == str(second)
