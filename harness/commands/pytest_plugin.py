"""``pytest scenarios/``: every scenario file is a test module, every variant a test.

Loaded by pytest through an entry point, so that it works on scenario files of one's own as well: any ``*.py`` below a
folder called ``scenarios`` whose module has a ``SCENARIO``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from idchaos.run.scenario import Scenario

FOLDER = "scenarios"
DEFINES = "\nSCENARIO = "


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that ``idchaos run`` has too."""
    group = parser.getgroup("idchaos", "scenarios of idchaos")
    group.addoption("--target", default="local", help="idchaos: local (processes) or docker")
    group.addoption("--gateway", default="standin", help="idchaos: which gateway is tested")
    group.addoption("--topology", default="gateway", help="idchaos: where it is decided whether a token is good")
    group.addoption("--profile", default="quick", help="idchaos: how long and how much: quick, ci, gameday")
    group.addoption("--seed", type=int, default=None, help="idchaos: same seed, same plan")
    group.addoption("--set", action="append", default=[], metavar="KEY=VALUE", help="idchaos: change a setting")
    group.addoption("--defect", action="append", default=[], metavar="NAME", help="idchaos: a defect of the stand-ins")
    group.addoption("--reports", default="reports", help="idchaos: where run directories are made")
    group.addoption("--all-variants", action="store_true", help="idchaos: run every variant, not just the first")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take scenario files, which pytest by itself would not look at."""
    if file_path.suffix != ".py" or FOLDER not in file_path.parent.parts:
        return None
    if DEFINES not in file_path.read_text(encoding="utf-8", errors="replace"):
        return None
    return ScenarioFile.from_parent(parent, path=file_path)


class ScenarioFile(pytest.Module):
    """A file with a ``SCENARIO``."""

    def collect(self) -> Iterator[pytest.Item]:
        """One test a variant; only the first one unless ``--all-variants`` is given."""
        scenario: Scenario[Any] = self.obj.SCENARIO
        variants = list(scenario.variants)
        for variant in variants if self.config.getoption("--all-variants") else variants[:1]:
            yield ScenarioTest.from_parent(self, name=variant, scenario=scenario)


class ScenarioTest(pytest.Item):
    """One variant of one scenario."""

    def __init__(self, *, scenario: Scenario[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scenario = scenario

    def runtest(self) -> None:
        """Run it; anything but PASS fails the test, for no data is no pass, and so does what was left behind."""
        from idchaos.run.launch import Request, prepare
        from idchaos.settings import parse_assignments
        from idchaos.studies.single import run

        option = self.config.getoption
        why_not = self.scenario.why_not_on(option("--topology"))
        if why_not:
            pytest.skip(why_not)
        request = Request(
            scenario=self.scenario.name,
            target=option("--target"),
            gateway=option("--gateway"),
            topology=option("--topology"),
            profile=option("--profile"),
            seed=option("--seed"),
            overrides={**self.scenario.variants[self.name], **parse_assignments(option("--set"))},
            defects=tuple(option("--defect")),
            reports=Path(option("--reports")),
            command=("pytest", *self.config.invocation_params.args),
        )
        verdict = run(prepare(request, self.scenario))
        self.add_report_section("call", "report", f"{verdict.run_dir}/report.html")
        if verdict.verdict != "PASS":
            raise NotPassedError(verdict.verdict, verdict.reasons)
        if verdict.cleanup.problem:
            raise NotPassedError(verdict.verdict, (verdict.cleanup.problem,))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The verdict and its reasons, or an error's one line; no traceback."""
        from idchaos.errors import IdchaosError, told

        if isinstance(excinfo.value, NotPassedError | IdchaosError):
            return f"{self.scenario.name}[{self.name}]: {told(excinfo.value)}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """How pytest names the test."""
        return self.path, None, f"{self.scenario.name}[{self.name}]"


class NotPassedError(Exception):
    """A verdict other than PASS, or a clean-up that was not clean."""

    def __init__(self, verdict: str, reasons: tuple[str, ...]) -> None:
        super().__init__("\n".join((verdict, *(f"  {reason}" for reason in reasons))))
