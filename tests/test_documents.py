"""Documents can't go stale: every command in README.md and docs/ is parsed as it would be typed, every link leads to
something, and files for a CI have only commands that there are.
"""

from __future__ import annotations

import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from idchaos.commands import cli, validate
from idchaos.commands.pytest_plugin import OPTIONS, PREFIX
from idchaos.errors import UsageError
from idchaos.run.launch import Request, prepare
from idchaos.run.scenarios import all_scenarios, settings_of
from idchaos.settings import CORES, parse_assignments

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
CI = sorted((ROOT / "docs" / "ci").glob("*.yml"))
PLACEHOLDERS = {
    "N": "1", "R": "80", "SCENARIO": "jwks_outage", "NAME": "jwks_outage", "KIND": "expired", "FILE": "README.md",
    "DIR": "docs", "RUN": "docs", "RUN...": "docs", "A": "docs", "B": "docs", "X": "jwks_outage",
}  # fmt: skip
OPERATORS = re.compile(r"\s(?:\|\|?|&&|;|>|2>)\s.*")
MADE_BY_THE_TUTORIAL = "my_outage"
"""A scenario that a reader writes by then: its name is good, though there is none yet."""


def commands(page: Path) -> Iterator[str]:
    """What is typed in blocks, and what is named in a line as `idchaos ...`."""
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"^```(?:console|sh|bash)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("$ "):
                yield re.sub(r"\s#\s.*", "", line[2:]).strip()
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from (found for found in re.findall(r"`((?:idchaos|pytest|make) [^`]+)`", prose) if "..." not in found)


def in_ci(file: Path) -> Iterator[str]:
    """The harness's commands of a file for a CI, each on one line."""
    folded = re.sub(r"\n\s+(?=jwks_outage|--)", " ", file.read_text(encoding="utf-8"))
    yield from (found.strip() for found in re.findall(r"\bidchaos run [^\n]+", folded))


def typed() -> list[Any]:
    found = [(page, command) for page in PAGES for command in commands(page)]
    found += [(file, command) for file in CI for command in in_ci(file)]
    return [pytest.param(command, id=f"{page.name}: {command}") for page, command in dict.fromkeys(found)]


