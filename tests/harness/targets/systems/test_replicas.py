"""Replicas that a hook ends and its undo starts: what must be seen of it, and what is said when it is not."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from idchaos.errors import FaultError
from idchaos.targets.systems import replicas
from idchaos.targets.systems.acts import Act, Hook
from idchaos.targets.systems.hooks import Around
from idchaos.targets.systems.replicas import Replicas, address_of, listens
from idchaos.undo.ledger import Command

URL = "http://127.0.0.1:9002"
HOOK = Hook(
    command=("./gateway.sh", "stop", "{replica}"), timeout_s=5, undo=Act(command=("./gateway.sh", "start", "{number}"))
)


class Machine:
    """Where replicas run: an act is done when its hook is called, unless it is ``stubborn``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, stubborn: bool = False) -> None:
        self.up, self.stubborn, self.asked = {URL: True}, stubborn, list[str]()
        monkeypatch.setattr(replicas, "perform", self._perform)
        monkeypatch.setattr(replicas, "ENDED_WITHIN_S", 0.0)
        monkeypatch.setattr(replicas, "STARTED_WITHIN_S", 0.0)

    def _perform(self, name: str, act: Act, places: dict[str, str], beside: Path) -> None:
        self.asked.append(name)
        if not self.stubborn:
            self.up[URL] = name == "stop.undo"

    def replicas(self, hook: Hook | None = HOOK) -> Replicas:
        return Replicas(hook, Around(Path("/shop")), {"gateway-2": URL}, self.up.__getitem__, lambda _: None)


def test_a_restart_is_proved_by_nobody_having_listened_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    found = machine.replicas()
    before = found.process("gateway-2")
    found.disturb("gateway-2", "kill")
    assert found.process("gateway-2").status == "dead"
    found.restore("gateway-2", "kill")
    after = found.process("gateway-2")
    assert (before.status, after.status) == ("running", "running")
    assert before.incarnation != after.incarnation
    assert machine.asked == ["stop", "stop.undo"]


def test_one_that_runs_is_not_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    machine.replicas().restore("gateway-2", "kill")
    assert machine.asked == []


def test_a_hook_that_does_nothing_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, stubborn=True)
    with pytest.raises(FaultError, match=r"hooks.stop: gateway-2 still listens at http://127.0.0.1:9002"):
        machine.replicas().disturb("gateway-2", "kill")
    machine.up[URL] = False
    with pytest.raises(FaultError, match=r"hooks.stop.undo: gateway-2 does not listen at http://127.0.0.1:9002"):
        machine.replicas().restore("gateway-2", "kill")


def test_its_undo_is_what_the_ledger_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    undo = Machine(monkeypatch).replicas().undo("gateway-2", "kill")
    assert undo == Command(argv=("/shop/gateway.sh", "start", "2"), timeout_s=30)


def test_what_the_file_says_no_way_to_do_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    with pytest.raises(FaultError, match="the file says no way to pause gateway-2"):
        machine.replicas().disturb("gateway-2", "pause")
    with pytest.raises(FaultError, match="the file says no way to kill gateway-2"):
        machine.replicas(None).undo("gateway-2", "kill")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://shop.test/api", ("shop.test", 80)),
        ("https://shop.test", ("shop.test", 443)),
        ("http://[::1]:81", ("::1", 81)),
    ],
)
def test_an_address_has_a_port(url: str, address: tuple[str, int]) -> None:
    assert address_of(url) == address


def test_somebody_listens_who_waits_to_be_asked_and_nobody_where_a_proxy_hangs_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert listens(url)
        hung_up = threading.Thread(target=lambda: [server.accept()[0].close() for _ in range(2)])
        hung_up.start()
        assert not listens(url)
        hung_up.join()
    assert not listens(url)
