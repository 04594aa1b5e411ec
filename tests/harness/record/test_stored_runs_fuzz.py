"""A stored run that was damaged in any way is judged, or refused in one clear line; damage never makes it better."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idchaos.errors import StoreError
from idchaos.experiment import SHOWN, Canary, CanaryPlan, Invariant, PhaseName, Plan, Verdict
from idchaos.record.record import load
from idchaos.record.samples import COLUMNS, frame_of, stream_header
from idchaos.run.building import api_latency, api_success
from idchaos.settings import CommonSettings
from idchaos.verdict.verdict import RunVerdict, judge_run

FILES = ("manifest.json", "journal.jsonl", "telemetry.jsonl", "samples.stream")
FUZZ = settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
    deadline=None,
)
LOGS = {f"{part}.log": 3 for part in ("idp", "gateway-1", "gateway-2", "orders", "accounts")}


def event(at: float, name: str, **fields: Any) -> dict[str, Any]:
    return {"at": at, "event": name, **fields}


def counted(*totals: int) -> dict[str, Any]:
    """The state of each gateway, as far as counts go."""
    return {f"gateway-{n}": {"requests": {"total": total, "upstream": {}}} for n, total in enumerate(totals, start=1)}


EVENTS = [
    event(99.0, "run_started"),
    event(99.5, "load_started", t0=100.0),
    event(100.0, "phase_started", phase="baseline"),
    event(109.0, "fault_effect", fault="down", moment="before", source="probe", ok=True),
    event(110.0, "phase_ended", phase="baseline"),
    event(110.0, "phase_started", phase="fault"),
    event(110.1, "fault_applied", fault="down"),
    event(111.0, "fault_effect", fault="down", moment="during", source="control", ok=True),
    event(111.1, "fault_effect", fault="down", moment="during", source="probe", ok=True),
    event(111.2, "fault_effect", fault="down", moment="during", source="target", ok=True),
    event(119.9, "fault_healed", fault="down"),
    event(119.95, "fault_effect", fault="down", moment="after", source="probe", ok=True),
    event(120.0, "phase_ended", phase="fault"),
    event(120.0, "phase_started", phase="recovery"),
    event(130.0, "phase_ended", phase="recovery"),
    event(130.1, "load_ended", summary={"recorded": 3_060}),
    event(130.2, "counts", before=counted(0, 0), after=counted(1_530, 1_530)),
    event(130.3, "logs_searched", complete=True, secrets={"access_token": 9}, lines=LOGS, leaked=0, hits=0),
    event(130.4, "cleanup", clean=True, left=[]),
    event(130.5, "run_ended", status="completed"),
]  # fmt: skip

STATES = [
    {"at": 100.0 + second, "component": f"gateway-{number}", "state": {"jwks": {"fetches": 3}}}
    for second in range(1, 30, 4)
    for number in (1, 2)
]


@pytest.fixture
def run_dir(tmp_path: Path, make_plan: Callable[..., Plan], traffic: Callable[..., list[dict[str, Any]]]) -> Path:
    usual = CommonSettings()
    plan = make_plan(
        objectives=[api_success(usual, PhaseName.FAULT), api_latency(usual, PhaseName.RECOVERY)],
        invariants=[Invariant(name="expired_tokens_refused", canaries=(Canary.EXPIRED,))],
        canaries=CanaryPlan(kinds=(Canary.EXPIRED,), clock_margin_s=1),
    )
    manifest = {
        "schema": 1, "scenario": "by_hand", "variant": "plain", "profile": "quick", "seed": 7,
        "plan": plan.model_dump(mode="json"), "faults": [{"name": "down", "phase": "fault"}],
        "settings": usual.model_dump(mode="json"), "repeat": "idchaos run by_hand --seed 7",
    }  # fmt: skip
    bad = {"flow": "canary", "canary": "expired", "expected": "deny", "decision": "deny", "error_code": "token_expired"}
    shown = bad | {"way": SHOWN}
    dead = [row | kind for kind in (bad, shown) for row in traffic(100, 130, rate=1)]
    rows = [*traffic(100, 130, rate=100), *dead]
    stored = frame_of(rows)[list(COLUMNS)].astype(object).to_numpy().tolist()
    texts = {
        "manifest.json": json.dumps(manifest),
        "journal.jsonl": "".join(json.dumps(each) + "\n" for each in EVENTS),
        "telemetry.jsonl": "".join(json.dumps(each) + "\n" for each in STATES),
        "samples.stream": "\n".join([stream_header(), *map(json.dumps, stored)]) + "\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def judged(run_dir: Path, name: str, damaged: bytes) -> RunVerdict | str:
    """The verdict of a run with one file damaged, or the line that refuses it; the file is whole again afterwards."""
    whole = (run_dir / name).read_bytes()
    (run_dir / name).write_bytes(damaged)
    try:
        verdict = judge_run(load(run_dir))
        json.loads(verdict.to_json())
    except StoreError as error:
        return str(error)
    finally:
        (run_dir / name).write_bytes(whole)
    return verdict


def is_sound(found: RunVerdict | str) -> None:
    """Judged, or refused in one line that names the run."""
    if isinstance(found, str):
        assert found
        assert "\n" not in found


def test_whole_it_is_judged(run_dir: Path) -> None:
    found = judge_run(load(run_dir))
    assert (found.verdict, found.reasons) == (Verdict.PASS, ())


@pytest.mark.parametrize(
    "kept",
    [
        [],
        [each for each in STATES if each["component"] != "gateway-2"],
        [each for each in STATES if not 104 < each["at"] < 122],
    ],
    ids=["nobody", "one of two", "a while"],
)
def test_without_what_somebody_told_there_is_no_pass(run_dir: Path, kept: list[dict[str, Any]]) -> None:
    found = judged(run_dir, "telemetry.jsonl", "".join(json.dumps(each) + "\n" for each in kept).encode())
    assert isinstance(found, RunVerdict)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert any("the telemetry tells nothing of gateway-2 for " in reason for reason in found.reasons)


@FUZZ
@given(name=st.sampled_from(FILES), keep=st.floats(0, 1))
def test_cut_at_any_byte(run_dir: Path, name: str, keep: float) -> None:
    whole = (run_dir / name).read_bytes()
    is_sound(judged(run_dir, name, whole[: int(keep * len(whole))]))


@FUZZ
@given(name=st.sampled_from(FILES[1:]), shuffle=st.randoms(use_true_random=False), drop=st.integers(0, 3))
def test_lines_swapped_and_lost(run_dir: Path, name: str, shuffle: Any, drop: int) -> None:
    lines = (run_dir / name).read_bytes().splitlines(keepends=True)
    shuffle.shuffle(lines)
    is_sound(judged(run_dir, name, b"".join(lines[drop:])))


@pytest.mark.parametrize("line", range(len(EVENTS)))
def test_without_any_one_line_there_is_no_pass(run_dir: Path, line: int) -> None:
    kept = [each for number, each in enumerate(EVENTS) if number != line]
    found = judged(run_dir, "journal.jsonl", "".join(json.dumps(each) + "\n" for each in kept).encode())
    assert isinstance(found, RunVerdict)
    assert found.verdict is Verdict.INCONCLUSIVE


@FUZZ
@given(
    line=st.integers(0, len(EVENTS) - 1),
    key=st.sampled_from(["at", "event", "phase", "fault", "summary", "secrets", "lines", "found", "left", "ok"]),
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
        max_leaves=4,
    ),
)
def test_any_value_in_any_event(run_dir: Path, line: int, key: str, value: Any) -> None:
    changed = [each | {key: value} if number == line else each for number, each in enumerate(EVENTS)]
    is_sound(judged(run_dir, "journal.jsonl", "".join(json.dumps(each) + "\n" for each in changed).encode()))


@FUZZ
@given(schema=st.integers() | st.text(max_size=5) | st.none() | st.floats(allow_nan=False) | st.booleans())
def test_another_schema_is_refused(run_dir: Path, schema: Any) -> None:
    manifest = json.loads((run_dir / "manifest.json").read_text())
    found = judged(run_dir, "manifest.json", json.dumps(manifest | {"schema": schema}).encode())
    if isinstance(found, RunVerdict):
        assert schema == 1
    else:
        assert "schema" in found


@FUZZ
@given(
    flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4),
    name=st.sampled_from(FILES),
)
def test_any_byte_changed(run_dir: Path, flips: list[tuple[int, int]], name: str) -> None:
    damaged = bytearray((run_dir / name).read_bytes())
    for at, value in flips:
        damaged[at % len(damaged)] = value
    is_sound(judged(run_dir, name, bytes(damaged)))
