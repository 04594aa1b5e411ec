"""Carrying out what a ledger promises. Each act can be repeated, and says what it could not undo."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil

from harness.ledger import (
    RUN_ID_VARIABLE,
    RUN_LABEL,
    Containers,
    ControlCall,
    Processes,
    ToxicsOff,
    Undo,
    read,
)

PATIENCE_S = 10.0


def carry_out(undo: Undo) -> list[str]:
    """Undo one entry; returns what is left (empty when clean)."""
    match undo:
        case Processes():
            return end_processes(undo.run_id)
        case Containers():
            return remove_containers(undo.run_id)
        case ToxicsOff():
            return _remove_toxics(undo)
        case ControlCall():
            return _call(undo)


def carry_out_all(path: Path) -> list[str]:
    """Undo everything that a ledger still promises, newest first, and delete it when nothing is left."""
    left: list[str] = []
    _, pending = read(path)
    for undo in pending:
        left += carry_out(undo)
    if not left:
        path.unlink(missing_ok=True)
    return left


def processes_of(run_id: str) -> list[psutil.Process]:
    """Every living process that carries the run's id in its environment, but for this one."""
    found = []
    for process in psutil.process_iter():
        try:
            if (
                process.pid != os.getpid()
                and process.environ().get(RUN_ID_VARIABLE) == run_id
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process)
        except psutil.Error:
            continue
    return found


def end_processes(run_id: str) -> list[str]:
    """Kill a run's processes until none is found (a dying parent may have started one more)."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        alive = processes_of(run_id)
        if not alive or time.monotonic() > deadline:
            return [f"process {process.pid} ({_name(process)})" for process in alive]
        for process in alive:
            _kill(process)
        psutil.wait_procs(alive, timeout=1.0)


def _kill(process: psutil.Process) -> None:
    try:
        process.send_signal(signal.SIGKILL)
    except psutil.Error:
        return


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.Error:
        return "gone"


def remove_containers(run_id: str) -> list[str]:
    """Remove a run's containers, their anonymous volumes, and its networks."""
    import docker
    from docker.errors import APIError, DockerException, NotFound

    label: dict[str, str | list[str] | bool] = {"label": f"{RUN_LABEL}={run_id}"}
    left: list[str] = []
    try:
        engine = docker.from_env(timeout=30)
    except DockerException as error:
        return [f"containers of run {run_id}: no engine answers ({str(error)[:120]})"]
    try:
        for container in engine.containers.list(all=True, filters=label):
            try:
                container.remove(force=True, v=True)
            except NotFound:
                continue
            except APIError as error:
                left.append(f"container {container.name}: {error.explanation}")
        for network in engine.networks.list(filters=label):
            try:
                network.remove()
            except NotFound:
                continue
            except APIError as error:
                left.append(f"network {network.name}: {error.explanation}")
    except DockerException as error:
        left.append(f"containers of run {run_id}: {str(error)[:120]}")
    finally:
        engine.close()
    return left


def _remove_toxics(undo: ToxicsOff) -> list[str]:
    from harness.errors import FaultError
    from harness.targets.links import Links

    try:
        links = Links(undo.api)
        for toxic in undo.toxics:
            links.remove_toxic(undo.proxy, toxic)
        links.enable(undo.proxy)
    except FaultError as error:
        return [f"toxics on {undo.proxy}: {error}"]
    return []


def _call(undo: ControlCall) -> list[str]:
    import httpx

    try:
        secret = Path(undo.secret_file).read_text().strip()
        response = httpx.request(
            undo.method,
            undo.url,
            content=undo.body,
            headers={"Authorization": f"Bearer {secret}"},
            timeout=5.0,
            trust_env=False,
        )
    except (OSError, httpx.HTTPError) as error:
        return [f"{undo.method} {undo.url}: {type(error).__name__}"]
    return [] if response.is_success else [f"{undo.method} {undo.url}: {response.status_code}"]
