"""``pytest scenarios/``: every scenario file is a test module, every variant a test.

Loaded by pytest through an entry point, so that it works on scenario files of one's own as well: any ``*.py`` below a
folder called ``scenarios`` that has a ``SCENARIO`` and speaks of idchaos, or that is named on the command line and has
one. Other projects' files of that kind are left to pytest. Its options begin with
``--idchaos-``, for other plugins are there too; where scenarios are asked for, ``--target`` and the like do as well,
unless another plugin has an option of that name.
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from idchaos.files import SCENARIO, defines_scenario, defines_scenario_of_ours

if TYPE_CHECKING:
    from idchaos.run.launch import Prepared
    from idchaos.run.scenario import Scenario
    from idchaos.verdict.verdict import RunVerdict

FOLDER = "scenarios"
PREFIX = "--idchaos-"
MOST_RETRIES = 10


def retries(text: str) -> int:
    """How often, as ``idchaos run`` takes it.

    Raises:
        ArgumentTypeError: it is no such number.
    """
    if not text.isdecimal() or int(text) > MOST_RETRIES:
        raise ArgumentTypeError(f"{text!r} should be a whole number, 0 to {MOST_RETRIES}")
    return int(text)


OPTIONS: dict[str, dict[str, Any]] = {
    "target": {"default": "local", "help": "local (processes) or docker"},
    "gateway": {"default": "standin", "help": "which gateway is tested, by name or file"},
    "idp": {"default": "standin", "help": "which IdP there is, by name"},
    "topology": {"default": "gateway", "help": "where it is decided whether a token is good"},
    "profile": {"default": "quick", "help": "how long and how much: quick, ci, gameday"},
    "rate": {"type": float, "default": None, "help": "API requests per second; short for set load.rate=R"},
    "seed": {"type": int, "default": None, "help": "same seed, same plan"},
    "set": {"action": "append", "default": [], "metavar": "KEY=VALUE", "help": "change a setting"},
    "strict-observation": {"action": "store_true", "help": "no PASS where the target can't show all that is judged"},
    "fault": {"action": "append", "default": [], "metavar": "NAME[:KEY=VALUE,...]", "help": "let this go wrong, too"},
    "defect": {"action": "append", "default": [], "metavar": "NAME", "help": "a defect of the stand-ins"},
    "retry-inconclusive": {
        "type": retries,
        "default": 0,
        "metavar": "N",
        "help": "how often a run that was INCONCLUSIVE is made again; a FAIL never is",
    },
    "reports": {"default": "reports", "help": "where run directories are made"},
    "all-variants": {"action": "store_true", "help": "run every variant, not just the first"},
}
"""As ``idchaos run`` has them, by name."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, by their long names."""
    group = parser.getgroup("idchaos", "scenarios of idchaos (without idchaos- where scenarios are named)")
    for name, how in OPTIONS.items():
        group.addoption(PREFIX + name, **how)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(parser: pytest.Parser, args: list[str]) -> None:
    """Take short names for long ones, where scenarios are named; before pytest reads its options for good."""
    if any(_has_scenarios(Path(arg.partition("::")[0])) for arg in args if not arg.startswith("-")):
        ours = {f"--{name}" for name in OPTIONS if _is_free(f"--{name}", parser)}
        args[:] = long_names(args, ours)


def long_names(args: Iterable[str], short: set[str]) -> list[str]:
    """Arguments with these options by their long names: ``--seed=3`` is ``--idchaos-seed=3``."""
    return [PREFIX + arg.removeprefix("--") if arg.partition("=")[0] in short else arg for arg in args]


def _is_free(option: str, parser: pytest.Parser) -> bool:
    """Whether no other plugin has an option of that name: pytest then knows nothing to do with it."""
    try:
        return bool(parser.parse_known_and_unknown_args([f"{option}=1"])[1])
    except (pytest.UsageError, SystemExit):
        return False


