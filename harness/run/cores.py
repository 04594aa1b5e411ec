"""How many cores a process may use: fewer than the machine has where an affinity or a container's limit says so."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True, slots=True)
class Cores:
    """``usable``: cores' worth of time, which need be no whole number; ``machine``: those that there are."""

    usable: float
    machine: int


def cores() -> Cores:
    """Of this process, now."""
    machine = os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else machine
    return limited(machine, allowed, quotas(Path("/")))


def limited(machine: int, allowed: int, limits: Iterable[float]) -> Cores:
    """Of so many cores, those that the affinity allows and no control group forbids."""
    return Cores(min(machine, allowed, *limits), machine)


def quotas(root: Path) -> list[float]:
    """The limits of every control group that this process is in, each in cores' worth of time.

    A group is limited by those above it as well. Where a container sees its own group as the topmost, that group's path
    from outside leads nowhere, and its limit stands at the top; so all are looked for.

    Args:
        root: the folder that holds ``proc`` and ``sys``.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    found = []
    for _, controllers, path in (line.split(":", 2) for line in lines if line.count(":") > 1):
        if controllers and "cpu" not in controllers.split(","):
            continue
        mounts = dict.fromkeys((controllers, "cpu")) if controllers else ("",)
        group = PurePosixPath("/", path)
        for above in (group, *group.parents):
            for mount in mounts:
                found.append(_quota(root / "sys/fs/cgroup" / mount / above.relative_to("/")))
    return [each for each in found if each is not None]


def _quota(group: Path) -> float | None:
    """Version 2 says ``QUOTA PERIOD`` in one file, version 1 has two; ``max`` and ``-1`` are no limit."""
    for files in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        try:
            quota, period = " ".join((group / name).read_text() for name in files).split()
            return int(quota) / int(period) if quota not in ("max", "-1") else None
        except (OSError, ValueError, ZeroDivisionError):
            continue
    return None
