"""What ``run`` keeps of several runs: no verdict is lost to a document or to a run that failed."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from idchaos.commands import cli, outcome
from idchaos.commands.batch import Batch
from idchaos.errors import Interrupted, LoadError, UsageError
from idchaos.experiment import Verdict
from idchaos.record import rundir
from idchaos.record.rundir import make_room
from idchaos.run.launch import Prepared
from idchaos.studies import single
from idchaos.studies.single import NotStored
from idchaos.verdict.verdict import RunVerdict

EXAMPLE = Path(__file__).parents[3] / "reports" / "example"
THREE = ("jwks_outage", "key_rotation", "clock_skew")
Comes = Verdict | BaseException | type[NotStored]


@cache
def judged() -> dict[str, Any]:
    """The verdict of the tracked example: judged once."""
    return single.judge(EXAMPLE)[1].model_dump(mode="json")


@pytest.fixture(name="place")
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(name="coming")
def _coming(place: Path, monkeypatch: pytest.MonkeyPatch) -> list[Comes]:
    """What the runs come to, one after the other, each at once, and with the documents that a run has."""
    stored = judged()
    come: list[Comes] = []
    left: Iterator[Comes] = iter(come)

    def run(prepared: Prepared, _observer: object, begun: Any) -> RunVerdict:
        folder = place / "reports" / prepared.scenario.name / str(len(list((place / "reports").glob("*/*"))))
        shutil.copytree(EXAMPLE, folder)
        begun(folder)
        each = next(left)
        if isinstance(each, BaseException):
            raise each
        verdict = each if isinstance(each, Verdict) else Verdict.FAIL
        found = RunVerdict.model_validate_json(
            json.dumps({**stored, "scenario": prepared.scenario.name, "verdict": verdict, "run_dir": str(folder)})
        )
        if not isinstance(each, Verdict):
            raise each("no space left", found)
        return found

    monkeypatch.setattr(single, "run", run)
    return come


def idchaos(*words: str) -> Any:
    """The exit code of the command."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["run", *words])
    return ended.value.code


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--junit", "file/x.xml"], "--junit: file/x.xml: cannot be written: file is no folder"),
        (["--summary", "file/below/x.md"], "--summary: file/below/x.md: cannot be written: Not a directory"),
        (["--junit", "/dev/null"], "--junit: /dev/null: cannot be written: should be a plain file"),
        (["--junit", f"{'x' * 300}.xml"], "cannot be written: File name too long"),
        (["--junit", "x", "--summary", "./x"], "--junit and --summary: name two files"),
    ],
)
def test_what_cannot_be_written_is_told_before_anything_is_run(
    coming: list[Comes], place: Path, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "file").write_text("a file")
    assert idchaos("jwks_outage", *words) == 64
    said = capsys.readouterr()
    assert says in said.err
    assert (said.err.count("\n"), said.out) == (1, "")
    assert not (place / "reports").exists()
    assert (place / "file").read_text() == "a file"


def test_the_folders_of_documents_are_made(coming: list[Comes], place: Path) -> None:
    coming += [Verdict.FAIL]
    assert idchaos("jwks_outage", "--junit", "out/of/x.xml", "--summary", "out/x.md") == 1
    assert Xml.parse(place / "out/of/x.xml").getroot().get("name") == "idchaos"
    assert sorted(path.name for path in (place / "out").rglob("*")) == ["of", "x.md", "x.xml"]


def test_a_document_that_was_there_is_kept_until_there_is_another(place: Path) -> None:
    (place / "x.xml").write_text("before")
    make_room(place / "x.xml")
    assert (place / "x.xml").read_text() == "before"
    assert [path.name for path in place.iterdir()] == ["x.xml"]


