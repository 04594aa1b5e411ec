"""Reports as files: golden JUnit and Markdown (``IDCHAOS_UPDATE_GOLDEN=1`` rewrites them), and the page's promises."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from idchaos.commands.terminal import show_verdict
from idchaos.errors import StoreError
from idchaos.experiment import Verdict
from idchaos.record.record import Event, Manifest, RunRecord, load
from idchaos.report import html, junit, markdown
from idchaos.report.advice import glossary, slug
from idchaos.report.gallery import Gallery, gallery
from idchaos.report.summary import reasons
from idchaos.report.write import write
from idchaos.verdict.series.series import series_of
from idchaos.verdict.verdict import RunVerdict, judge_run

GOLDEN = Path(__file__).parent / "golden"
HOSTILE = "<script>alert(1)</script>\"'&$x^2$ | `@all` [a](http://evil.example) {{ 7*7 }} \x00\x1b\u202e"
LARGEST_PAGE = 3 * 1024 * 1024


def golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("IDCHAOS_UPDATE_GOLDEN") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def drawn(record: RunRecord, verdict: RunVerdict) -> Gallery:
    return gallery(record, verdict, series_of(record))


@pytest.fixture
def page(record: RunRecord, verdict: RunVerdict, drawn: Gallery) -> str:
    return html.page(record, verdict, series_of(record), drawn)


class Elements(HTMLParser):
    """Collects start tags with their attributes, and checks that what is opened is closed."""

    VOID = frozenset({"meta", "source", "img", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[str] = []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.found if name == tag]


def hostile(document: dict[str, Any]) -> RunVerdict:
    document["scenario"] = document["variant"] = document["run_dir"] = HOSTILE
    document["reasons"] = [HOSTILE]
    document["measures"][0] |= dict.fromkeys(("id", "name", "sli", "target", "note"), HOSTILE)
    document["paging"] |= {"note": HOSTILE, "alerts": [document["paging"]["alerts"][0] | {"phase": HOSTILE}]}
    document["paging"]["rules"][0]["name"] = document["paging"]["alerts"][0]["rule"] = HOSTILE
    for part in (document["objectives"][0], document["invariants"][0], document["faults"][0]):
        part["name"] = part["reason"] = HOSTILE
    document["objectives"][0] |= {"why": HOSTILE, "note": HOSTILE, "sli": HOSTILE, "bound": HOSTILE, "phase": HOSTILE}
    document["invariants"][0] |= {
        "verdict": "FAIL",
        "breaches": 1,
        "evidence": [{"at": 1.0, "canary": HOSTILE, "kid": HOSTILE}],
    }
    document["faults"][0]["evidence"][0]["evidence"] = {HOSTILE: [HOSTILE]}
    document["cleanup"] = {"clean": False, "left": [HOSTILE]}
    document["reconciliation"][0] |= {"what": HOSTILE, "note": HOSTILE, "by_flow": {HOSTILE: 1}}
    return RunVerdict.model_validate_json(json.dumps(document))


def hostile_record(record: RunRecord) -> RunRecord:
    samples = record.samples.copy()
    for column in ("canary", "kid"):
        texts = samples[column].astype(object)
        samples[column] = texts.where(texts == "", HOSTILE).astype("category")
    told = dict.fromkeys(("summary", "target", "gateway", "repeat", "host"), HOSTILE)
    manifest = record.manifest.model_copy(
        update={"settings": {HOSTILE: HOSTILE}, "versions": {HOSTILE: HOSTILE}, "profile": HOSTILE}
    )
    manifest = type(manifest).model_validate(
        {**manifest.model_dump(by_alias=True), **told, "changed_settings": {"a": HOSTILE}}
    )
    events = (*record.events, Event(at=0.0, event=HOSTILE, fields={HOSTILE: HOSTILE}))
    faults = tuple(fault.model_copy(update={"name": HOSTILE, "detail": HOSTILE}) for fault in record.faults)
    telemetry = tuple(dataclasses.replace(line, component=HOSTILE) for line in record.telemetry)
    return dataclasses.replace(
        record, samples=samples, manifest=manifest, events=events, faults=faults, telemetry=telemetry
    )


# --- golden files


def test_junit_is_as_it_was(record: RunRecord, verdict: RunVerdict):
    golden("junit.xml", junit.suite(record, verdict, series_of(record)))


def test_markdown_is_as_it_was(record: RunRecord, verdict: RunVerdict):
    golden("summary.md", markdown.summary(record, verdict))


# --- the page


def test_the_page_loads_nothing_and_runs_nothing(page: str):
    elements = Elements(page)
    loaded = [attrs[name] or "" for _, attrs in elements.found for name in ("src", "srcset") if name in attrs]
    assert loaded
    assert all(address.startswith("data:image/svg+xml;base64,") for address in loaded)
    assert all((attrs["href"] or "").startswith("#") for attrs in elements.named("a"))
    assert not re.search(r"url\(|@import|javascript:", page)
    assert not any(elements.named(tag) for tag in ("script", "link", "iframe", "object", "form"))
    assert len(page.encode()) < LARGEST_PAGE


def test_the_page_says_everything_that_was_judged(page: str, verdict: RunVerdict):
    for row in (*verdict.objectives, *verdict.invariants, *verdict.faults, *verdict.reconciliation):
        assert (row.what if hasattr(row, "what") else row.name) in page
    assert all(f'id="{slug(term)}"' in page for term in glossary())
    for text in (
        "86.1 %",
        "≥ 99.5 %",
        "84.2 % to 87.8 %",
        "2,311",
        "it takes about 59 samples",
        "gateway.jwks_cache_s = 2",
    ):
        assert text in page
    order = [
        page.index(text)
        for text in ("FAIL", ">What to do next</h2>", ">Objectives</h2>", ">Plots</h2>", ">Faults and their proof</h2>")
    ]
    assert order == sorted(order)


def test_a_target_that_was_wrong_on_purpose_is_called_so_at_the_top(
    record: RunRecord, verdict: RunVerdict, drawn: Gallery, page: str
) -> None:
    manifest = record.manifest.model_copy(update={"defects": ("no_aud_check", "zero_leeway")})
    wrong = dataclasses.replace(record, manifest=manifest)
    said = "Defects were asked for: no_aud_check, zero_leeway."
    assert said in html.page(wrong, verdict, series_of(wrong), drawn)
    assert said.replace("_", r"\_") in markdown.summary(wrong, verdict)
    assert "Defects were asked for" not in page + markdown.summary(record, verdict)


def test_every_picture_says_what_it_shows(page: str):
    images = [attrs for attrs in Elements(page).named("img") if attrs.get("class") != "paper"]
    assert len(images) == 8
    assert all(len(attrs["alt"] or "") > 40 for attrs in images)
    assert all(attrs["width"] and attrs["height"] for attrs in images)


def test_headings_are_in_order_and_anchors_lead_somewhere(page: str):
    elements = Elements(page)
    levels = [int(tag[1]) for tag, _ in elements.found if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [attrs["id"] for _, attrs in elements.found if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {(attrs["href"] or "")[1:] for attrs in elements.named("a")} <= set(ids)


def test_hostile_strings_stay_text(record: RunRecord, verdict_document: dict[str, Any]):
    bad = hostile_record(record)
    judged = hostile(verdict_document)
    text = html.page(bad, judged, series_of(bad), gallery(bad, judged, series_of(bad)))
    elements = Elements(text)
    assert "<script" not in text
    assert "{{ 7*7 }}" in text
    assert not any(name.startswith("on") for _, attrs in elements.found for name in attrs)


def test_a_breach_says_what_is_needed_to_replay_it(record: RunRecord, verdict_document: dict[str, Any], drawn: Gallery):
    breach = {
        "at": 1_767_225_615.2,
        "status": 200,
        "canary": "expired",
        "phase": "fault",
        "replica": "gateway-1",
        "jti": "j-1",
    }
    verdict_document["invariants"][0] |= {"verdict": "FAIL", "breaches": 1, "evidence": [breach]}
    text = html.page(record, RunVerdict.model_validate_json(json.dumps(verdict_document)), series_of(record), drawn)
    assert "canary: expired; replica: gateway-1; jti: j-1" in text
    assert ">15.2 s, fault<" in text
    assert ">HTTP 200<" in text


@pytest.mark.parametrize(("decided", "above"), [("PASS", True), ("FAIL", False), ("INCONCLUSIVE", False)])
def test_what_a_verdict_does_not_speak_of_stands_above_a_pass_and_below_what_failed(
    record: RunRecord, verdict_document: dict[str, Any], drawn: Gallery, decided: str, above: bool
):
    left_out = [{"name": "codes_expire", "why": "the run is too short for it"}]
    verdict_document |= {"verdict": decided, "reasons": ["a reason of this test"], "left_out": left_out}
    judged = RunVerdict.model_validate_json(json.dumps(verdict_document))
    first = reasons(judged)[0].text.rstrip(".")
    for text in (html.page(record, judged, series_of(record), drawn), markdown.summary(record, judged)):
        assert (text.index("Left out: codes expire") < text.index(first)) is above


def test_measures_are_met_missed_or_say_why_nobody_knows(page: str):
    table = page[page.index(">The guide’s measures</h2>") : page.index(">SLIs by phase</h2>")]
    for text in (">met<", ">missed<", "not enough samples", "it takes about 2,995", "no data", "no target"):
        assert text in table


def test_a_page_in_the_baseline_is_a_warning(record: RunRecord, verdict_document: dict[str, Any], drawn: Gallery):
    def said() -> tuple[bool, bool]:
        judged = RunVerdict.model_validate_json(json.dumps(verdict_document))
        texts = (html.page(record, judged, series_of(record), drawn), markdown.summary(record, judged))
        return ("Warning: a page in the baseline" in texts[0], "Warning: a page in the baseline" in texts[1])

    assert said() == (False, False)
    verdict_document["paging"]["paged_in_baseline"] = True
    assert said() == (True, True)


# --- JUnit


@pytest.mark.parametrize("verdict_of_run", list(Verdict))
def test_only_pass_is_a_passed_suite(record: RunRecord, verdict_document: dict[str, Any], verdict_of_run: Verdict):
    for row in (*verdict_document["objectives"], *verdict_document["invariants"]):
        row["verdict"] = "PASS"
    verdict_document["verdict"] = verdict_of_run.value
    root = Xml.fromstring(
        junit.suite(record, RunVerdict.model_validate_json(json.dumps(verdict_document)), series_of(record))
    )
    (suite,) = root
    failures, errors = int(suite.attrib["failures"]), int(suite.attrib["errors"])
    assert (failures, errors) == {"PASS": (0, 0), "FAIL": (1, 0), "INCONCLUSIVE": (0, 1)}[verdict_of_run]


def test_junit_counts_are_those_of_its_cases(record: RunRecord, verdict: RunVerdict):
    root = Xml.fromstring(junit.suite(record, verdict, series_of(record)))
    (suite,) = root
    cases = suite.findall("testcase")
    assert [child.tag for child in suite] == ["properties"] + ["testcase"] * len(cases)
    assert int(suite.attrib["tests"]) == len(cases) == 7
    assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure")) == 2
    assert int(suite.attrib["errors"]) == len(suite.findall("testcase/error")) == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.attrib["timestamp"])
    assert cases[0].attrib["name"] == "verdict"
    for case in cases:
        assert case.attrib["name"]
        assert case.attrib["classname"].startswith("idchaos.jwks_outage.")
        float(case.attrib["time"])


def test_of_a_run_that_was_cut_short_what_ended_it_is_the_one_error(
    record: RunRecord, verdict_document: dict[str, Any]
) -> None:
    verdict_document |= {"status": "interrupted", "verdict": "INCONCLUSIVE", "reasons": ["interrupted"]}
    for row in (*verdict_document["objectives"], *verdict_document["invariants"]):
        row["verdict"] = "INCONCLUSIVE"
    (suite,) = Xml.fromstring(
        junit.suite(record, RunVerdict.model_validate_json(json.dumps(verdict_document)), series_of(record))
    )
    assert (suite.attrib["errors"], suite.attrib["skipped"]) == ("1", "4")
    assert suite.findall("testcase")[0].find("error") is not None
    assert all(skip.attrib["message"] == "follows from: Interrupted." for skip in suite.findall("testcase/skipped"))


def test_junit_of_hostile_strings_is_xml(record: RunRecord, verdict_document: dict[str, Any]):
    Xml.fromstring(junit.suite(hostile_record(record), hostile(verdict_document), series_of(hostile_record(record))))


# --- Markdown


def test_markdown_of_hostile_strings_is_text(record: RunRecord, verdict_document: dict[str, Any]):
    text = markdown.summary(hostile_record(record), hostile(verdict_document))
    body = text[: text.index("Again:")]
    assert not re.search(r"(?<!\\)[<\[|`]", re.sub(r"^\|.*\|$", "", body, flags=re.MULTILINE))
    assert "@all" not in body
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [len(re.findall(r"(?<!\\)\|", row)) for row in rows]
    objectives, measures = 1 + len(verdict_document["objectives"]), 1 + 4  # with titles; one measure has no data
    assert cells == [8] * objectives + [6] * measures


# --- writing, and missing parts


def test_write_leaves_three_whole_files(run_dir: Path, record: RunRecord, verdict: RunVerdict):
    before = {path.name for path in run_dir.iterdir()}
    write(run_dir, record, verdict, series_of(record))
    assert {path.name for path in run_dir.iterdir()} - before == {"report.html", "summary.md", "junit.xml"}


def test_a_directory_that_is_gone_is_one_clear_error(tmp_path: Path, record: RunRecord, verdict: RunVerdict):
    with pytest.raises(StoreError, match="cannot be written"):
        write(tmp_path / "gone", record, verdict, series_of(record))


@pytest.mark.parametrize("drop", [("samples",), ("telemetry",), ("samples", "telemetry")])
def test_a_run_without_some_of_its_data_is_reported_with_what_there_is(build_run: Any, drop: tuple[str, ...]):
    directory = build_run(drop=drop)
    record = load(directory)
    write(directory, record, judge_run(record), series_of(record))
    text = (directory / "report.html").read_text(encoding="utf-8")
    assert "Not drawn" in text
    Elements(text)


def test_a_run_of_which_only_the_first_line_was_written(build_run: Any):
    directory = build_run(drop=("samples", "telemetry"))
    journal = directory / "journal.jsonl"
    journal.write_text(journal.read_text().split("\n", maxsplit=1)[0] + "\n")
    record = load(directory)
    write(directory, record, judge_run(record), series_of(record))
    assert Elements((directory / "report.html").read_text(encoding="utf-8")).named("img") == []


def test_a_run_on_another_topology_is_named_so(record: RunRecord, verdict: RunVerdict):
    other = dataclasses.replace(
        record, manifest=Manifest.model_validate(record.manifest.model_dump() | {"topology": "library"})
    )
    assert f'name="idchaos.{verdict.scenario}[{verdict.variant}, library]"' in junit.suite(
        other, verdict, series_of(other)
    )
    assert f"({verdict.variant}, library)" in markdown.summary(other, verdict)


def test_what_was_accepted_is_explained_where_the_run_tells_and_each_breach_leads_there(
    record: RunRecord, verdict_document: dict[str, Any], drawn: Gallery
) -> None:
    told = {
        "expired": {"what": "A token whose `exp` has passed.", "bad": "By then.", "why": "It works.", "source": "RFC"}
    }
    known = Manifest.model_validate(record.manifest.model_dump() | {"canaries": told})
    breach = {"at": 1_767_225_615.2, "status": 200, "canary": "expired", "phase": "fault", "replica": "gateway-1"}
    verdict_document["invariants"][0] |= {"verdict": "FAIL", "breaches": 1, "evidence": [breach]}
    judged = RunVerdict.model_validate_json(json.dumps(verdict_document))
    text = html.page(dataclasses.replace(record, manifest=known), judged, series_of(record), drawn)
    for part in (
        'href="#g-kind-expired"',
        'id="g-kind-expired"',
        "A token whose exp has passed.",
        "</strong> It works.",
    ):
        assert part in text


@pytest.mark.parametrize(("status", "named"), [("aborted", 0), ("completed", 5)])
def test_a_run_that_ended_early_counts_what_it_left_out(
    verdict_document: dict[str, Any], capsys: pytest.CaptureFixture[str], status: str, named: int
):
    left_out = [{"name": "codes_expire", "why": f"reason {number}"} for number in range(5)]
    verdict_document |= {"status": status, "verdict": "INCONCLUSIVE", "reasons": ["a reason"], "left_out": left_out}
    show_verdict(RunVerdict.model_validate_json(json.dumps(verdict_document)), "idchaos run jwks_outage")
    shown = capsys.readouterr().out
    assert shown.count("Left out: codes expire") == named
    assert ("5 things, in the report" in shown) is (named == 0)
