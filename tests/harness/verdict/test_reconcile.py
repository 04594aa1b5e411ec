"""Counts that agree, counts that don't, and gaps that have an explanation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from idchaos.record.record import RunRecord
from idchaos.verdict.reconcile import Row, reconcile

Make = Callable[..., RunRecord]
Traffic = Callable[..., list[dict[str, Any]]]
Counts = dict[str, dict[str, Any]]


def counts(gateway: int = 100, orders: int = 200, token: int = 10, **more: Any) -> Counts:
    """What was counted during the load by each gateway, by the service behind both, and by the IdP."""
    before: dict[str, Any] = {
        name: {"requests": {"total": 7, "upstream": {"orders": 7}, "by_reason": {}}}
        for name in ("gateway-1", "gateway-2")
    }
    before |= {
        "orders": {"requests": {"total": 14}},
        "idp": {"issuer": "http://idp", "requests": {"token": {"total": 3}}},
    }
    after: dict[str, Any] = {
        name: {"requests": {"total": 7 + gateway, "upstream": {"orders": 7 + gateway}, "by_reason": more}}
        for name in ("gateway-1", "gateway-2")
    }
    after |= {
        "orders": {"requests": {"total": 14 + orders}},
        "idp": {"issuer": "http://idp", "requests": {"token": {"total": 3 + token}}},
    }
    return {"before": before, "after": after}


@pytest.fixture
def rows(traffic: Traffic) -> list[dict[str, Any]]:
    """100 requests at each gateway, 10 at the token endpoint."""
    tokens = [{"due_at": 110.0 + n, "flow": "machine", "endpoint": "token"} for n in range(10)]
    return [*traffic(110, 120), *tokens]


def reasons(record: RunRecord) -> list[str]:
    return [row.reason for row in reconcile(record) if row.reason]


def test_counts_that_agree(make_record: Make, rows: list[dict[str, Any]]) -> None:
    found = {row.what: row for row in reconcile(make_record(rows, counts=counts()))}
    assert not [row.reason for row in found.values() if row.reason]
    assert found["clients and gateway-1"] == Row("clients and gateway-1", 100, 100, 100, (("api", 100),))
    assert found["gateways and orders"].seen == 200
    assert found["clients and idp (token)"].by_flow == (("machine", 10),)


def test_a_proof_without_an_answer_may_or_may_not_have_arrived(make_record: Make, rows: list[dict[str, Any]]) -> None:
    for seen in (10, 11, 12):
        told = counts(token=seen) | {"own_unsure": {"idp/token": 2}}
        assert not reasons(make_record(rows, counts=told))
    assert reasons(make_record(rows, counts=counts(token=13) | {"own_unsure": {"idp/token": 2}}))


def test_a_request_that_nobody_saw_is_a_gap(make_record: Make, rows: list[dict[str, Any]]) -> None:
    assert reasons(make_record(rows, counts=counts(gateway=99, orders=198))) == [
        "counts do not reconcile: clients and gateway-1: 99 seen, 100 expected",
        "counts do not reconcile: clients and gateway-2: 99 seen, 100 expected",
    ]


def test_traffic_around_the_gateways_is_a_gap(make_record: Make, rows: list[dict[str, Any]]) -> None:
    assert reasons(make_record(rows, counts=counts(orders=203))) == [
        "counts do not reconcile: gateways and orders: 203 seen, 200 expected"
    ]


def test_what_got_no_answer_may_or_may_not_have_arrived(make_record: Make, rows: list[dict[str, Any]]) -> None:
    lost = {"decision": "undecided", "status": 0, "error_code": "read_timeout"}
    some = [row | (lost if n < 10 else {}) for n, row in enumerate(rows)]
    for seen in (95, 97, 100):
        assert not reasons(make_record(some, counts=counts(gateway=seen, orders=2 * seen)))
    assert reasons(make_record(some, counts=counts(gateway=94, orders=188)))


def test_what_was_never_sent_or_refused_did_not_arrive(make_record: Make, rows: list[dict[str, Any]]) -> None:
    refused = {"decision": "undecided", "status": 0, "error_code": "connect_refused"}
    some = [row | (refused if n < 10 else {}) for n, row in enumerate(rows)]
    assert not reasons(make_record(some, counts=counts(gateway=95, orders=190)))
    assert reasons(make_record(some, counts=counts(gateway=96, orders=192)))


def test_retries_and_the_generators_own_requests_are_accounted_for(
    make_record: Make, rows: list[dict[str, Any]]
) -> None:
    rows[0] |= {"retry": 1}
    told = counts(token=12)
    told["after"]["gateway-1"]["requests"]["total"] += 1
    assert reasons(make_record(rows, counts=told)) == [
        "counts do not reconcile: clients and idp (token): 12 seen, 10 expected"
    ]
    assert not reasons(make_record(rows, counts=told, generator={"unsampled": {"token": 2}}))


def test_a_sessions_further_attempts_at_the_idp_are_samples_not_slack(
    make_record: Make, rows: list[dict[str, Any]]
) -> None:
    for number, row in enumerate(row for row in rows if row["endpoint"] == "token"):
        row["retry"] = number
    told = counts(token=12)
    assert reasons(make_record(rows, counts=told, generator={"unsampled": {}, "resent": {}})) == [
        "counts do not reconcile: clients and idp (token): 12 seen, 10 expected"
    ]
    assert not reasons(make_record(rows, counts=told, generator={"unsampled": {}, "resent": {"token": 2}}))


def test_a_generator_that_ended_without_a_summary_leaves_the_idp_uncompared(
    make_record: Make, rows: list[dict[str, Any]]
) -> None:
    told = counts(token=12)
    assert not reasons(make_record(rows, counts=told, status="aborted"))
    assert reasons(make_record(rows, counts=told, status="completed"))


KILLED = {
    "at": 111.0,
    "event": "fault_applied",
    "fault": "kill gateway-1",
    "detail": {"kind": "process", "component": "gateway-1", "how": "kill"},
}


def test_a_restart_that_a_fault_caused_explains_lost_counts(make_record: Make, rows: list[dict[str, Any]]) -> None:
    told = counts()
    told["after"]["gateway-1"]["requests"]["total"] = 2
    record = make_record(rows, counts=told, events=[KILLED])
    assert not reasons(record)
    notes = [row.note for row in reconcile(record) if row.note]
    assert notes == ["gateway-1 was restarted and lost its counts"] * 2


@pytest.mark.parametrize(
    "change", [{"component": "gateway-2"}, {"how": "pause"}, {"kind": "clock"}], ids=["another", "pause", "clock"]
)
def test_a_restart_that_nobody_caused_is_a_gap(
    make_record: Make, rows: list[dict[str, Any]], change: dict[str, str]
) -> None:
    told = counts()
    told["after"]["gateway-1"]["requests"]["total"] = 2
    fault = KILLED | {"detail": {**KILLED["detail"], **change}}
    assert reasons(make_record(rows, counts=told, events=[fault])) == [
        "counts do not reconcile: clients and gateway-1: gateway-1 was restarted and lost its counts",
        "counts do not reconcile: gateways and orders: gateway-1 was restarted and lost its counts",
    ]


def test_a_restart_shows_in_telemetry_even_when_the_totals_do_not(
    make_record: Make, rows: list[dict[str, Any]]
) -> None:
    told = counts()
    told["after"]["gateway-1"]["requests"]["total"] = 50
    assert reasons(make_record(rows, counts=told, events=[KILLED]))
    seen = [(110.0 + n, "gateway-1", {"requests": {"total": total}}) for n, total in enumerate((20, 60, 3, 40))]
    assert not reasons(make_record(rows, counts=told, events=[KILLED], telemetry=seen))


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("name", ["gateway-1", "orders", "idp"])
def test_a_component_that_did_not_answer_leaves_its_counts_open(
    make_record: Make, rows: list[dict[str, Any]], side: str, name: str
) -> None:
    told = counts()
    told[side][name] = {"error": "no answer"}
    record = make_record(rows, counts=told)
    assert {row.note for row in reconcile(record) if row.note} == {f"{name} was not asked before and after the load"}
    assert f"{name} was not asked before and after the load" in reasons(record)[0]


def test_a_component_that_never_answered_is_named(make_record: Make, rows: list[dict[str, Any]]) -> None:
    told = counts()
    told["before"]["accounts"] = told["after"]["accounts"] = {"error": "no answer"}
    assert reasons(make_record(rows, counts=told)) == [
        "counts do not reconcile: accounts: accounts was not asked before and after the load"
    ]


def test_a_component_that_counted_while_the_run_went_on_and_is_in_no_counts_is_named(
    make_record: Make, rows: list[dict[str, Any]]
) -> None:
    seen = [(110.0, "accounts", {"requests": {"total": 3}}), (110.0, "links", {"connections": 3})]
    assert reasons(make_record(rows, counts=counts(), telemetry=seen)) == [
        "counts do not reconcile: accounts: accounts was not asked before and after the load"
    ]


def test_a_component_that_counts_nothing_has_nothing_to_compare(make_record: Make, rows: list[dict[str, Any]]) -> None:
    told = counts()
    told["before"]["cache"] = told["after"]["cache"] = {"version": "1"}
    assert not reasons(make_record(rows, counts=told))


def test_without_counts_there_is_nothing_to_compare(make_record: Make, rows: list[dict[str, Any]]) -> None:
    assert reconcile(make_record(rows)) == ()
    assert reconcile(make_record(rows, counts={"before": 3, "after": [1]})) == ()


def test_what_is_sent_to_a_service_directly_is_counted_there_and_at_no_gateway(
    make_record: Make, rows: list[dict[str, Any]]
) -> None:
    direct = [
        {"due_at": 111.0 + n, "flow": "canary", "canary": "wrong_audience", "expected": "deny", "decision": "deny",
         "endpoint": "around:/orders", "service": "orders", "replica": "orders"}
        for n in range(3)
    ]  # fmt: skip
    assert not reasons(make_record([*rows, *direct], counts=counts(orders=203)))
    (reason,) = reasons(make_record([*rows, *direct], counts=counts(orders=200)))
    assert reason == "counts do not reconcile: gateways and orders: 200 seen, 203 expected"
    lost = {"status": 0, "decision": "undecided", "error_code": "timeout"}
    for seen in (202, 203):
        assert not reasons(make_record([*rows, *direct[:2], direct[2] | lost], counts=counts(orders=seen)))
