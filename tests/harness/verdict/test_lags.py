"""Lags on samples written by hand: windows of refusals, recovery, revocation, withdrawn keys, clock
errors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from idchaos.record.record import RunRecord
from idchaos.verdict import sli

Make = Callable[..., RunRecord]
Traffic = Callable[..., list[dict[str, Any]]]
DENIED = {"decision": "deny", "status": 401, "error_code": "kid_unknown", "outcome": "wrongly_denied"}
DOWN = {"decision": "undecided", "status": 503, "error_code": "jwks_unavailable", "outcome": "unavailable"}
SIGNING = {"at": 112.0, "event": "key_signing", "kid": "new"}
FAULT = [{"at": 110.0, "event": "fault_applied", "fault": "f"}, {"at": 120.0, "event": "fault_healed", "fault": "f"}]


# --- refusals after a rotation


def rotated(traffic: Traffic, known_at: dict[str, float]) -> list[dict[str, Any]]:
    """The new key signs from 112 s on; each gateway refuses it until it knows it."""
    rows = traffic(110, 120, kid=lambda n: "new" if n >= 40 else "old")
    return [row | (DENIED if row["kid"] == "new" and row["due_at"] < known_at[row["replica"]] else {}) for row in rows]


def test_the_refusal_window_is_the_longest_over_replicas(make_record: Make, traffic: Traffic) -> None:
    rows = rotated(traffic, {"gateway-1": 112.5, "gateway-2": 114.0})
    measured = sli.measure(make_record(rows, events=[SIGNING]), "refusal_window", "fault")
    assert measured.low == measured.value == pytest.approx(1.95, abs=0.002)
    assert measured.high == pytest.approx(2.05, abs=0.002)
    assert measured.note == "longest at gateway-2"


def test_refusals_that_go_on_to_the_end_have_no_upper_bound(make_record: Make, traffic: Traffic) -> None:
    rows = rotated(traffic, {"gateway-1": 112.5, "gateway-2": 999.0})
    measured = sli.measure(make_record(rows, events=[SIGNING]), "refusal_window", "fault")
    assert measured.low == pytest.approx(7.95, abs=0.002)
    assert math.isinf(measured.high)
    assert measured.note == "gateway-2 did not let good tokens in at the end"


def test_a_replica_that_can_not_decide_keeps_the_window_open(make_record: Make, traffic: Traffic) -> None:
    """It knew the new key for a moment; 503 for the rest of the phase serves nobody either."""
    rows = [row | (DOWN if row["due_at"] > 113 else {}) for row in rotated(traffic, {"gateway-1": 0, "gateway-2": 0})]
    measured = sli.measure(make_record(rows, events=[SIGNING]), "refusal_window", "fault")
    assert measured.low == pytest.approx(7.95, abs=0.06)
    assert math.isinf(measured.high)


def test_what_the_load_generator_dropped_is_no_refusal(make_record: Make, traffic: Traffic) -> None:
    rows = rotated(traffic, {"gateway-1": 0, "gateway-2": 0})
    rows[-1] |= DOWN | {"error_code": "dropped", "status": 0, "sent_at": math.nan}
    assert sli.measure(make_record(rows, events=[SIGNING]), "refusal_window", "fault").value == 0.0


def test_no_refusals_are_a_window_of_nothing(make_record: Make, traffic: Traffic) -> None:
    rows = rotated(traffic, {"gateway-1": 0.0, "gateway-2": 0.0})
    measured = sli.measure(make_record(rows, events=[SIGNING]), "refusal_window", "fault")
    assert (measured.value, measured.low) == (0.0, 0.0)
    assert measured.high <= 0.1


def test_a_replica_that_met_no_new_token_proves_nothing(make_record: Make, traffic: Traffic) -> None:
    rows = traffic(110, 120, kid=lambda n: "new" if n >= 40 and n % 2 == 0 else "old")
    measured = sli.measure(make_record(rows, events=[SIGNING]), "refusal_window", "fault")
    assert math.isnan(measured.value)
    assert measured.note == "gateway-2 accepted nothing that would show it"


# --- recovery


def test_recovery_ends_with_the_last_bad_sample_before_a_good_stretch(make_record: Make, traffic: Traffic) -> None:
    rows = [row | (DOWN if row["due_at"] < 123.0 else {}) for row in traffic(110, 130)]
    measured = sli.measure(make_record(rows, events=FAULT), "recovery_time", "recovery")
    assert measured.value == pytest.approx(2.95, abs=0.06)
    assert measured.low <= measured.value < measured.high
    assert measured.high - measured.low == pytest.approx(0.1, abs=0.001)


def test_relapses_count_until_it_lasts(make_record: Make, traffic: Traffic) -> None:
    """Bad until 121, good for one second, bad once more at 122: recovered after 2 s, not after 1."""
    rows = [
        row | (DOWN if row["due_at"] < 121.0 or 122.0 <= row["due_at"] < 122.2 else {}) for row in traffic(110, 130)
    ]
    assert sli.measure(make_record(rows, events=FAULT), "recovery_time", "recovery").value > 2.0


def test_no_recovery_is_unbounded(make_record: Make, traffic: Traffic) -> None:
    rows = traffic(110, 130) + [{**row, **DOWN} for row in traffic(119.9, 130, rate=2)]
    measured = sli.measure(make_record(rows, events=FAULT), "recovery_time", "recovery")
    assert math.isinf(measured.value)
    assert measured.low > 8
    assert "did not recover" in measured.note


def test_a_system_that_never_failed_recovers_at_once(make_record: Make, traffic: Traffic) -> None:
    measured = sli.measure(make_record(traffic(110, 130), events=FAULT), "recovery_time", "recovery")
    assert measured.value == 0.0
    assert measured.high <= 0.1


# --- time without service


def test_the_time_without_service_lies_between_its_bad_samples_and_the_good_ones_around_them(
    make_record: Make, traffic: Traffic
) -> None:
    """gateway-2 was gone from 113 to 115 s, and once more from 117 to 118 s."""

    def gone(row: dict[str, Any]) -> bool:
        return row["replica"] == "gateway-2" and (113 <= row["due_at"] < 115 or 117 <= row["due_at"] < 118)

    record = make_record([row | (DOWN if gone(row) else {}) for row in traffic(110, 120)])
    measured = sli.measure(record, "unserved_time", "fault")
    assert (measured.low, measured.high) == (pytest.approx(1.9), pytest.approx(2.1))
    assert measured.note == "longest at gateway-2"
    assert sli.measure(record, "unserved_time{replica=gateway-1}", "fault").value == pytest.approx(0.1)


def test_a_replica_that_never_came_back_has_no_upper_bound(make_record: Make, traffic: Traffic) -> None:
    rows = [row | (DOWN if row["due_at"] >= 113 else {}) for row in traffic(110, 120)]
    measured = sli.measure(make_record(rows), "unserved_time", "fault")
    assert measured.low == pytest.approx(6.9)
    assert math.isinf(measured.high)


# --- revocation


def probe(
    name: str,
    revoked_at: float = 112.0,
    *,
    refused_after: float,
    polls: int = 60,
    code: str = "token_revoked",
    **fields: Any,
) -> list[dict[str, Any]]:
    """A revocation answered at ``revoked_at``, and a poll every 0.1 s at gateway-1."""
    flow = {"flow": "revocation", "session": name, "format": "jwt"} | fields
    rows = [flow | {"due_at": revoked_at - 0.01, "endpoint": "revoke", "service_time_s": 0.01, "replica": ""}]
    for number in range(polls):
        lag = 0.1 * (number + 1)
        answer = {"decision": "deny", "status": 401, "error_code": code} if lag > refused_after else {}
        where = {"endpoint": "/orders", "replica": "gateway-1", "expected": "either"}
        rows.append(flow | where | {"due_at": revoked_at + lag} | answer)
    return rows


def test_the_lag_runs_from_the_answer_to_the_first_lasting_refusal(make_record: Make) -> None:
    table = sli.revocation_table(make_record(probe("p1", refused_after=2.0)))
    (row,) = table.to_dict("records")
    assert row["probe"], row["replica"] == ("p1", "gateway-1")
    assert row["last_accept_s"] == pytest.approx(2.0)
    assert row["first_denial_s"] == row["lag_s"] == pytest.approx(2.1)
    assert not row["censored"]


def test_one_refusal_among_accepts_is_one_cache_of_several(make_record: Make) -> None:
    rows = probe("p1", refused_after=2.0)
    rows[5] |= {"decision": "deny", "status": 401, "error_code": "token_revoked"}
    (row,) = sli.revocation_table(make_record(rows)).to_dict("records")
    assert row["lag_s"] == pytest.approx(2.1)


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        (probe("p", refused_after=99.0), "never refused"),
        (probe("p", refused_after=2.0, polls=22), "only 2 refusals seen"),
        (probe("p", refused_after=2.0, code="token_expired"), "refused as token_expired"),
        (probe("p", refused_after=2.0, code="token_inactive", token_exp=113.0), "refused after the token had expired"),
    ],
)
def test_what_does_not_show_the_revocation_is_censored(
    make_record: Make, rows: list[dict[str, Any]], note: str
) -> None:
    (row,) = sli.revocation_table(make_record(rows)).to_dict("records")
    assert row["censored"]
    assert row["note"] == note
    assert row["lag_s"] == row["last_accept_s"]
    assert math.isnan(row["first_denial_s"])


def test_a_token_that_rested_is_accepted_once_more(make_record: Make) -> None:
    """It says nothing of the lag, whose end nobody looked for."""
    refused, accepted = (probe(f"rested-jwt-{number}", refused_after=number / 10, polls=4) for number in (0, 1))
    record = make_record(refused + accepted)
    measured = sli.measure(record, "revoked_accepted_after_rest", "fault")
    assert (measured.value, measured.samples) == (1.0, 2)
    assert measured.note == "first: 0.1 s after its revocation, by gateway-1"
    assert sli.revocation_table(record).empty
    assert sli.measure(make_record(probe("p", refused_after=1.0)), "revoked_accepted_after_rest", "fault").samples == 0


def test_a_rested_token_that_has_expired_shows_nothing(make_record: Make) -> None:
    rows = probe("rested-jwt-1", refused_after=0.0, polls=4, code="token_expired")
    measured = sli.measure(make_record(rows), "revoked_accepted_after_rest", "fault")
    assert measured.samples == 0
    assert math.isnan(measured.value)


def test_a_probe_whose_revocation_was_not_answered_is_none(make_record: Make) -> None:
    rows = probe("p", refused_after=2.0)
    rows[0] |= {"decision": "undecided", "status": 0, "error_code": "read_timeout"}
    assert sli.revocation_table(make_record(rows)).empty


def test_lag_quantiles_and_maximum(make_record: Make) -> None:
    """70 probes refuse after 1 s or 2 s; one more, opaque, never does within 6 s."""
    rows = []
    for number in range(70):
        rows += probe(f"p{number}", 110.0 + number / 8, refused_after=1.0 + number % 2, polls=25)
    quick = make_record(rows)
    p95 = sli.measure(quick, "revocation_lag_p95", "fault")
    assert p95.value == p95.high == pytest.approx(2.1)
    assert p95.samples == 70
    most = sli.measure(quick, "revocation_lag_max", "fault")
    assert (most.low, most.high) == (pytest.approx(2.0), pytest.approx(2.1))

    stuck = make_record(rows + probe("x", 115.0, refused_after=99.0, format="opaque"))
    most = sli.measure(stuck, "revocation_lag_max", "fault")
    assert most.low == pytest.approx(6.0)
    assert math.isinf(most.high)
    assert sli.measure(stuck, "revocation_lag_max{format=jwt}", "fault").high == pytest.approx(2.1)


# --- withdrawn keys


def withdrawn(traffic: Traffic, refused_from: dict[str, float]) -> list[dict[str, Any]]:
    """Requests with the withdrawn key; each gateway refuses it from a moment on."""
    no = {"decision": "deny", "status": 401, "error_code": "kid_unknown"}
    rows = traffic(110, 120, kid="bad", expected="either")
    return [row | (no if row["due_at"] >= refused_from[row["replica"]] else {}) for row in rows]


WITHDRAWN = {"at": 112.0, "event": "key_withdrawn", "kid": "bad"}


def test_a_withdrawn_key_is_accepted_until_the_last_replica_knows(make_record: Make, traffic: Traffic) -> None:
    rows = withdrawn(traffic, {"gateway-1": 112.0, "gateway-2": 115.0})
    measured = sli.measure(make_record(rows, events=[WITHDRAWN]), "retired_key_acceptance", "fault")
    assert measured.low == pytest.approx(2.95, abs=0.06)
    assert measured.high - measured.low == pytest.approx(0.1, abs=0.001)
    assert measured.note == "longest at gateway-2"


def test_a_withdrawn_key_that_nobody_tried_is_no_pass(make_record: Make, traffic: Traffic) -> None:
    rows = [
        row for row in withdrawn(traffic, {"gateway-1": 112.0, "gateway-2": 112.0}) if row["replica"] == "gateway-1"
    ]
    rows += traffic(110, 120)
    measured = sli.measure(make_record(rows, events=[WITHDRAWN]), "retired_key_acceptance", "fault")
    assert math.isnan(measured.value)
    assert measured.note == "gateway-2 was never asked about it"


def test_expiry_does_not_close_the_window(make_record: Make, traffic: Traffic) -> None:
    rows = withdrawn(traffic, {"gateway-1": 113.0, "gateway-2": 113.0})
    rows = [
        row | ({"error_code": "token_expired"} if row["decision"] == "deny" else {})
        for row in rows
        if "decision" in row
    ]
    rows += [row for row in withdrawn(traffic, {"gateway-1": 999, "gateway-2": 999}) if row["due_at"] < 113.0]
    measured = sli.measure(make_record(rows, events=[WITHDRAWN]), "retired_key_acceptance", "fault")
    assert math.isinf(measured.high)


@pytest.mark.parametrize(
    "refusal",
    [
        {"canary": "tampered", "error_code": "signature_invalid"},
        {"canary": "wrong_audience", "error_code": "audience_mismatch"},
        {"error_code": "token_revoked"},
        {"error_code": "invalid_token", "token_exp": 115.0},
    ],
)
def test_a_refusal_for_another_reason_does_not_close_the_window(
    make_record: Make, traffic: Traffic, refusal: dict[str, Any]
) -> None:
    """Both gateways go on accepting the key; then each refuses a token of it that is bad in another way as well."""
    rows = traffic(110, 115, kid="bad", expected="either")
    no = {"kid": "bad", "decision": "deny", "status": 401, "expected": "either"} | refusal
    rows += traffic(116, 116.1, **no)
    measured = sli.measure(make_record(rows, events=[WITHDRAWN]), "retired_key_acceptance", "fault")
    assert measured.low == pytest.approx(2.95, abs=0.06)
    assert math.isinf(measured.high)


def test_a_canary_of_the_withdrawn_key_closes_the_window(make_record: Make, traffic: Traffic) -> None:
    """Tokens of sessions may have expired by then."""
    rows = traffic(110, 113, kid="bad", expected="either")
    no = {"kid": "bad", "decision": "deny", "status": 401, "expected": "deny", "error_code": "kid_unknown"}
    rows += traffic(116, 116.1, canary="retired_key", flow="canary", **no)
    measured = sli.measure(make_record(rows, events=[WITHDRAWN]), "retired_key_acceptance", "fault")
    assert measured.high == pytest.approx(4.05, abs=0.06)


# --- clocks


Leeways = Callable[[str, str], float]


def swept(
    traffic: Traffic, leeway: Leeways, sign: int = 1, component: str = "idp"
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The clock is off by 2, 4, 6, 8 s for two seconds each; tokens are obtained just before they are used.

    ``leeway`` of a replica and a service: the greatest clock error that this validator accepts.
    """
    events = [
        {"at": 110.0 + 2 * n, "event": "clock_skewed", "component": component, "offset_s": sign * 2.0 * (n + 1)}
        for n in range(4)
    ]
    rows = []
    for number, row in enumerate(traffic(110, 118, rate=40.0)):
        row |= {"service": "orders" if number % 4 < 2 else "accounts", "token_obtained_at": row["due_at"] - 0.01}
        offset = 2.0 * (int(row["due_at"] - 110.0) // 2 + 1)
        rows.append(row | (DENIED if offset > leeway(row["replica"], row["service"]) else {}))
    return rows, events


def brackets(record: RunRecord, side: str = "ahead") -> list[tuple[float, float]]:
    """The first validator to refuse, and the last."""
    found = [sli.measure(record, f"skew_threshold_{which}{{side={side}}}", "fault") for which in ("min", "max")]
    return [(measured.low, measured.high) for measured in found]


@pytest.mark.parametrize(("side", "sign"), [("ahead", 1), ("behind", -1)])
def test_the_threshold_is_bracketed_by_the_steps(make_record: Make, traffic: Traffic, side: str, sign: int) -> None:
    rows, events = swept(traffic, lambda *_: 5.0, sign)
    record = make_record(rows, events=events)
    assert brackets(record, side) == [(4.0, 6.0), (4.0, 6.0)]
    assert [step.share for step in sli.skew_steps(record)] == [0.0] * 8 + [1.0] * 8
    other = "behind" if side == "ahead" else "ahead"
    assert math.isnan(sli.measure(record, f"skew_threshold_min{{side={other}}}", "fault").value)


def test_a_threshold_beyond_the_sweep_has_no_upper_bound(make_record: Make, traffic: Traffic) -> None:
    rows, events = swept(traffic, lambda *_: 100.0)
    assert brackets(make_record(rows, events=events)) == [(8.0, math.inf)] * 2


def test_one_validator_that_never_checks_is_not_hidden_by_the_others(make_record: Make, traffic: Traffic) -> None:
    """Three of four requests are refused in time, and most of those at gateway-2 as well: ``accounts`` checks again."""
    rows, events = swept(traffic, lambda *where: 100.0 if where == ("gateway-2", "orders") else 5.0)
    assert brackets(make_record(rows, events=events)) == [(4.0, 6.0), (8.0, math.inf)]


def test_one_validator_without_leeway_is_not_hidden_by_the_others(make_record: Make, traffic: Traffic) -> None:
    rows, events = swept(traffic, lambda replica, _: 0.0 if replica == "gateway-2" else 5.0)
    assert brackets(make_record(rows, events=events)) == [(0.0, 2.0), (4.0, 6.0)]


@pytest.mark.parametrize("component", ["gateway-1", "accounts"])
def test_a_wrong_clock_is_judged_by_the_requests_that_pass_it(
    make_record: Make, traffic: Traffic, component: str
) -> None:
    """The other half of the traffic is never refused, and never met that clock."""
    rows, events = swept(traffic, lambda *where: 5.0 if component in where else 100.0, component=component)
    assert brackets(make_record(rows, events=events)) == [(4.0, 6.0), (4.0, 6.0)]


def test_steps_of_too_few_requests_leave_the_bracket_wider(make_record: Make, traffic: Traffic) -> None:
    rows, events = swept(traffic, lambda *_: 5.0)
    sparse = [row for n, row in enumerate(rows) if not 112 <= row["due_at"] < 114 or n % 40 < 4]
    assert brackets(make_record(sparse, events=events)) == [(2.0, 6.0), (2.0, 6.0)]


def test_a_step_counts_at_the_offset_that_was_observed(make_record: Make, traffic: Traffic) -> None:
    rows, events = swept(traffic, lambda *_: 5.0)
    seen = [event | {"observed_s": event["offset_s"] - 0.25} for event in events]
    assert brackets(make_record(rows, events=seen)) == [(3.75, 5.75)] * 2


def test_tokens_of_before_a_step_tell_nothing_of_it(make_record: Make, traffic: Traffic) -> None:
    rows, events = swept(traffic, lambda *_: 5.0)
    old = [row | {"token_obtained_at": 90.0} for row in rows]
    assert math.isnan(sli.measure(make_record(old, events=events), "skew_threshold_max{side=ahead}", "fault").value)
