"""One document of several runs: nothing of any of them is lost in it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as Xml

from idchaos.report import together

EXAMPLE = (Path(__file__).parents[3] / "reports" / "example" / "junit.xml").read_text(encoding="utf-8")


def total(document: str, name: str) -> int:
    return int(Xml.fromstring(document).get(name, "-1"))


def test_suites_stand_beside_each_other_and_totals_add_up() -> None:
    both = together.junit([EXAMPLE, EXAMPLE])
    assert len(Xml.fromstring(both).findall("testsuite")) == 2
    for name in ("tests", "failures", "errors"):
        assert total(both, name) == 2 * total(EXAMPLE, name)
    assert total(both, "tests") == len(list(Xml.fromstring(both).iter("testcase")))


def test_a_run_without_a_verdict_is_an_error() -> None:
    document = together.junit([EXAMPLE], error="idp: did\nnot start")
    assert total(document, "errors") == total(EXAMPLE, "errors") + 1
    assert "idp: did not start" in document
    assert total(together.junit([], error="nothing"), "tests") == 1


def test_summaries_follow_each_other() -> None:
    assert together.summary(["### one\n", "### two\n"]) == "### one\n\n### two\n"
    assert "idp: did not start" in together.summary(["### one\n"], error="idp: did not start")