@pytest.mark.parametrize(("verdict", "code"), [(Verdict.FAIL, 1), (Verdict.PASS, 70), (Verdict.INCONCLUSIVE, 70)])
def test_a_document_that_cannot_be_written_in_the_end_outweighs_no_fail(
    coming: list[Comes],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    verdict: Verdict,
    code: int,
) -> None:
    coming += [verdict]
    checked = rundir.make_room

    def then_lost(path: Path) -> None:
        checked(path)
        if path.parent.name == "out":
            path.parent.rmdir()

    monkeypatch.setattr(rundir, "make_room", then_lost)
    assert idchaos("jwks_outage", "--junit", "out/x.xml", "--summary", "x.md", "--json") == code
    said = capsys.readouterr()
    assert "idchaos: out/x.xml was not written: out/x.xml: cannot be written: No such file or directory" in said.err
    assert json.loads(said.out)["verdict"] == verdict
    assert Path("x.md").exists()
    assert Path("reports/index.html").exists()


def test_a_report_that_cannot_be_read_loses_no_verdict(
    coming: list[Comes], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second run's own JUnit is no XML; a summary has room for both all the same."""
    batch = Batch(quiet=True)
    for name in ("first", "second"):
        shutil.copytree(EXAMPLE, place / name)
    (place / "second" / "junit.xml").write_text("<")
    verdict = single.judge(EXAMPLE)[1]
    batch.verdicts += [verdict.model_copy(update={"run_dir": str(place / name)}) for name in ("first", "second")]
    assert not batch.write(place / "x.xml", place / "x.md", [])
    assert "x.xml was not written" in capsys.readouterr().err
    assert (place / "x.md").read_text(encoding="utf-8").count("### ") == 2


@pytest.mark.parametrize(
    ("comes", "code", "verdict"),
    [
        ([Verdict.PASS, LoadError("the load died"), Verdict.PASS], 70, "INCONCLUSIVE"),
        ([Verdict.FAIL, LoadError("the load died"), Verdict.PASS], 1, "FAIL"),
        ([LoadError("the load died"), Verdict.PASS, Verdict.FAIL], 1, "FAIL"),
        ([LoadError("the load died"), Verdict.INCONCLUSIVE, Verdict.PASS], 70, "INCONCLUSIVE"),
        ([KeyError("of our own"), Verdict.PASS, Verdict.PASS], 70, "INCONCLUSIVE"),
        ([UsageError("a file is gone"), Verdict.PASS, Verdict.PASS], 70, "INCONCLUSIVE"),
    ],
)
def test_who_keeps_going_runs_the_rest_and_an_error_is_never_a_pass(
    coming: list[Comes],
    capsys: pytest.CaptureFixture[str],
    comes: list[Comes],
    code: int,
    verdict: str,
) -> None:
    coming += comes
    words = ("--keep-going", "--json", "--junit", "x.xml", "--summary", "x.md")
    assert idchaos(*THREE, *words) == code
    said = capsys.readouterr()
    document = json.loads(said.out)
    lost = next(number for number, each in enumerate(comes) if isinstance(each, BaseException))
    assert document["verdict"] == verdict
    assert [run["scenario"] for run in document["runs"]] == [name for name in THREE if name != THREE[lost]]
    (unjudged,) = document["unjudged"]
    assert unjudged["scenario"] == THREE[lost]
    assert Path(unjudged["run_dir"]).parent.name == THREE[lost]
    assert str(comes[lost]).strip("'") in unjudged["error"]
    assert "error" not in document
    suites = Xml.parse("x.xml").getroot()
    assert (len(suites), suites.get("errors")) == (3, "1")
    assert f"not completed\n\n    {THREE[lost]} (" in Path("x.md").read_text(encoding="utf-8")
    assert f"idchaos: {THREE[lost]} (" in said.err
    assert "Traceback" not in said.err


def test_a_person_is_told_at_once_and_again_in_the_end(coming: list[Comes], capsys: pytest.CaptureFixture[str]) -> None:
    coming += [LoadError("the load died"), Verdict.PASS, Verdict.PASS]
    assert idchaos(*THREE, "--keep-going") == 70
    said = capsys.readouterr()
    assert "idchaos: jwks_outage (refused): the load died; the rest is run" in said.err
    (line,) = (line for line in said.out.splitlines() if line.strip().startswith("ERROR"))
    assert line.split() == ["ERROR", "jwks_outage", "·", "refused", "the", "load", "died"]


def test_a_verdict_that_could_not_be_stored_counts_and_the_rest_is_run(
    coming: list[Comes], capsys: pytest.CaptureFixture[str]
) -> None:
    coming += [NotStored, Verdict.PASS, Verdict.PASS]
    assert idchaos(*THREE, "--keep-going", "--json") == 1
    document = json.loads(capsys.readouterr().out)
    assert [run["verdict"] for run in document["runs"]] == ["FAIL", "PASS", "PASS"]
    assert [each["error"] for each in document["unjudged"]] == ["no space left"]


def test_without_it_the_rest_is_not_begun(coming: list[Comes], capsys: pytest.CaptureFixture[str]) -> None:
    coming += [Verdict.PASS, LoadError("the load died"), Verdict.PASS]
    assert idchaos(*THREE, "--json") == 70
    document = json.loads(capsys.readouterr().out)
    assert (document["verdict"], len(document["runs"])) == ("INCONCLUSIVE", 1)
    assert document["error"] == "the load died"


def test_a_mistake_of_our_own_leaves_no_pass_in_the_document(
    coming: list[Comes], capsys: pytest.CaptureFixture[str]
) -> None:
    coming += [Verdict.PASS, KeyError("of our own")]
    assert idchaos(*THREE, "--json") == 70
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] == "INCONCLUSIVE"
    assert document["error"] == "internal error: KeyError: 'of our own'"


