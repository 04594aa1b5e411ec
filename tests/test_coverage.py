"""docs/coverage.md says what is true: of the guide every row once, of idchaos only what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from idchaos.load.canaries.catalogue import invariants
from idchaos.run.scenarios import all_scenarios
from idchaos.targets.standin.defects import DEFECTS
from idchaos.topologies import TOPOLOGIES
from idchaos.verdict import sli
from idchaos.verdict.invariants import LOGS_INVARIANT
from idchaos.verdict.measures import DEFINITIONS

PAGE = Path(__file__).parents[1] / "docs" / "coverage.md"
GUIDE = {"F": 8, "M": 10, "P": 6, "B": 5, "E": 4, "X": 25}
"""How many rows the guide has of each kind."""
KNOWN = {
    "scenario": set(all_scenarios()),
    "SLI": set(sli.names()),
    "invariant": {*invariants(), LOGS_INVARIANT},
    "defect": set(DEFECTS),
    "topology": set(TOPOLOGIES),
}
ROW = re.compile(r"\| (?P<id>[A-Z]\d+) \| (?P<words>[^|]+) \| (?P<by>[^|]+) \|")
NAMED = re.compile(rf"\b({'|'.join(KNOWN)}) `([^`]+)`")
LINK = re.compile(r"\[[^\]]+\]\(([^)#]+)")


def rows() -> list[tuple[str, str, str]]:
    """(id, the guide's words, covered by) of every line that looks like a row."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if re.match(r"\| *[A-Z]\d", line)]
    found = [ROW.fullmatch(line) for line in lines]
    broken = [line for line, match in zip(lines, found, strict=True) if match is None]
    assert not broken, f"not of the form | id | words | covered by |: {broken}"
    return [(match["id"], match["words"].strip(), match["by"].strip()) for match in found if match]


ROWS = rows()
COVERED_BY = {row: by for row, _, by in ROWS}


def test_every_row_of_the_guide_is_there_once():
    assert [row for row, _, _ in ROWS] == [f"{kind}{n}" for kind, count in GUIDE.items() for n in range(1, count + 1)]


@pytest.mark.parametrize("row", COVERED_BY)
def test_what_a_row_names_exists(row: str):
    by = COVERED_BY[row]
    named = NAMED.findall(by)
    links = LINK.findall(by)
    unknown = [f"{kind} {name}" for kind, name in named if name not in KNOWN[kind]]
    assert not unknown, f"docs/coverage.md, row {row}: there is no {', no '.join(unknown)}"
    assert all((PAGE.parent / link).exists() for link in links), f"docs/coverage.md, row {row}: a link leads nowhere"
    assert named or links or by.startswith("not yet"), f"docs/coverage.md, row {row}: names nothing, so it is 'not yet'"


@pytest.mark.parametrize("name", all_scenarios())
def test_a_scenario_stands_in_every_row_that_it_claims(name: str):
    for row in all_scenarios()[name].covers:
        assert ("scenario", name) in NAMED.findall(COVERED_BY.get(row, "")), (
            f"docs/coverage.md, row {row}: add scenario `{name}`, whose covers has {row}"
        )


def test_measures_have_the_guide_s_names_and_their_own_slis():
    words = {row: text for row, text, _ in ROWS}
    for measure in DEFINITIONS:
        assert words[measure.id] == measure.name
        assert ("SLI", sli.parse(measure.sli).name) in NAMED.findall(COVERED_BY[measure.id])
