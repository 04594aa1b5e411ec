"""The edge between values that hold and values that break, by bisection."""

from __future__ import annotations

import pytest

from idchaos.experiment import Verdict
from idchaos.studies.study.edge import Edge, Search, Tried, edge_of, next_value, unfinished, unseen

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
OUTAGE = Search(low=2, high=34, resolution=2)


def tried(**verdicts: str) -> list[Tried]:
    """``v4="PF"``: the value 4 passed once and failed once; a question mark is INCONCLUSIVE."""
    words = {"P": PASS, "F": FAIL, "?": INCONCLUSIVE}
    return [
        Tried(value=float(name[1:]), verdicts=tuple(words[each] for each in said)) for name, said in verdicts.items()
    ]


def searched(search: Search, breaks_at: float) -> tuple[Edge, list[float]]:
    """The edge that a search finds in a system that breaks from a value on, and the values that it tried."""
    done: list[Tried] = []
    sign = 1 if search.rising else -1
    while (value := next_value(done, search)) is not None:
        verdict = FAIL if sign * value >= sign * breaks_at else PASS
        done.append(Tried(value=value, verdicts=(verdict,) * search.repeats))
    return edge_of(done, search), [each.value for each in done]


def test_both_ends_come_first_and_then_the_middle() -> None:
    assert next_value([], OUTAGE) == 2
    assert next_value(tried(v2="P"), OUTAGE) == 34
    assert next_value(tried(v2="P", v34="F"), OUTAGE) == pytest.approx(8.2, abs=0.1), "geometric: more than a decade"
    assert next_value(tried(v10="P", v34="F"), Search(low=10, high=34, resolution=2)) == 22


@pytest.mark.parametrize("breaks_at", [2.5, 7, 13.1, 33])
def test_the_edge_is_found_to_the_resolution(breaks_at: float) -> None:
    edge, values = searched(OUTAGE, breaks_at)
    assert edge.holds is not None
    assert edge.breaks is not None
    assert edge.holds < breaks_at <= edge.breaks
    assert edge.breaks - edge.holds <= OUTAGE.resolution
    assert len(values) <= OUTAGE.most_values() + 2


def test_a_setting_of_which_less_is_harder_is_searched_the_other_way() -> None:
    edge, _ = searched(Search(low=1, high=9, resolution=1, rising=False), breaks_at=4)
    assert edge.holds is not None
    assert edge.breaks is not None
    assert edge.breaks <= 4 < edge.holds <= 5


def test_whole_numbers_stay_whole() -> None:
    edge, values = searched(Search(low=1, high=100, resolution=1, whole=True), breaks_at=42)
    assert (edge.holds, edge.breaks) == (41, 42)
    assert all(value == int(value) for value in values)


def test_an_edge_beyond_the_ends_is_not_made_up() -> None:
    assert edge_of(tried(v2="P", v34="P"), OUTAGE) == Edge(holds=34, breaks=None)
    assert next_value(tried(v2="P", v34="P"), OUTAGE) is None
    assert edge_of(tried(v2="F"), OUTAGE) == Edge(holds=None, breaks=2)
    assert next_value(tried(v2="F", v34="F"), OUTAGE) is None


def test_one_failure_among_passes_breaks_a_value() -> None:
    assert tried(v8="PPF")[0].state(3) == "breaks"
    assert tried(v8="PP")[0].state(3) == "undecided"
    assert tried(v8="PPP")[0].state(3) == "holds"


def test_what_was_not_decided_widens_what_is_known() -> None:
    done = tried(v2="P", v34="F", v16="?", v20="F", v12="P")
    assert edge_of(done, OUTAGE) == Edge(holds=12, breaks=20, undecided=(16,))


@pytest.mark.parametrize(("breaks_at", "edge"), [(30, (29, 30)), (5, (4, 5))])
def test_the_search_goes_on_on_both_sides_of_what_is_undecided(breaks_at: float, edge: tuple[float, float]) -> None:
    search, done = Search(low=4, high=36, resolution=1), []
    while (value := next_value(done, search)) is not None:
        verdict = INCONCLUSIVE if value == 20 else FAIL if value >= breaks_at else PASS
        done.append(Tried(value=value, verdicts=(verdict,)))
    found = edge_of(done, search)
    assert (found.holds, found.breaks) == edge
    assert len(done) <= 2 * search.most_values()


def test_where_all_between_is_undecided_the_search_ends_and_the_gap_is_as_wide_as_it_is() -> None:
    search, done = Search(low=4, high=36, resolution=4), []
    while (value := next_value(done, search)) is not None:
        verdict = PASS if value == 4 else FAIL if value == 36 else INCONCLUSIVE
        done.append(Tried(value=value, verdicts=(verdict,)))
    found = edge_of(done, search)
    assert (found.holds, found.breaks) == (4, 36)
    assert found.undecided[0] == 8
    assert found.undecided[-1] == 32


def test_what_is_unfinished_and_would_tell_something_is_finished_first() -> None:
    twice = OUTAGE.model_copy(update={"repeats": 2})
    assert unfinished(tried(v2="P"), twice) == (2,), "one of two passes: it was interrupted between them"
    assert unfinished(tried(v2="?", v34="F"), twice) == (2,)
    assert unfinished(tried(v2="PP", v8="P", v16="?", v20="F", v26="P", v34="F"), twice) == (8, 16)
    assert unfinished(tried(v2="PP", v8="P", v16="PP", v34="F"), twice) == (), "a harder one holds"


def test_a_value_that_holds_above_one_that_breaks_is_told_and_proves_nothing() -> None:
    assert edge_of(tried(v2="P", v8="F", v16="P", v34="F"), OUTAGE) == Edge(holds=2, breaks=8, contradicting=(16,))


def test_how_rare_a_failure_may_be_that_was_not_seen() -> None:
    """0.95 of all series of 3 runs with a failure in 63.2 % of runs show one: 1 - 0.05^(1/3)."""
    assert unseen(1) == pytest.approx(0.95)
    assert unseen(3) == pytest.approx(0.6316, abs=1e-4)
