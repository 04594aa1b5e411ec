"""How many cores may be used, by files as kernels and containers have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from idchaos.run.cores import Cores, cores, limited, quotas

V1 = "9:name=systemd:/docker/7\n5:cpuset:/docker/7\n4:cpu,cpuacct:/docker/7\n0::/docker/7\n"


def machine(root: Path, groups: str, **files: str) -> Path:
    """A made-up / with what a process is in, and files of control groups by their paths."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    for name, text in files.items():
        file = root / "sys/fs/cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    return root


@pytest.mark.parametrize(
    ("groups", "files", "found"),
    [
        pytest.param("0::/\n", {"cpu.max": "200000 100000"}, [2.0], id="a container of its own, version 2"),
        pytest.param("0::/\n", {"cpu.max": "max 100000"}, [], id="no limit"),
        pytest.param("0::/\n", {}, [], id="the machine itself"),
        pytest.param(
            "0::/a.slice/b.scope\n",
            {"a.slice/cpu.max": "150000 100000", "a.slice/b.scope/cpu.max": "400000 100000"},
            [4.0, 1.5],
            id="the slice above is narrower",
        ),
        pytest.param(
            V1,
            {"cpu,cpuacct/docker/7/cpu.cfs_quota_us": "50000", "cpu,cpuacct/docker/7/cpu.cfs_period_us": "100000"},
            [0.5],
            id="version 1, seen from outside",
        ),
        pytest.param(
            V1,
            {"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"},
            [3.0],
            id="version 1, from inside",
        ),
        pytest.param(
            V1, {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, [], id="version 1, no limit"
        ),
        pytest.param("0::/\nwhat is this\n", {"cpu.max": "lots"}, [], id="nobody knows"),
    ],
)
def test_limits_are_found_wherever_they_stand(
    tmp_path: Path, groups: str, files: dict[str, str], found: list[float]
) -> None:
    assert quotas(machine(tmp_path, groups, **files)) == found


def test_a_system_without_control_groups_has_no_limits(tmp_path: Path) -> None:
    assert quotas(tmp_path) == []


@pytest.mark.parametrize(
    ("allowed", "limits", "usable"), [(64, [], 64), (2, [], 2), (64, [2.0], 2), (64, [4.0, 1.5], 1.5), (2, [8.0], 2)]
)
def test_the_narrowest_counts(allowed: int, limits: list[float], usable: float) -> None:
    assert limited(64, allowed, limits) == Cores(usable, 64)


def test_this_process_may_use_some_of_what_there_is() -> None:
    found = cores()
    assert 0 < found.usable <= found.machine
