"""The gateway of docs/your-own-gateway.md, from an empty folder as it is told there, against the real HAProxy."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner

from idchaos.commands import init
from idchaos.commands.canary import attempts, only
from idchaos.commands.doctor import examined
from idchaos.run.launch import Request, prepare
from tests.harness.targets.installed import skip_without

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(170)]

PAGE = Path(__file__).parents[4] / "docs" / "your-own-gateway.md"
FILE = "haproxy.toml"


def blocks() -> list[str]:
    """What stands in its fenced blocks, in their order, from the empty folder on."""
    page = PAGE.read_text().partition("from an empty folder")[2]
    return [dedent(text) for text in re.findall(r"^ *```\w*\n(.*?)^ *```", page, re.DOTALL | re.MULTILINE)]


@pytest.fixture(name="folder")
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    skip_without("haproxy", "" if shutil.which("haproxy") else "haproxy is not installed: apt-get install haproxy")
    monkeypatch.chdir(tmp_path)
    # As in a shell where the environment that idchaos is installed in was activated.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    console, configuration, script = blocks()[:3]
    words = shlex.split(console.removeprefix("$ idchaos init").replace("\\\n", " "))
    Path("haproxy.cfg").write_text(configuration)
    Path("start.py").write_text(script)
    made = CliRunner().invoke(init.command, words)
    assert made.exit_code == 0, made.output
    return tmp_path


def test_the_doctor_finds_nothing_wrong_with_it(folder: Path) -> None:
    found = examined(f"./{FILE}")
    assert [each for each in found if not each.ok] == []
    assert sum("key fetch" in each.what for each in found) == 2


@pytest.mark.parametrize(("kind", "refused"), [("wrong_audience", True), ("expired", True), ("critical_header", False)])
def test_what_it_checks_is_refused_and_what_the_page_says_it_does_not_look_at_is_let_in(
    folder: Path, kind: str, refused: bool
) -> None:
    narrowed = only(prepare(Request("jwks_outage", gateway=f"./{FILE}", seed=7)), kind, in_fault=False)
    sent, problem = attempts(narrowed)
    assert (bool(sent), problem) == (True, "")
    assert {row["decision"] for row in sent} == ({"deny"} if refused else {"accept"})
