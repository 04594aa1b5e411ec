"""The invariants about what an IdP's everyday answers give away."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from idchaos.experiment import Verdict
from idchaos.load.engine.once import RULE as SERVED_ONCE
from idchaos.load.engine.reached import RULE as NO_FURTHER
from idchaos.load.idp.unasked import Rule
from idchaos.record.record import Run
from idchaos.verdict.invariants import UNASKED
from idchaos.verdict.unasked import judge_unasked, unlooked


def ran(**unasked: Any) -> Run:
    return cast(Run, SimpleNamespace(generator={"unasked": unasked}))


def test_each_rule_is_an_invariant_of_its_name() -> None:
    assert {*map(str, Rule), NO_FURTHER, SERVED_ONCE} == set(UNASKED)


def test_one_that_was_broken_fails_and_says_how() -> None:
    told = {"looked": 40, "broken": 2, "first": "Cache-Control: none"}
    ((name, found),) = judge_unasked(ran(token_answers_not_stored=told))
    assert (name, found.attempts, found.breaches) == ("token_answers_not_stored", 40, 2)
    assert found.judgement.verdict is Verdict.FAIL
    assert found.judgement.reason == "token_answers_not_stored: 2 of 40: Cache-Control: none"


@pytest.mark.parametrize(("looked", "broken"), [(40, 50_000), (0, 5), (40, 40)])
def test_more_that_were_broken_than_were_looked_at_are_a_breach_all_the_same(looked: int, broken: int) -> None:
    ((_, found),) = judge_unasked(ran(token_answers_not_stored={"looked": looked, "broken": broken, "first": "x"}))
    assert (found.judgement.verdict, found.breaches) == (Verdict.FAIL, broken)


@pytest.mark.parametrize("told", [{"looked": 40}, {"looked": 40, "broken": "5"}, {"looked": 40, "broken": -5}])
def test_what_does_not_say_how_many_were_broken_is_no_pass(told: dict[str, Any]) -> None:
    ((_, found),) = judge_unasked(ran(token_answers_not_stored=told))
    assert found.judgement.verdict is Verdict.INCONCLUSIVE


def test_few_fresh_tokens_that_an_idp_refuses_are_a_clock_that_was_set_and_many_are_not() -> None:
    for broken, verdict in ((0, Verdict.PASS), (2, Verdict.PASS), (10, Verdict.FAIL)):
        told = {"looked": 60, "broken": broken, "first": "userinfo refuses a token that was just issued"}
        ((_, found),) = judge_unasked(ran(fresh_tokens_are_known=told))
        assert (found.judgement.verdict, found.breaches) == (verdict, broken if verdict is Verdict.FAIL else 0)


def test_one_that_held_passes_and_what_was_never_looked_at_is_not_judged() -> None:
    held = {"looked": 40, "broken": 0, "first": ""}
    judged = list(judge_unasked(ran(no_private_keys_published=held, tokens_unguessable=held | {"looked": 0})))
    assert [(name, found.judgement.verdict) for name, found in judged] == [("no_private_keys_published", Verdict.PASS)]
    assert list(judge_unasked(cast(Run, SimpleNamespace(generator={})))) == [], "a run of before"


def test_what_was_never_looked_at_is_named() -> None:
    held = {"looked": 40, "broken": 0, "first": ""}
    run = ran(no_private_keys_published=held, tokens_unguessable=held | {"looked": 0})
    assert set(unlooked(run)) == UNASKED.keys() - {"no_private_keys_published"}
    assert unlooked(cast(Run, SimpleNamespace(generator={}))) == (), "a run of before tells of none"
