"""All runs on one page, and two side by side: pages without a network or JavaScript, and documents."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from idchaos.commands import compare, history
from idchaos.commands.batch import Batch
from idchaos.report.history import trends
from idchaos.studies.history import past, write_index

EXAMPLE = Path(__file__).parents[3] / "reports" / "example"


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """Two runs, the second a FAIL with a missed objective; a link to it; a run that was never judged; a broken one."""
    scenario = tmp_path / "reports" / "jwks_outage"
    for name in ("1", "2"):
        shutil.copytree(EXAMPLE, scenario / name)
    verdict = json.loads((scenario / "2" / "verdict.json").read_text())
    (scenario / "1" / "verdict.json").write_text(json.dumps(verdict | {"verdict": "PASS"}))
    verdict |= {"verdict": "FAIL", "reasons": ["<script>alert(1)</script>"], "of_tomorrow": 1}
    verdict["started_at"] += 60
    verdict["objectives"][0] |= {"verdict": "FAIL", "value": 0.5}
    (scenario / "2" / "verdict.json").write_text(json.dumps(verdict))
    (scenario / "latest").symlink_to("2")
    (scenario / "3").mkdir()
    (scenario / "3" / "manifest.json").write_text("{}")
    (scenario / "4").mkdir()
    (scenario / "4" / "verdict.json").write_text("{")
    return tmp_path / "reports"


def test_each_run_is_there_once_the_newest_first(reports: Path) -> None:
    runs = past(reports)
    assert [(run.path, run.verdict) for run in runs] == [("jwks_outage/2", "FAIL"), ("jwks_outage/1", "PASS")]
    assert runs[0].target == "local"
    assert runs[0].lasts_s > 0


def test_the_page_links_to_every_run_filters_without_a_script_and_shows_how_objectives_went(reports: Path) -> None:
    text = write_index(reports).read_text(encoding="utf-8")
    assert 'href="jwks_outage/1/report.html"' in text
    assert 'href="jwks_outage/2/report.html"' in text
    assert "<script" not in text
    assert "default-src 'none'" in text
    assert set(re.findall(r"body:has\(#([\w-]+):checked", text)) <= set(re.findall(r'id="([\w-]+)"', text))
    drawn = trends(past(reports))
    assert {len(trend.points) for trend in drawn} == {2}
    assert any([point.verdict for point in trend.points] == ["PASS", "FAIL"] for trend in drawn)


def test_a_folder_without_runs_has_a_page_that_says_so(tmp_path: Path) -> None:
    assert "no judged runs" in write_index(tmp_path).read_text(encoding="utf-8")


def test_the_command_prints_the_page_or_all_runs(reports: Path) -> None:
    plain = CliRunner().invoke(history.command, [str(reports)], standalone_mode=False)
    assert plain.stdout.strip() == str(reports / "index.html")
    document = json.loads(CliRunner().invoke(history.command, [str(reports), "--json"], standalone_mode=False).stdout)
    assert [run["verdict"] for run in document["runs"]] == ["FAIL", "PASS"]


def test_run_keeps_the_page_and_does_without_where_it_cannot(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Batch(quiet=True).keep_index(reports)
    assert (reports / "index.html").exists()
    (reports / "index.html").unlink()
    (reports / "index.html").mkdir()
    Batch(quiet=True).keep_index(reports)
    assert "the index of runs was not written" in capsys.readouterr().err


def test_the_same_run_twice_is_not_worse_and_the_page_says_what_was_compared(reports: Path, tmp_path: Path) -> None:
    words = [str(reports / "jwks_outage" / name) for name in ("1", "2")]
    result = CliRunner().invoke(
        compare.command, [*words, "--json", "--page", str(tmp_path / "page.html")], standalone_mode=False
    )
    document = json.loads(result.stdout)
    assert result.return_value == {"no worse": 0, "can't tell": 2}[document["change"]]
    assert all(row["change"] != "worse" for row in document["objectives"])
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert document["change"].replace("'", "&#39;") in page
    assert all(name in page for name in ("first", "second", "report.html"))
