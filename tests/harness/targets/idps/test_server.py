"""One run's Keycloak process: when it serves, why it does not, and that its folder goes with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from idchaos.errors import TargetError
from idchaos.targets.base import ProcessState
from idchaos.targets.idps.hosted import Seen
from idchaos.targets.idps.keycloak import server
from idchaos.targets.idps.keycloak.server import Server
from idchaos.targets.standin.addresses import was_taken
from idchaos.topologies import TOPOLOGIES


class Child:
    """A process, as far as a server looks at it."""

    def __init__(self, *log: str, code: int | None = None) -> None:
        self.lines, self.code, self.spawned, self.stopped = list(log), code, 0, 0

    def spawn(self) -> None:
        self.spawned += 1

    def stop(self) -> None:
        self.stopped += 1

    def log(self) -> list[str]:
        return self.lines

    def ended(self) -> int | None:
        return self.code

    def state(self) -> ProcessState:
        return ProcessState(status="running", incarnation="7")

    def cpu_s(self) -> float | None:
        return 1.5


def serving(child: Child, folder: Path, *answers: bool) -> Server:
    """A server that answers so, one time after the other, and then as the last time."""
    left = list(answers)
    made: list[Path] = []

    def home() -> Path:
        folder.mkdir()
        made.append(folder)
        return folder

    return Server(child, home, folder, lambda: left.pop(0) if len(left) > 1 else left[0], sleep=lambda _: None)  # type: ignore[arg-type]


def test_it_is_waited_for_and_its_folder_is_made_once_and_goes_with_it(tmp_path: Path) -> None:
    child = Child()
    found = serving(child, tmp_path / "home", False, False, True)
    found.spawn()
    found.wait_ready()
    found.spawn()
    assert (child.spawned, (tmp_path / "home").exists()) == (2, True)
    found.stop()
    assert (child.stopped, (tmp_path / "home").exists()) == (1, False)


def test_why_it_ended_is_one_line(tmp_path: Path) -> None:
    log = (
        "Updating",
        "ERROR: Failed to run 'start' command.",
        "ERROR: Unknown option: '--x'",
        "For more details run the same command",
    )
    with pytest.raises(TargetError, match=r"^idp did not start: ERROR: Unknown option: '--x'$"):
        serving(Child(*log, code=2), tmp_path / "home", False).wait_ready()


def test_a_port_that_somebody_took_is_told_so_that_others_are_chosen(tmp_path: Path) -> None:
    child = Child("ERROR: Port(s) already bound: 8080: Address already in use", "ERROR: stopped", code=1)
    with pytest.raises(TargetError) as ended:
        serving(child, tmp_path / "home", False).wait_ready()
    assert was_taken(ended.value)


def test_one_that_never_serves_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "READY_WITHIN_S", 0.0)
    with pytest.raises(TargetError, match="it serves nothing after 0 s; its last words: still loading"):
        serving(Child("still loading"), tmp_path / "home", False).wait_ready()


class Nobody:
    """An IdP that does not answer, and whose process is as it is."""

    def __init__(self, serves: bool) -> None:
        self._serves = serves

    def serves(self) -> bool:
        return self._serves

    def process(self, component: str) -> ProcessState:
        return ProcessState(status="running", incarnation="7", cpu_s=2.0)


def test_of_an_idp_that_tells_nothing_the_system_tells_which_process_it_is() -> None:
    graph = TOPOLOGIES["edge"].graph
    seen = Seen(None, graph, Nobody(True), Nobody(True))  # type: ignore[arg-type]
    assert seen.state("idp") == {"contract": 1, "name": "idp", "instance": "7", "cpu_s": 2.0}
    with pytest.raises(TargetError, match="idp is running, and does not answer"):
        Seen(None, graph, Nobody(True), Nobody(False)).state("idp")  # type: ignore[arg-type]
