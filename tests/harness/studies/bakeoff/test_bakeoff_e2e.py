"""A bake-off as a user types it, of whatever is here: the stand-ins need nothing to be installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
LATE = ("--set", "slo.late_p99_s=2")
"""These tests share their machine with others: what they show does not depend on a quiet one."""


def bakeoff(folder: Path, *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "idchaos", "bakeoff", *words, *LATE, "--reports", str(folder), "--json"],
        capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode in (0, 2), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_run_answers_its_questions_and_is_found_again(tmp_path: Path) -> None:
    first = bakeoff(tmp_path, "standin", "jwks_outage:refused")
    cells = {each["question"]: each for each in first["cells"]}
    (survival,) = cells["survives_refused"]["told"]
    assert survival["interval"][0] >= 5
    assert survival["interval"][1] is None
    assert Path(survival["run_dir"], "report.html").is_file()
    assert cells["told_refused"]["told"][0]["text"] == "nobody was refused"
    page = (tmp_path / "bakeoff" / "bakeoff.html").read_text(encoding="utf-8")
    assert f"{Path(survival['run_dir']).name}/report.html" in page
    made = (tmp_path / "bakeoff" / "points.jsonl").read_text(encoding="utf-8")
    again = bakeoff(tmp_path, "standin", "jwks_outage:refused", "--read-again")
    assert again["cells"] == first["cells"]
    assert (tmp_path / "bakeoff" / "points.jsonl").read_text(encoding="utf-8") == made
