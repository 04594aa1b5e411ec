"""A container that the engine will not end is not taken for ended, and none of what it said is lost unheard."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import APIError, ImageNotFound, NotFound

from idchaos.errors import TargetError
from idchaos.targets.gateways.contained import Contained


class Engine:
    """An engine that is its one container, too, and what it refuses."""

    def __init__(self) -> None:
        self.refuses: dict[str, Exception] = {}
        self.attrs = {"State": {"Status": "running", "Pid": 0, "StartedAt": "now", "ExitCode": 0}}
        self.short_id, self.containers, self.made = "c1", self, {}
        self.said, self.streamed = b"one\ntwo\n", [b"one\n"]
        self.closed = False

    def _do(self, what: str) -> None:
        if what in self.refuses:
            raise self.refuses[what]

    def create(self, image: str, command: list[str], **how: Any) -> Engine:
        self.made = {"image": image, "command": command, **how}
        self._do("create")
        return self

    def start(self) -> None:
        self._do("start")

    def reload(self) -> None:
        self._do("reload")

    def kill(self, **_: Any) -> None:
        self._do("kill")

    def stop(self, **_: Any) -> None:
        self._do("stop")

    def unpause(self) -> None:
        raise APIError("it is not paused")

    def remove(self, **_: Any) -> None:
        self._do("remove")

    def logs(self, *, stream: bool = False, follow: bool = False) -> Any:
        self._do("logs")
        return iter(self.streamed) if stream else self.said

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(docker, "from_env", lambda **_: made)
    return made


@pytest.fixture
def contained(engine: Engine, tmp_path: Path) -> Iterator[Contained]:
    (tmp_path / "gateway-1").mkdir()
    found = Contained("gateway-1", "my:1", ["-f", "x"], {}, "run1", tmp_path / "gateway-1.log", tmp_path / "gateway-1")
    found.spawn()
    yield found
    engine.refuses = {}
    found.stop()


def test_one_that_the_engine_does_not_end_is_not_dead(contained: Contained, engine: Engine) -> None:
    engine.refuses = {"kill": APIError("no"), "remove": APIError("device busy")}
    with pytest.raises(TargetError, match="gateway-1: its container could not be ended: device busy"):
        contained.kill()
    assert contained.state().status == "running"


def test_what_could_not_be_stopped_is_told_and_keeps_nothing_else_from_being_stopped(
    contained: Contained, engine: Engine
) -> None:
    engine.refuses = {"remove": APIError("device busy")}
    contained.stop()
    assert contained.problem == "gateway-1: its container could not be ended: device busy"
    assert engine.closed


def test_what_was_missed_of_its_log_is_added_in_the_end(contained: Contained) -> None:
    contained.stop()
    assert (contained.log(), contained.problem) == (["one", "two"], "")


@pytest.mark.parametrize("refused", [APIError("no"), NotFound("gone")])
def test_a_log_that_is_lost_is_told(contained: Contained, engine: Engine, refused: Exception) -> None:
    engine.refuses = {"logs": refused}
    contained.stop()
    assert contained.problem


def test_an_engine_that_says_nothing_is_no_evidence(contained: Contained, engine: Engine) -> None:
    engine.refuses = {"reload": APIError("no")}
    with pytest.raises(TargetError, match="the engine does not say how it is"):
        contained.state()


def test_one_that_somebody_has_removed_has_ended(contained: Contained, engine: Engine) -> None:
    engine.refuses = {"reload": NotFound("gone")}
    assert contained.state().status == "dead"
    assert contained.ended() == 128 + signal.SIGKILL


def test_it_has_the_network_of_the_machine_its_own_folder_and_a_log_that_is_not_cut(
    contained: Contained, engine: Engine, tmp_path: Path
) -> None:
    folder = str(tmp_path / "gateway-1")
    assert (engine.made["network_mode"], list(engine.made["volumes"])) == ("host", [folder])
    assert engine.made["log_config"]["Type"] == "json-file"
    assert engine.made["labels"] == {"idchaos.run": "run1"}


def test_an_image_that_is_not_here_leaves_nothing_open(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "g").mkdir()
    engine.refuses = {"create": ImageNotFound("no")}
    with pytest.raises(TargetError, match="there is no image my:1 here: docker pull my:1, or build it"):
        Contained("g", "my:1", [], {}, "run1", tmp_path / "g.log", tmp_path / "g").spawn()
    assert engine.closed
