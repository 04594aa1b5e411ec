"""Kinds of canaries with ways that are flaws of their own: what was not offered, or never decided, is told."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from idchaos.experiment import CanaryPlan, Invariant, Verdict
from idchaos.record.record import RunRecord
from idchaos.verdict.evidence import evidence_of
from idchaos.verdict.verdict import judge_run
from idchaos.verdict.ways import undecided, unmet

CHECKED = Invariant(name="checked", canaries=("dead", "odd"))
KINDS = CanaryPlan(
    kinds=("dead", "odd"),
    once=("dead", "odd"),
    clock_margin_s=10.0,
    ways={"dead": ("expired", "revoked"), "odd": ("get",)},
)
NO_USERINFO = "the IdP's metadata name no endpoint for userinfo"


def tried(canary: str, way: str, decision: str = "deny") -> dict[str, Any]:
    return {
        "due_at": 112.0, "flow": "canary", "canary": canary, "way": way, "expected": "deny", "decision": decision,
        "endpoint": "userinfo", "replica": "",
    }  # fmt: skip


@pytest.fixture
def record(make_record: Callable[..., RunRecord], make_plan: Any) -> Callable[..., RunRecord]:
    def made(*rows: dict[str, Any], **not_offered: str) -> RunRecord:
        told = {what.replace("__", ":"): why for what, why in not_offered.items()}
        found = make_record(list(rows), plan=make_plan((), (CHECKED,), canaries=KINDS))
        return dataclasses.replace(found, generator={**found.generator, "not_offered": told})

    return made


def verdict_of(record: RunRecord) -> Verdict | None:
    return {each.name: each.verdict for each in judge_run(record).invariants}.get("checked")


ALL = (tried("dead", "expired"), tried("dead", "revoked"), tried("odd", "get"))


def test_each_way_refused_is_a_pass_with_nothing_to_add(record: Callable[..., RunRecord]) -> None:
    assert verdict_of(record(*ALL)) is Verdict.PASS
    assert undecided(record(*ALL), evidence_of(record(*ALL))) == ()


def test_one_way_accepted_is_a_fail(record: Callable[..., RunRecord]) -> None:
    assert verdict_of(record(*ALL, tried("dead", "revoked", "accept"))) is Verdict.FAIL


@pytest.mark.parametrize("rows", [ALL[1:2] + ALL[2:], (*ALL[1:], tried("dead", "expired", "undecided"))])
def test_a_way_that_nobody_decided_is_named_beside_the_pass(record: Callable[..., RunRecord], rows: Any) -> None:
    """A fault at the IdP is neither a refusal nor a breach."""
    found = judge_run(record(*rows))
    assert {"name": "checked", "why": "nobody said yes or no to dead by the way expired"} in found.document()[
        "left_out"
    ]


@pytest.mark.parametrize("way", ["prefix+expired", "post_jwt+expired", "prefix+expired+wrong_request"])
def test_what_a_way_has_besides_is_a_way_too(record: Callable[..., RunRecord], way: str) -> None:
    rows = (*ALL[1:], tried("dead", way))
    assert undecided(record(*rows), evidence_of(record(*rows))) == ()


def test_a_kind_that_nobody_decided_keeps_it_from_a_pass(record: Callable[..., RunRecord]) -> None:
    assert verdict_of(record(*ALL[:2])) is Verdict.INCONCLUSIVE


def test_what_the_idp_does_not_offer_is_not_tried_and_told(record: Callable[..., RunRecord]) -> None:
    found = record(*ALL[:2], odd__get=NO_USERINFO)
    assert verdict_of(found) is Verdict.PASS
    assert judge_run(found).document()["not_observed"] == [{"name": "checked (odd)", "why": NO_USERINFO}]


def test_one_way_that_is_not_offered_leaves_the_others(record: Callable[..., RunRecord]) -> None:
    found = record(ALL[1], ALL[2], dead__expired=NO_USERINFO)
    assert verdict_of(found) is Verdict.PASS
    told = judge_run(found).document()
    assert told["not_observed"] == [{"name": "checked (dead:expired)", "why": NO_USERINFO}]
    assert told["left_out"] == []


def test_an_invariant_of_which_nothing_is_offered_is_not_judged(record: Callable[..., RunRecord]) -> None:
    gone = dict.fromkeys(("dead__expired", "dead__revoked", "odd__get"), NO_USERINFO)
    found = record(**gone)
    assert verdict_of(found) is None
    assert judge_run(found).document()["not_observed"] == [{"name": "checked", "why": NO_USERINFO}]


def test_a_breach_is_one_whatever_was_offered(record: Callable[..., RunRecord]) -> None:
    assert verdict_of(record(*ALL[:2], tried("odd", "get", "accept"), odd__get=NO_USERINFO)) is Verdict.FAIL


def test_whom_kinds_did_not_come_to_is_told(make_record: Callable[..., RunRecord], make_plan: Any) -> None:
    plan = CanaryPlan(kinds=("dead",), once=("dead",), everywhere=("dead",), clock_margin_s=10.0)
    bad = tried("dead", "expired") | {"endpoint": "/orders", "service": "orders", "replica": "gateway-1"}
    good = {"due_at": 105.0, "endpoint": "/orders", "service": "orders", "replica": "gateway-1"}
    dead = Invariant(name="checked", canaries=("dead",))
    found = make_record([bad, good, good | {"way": "post"}], plan=make_plan((), (dead,), canaries=plan))
    assert [each.why for each in unmet(found, evidence_of(found))] == [
        "nobody said yes or no to dead by POST at orders"
    ]
    clients = {"clients_tried": {"dead": {"web": 3, "spa": 0}}}
    of_clients = dataclasses.replace(found, generator={**found.generator, **clients})
    (told,) = unmet(of_clients, evidence_of(of_clients))
    assert told.why == "nobody said yes or no to dead of the client spa"
