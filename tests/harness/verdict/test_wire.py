"""What passed over the links to an IdP, and what the IdP says it was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from idchaos.record.record import RunRecord
from idchaos.verdict.wire import on_the_wire

Make = Callable[..., RunRecord]
WHAT = "links to idp and idp (jwks)"


def reading(requests: int, answered: int, *, failed: int = 0, probes: int = 0, **more: Any) -> dict[str, Any]:
    """What two links have passed, in equal parts but for the probes."""
    jwks = {"requests": requests, "statuses": {"200": answered}, "failed": {"reset": failed} if failed else {}}
    told = {"requests": probes, "statuses": {"200": probes}}
    quiet = {"requests": 1, "statuses": {"200": 1}}
    return {
        "idp": {
            "gateway-1-to-idp": {"endpoints": {"jwks": jwks}, "probes": {"jwks": told}} | more,
            "gateway-2-to-idp": {"endpoints": {"jwks": quiet}},
        }
    }


def counts(idp: int, before: list[dict[str, Any]], after: list[dict[str, Any]]) -> dict[str, Any]:
    """The IdP was asked for its keys so many times during the load, and 6 times before."""
    told = {
        side: {"idp": {"issuer": "http://idp", "requests": {"jwks": {"total": total}, "token": {"total": 0}}}}
        for side, total in (("before", 6), ("after", 6 + idp))
    }
    return {**told, "observed": {"before": before, "after": after}}


def quiet(requests: int, answered: int, **more: Any) -> list[dict[str, Any]]:
    """Nothing happened between the two readings of a side."""
    return [reading(requests, answered, **more)] * 2


@pytest.mark.parametrize(("seen", "gap"), [(19, 1), (20, 0), (21, 1)])
def test_where_nothing_is_on_its_way_the_counts_are_equal(make_record: Make, seen: int, gap: int) -> None:
    (row,) = on_the_wire(make_record([], counts=counts(seen, quiet(5, 5), quiet(25, 25))))
    assert (row.what, row.low, row.high, row.gap) == (WHAT, 20, 20, gap)


def test_probes_of_the_harness_pass_there_too(make_record: Make) -> None:
    (row,) = on_the_wire(make_record([], counts=counts(23, quiet(5, 5), quiet(25, 25, probes=3))))
    assert row.agrees


def test_what_was_on_its_way_while_the_counts_were_read_may_be_on_either_side(make_record: Make) -> None:
    before, after = [reading(5, 5), reading(7, 6)], [reading(25, 24), reading(26, 26)]
    rows = [on_the_wire(make_record([], counts=counts(seen, before, after)))[0] for seen in range(15, 24)]
    assert [row.agrees for row in rows] == [False, False, True, True, True, True, True, False, False]


def test_what_got_no_answer_may_or_may_not_have_been_counted(make_record: Make) -> None:
    rows = [
        on_the_wire(make_record([], counts=counts(seen, quiet(8, 5, failed=3), quiet(30, 22, failed=8))))[0]
        for seen in (16, 17, 22, 23)
    ]
    assert [row.agrees for row in rows] == [False, True, True, False]


@pytest.mark.parametrize("status", ["404", "405"])
def test_a_method_that_the_idp_does_not_know_there_may_not_be_counted(make_record: Make, status: str) -> None:
    after = quiet(25, 20)
    after[0]["idp"]["gateway-1-to-idp"]["endpoints"]["jwks"]["statuses"][status] = 5
    rows = [on_the_wire(make_record([], counts=counts(seen, quiet(5, 5), after)))[0] for seen in (14, 15, 20, 21)]
    assert [row.agrees for row in rows] == [False, True, True, False]


def test_an_observer_that_did_not_answer_is_a_reason_to_withhold_pass(make_record: Make) -> None:
    (row,) = on_the_wire(make_record([], counts=counts(20, quiet(5, 5), [{}, {}])))
    assert row.reason == (
        "counts do not reconcile: the wire: the observer of the links was not asked before and after the load"
    )


def test_what_could_not_be_read_on_the_wire_is_told_and_not_compared(make_record: Make) -> None:
    (row,) = on_the_wire(make_record([], counts=counts(99, quiet(5, 5), quiet(25, 25, unreadable=2))))
    assert (row.agrees, row.note) == (True, "2 connections could not be read on the wire")


def test_a_target_without_an_observer_has_nothing_to_compare(make_record: Make) -> None:
    told = counts(20, [], [])
    del told["observed"]
    assert on_the_wire(make_record([], counts=told)) == ()
