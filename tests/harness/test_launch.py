"""From a request to a run: what is refused beforehand, and which error a user hears of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness import launch
from harness.errors import FaultError, IdchaosError, Interrupted, StoreError, UndecidableError, told
from harness.launch import Request, prepare
from harness.rundir import RunDirectory
from harness.scenario import Experiment
from harness.targets.local import LocalTarget


class Ends:
    """A run that ends with an error, in place of a real one."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __call__(self, _: Experiment, target: LocalTarget, directory: RunDirectory, **__: Any) -> Ends:
        target.close()
        directory.close()
        return self

    def execute(self) -> None:
        raise self.error


def run_that_ends(
    first: BaseException, second: BaseException | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> object:
    """What ``run`` gives when it ends with ``first`` and its conclusion fails with ``second``."""

    def conclude(_: Path) -> str:
        if second is not None:
            raise second
        return "a verdict"

    monkeypatch.setattr(launch, "Run", Ends(first))
    monkeypatch.setattr(launch, "conclude", conclude)
    return launch.run(prepare(Request(scenario="jwks_outage", reports=folder)))


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
    assert run_that_ends(UndecidableError("not steady"), None, tmp_path, monkeypatch) == "a verdict"
