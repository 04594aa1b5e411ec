"""A gateway of one's own in containers, on a real engine: as good as one that a command starts, and nothing is left."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import docker
import pytest

from idchaos.commands.doctor import examined
from idchaos.errors import TargetError
from idchaos.run.launch import make_target, new_run_id
from idchaos.settings import CommonSettings
from idchaos.targets.base import Target
from idchaos.targets.capabilities import ControlsProcesses, required
from idchaos.undo.ledger import RUN_LABEL, Containers

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[4]
STAND_IN = os.environ.get("IDCHAOS_STAND_IN_IMAGE", "idchaos/stand-in:local")
"""It has a Python with what the validator needs."""
IMAGE = "idchaos/foreign:test"
FOREIGN = {
    "listen": "{listen}", "issuer": "{issuer}", "idp_url": "http://{idp}", "upstream": "http://{orders}",
    "audience": "{audience}", "scope": "orders:read", "cache_s": 2, "cooldown_s": 1, "defects": [],
}  # fmt: skip


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    client = docker.from_env()
    base = {"PYTHON_IMAGE": os.environ.get("IDCHAOS_PYTHON_IMAGE", "python:3.11-slim")}
    client.images.build(path=str(ROOT), dockerfile="fixtures/images/Dockerfile", buildargs=base, tag=STAND_IN)
    client.images.build(fileobj=BytesIO(f'FROM {STAND_IN}\nENTRYPOINT ["python"]\n'.encode()), tag=IMAGE)
    yield client
    client.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of one's own, whose configuration is the program itself."""
    validator = (ROOT / "tests/harness/foreign/validator.py").read_text()
    told = f"import os\nos.environ['FOREIGN'] = {json.dumps(json.dumps(FOREIGN))}\n"
    (tmp_path / "gateway.py").write_text(told + validator)
    found = tmp_path / "mine.toml"
    found.write_text(f'[gateway]\nname = "mine"\nimage = "{IMAGE}"\ncommand = ["{{config}}"]\n'
                     'config = "gateway.py"\nservices = ["orders"]\nposts = false\n')  # fmt: skip
    return found


@pytest.fixture
def target(file: Path, engine: docker.DockerClient, tmp_path: Path) -> Iterator[tuple[Target, str]]:
    run_id = new_run_id()
    found, undos = make_target("local", CommonSettings(topology="edge"), run_id, gateway=str(file))
    assert Containers(run_id=run_id) in undos
    (tmp_path / "logs").mkdir()
    try:
        found.start(tmp_path / "logs")
        yield found, run_id
    finally:
        found.stop()
        assert of(engine, run_id) == []


def of(engine: docker.DockerClient, run_id: str) -> list[str]:
    return [each.name for each in engine.containers.list(all=True, filters={"label": f"{RUN_LABEL}={run_id}"})]


def test_doctor_finds_nothing_wrong_with_it(file: Path, engine: docker.DockerClient) -> None:
    assert [each.what for each in examined(str(file)) if not each.ok] == []


def test_it_is_paused_killed_and_started_again(target: tuple[Target, str], engine: docker.DockerClient) -> None:
    found, run_id = target
    processes = required(found, ControlsProcesses)
    assert sorted(of(engine, run_id)) == [f"idchaos-{run_id}-gateway-{number}" for number in (1, 2)]
    first = processes.process("gateway-1")
    assert (first.status, (first.cpu_s or 0) > 0) == ("running", True)
    processes.disturb("gateway-1", "pause")
    assert processes.process("gateway-1").status == "paused"
    processes.restore("gateway-1", "pause")
    assert processes.process("gateway-1").status == "running"
    processes.disturb("gateway-1", "kill")
    assert processes.process("gateway-1").status == "dead"
    processes.restore("gateway-1", "kill")
    again = processes.process("gateway-1")
    assert (again.status, again.incarnation != first.incarnation) == ("running", True)


def test_an_image_that_is_not_here_is_named(file: Path) -> None:
    file.write_text(file.read_text().replace(IMAGE, "nobody/has-it:1"))
    with pytest.raises(TargetError, match="there is no image nobody/has-it:1 here: docker pull nobody/has-it:1, or "):
        examined(str(file))


def test_one_that_ends_at_once_says_why(file: Path, engine: docker.DockerClient) -> None:
    (file.parent / "gateway.py").write_text("import sys\nprint('error: no such directive', flush=True)\nsys.exit(3)\n")
    with pytest.raises(TargetError) as found:
        examined(str(file))
    assert str(found.value) == "gateway-1 did not start: error: no such directive"
