"""Kill the runner with SIGKILL at moments spread over a run's whole life: what is left after three seconds?

::

    python -m benchmarks.kills [--kills 100] [--seed 1] [--at-once 4] [--target local] [--within 3] [--json]

For each kill: no process of the run or its guardian, no ledger, no container or network is left in time, and
``idchaos analyze`` reads what was recorded. One undisturbed run comes first and shows how long a life is.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import psutil

from idchaos.undo.ledger import RUN_LABEL, STATE_VARIABLE, SUFFIX

SETTINGS = {
    "phases.warmup_s": 1,
    "phases.baseline_s": 2,
    "fault.duration_s": 2,
    "phases.recovery_s": 1,
    "load.rate": 40,
    "load.sessions": 8,
    "gateway.jwks_cache_s": 0.5,
    # Several runs share the machine here, and none of them is judged by its verdict.
    "slo.late_p99_s": 5.0,
}
POLL_S = 0.05
STOPPING_S = 10.0
ANALYZED = (0, 1, 2)
"""Exit codes of ``analyze`` for a run that can be judged; 64, with one line, for a directory without a manifest."""


@dataclass(frozen=True)
class Kill:
    """One killed run."""

    after_s: float
    stage: str
    """The last event in the journal, or how far it came without one."""
    clean_after_s: float | None
    """``None``: not within the time."""
    wrong: tuple[str, ...]


RUNNERS: list[subprocess.Popen[bytes]] = []
"""All that were started, to be ended with this process."""


def stop(number: int, _: object) -> NoReturn:
    """End every run as Ctrl-C would, so that it cleans up behind itself, then this process."""
    for runner in RUNNERS:
        if runner.poll() is None:
            runner.send_signal(signal.SIGINT)
    for runner in RUNNERS:
        with contextlib.suppress(subprocess.TimeoutExpired):
            runner.wait(STOPPING_S)
    os._exit(128 + number)


class Command:
    """The command, with folders of its own."""

    def __init__(self, folder: Path, target: str) -> None:
        self._folder, self._target = folder, target
        self.state = folder / "state"
        self.environment = {**os.environ, STATE_VARIABLE: str(self.state)}

    def start(self) -> subprocess.Popen[bytes]:
        """Start a run."""
        words = ["run", "jwks_outage", "--target", self._target, "--reports", str(self._folder / "reports"), "--json"]
        words += [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]
        started = subprocess.Popen(
            [sys.executable, "-P", "-m", "idchaos", *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self.environment,
        )
        RUNNERS.append(started)
        return started

    def left(self) -> list[str]:
        """Ledgers, processes, containers and networks that should be gone."""
        found = [path.name for path in self.state.glob(f"*{SUFFIX}")]
        for process in psutil.process_iter():
            try:
                if process.environ().get(STATE_VARIABLE) == str(self.state) and process.is_running():
                    found.append(f"process {process.pid}: {' '.join(process.cmdline())[:100]}")
            except psutil.Error:
                continue
        return found + (labelled() if self._target == "docker" else [])

    def run_dirs(self) -> Iterator[Path]:
        """Run directories, however incomplete; not the ``latest`` link."""
        for path in (self._folder / "reports").glob("*/*"):
            if path.is_dir() and not path.is_symlink():
                yield path

    def analyze(self, run_dir: Path) -> str | None:
        """What is wrong with the way ``analyze`` reads a run; ``None`` when nothing is."""
        words = [sys.executable, "-P", "-m", "idchaos", "analyze", str(run_dir), "--json"]
        answer = subprocess.run(words, capture_output=True, text=True, env=self.environment, check=False)
        allowed = (*ANALYZED, 64) if not (run_dir / "manifest.json").exists() else ANALYZED
        if answer.returncode not in allowed or "Traceback" in answer.stderr or answer.stderr.count("\n") > 1:
            return f"analyze: exit code {answer.returncode}: {answer.stderr.strip()[:300]}"
        return None


def labelled() -> list[str]:
    """Containers and networks of any run."""
    import docker

    engine = docker.from_env()
    try:
        label = {"label": RUN_LABEL}
        kept = (*engine.containers.list(all=True, filters=label), *engine.networks.list(filters=label))
        return [str(each.name) for each in kept]
    finally:
        engine.close()


def stage(command: Command) -> str:
    """How far a run came, by what it wrote down."""
    found = list(command.run_dirs())
    if not found:
        return "before the run directory"
    try:
        lines = (found[0] / "journal.jsonl").read_text().splitlines()
        last = json.loads(lines[-1])
    except (OSError, ValueError, IndexError):
        return "before the journal"
    if last["event"] in ("phase_started", "phase_ended"):
        return f"{last['event']} {last['phase']}"
    if last["event"] == "run_ended":
        return "judging and reporting" if not (found[0] / "junit.xml").exists() else "reported"
    return str(last["event"])


def life_s(target: str, at_once: int) -> float:
    """How long undisturbed runs live, as many at once as will be killed at once."""
    with tempfile.TemporaryDirectory() as folder:
        commands = [Command(Path(folder) / str(number), target) for number in range(at_once)]
        began = time.monotonic()
        for child in [command.start() for command in commands]:
            child.wait()
        return time.monotonic() - began


def kill(target: str, after_s: float, within_s: float, altered: Callable[[], list[str]] = list) -> Kill:
    """Start a run, kill its runner, look for what is left, and judge what was recorded. ``altered``: what of the system
    itself is not as it was, where it stays.

    A run that ended before its moment came is no kill: another is killed at a moment of that shorter life.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = Command(Path(folder), target)
        began = time.monotonic()
        runner = command.start()
        try:
            runner.wait(after_s)
        except subprocess.TimeoutExpired:
            runner.kill()
            runner.wait()
        else:
            return kill(target, (time.monotonic() - began) * random.Random(after_s).random(), within_s, altered)
        killed = time.monotonic()
        reached = stage(command)
        while (left := command.left() + altered()) and time.monotonic() - killed < within_s:
            time.sleep(POLL_S)
        took = time.monotonic() - killed
        judged = [said for run_dir in command.run_dirs() if (said := command.analyze(run_dir))]
        return Kill(round(after_s, 3), reached, None if left else round(took, 2), (*left, *judged))


