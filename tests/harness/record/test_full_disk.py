"""A place that can't be written: what was recorded is judged all the same, and the verdict is shown."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from idchaos.errors import StoreError
from idchaos.experiment import Plan
from idchaos.record import samples
from idchaos.record.samples import COLUMNS, frame_of, stream_header
from idchaos.studies.single import compact, judge

EVENTS: list[dict[str, Any]] = [
    {"at": 99.0, "event": "run_started"},
    {"at": 100.0, "event": "phase_started", "phase": "baseline"},
    {"at": 110.0, "event": "phase_started", "phase": "fault"},
    {"at": 111.0, "event": "error", "code": "store_failed", "message": "journal.jsonl: No space left on device"},
]


def fill(folder: Path, make_plan: Callable[..., Plan]) -> Path:
    """A run that a full disk cut short: its samples are still a stream."""
    manifest = {
        "schema": 1, "scenario": "by_hand", "variant": "plain", "profile": "quick", "seed": 7,
        "plan": make_plan().model_dump(mode="json"), "command": "idchaos run by_hand",
    }  # fmt: skip
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "journal.jsonl").write_text("".join(json.dumps(event) + "\n" for event in EVENTS))
    rows = frame_of([{"due_at": 100.0 + n} for n in range(11)])[list(COLUMNS)].astype(object).to_numpy().tolist()
    (folder / "samples.stream").write_text("\n".join([stream_header(), *map(json.dumps, rows)]) + "\n")
    return folder


def files_may_not_grow() -> None:
    """Every write to a file fails from now on, as on a full disk; pipes go on working."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "idchaos-test", str(place)]
    if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("only root may mount a small file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def idchaos(*words: str, before: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "idchaos", *words],
        capture_output=True, text=True, timeout=60, check=False, preexec_fn=before,
    )  # fmt: skip


def assert_judged(
    result: subprocess.CompletedProcess[str], run_dir: Path, reason: str, *, report: bool = False
) -> None:
    """What was asked for is a verdict, and there is one: that it can't be kept is a line beside it. A report that can't
    be written is none.
    """
    line = f"{run_dir}/verdict.json: cannot be written: {reason}\n"
    assert result.returncode == (70 if report else 2), result.stderr
    assert result.stderr == (f"idchaos: {line}" if report else f"idchaos: the verdict was not stored: {line}")
    assert (run_dir / "samples.stream").exists(), "the only copy of the samples"
    assert list(run_dir.glob("*.partial")) == []


def test_a_run_on_a_full_disk_is_judged_from_its_stream(tiny_disk: Path, make_plan: Callable[..., Plan]) -> None:
    run_dir = fill(tiny_disk / "run", make_plan)
    with pytest.raises(OSError, match="No space left"), (tiny_disk / "rest").open("wb", buffering=0) as rest:
        while True:
            rest.write(bytes(1024))
    result = idchaos("analyze", str(run_dir), "--json")
    assert_judged(result, run_dir, "No space left on device")
    (run,) = json.loads(result.stdout)["runs"]
    assert run["verdict"] == "INCONCLUSIVE"
    assert any("No space left on device" in reason for reason in run["reasons"])


@pytest.mark.parametrize("words", [("analyze",), ("report",)])
def test_a_place_where_nothing_can_be_written_is_one_clear_line(
    words: tuple[str, ...], tmp_path: Path, make_plan: Callable[..., Plan]
) -> None:
    run_dir = fill(tmp_path / "run", make_plan)
    result = idchaos(*words, str(run_dir), before=files_may_not_grow)
    assert_judged(result, run_dir, "File too large", report=words == ("report",))
    assert ("INCONCLUSIVE  by_hand · plain" in result.stdout) == (words == ("analyze",))


def test_samples_that_were_kept_as_a_stream_give_the_same_verdict(
    tmp_path: Path, make_plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir = fill(tmp_path / "run", make_plan)

    def full(*_: Path) -> int:
        raise StoreError("samples.parquet: cannot be written: No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(samples, "compact", full)
        compact(run_dir)
    _, from_stream = judge(run_dir)
    assert not (run_dir / "samples.parquet").exists()
    compact(run_dir)
    _, from_parquet = judge(run_dir)
    assert (run_dir / "samples.parquet").exists()
    assert from_stream == from_parquet


def test_judging_a_run_that_goes_on_leaves_its_samples_alone(tmp_path: Path, make_plan: Callable[..., Plan]) -> None:
    run_dir = fill(tmp_path / "run", make_plan)
    before = {path.name: path.read_bytes() for path in run_dir.iterdir() if path.is_file()}
    judge(run_dir)
    assert {path.name: path.read_bytes() for path in run_dir.iterdir() if path.is_file()} == before
