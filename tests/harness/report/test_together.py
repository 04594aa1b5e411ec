"""One document of several runs: nothing of any of them is lost in it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as Xml

from idchaos.report import together
from idchaos.report.together import Unjudged

STORED = Path(__file__).parents[3] / "reports" / "example"
EXAMPLE = (STORED / "junit.xml").read_text(encoding="utf-8")
SUMMARY = (STORED / "summary.md").read_text(encoding="utf-8")


def total(document: str, name: str) -> int:
    return int(Xml.fromstring(document).get(name, "-1"))


def test_suites_stand_beside_each_other_and_totals_add_up() -> None:
    both = together.junit([EXAMPLE, EXAMPLE])
    assert len(Xml.fromstring(both).findall("testsuite")) == 2
    for name in ("tests", "failures", "errors"):
        assert total(both, name) == 2 * total(EXAMPLE, name)
    assert total(both, "tests") == len(list(Xml.fromstring(both).iter("testcase")))


def test_a_run_without_a_verdict_is_an_error() -> None:
    document = together.junit([EXAMPLE], [Unjudged("idp: did\nnot\x1b start", "jwks_outage", "refused")])
    assert total(document, "errors") == total(EXAMPLE, "errors") + 1
    assert "jwks_outage (refused): idp: did not\ufffd start" in document
    assert total(together.junit([], [Unjudged("nothing")]), "tests") == 1


def test_each_of_several_runs_without_a_verdict_has_a_name_of_its_own() -> None:
    """What has another's class and name some readers take for the same test, and drop."""
    lost = [Unjudged("gone", "jwks_outage", "refused"), Unjudged("gone", "key_rotation", "overlap"), Unjudged("ended")]
    cases = Xml.fromstring(together.junit([EXAMPLE], lost)).iter("testcase")
    named = [(case.get("classname"), case.get("name")) for case in cases]
    assert len(set(named)) == len(named)


def test_summaries_follow_each_other() -> None:
    assert together.summary(["### one\n", "### two\n"]) == "### one\n\n### two\n"
    assert "idp: did not start" in together.summary(["### one\n"], [Unjudged("idp: did not start")])


def test_a_run_that_was_made_again_is_marked_and_stays_whole() -> None:
    marked = together.made_again(SUMMARY)
    headline, first = SUMMARY.splitlines()[0], SUMMARY.splitlines()[2]
    assert marked.splitlines()[0] == f"{headline}: does not count"
    assert "**This run was made again; what came then counts.**" in marked.splitlines()
    assert first in marked
    assert [line for line in SUMMARY.splitlines()[1:] if line not in marked.splitlines()] == []