def interrupted_while_importing() -> Exception:
    """As a library tells of a Ctrl-C."""
    error = ImportError("cannot be imported")
    error.__cause__ = Interrupted("interrupted")
    return error


@pytest.mark.parametrize("stopped", [Interrupted("interrupted"), KeyboardInterrupt(), interrupted_while_importing()])
def test_an_interruption_ends_everything(
    coming: list[Comes], place: Path, capsys: pytest.CaptureFixture[str], stopped: BaseException
) -> None:
    coming += [Verdict.PASS, stopped, Verdict.PASS]
    assert idchaos(*THREE, "--keep-going", "--json", "--junit", "x.xml") == 130
    document = json.loads(capsys.readouterr().out)
    assert (document["verdict"], len(document["runs"])) == ("INCONCLUSIVE", 1)
    assert document["error"]
    assert Xml.parse(place / "x.xml").getroot().get("errors") == "1"


def test_a_run_of_a_plan_that_was_lost_leaves_the_others_to_be_judged_together(
    coming: list[Comes], capsys: pytest.CaptureFixture[str]
) -> None:
    coming += [Verdict.PASS, LoadError("the load died"), Verdict.PASS]
    assert idchaos("jwks_outage", "--repeat", "3", "--keep-going", "--json") == 70
    document = json.loads(capsys.readouterr().out)
    assert [len(each["run_dirs"]) for each in document["repeats"]] == [2]
    assert len(document["unjudged"]) == 1


def test_a_run_that_was_made_again_is_marked_in_the_summary_and_is_no_suite(coming: list[Comes], place: Path) -> None:
    coming += [Verdict.INCONCLUSIVE, Verdict.PASS]
    words = ("--retry-inconclusive", "1", "--junit", "x.xml", "--summary", "x.md")
    assert idchaos("jwks_outage", *words) == 0
    headlines = [line for line in (place / "x.md").read_text("utf-8").splitlines() if line.startswith("### ")]
    assert [line.endswith(": does not count") for line in headlines] == [True, False]
    assert len(Xml.parse(place / "x.xml").getroot()) == 1


def test_a_pipe_that_nobody_reads_does_not_keep_the_documents_from_being_written(
    coming: list[Comes], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_words: object, **_how: object) -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    coming += [Verdict.FAIL]
    monkeypatch.setattr(outcome, "print", broken, raising=False)
    assert idchaos("jwks_outage", "--json", "--junit", "x.xml") == 70
    assert len(Xml.parse(place / "x.xml").getroot()) == 1
    assert (place / "reports" / "index.html").exists()