def _has_scenarios(path: Path) -> bool:
    """Whether a file has a ``SCENARIO``, or some file below a folder has one of ours."""
    if path.is_dir() and FOLDER in path.absolute().parts:
        return any(defines_scenario_of_ours(file) for file in path.rglob("*.py"))
    return path.is_file() and defines_scenario(path)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take scenario files, which pytest by itself would not look at."""
    named = parent.session.isinitpath(file_path) and defines_scenario(file_path)
    found = named or (FOLDER in file_path.parent.parts and defines_scenario_of_ours(file_path))
    return ScenarioFile.from_parent(parent, path=file_path) if found else None


class ScenarioFile(pytest.Module):
    """A file with a ``SCENARIO``."""

    def collect(self) -> Iterator[pytest.Item]:
        """One test a variant; only the first one unless ``--all-variants`` is given. None where it is something else
        that is called so: what other tests the file has, pytest takes by itself.
        """
        from idchaos.run.scenario import Scenario

        scenario = getattr(self.obj, SCENARIO, None)
        if not isinstance(scenario, Scenario):
            return
        variants = list(scenario.variants)
        for variant in variants if self.config.getoption("idchaos_all_variants") else variants[:1]:
            yield ScenarioTest.from_parent(self, name=variant, scenario=scenario)


class ScenarioTest(pytest.Item):
    """One variant of one scenario."""

    def __init__(self, *, scenario: Scenario[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scenario = scenario
        if self.config.pluginmanager.hasplugin("timeout"):
            # A game day takes as long as it was planned to; a limit for unit tests would end it half-way.
            self.add_marker(pytest.mark.timeout(0))

    def runtest(self) -> None:
        """Run it; anything but PASS fails the test, for no data is no pass, and so does what was left behind."""
        from idchaos.errors import Unsuited
        from idchaos.run.launch import Request, prepare
        from idchaos.run.scenarios import handle

        request = Request(
            scenario=handle(self.scenario, self.path),
            target=self._option("target"),
            gateway=self._option("gateway"),
            idp=self._option("idp"),
            topology=self._option("topology"),
            profile=self._option("profile"),
            seed=self._option("seed"),
            overrides=self._overrides(),
            faults=tuple(self._option("fault")),
            defects=tuple(self._option("defect")),
            reports=Path(self._option("reports")),
            command=("pytest", *self.config.invocation_params.args),
        )
        try:
            prepared = prepare(request, self.scenario)
        except Unsuited as lacking:
            pytest.skip(str(lacking))
        *again, verdict = self._made(prepared)
        self.user_properties += [("run_again", f"{each.run_dir}/report.html") for each in again]
        self.user_properties += [("verdict", str(verdict.verdict)), ("report", f"{verdict.run_dir}/report.html")]
        self.add_report_section("call", "report", f"{verdict.run_dir}/report.html")
        if verdict.verdict != "PASS":
            raise NotPassedError(verdict.verdict, verdict.reasons)
        if left := tuple(each.cleanup.problem for each in (*again, verdict) if each.cleanup.problem):
            raise NotPassedError(verdict.verdict, left)

    def _overrides(self) -> dict[str, Any]:
        from idchaos.commands.options import STRICT
        from idchaos.settings import parse_assignments

        rate = self._option("rate")
        return {
            **self.scenario.variants[self.name],
            **parse_assignments(self._option("set")),
            **({} if rate is None else {"load.rate": rate}),
            **(STRICT if self._option("strict_observation") else {}),
        }

    def _made(self, prepared: Prepared) -> list[RunVerdict]:
        """What the run came to, as often as it was made: the last one decides, those before it were INCONCLUSIVE."""
        from idchaos.studies.batch import run_all
        from idchaos.studies.single import run

        made = run_all([prepared], run, lambda _run, _error: False, retries=self._option("retry_inconclusive"))
        return [each.verdict for each in made]

    def _option(self, name: str) -> Any:
        return self.config.getoption(f"idchaos_{name}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The verdict and its reasons, or an error's one line; no traceback."""
        from idchaos.errors import IdchaosError, told

        if isinstance(excinfo.value, NotPassedError | IdchaosError):
            return Failure(f"{self.scenario.name}[{self.name}]: {told(excinfo.value)}", str(self.path))
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """How pytest names the test."""
        return self.path, None, f"{self.scenario.name}[{self.name}]"


@dataclass(frozen=True)
class Crash:
    """Where pytest looks for the words of its last line."""

    path: str
    message: str
    lineno: int = 0


class Failure:
    """A failure as pytest shows it: all of it where failures are, its verdict and first reason in the last line."""

    def __init__(self, text: str, path: str) -> None:
        self.text = text
        first, *rest = (line.strip() for line in text.splitlines())
        self.reprcrash = Crash(path, f"{first}: {rest[0]}" if rest else first)

    def __str__(self) -> str:
        return self.text

    def toterminal(self, terminal: Any) -> None:
        """Write it."""
        terminal.line(self.text)


class NotPassedError(Exception):
    """A verdict other than PASS, or a clean-up that was not clean."""

    def __init__(self, verdict: str, reasons: tuple[str, ...]) -> None:
        super().__init__("\n".join((verdict, *(f"  {reason}" for reason in reasons))))
