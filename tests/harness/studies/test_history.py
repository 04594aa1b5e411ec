"""All runs on one page, and two side by side: pages without a network or JavaScript, and documents."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from idchaos.commands import compare, history
from idchaos.commands.batch import Batch
from idchaos.report.history import HEIGHT, MARGIN, Past, PastObjective, heights, trends
from idchaos.studies.history import KEPT, past, write_index

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


def ran(value: float | None, *, endless: bool = False, **other: Any) -> Past:
    lag = PastObjective(name="lag", value=value, endless=endless, unit="s", bound="<= 5 s", verdict="PASS")
    given: dict[str, Any] = {
        "path": "revocation_lag/1", "scenario": "revocation_lag", "variant": "jwt", "profile": "quick",
        "target": "local", "gateway": "", "idp": "", "topology": "gateway", "asked": (), "defects": (), "seed": 1,
        "started_at": 1.0, "lasts_s": 28.0, "verdict": "PASS", "reason": "", "objectives": (lag,), "invariants": 1,
        "held": 1,
    }  # fmt: skip
    return Past.model_validate(given | other)


def test_a_lag_without_an_end_stands_on_top_of_its_trend_and_what_was_not_measured_has_no_point() -> None:
    newest_first = [ran(None), ran(None, endless=True), ran(4.0), ran(2.0)]
    (trend,) = trends(newest_first)
    assert [point.y for point in trend.points] == [HEIGHT - MARGIN, 15.0, MARGIN]
    assert [point.title.partition(" UTC: ")[2] for point in trend.points] == ["2.00 s, PASS", "4.00 s, PASS", "∞, PASS"]
    assert trend.last == "∞"


def test_where_nothing_has_an_end_or_all_is_the_same_there_is_still_a_line() -> None:
    endless, same = ran(None, endless=True).objectives, ran(2.0).objectives
    assert heights(endless * 2) == [MARGIN, MARGIN]
    assert heights(same * 2) == [HEIGHT / 2, HEIGHT / 2]


@pytest.mark.parametrize(
    "other",
    [
        {"variant": "opaque"}, {"profile": "ci"}, {"target": "docker"}, {"gateway": "envoy"}, {"idp": "keycloak"},
        {"topology": "edge"}, {"asked": ("load.rate=80",)}, {"defects": ("revocation_ignored",)},
    ],
)  # fmt: skip
def test_what_was_asked_for_otherwise_is_no_part_of_a_trend(other: dict[str, Any]) -> None:
    assert trends([ran(9.0, **other), ran(1.0)]) == []
    (trend,) = trends([ran(9.0, **other), ran(2.0, seed=2), ran(1.0)])
    assert trend.last == "2.00 s"


def test_runs_are_filtered_by_profile_and_by_what_was_tested(reports: Path) -> None:
    manifest = json.loads((reports / "jwks_outage" / "2" / "manifest.json").read_text())
    manifest |= {"gateway": "envoy", "repeat": "idchaos run jwks_outage --seed 7 --set load.rate=80 --fault clock_step"}
    (reports / "jwks_outage" / "2" / "manifest.json").write_text(json.dumps(manifest))
    (run, _) = past(reports)
    assert (run.system, run.asked) == ("local, envoy", ("clock_step", "load.rate=80"))
    text = write_index(reports).read_text(encoding="utf-8")
    assert set(re.findall(r"<legend>(\w+)</legend>", text)) == {"Verdict", "Scenario", "Profile", "Target"}
    rows = re.findall(r"<tr( data[^>]*)><th scope=\"row\"><a", text)
    assert rows == [
        ' data-verdict="1" data-scenario="0" data-profile="0" data-target="1"',
        ' data-verdict="0" data-scenario="0" data-profile="0" data-target="0"',
    ]
    assert 'id="target-1"> local, envoy (1)' in text
    assert 'local, envoy, gateway, quick<span class="note">clock_step, load.rate=80</span>' in text


def test_a_long_list_of_settings_is_folded(reports: Path) -> None:
    manifest = json.loads((reports / "jwks_outage" / "2" / "manifest.json").read_text())
    manifest |= {"repeat": " ".join(["idchaos run jwks_outage", *(f"--set load.s{n}=1" for n in range(4))])}
    (reports / "jwks_outage" / "2" / "manifest.json").write_text(json.dumps(manifest))
    assert "<summary>4 settings</summary>" in write_index(reports).read_text(encoding="utf-8")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Which verdicts and manifests are read from now on, by their runs."""
    files: list[str] = []
    really = Path.read_bytes

    def counted(path: Path) -> bytes:
        if path.name in ("verdict.json", "manifest.json"):
            files.append(f"{path.parent.name}/{path.name}")
        return really(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    yield files


def test_a_run_is_read_once_and_again_when_it_was_judged_again(reports: Path, read: list[str]) -> None:
    write_index(reports)
    assert {"1/verdict.json", "1/manifest.json", "2/verdict.json", "2/manifest.json"} <= set(read)
    before = past(reports)
    read.clear()
    write_index(reports)
    assert past(reports) == before
    assert [file for file in read if file.startswith(("1/", "2/"))] == []

    file = reports / "jwks_outage" / "1" / "verdict.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"verdict": "INCONCLUSIVE"}))
    shutil.rmtree(reports / "jwks_outage" / "2")
    write_index(reports)
    assert [file for file in read if file.startswith(("1/", "2/"))] == ["1/verdict.json", "1/manifest.json"]
    assert [(run.path, run.verdict) for run in past(reports)] == [("jwks_outage/1", "INCONCLUSIVE")]


@pytest.mark.parametrize("spoilt", ["{", '{"shape": "of yesterday", "runs": {}}', "[]"])
def test_what_was_kept_and_cannot_be_used_is_read_anew(reports: Path, spoilt: str, read: list[str]) -> None:
    write_index(reports)
    found = past(reports)
    (reports / KEPT).write_text(spoilt)
    read.clear()
    assert past(reports) == found
    assert "1/verdict.json" in read


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