def moments(kills: int, life: float, seed: int) -> list[float]:
    """One moment, drawn at random, in each of as many equal parts of a life; in random order."""
    draw = random.Random(seed)
    drawn = [life * (number + draw.random()) / kills for number in range(kills)]
    draw.shuffle(drawn)
    return drawn


def main() -> int:
    """Print the figures; 1 when anything was left, or could not be judged."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, help="how many runs are killed")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same moments (as shares of a life)")
    parser.add_argument("--at-once", type=int, default=4, help="how many runs live at the same time; 1 with docker")
    parser.add_argument("--target", default="local", choices=("local", "docker"))
    parser.add_argument("--within", type=float, default=3.0, help="seconds after which nothing may be left")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    at_once = 1 if asked.target == "docker" else asked.at_once
    life = life_s(asked.target, at_once)
    with ThreadPoolExecutor(at_once) as pool:
        found = list(
            pool.map(lambda after: kill(asked.target, after, asked.within), moments(asked.kills, life, asked.seed))
        )
    return told(found, life, as_json=asked.json)


def told(found: Sequence[Kill], life: float, *, as_json: bool) -> int:
    """Print the figures; 1 when anything was left, or could not be judged."""
    wrong = [each for each in found if each.wrong]
    times = [each.clean_after_s for each in found if each.clean_after_s is not None]
    figures = {
        "kills": len(found),
        "life_s": round(life, 1),
        "stages": dict(Counter(each.stage for each in found).most_common()),
        "longest_clean_up_s": max(times, default=None),
        "wrong": [{"after_s": each.after_s, "stage": each.stage, "what": each.wrong} for each in wrong],
    }
    print(json.dumps(figures, indent=None if as_json else 2))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
