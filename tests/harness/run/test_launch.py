"""From a request to a run: what is refused beforehand, and which error a user hears of."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idchaos.errors import FaultError, IdchaosError, Interrupted, StoreError, UndecidableError, UsageError, told
from idchaos.experiment import Phase, PhaseName, Plan
from idchaos.record.record import Cleanup
from idchaos.record.rundir import RunDirectory
from idchaos.run import launch
from idchaos.run.building import everyday_load
from idchaos.run.launch import Request, prepare
from idchaos.run.scenario import Experiment, Scenario
from idchaos.run.scenarios import all_scenarios
from idchaos.settings import PROFILES, CommonSettings, names, parse_assignments
from idchaos.studies import single
from idchaos.targets.standin.local import LocalTarget


class Ends:
    """A run that ends with an error, in place of a real one."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __call__(self, _: Experiment, target: LocalTarget, directory: RunDirectory, *__: Any, **___: Any) -> Ends:
        target.stop()
        directory.close()
        return self

    def execute(self) -> None:
        raise self.error


VERDICT = SimpleNamespace(cleanup=Cleanup(clean=True))


def run_that_ends(
    first: BaseException, second: BaseException | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> object:
    """What ``run`` gives when it ends with ``first`` and its conclusion fails with ``second``."""

    def conclude(_: Path) -> SimpleNamespace:
        if second is not None:
            raise second
        return VERDICT

    monkeypatch.setattr(launch, "Run", Ends(first))
    monkeypatch.setattr(single, "conclude", conclude)
    return single.run(prepare(Request(scenario="jwks_outage", reports=folder)))


FULL = StoreError("verdict.json: cannot be written: No space left on device")


@pytest.mark.parametrize("second", [FULL, ValueError("a bug"), KeyboardInterrupt()])
@pytest.mark.parametrize("first", [FaultError, Interrupted, UndecidableError, ValueError, KeyboardInterrupt])
def test_the_first_error_is_heard_and_the_second_is_mentioned(
    first: type[BaseException], second: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(first, match="the proxy is gone") as caught:
        run_that_ends(first("the proxy is gone"), second, tmp_path, monkeypatch)
    assert told(caught.value) == f"the proxy is gone; then, while it was judged: {str(second) or 'KeyboardInterrupt'}"


def test_an_error_is_heard_as_it_is_when_nothing_else_goes_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(IdchaosError) as caught:
        run_that_ends(FaultError("the proxy is gone"), None, tmp_path, monkeypatch)
    assert told(caught.value) == "the proxy is gone"


def test_a_run_that_could_not_decide_gives_its_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_that_ends(UndecidableError("not steady"), None, tmp_path, monkeypatch) is VERDICT


ODD = st.sampled_from(
    ["0", "-1", "1", "2", "0.001", "0.05", "1.5", "3", "5e-324", "1e-9", "86399.999", "86400", "100000", "-86400",
     "20000", "1e308", "1e999", "NaN", "null", "true", "[]", "{}", '"', "", "soon", "٣", "\x00"]
)  # fmt: skip


@st.composite
def assignments(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A scenario, and odd values for some of its settings."""
    scenario = draw(st.sampled_from(list(all_scenarios().values())))
    chosen = draw(st.lists(st.sampled_from(sorted(names(scenario.settings))), min_size=1, max_size=4, unique=True))
    known = st.sampled_from([str(value) for each in scenario.variants.values() for value in each.values()] or ["1"])
    values = ODD | known | st.floats().map(repr) | st.integers().map(str) | st.text(max_size=10)
    return scenario.name, [f"{name}={draw(values)}" for name in chosen]


@given(assignments(), st.sampled_from(sorted(PROFILES)))
@settings(max_examples=400, deadline=None)
def test_any_settings_make_an_experiment_or_one_clear_line(asked: tuple[str, list[str]], profile: str) -> None:
    name, words = asked
    try:
        prepared = prepare(Request(scenario=name, profile=profile, overrides=parse_assignments(words)))
    except UsageError as error:
        assert any(word.partition("=")[0] in str(error) for word in words)
        assert "\n" not in str(error)
    else:
        assert prepared.experiment.plan.duration_s > 0


@pytest.mark.parametrize("name", sorted(all_scenarios()))
def test_each_odd_value_of_each_setting_makes_an_experiment_or_one_clear_line(name: str) -> None:
    scenario = all_scenarios()[name]
    for setting, value, variant in product(
        names(scenario.settings), ("0", "5e-324", "0.001", "1", "20", "86400", "-86400"), scenario.variants.values()
    ):
        overrides = {**variant, **parse_assignments([f"{setting}={value}"])}
        try:
            prepare(Request(scenario=name, overrides=overrides), scenario)
        except UsageError as error:
            assert setting in str(error)


def design_that_adds_up(settings: CommonSettings) -> Experiment:
    """A design in which two settings, each in its range, may not fit together."""
    phase = Phase(name=PhaseName.BASELINE, duration_s=settings.phases.baseline_s - settings.phases.recovery_s)
    plan = Plan(scenario="odd", variant="", phases=(phase,), load=everyday_load(settings), objectives=(), invariants=())
    return Experiment(plan=plan, faults={})


ODD_SCENARIO = Scenario(
    name="odd", summary="", covers=(), settings=CommonSettings, variants={"": {}}, variant_of=lambda _: "",
    design=design_that_adds_up,
)  # fmt: skip


def test_settings_that_do_not_fit_together_are_named_and_no_others() -> None:
    overrides = {"load.rate": 50, "phases.recovery_s": 9, "tokens.access_ttl_s": 60}
    with pytest.raises(UsageError) as caught:
        prepare(Request(scenario="odd", overrides=overrides), ODD_SCENARIO)
    assert str(caught.value) == "phases.recovery_s=9: makes no sound experiment: should be greater than 0"


def test_where_no_setting_alone_is_to_blame_all_are_named() -> None:
    overrides = {"phases.baseline_s": 2, "phases.recovery_s": 9}
    with pytest.raises(UsageError, match=r"^phases\.baseline_s=2, phases\.recovery_s=9: makes no sound experiment"):
        prepare(Request(scenario="odd", overrides=overrides), ODD_SCENARIO)


@pytest.mark.parametrize("target", ["local", "docker"])
def test_every_scenario_finds_what_its_faults_need_at_the_stand_ins(target: str) -> None:
    for name, scenario in all_scenarios().items():
        for variant in scenario.variants.values():
            prepare(Request(name, target=target, overrides=variant))


def test_a_fault_that_the_target_cannot_carry_out_is_refused_before_anything_starts() -> None:
    mute = SimpleNamespace(name="mine", capability=lambda _: None)
    rotation = prepare(Request("key_rotation")).experiment
    with pytest.raises(
        UsageError, match=r"--target mine: overlap rotation .* needs a target where publishing, signing with and "
    ):
        launch.check_capabilities(rotation, mute)  # type: ignore[arg-type]