@pytest.mark.parametrize("command", typed())
def test_every_command_can_be_typed(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    program, *words = shlex.split(OPERATORS.sub("", command).replace(".venv/bin/", ""))
    if program == "idchaos":
        parse(words)
    elif program == "pytest":
        known = {f"--{name}" for name in OPTIONS} | {PREFIX + name for name in OPTIONS} | {"--junitxml"}
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known
    elif program == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert [word for word in words if "=" not in word and word not in targets] == []


def parse(words: list[str]) -> None:
    """By the real parser, without running anything; of a run, also whether there is such a scenario and setting.

    Raises:
        click.ClickException, UsageError: it could not be typed so.
    """
    words = [PLACEHOLDERS.get(word, word) for word in words]
    command: click.Command = cli.cli
    parent = None
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        parent = click.Context(command, parent=parent)
        found = command.get_command(parent, words[0])
        assert found is not None, f"no command {words[0]}"
        command, words = found, words[1:]
    if words in (["--help"], []) and parent is not None:
        return
    context = command.make_context(command.name, list(words), parent=parent)
    if command.name == "command" and {"scenarios", "assignments", "variant"} <= context.params.keys():
        asked = context.params
        for name in asked["scenarios"]:
            if name != MADE_BY_THE_TUTORIAL and not name.endswith(".py"):
                overrides = settings_of(name, asked["variant"]) | parse_assignments(asked["assignments"])
                prepare(Request(name, topology=asked["topology"], profile=asked["profile"],
                                defects=asked.get("defects", ()), overrides=overrides))  # fmt: skip


def outputs() -> list[Any]:
    """Of each page: what is typed of `idchaos validate`, which starts nothing, and what it is shown to print."""
    found = []
    for page in PAGES:
        for block in re.findall(r"^```console\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            for typed, shown in re.findall(
                r"^\$ (idchaos validate [^\n]+)\n((?:[^$\n][^\n]*\n)+)", block, re.MULTILINE
            ):
                found.append(pytest.param(typed, shown.splitlines(), id=f"{page.name}: {typed}"))
    return found


@pytest.mark.parametrize(("typed", "shown"), outputs())
def test_what_is_shown_of_a_forecast_is_what_is_printed(typed: str, shown: list[str]) -> None:
    """Line by line; ``...`` stands for any number of them."""
    ended = CliRunner().invoke(cli.cli, shlex.split(typed)[1:], standalone_mode=False)
    printed = iter(ended.stdout.splitlines())
    skipped = False
    for line in shown:
        if line.strip() == "...":
            skipped = True
        else:
            assert line in printed if skipped else line == next(printed, None)
            skipped = False
    assert skipped or list(printed) == []


def planned_s(profile: str) -> float:
    """Seconds of load of all scenarios, one after the other."""
    return sum(prepare(Request(name, profile=profile)).experiment.plan.duration_s for name in all_scenarios())


def test_the_figures_count_the_scenarios_and_the_seconds_of_their_load() -> None:
    text = (ROOT / "docs" / "figures.md").read_text(encoding="utf-8")
    said = re.search(
        r"There are (\d+) scenarios\. .*? (\d+) s of load in the profile `quick`, and (\d+) s in `ci`", text
    )
    assert said is not None
    assert tuple(map(int, said.groups())) == (len(all_scenarios()), round(planned_s("quick")), round(planned_s("ci")))


def test_the_figures_name_the_scenarios_that_are_timed() -> None:
    (row,) = re.findall(r"^\| ([^|]+), profile `quick` \|", (ROOT / "docs" / "figures.md").read_text(), re.MULTILINE)
    assert tuple(re.findall(r"`(\w+)`", row)) == runpy.run_path(str(ROOT / "benchmarks" / "runs.py"))["SCENARIOS"]


def test_the_page_on_forecasts_names_every_option_there_is() -> None:
    text = (ROOT / "docs" / "validate.md").read_text(encoding="utf-8")
    options = [each.opts[0] for each in validate.command.params if isinstance(each, click.Option)]
    assert {"--gateway", "--fault", "--set"} <= set(options)
    assert [option for option in options if f"`{option}`" not in text] == []


def test_the_page_on_ci_says_how_long_a_scenario_is_and_how_many_cores_it_wants() -> None:
    text = (ROOT / "docs" / "ci" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(quick|ci|gameday)` \| ([^|]+) \|[^|]+\| (\d+)", text, re.MULTILINE)
    assert {name: int(cores) for name, _, cores in rows} == CORES
    said = {name: load for name, load, _ in rows}
    least = {
        name: min(prepare(Request(each, profile=name)).experiment.plan.duration_s for each in all_scenarios())
        for name in said
    }
    assert said["ci"] == f"{least['ci']:.0f} s and more"
    assert (said["quick"], said["gameday"]) == ("half a minute", "ten minutes and more")
    assert (round(least["quick"] / 30), round(least["gameday"] / 600)) == (1, 1)


def slug(heading: str) -> str:
    """The anchor of a heading, as forges make it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {slug(title) for title in re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_something(page: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_there_is_something_to_check() -> None:
    assert len(typed()) > 30
    assert len(outputs()) > 0
    assert all(list(in_ci(file)) for file in CI)


@pytest.mark.parametrize(
    "command",
    [
        "run jwks_outrage",
        "run jwks_outage --sed 1",
        "run jwks_outage --set gateway.nope=1",
        "analize docs",
        "compare docs",
    ],
)
def test_what_cannot_be_typed_is_found(command: str) -> None:
    with pytest.raises((click.ClickException, UsageError, AssertionError)):
        parse(command.split())
