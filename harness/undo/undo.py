"""Carrying out what a ledger promises. Each act can be repeated, is checked, and says what it could not undo."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from idchaos.undo.calls import run_command, send
from idchaos.undo.ledger import (
    RUN_ID_VARIABLE,
    RUN_LABEL,
    Command,
    Containers,
    ControlCall,
    HttpCall,
    Processes,
    ToxicsOff,
    Undo,
    UpstreamBack,
    mark_done,
    read,
)

PATIENCE_S = 10.0
SETTLE_S = 0.2
"""A process that was being started when its parent died carries the run's id only once it executes."""


@dataclass(frozen=True)
class Undone:
    """What became of one promise."""

    what: str
    """What is so now, in a few words: ``7 processes ended``."""
    left: tuple[str, ...] = ()
    """What is not undone; empty when clean."""


def carry_out(undo: Undo) -> Undone:
    """Undo one entry, and check that it is undone."""
    match undo:
        case Processes():
            ended = processes_of(undo.run_id)
            done = Undone(f"{len(ended)} processes ended", tuple(end_processes(undo.run_id)))
        case Containers():
            done = Undone("no container or network left", tuple(remove_containers(undo.run_id)))
        case ToxicsOff():
            done = Undone(f"{undo.proxy} at {undo.api} is on and free of our toxics", tuple(_remove_toxics(undo)))
        case UpstreamBack():
            done = Undone(f"{undo.proxy} at {undo.api} leads where it did", tuple(_put_back(undo)))
        case ControlCall():
            done = Undone(f"{undo.method} {undo.url} accepted", tuple(_call(undo)))
        case Command():
            done = Undone(f"{undo.argv[0]} exited with 0", tuple(run_command(undo)))
        case HttpCall():
            done = Undone(f"{undo.method} {undo.url} accepted", tuple(send(undo)))
    return done


def carry_out_all(path: Path) -> list[Undone]:
    """Undo everything that a ledger still promises, newest first, and delete it when nothing is left.

    What can't be understood counts as left.
    """
    contents = read(path)
    undone = [Undone("not understood", contents.unread)] if contents.unread else []
    for number, undo in contents.pending.items():
        undone.append(carry_out(undo))
        if not undone[-1].left:
            mark_done(path, number)
    if not left_of(undone):
        path.unlink(missing_ok=True)
    return undone


def left_of(undone: Iterable[Undone]) -> list[str]:
    """All that is not undone."""
    return [item for each in undone for item in each.left]


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
    """Kill a run's processes until twice in a row none is found: a dying parent may have started one more."""
    deadline = time.monotonic() + PATIENCE_S
    none_found = 0
    while True:
        alive = processes_of(run_id)
        none_found = 0 if alive else none_found + 1
        if none_found == 2 or time.monotonic() > deadline:
            return [f"process {process.pid} ({_name(process)})" for process in alive]
        for process in alive:
            _kill(process)
        if alive:
            psutil.wait_procs(alive, timeout=1.0)
        else:
            time.sleep(SETTLE_S)


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
    from docker.errors import DockerException

    label: dict[str, str | list[str] | bool] = {"label": f"{RUN_LABEL}={run_id}"}
    left: list[str] = []
    try:
        engine = docker.from_env(timeout=30)
    except DockerException as error:
        return [f"containers of run {run_id}: no engine answers ({str(error)[:120]})"]
    try:
        containers = engine.containers.list(all=True, filters=label)
        removals = {f"container {each.name}": partial(each.remove, force=True, v=True) for each in containers}
        left += _all_at_once(removals)
        # No network goes before its last container has.
        left += _all_at_once({f"network {each.name}": each.remove for each in engine.networks.list(filters=label)})
    except DockerException as error:
        left.append(f"containers of run {run_id}: {str(error)[:120]}")
    finally:
        engine.close()
    return left


def _all_at_once(removals: Mapping[str, Callable[[], None]]) -> list[str]:
    """What is left of what was to be removed, and why."""
    from docker.errors import APIError, NotFound

    def why_left(name: str) -> str:
        try:
            removals[name]()
        except NotFound:
            return ""
        except APIError as error:
            return f"{name}: {error.explanation}"
        return ""

    with ThreadPoolExecutor(max(1, len(removals))) as pool:
        return [why for why in pool.map(why_left, removals) if why]


def _remove_toxics(undo: ToxicsOff) -> list[str]:
    from idchaos.errors import FaultError
    from idchaos.undo.toxiproxy import Links

    try:
        links = Links(undo.api)
        for toxic in undo.toxics:
            links.remove_toxic(undo.proxy, toxic)
        links.enable(undo.proxy)
        state = links.state().get(undo.proxy)
    except FaultError as error:
        return [f"{undo.proxy}: {error}"]
    if state is None or not state.enabled or {toxic.name for toxic in state.toxics} & set(undo.toxics):
        return [f"{undo.proxy} at {undo.api}: {state or 'gone'}"]
    return []


def _put_back(undo: UpstreamBack) -> list[str]:
    from idchaos.errors import FaultError
    from idchaos.undo.toxiproxy import Links

    try:
        links = Links(undo.api)
        state = links.state().get(undo.proxy)
        if state is not None and state.upstream == undo.instead_of:
            links.lead_to(undo.proxy, undo.upstream)
            state = links.state().get(undo.proxy)
    except FaultError as error:
        return [f"{undo.proxy}: {error}"]
    if state is None:
        return [f"{undo.proxy} at {undo.api}: gone"]
    return [f"{undo.proxy} at {undo.api} leads to {state.upstream}"] if state.upstream == undo.instead_of else []


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
