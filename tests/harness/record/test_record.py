"""Reading run directories: whole ones, ones cut short at any byte, and ones that are none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from idchaos.errors import StoreError
from idchaos.experiment import PhaseName, Plan
from idchaos.record.record import RunRecord, by_decider, load
from idchaos.record.samples import COLUMNS, compact, frame_of, stream_header

EVENTS: list[dict[str, Any]] = [
    {"at": 99.0, "event": "run_started"},
    {"at": 99.5, "event": "load_started", "t0": 100.0},
    {"at": 100.0, "event": "phase_started", "phase": "baseline"},
    {"at": 109.0, "event": "fault_effect", "fault": "down", "moment": "before", "source": "probe", "ok": True},
    {"at": 109.9, "event": "phase_ended", "phase": "baseline"},
    {"at": 110.0, "event": "phase_started", "phase": "fault"},
    {
        "at": 110.1,
        "event": "fault_applied",
        "fault": "down",
        "detail": {"link": "gateway-to-idp"},
        "hides_revocations": True,
        "may_refuse_for": ["kid_unknown"],
    },
    {"at": 110.3, "event": "fault_effect", "fault": "down", "moment": "during", "source": "probe", "ok": True},
    {"at": 119.9, "event": "fault_healed", "fault": "down"},
    {"at": 120.0, "event": "phase_ended", "phase": "fault"},
    {"at": 120.1, "event": "load_ended", "summary": {"recorded": 20, "unsampled": {"token": 2}}},
    {"at": 120.2, "event": "counts", "before": {}, "after": {}},
    {"at": 120.3, "event": "cleanup", "clean": True, "left": []},
    {"at": 120.4, "event": "run_ended", "status": "completed"},
]
ROWS = [{"due_at": 100.0 + number, "endpoint": "/orders"} for number in range(20)]


@pytest.fixture
def run_dir(tmp_path: Path, make_plan: Callable[..., Plan]) -> Path:
    plan = make_plan().model_dump(mode="json")
    manifest = {
        "schema": 1,
        "scenario": "by_hand",
        "variant": "plain",
        "profile": "quick",
        "seed": 7,
        "plan": plan | {"phases": plan["phases"][:2]},
        "faults": [{"name": "down", "phase": "fault"}],
        "command": "idchaos run by_hand",
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "journal.jsonl").write_text("".join(json.dumps(event) + "\n" for event in EVENTS))
    state = {"jwks": {"fetches": 3}}
    (tmp_path / "telemetry.jsonl").write_text(
        json.dumps({"at": 101.0, "component": "gateway-1", "state": state}) + "\n"
    )
    rows = frame_of(ROWS)[list(COLUMNS)].astype(object).to_numpy().tolist()
    (tmp_path / "samples.stream").write_text("\n".join([stream_header(), *map(json.dumps, rows)]) + "\n")
    return tmp_path


def test_a_whole_run(run_dir: Path) -> None:
    record = load(run_dir)
    assert record.status == "completed"
    assert record.manifest.seed == 7
    assert record.windows == {PhaseName.BASELINE: (100.0, 110.0), PhaseName.FAULT: (110.0, 120.0)}
    assert record.samples["phase"].tolist() == ["baseline"] * 10 + ["fault"] * 10
    assert record.load_started_at == 100.0
    assert record.series("gateway-1", "jwks", "fetches") == [(101.0, 3.0)]
    assert record.generator == {"recorded": 20, "unsampled": {"token": 2}}
    assert record.cleanup.clean is True
    assert not record.damage


def test_a_fault_is_read_with_its_proofs(run_dir: Path) -> None:
    (fault,) = load(run_dir).faults
    assert (fault.name, fault.phase, fault.applied_at, fault.healed_at) == ("down", PhaseName.FAULT, 110.1, 119.9)
    assert [(effect.moment, effect.ok) for effect in fault.effects] == [("before", True), ("during", True)]
    assert fault.may_refuse_for == ("kid_unknown",)


def test_a_planned_fault_that_was_never_applied_is_not_forgotten(run_dir: Path) -> None:
    kept = [event for event in EVENTS if "fault" not in event["event"]]
    (run_dir / "journal.jsonl").write_text("".join(json.dumps(event) + "\n" for event in kept))
    (fault,) = load(run_dir).faults
    assert fault.applied_at is None


def test_a_fault_applied_twice_is_two_faults(run_dir: Path) -> None:
    again = [
        {"at": 119.95, "event": "fault_applied", "fault": "down"},
        {"at": 119.99, "event": "fault_healed", "fault": "down"},
    ]
    (run_dir / "journal.jsonl").write_text("".join(json.dumps(event) + "\n" for event in [*EVENTS, *again]))
    assert [fault.name for fault in load(run_dir).faults] == ["down", "down#2"]


def test_the_stream_is_read_as_far_as_it_goes(run_dir: Path) -> None:
    stream = run_dir / "samples.stream"
    stream.write_bytes(stream.read_bytes()[:-25])
    assert len(load(run_dir).samples) == len(ROWS) - 1
    compact(stream, run_dir / "samples.parquet")
    assert len(load(run_dir).samples) == len(ROWS) - 1


def test_without_samples_or_telemetry_there_are_none(run_dir: Path) -> None:
    (run_dir / "samples.stream").unlink()
    (run_dir / "telemetry.jsonl").unlink()
    record = load(run_dir)
    assert record.samples.empty
    assert "phase" in record.samples
    assert record.in_phase("all").empty


def test_a_killed_run_is_unfinished_and_its_last_phase_ends_with_the_record(run_dir: Path) -> None:
    (run_dir / "journal.jsonl").write_text("".join(json.dumps(event) + "\n" for event in EVENTS[:8]))
    record = load(run_dir)
    assert record.status == "unfinished"
    assert record.windows[PhaseName.FAULT] == (110.0, 110.3)
    assert record.open_phases == {PhaseName.FAULT}


def test_a_line_damaged_in_the_middle_is_skipped_and_noted(run_dir: Path) -> None:
    journal = run_dir / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join([*lines[:2], '{"at": 99.6, "ev\n', *lines[2:]]))
    record = load(run_dir)
    assert record.damage == ("journal.jsonl line 3 is damaged",)
    assert record.status == "completed"


@pytest.mark.parametrize(
    ("asked", "hidden", "outcome"),
    [
        (109.0, True, "wrongly_accepted"),
        (115.0, True, "ok"),
        (125.0, True, "wrongly_accepted"),
        (115.0, False, "wrongly_accepted"),
    ],
)
def test_a_revoked_token_is_excused_only_while_a_fault_hides_the_news(
    run_dir: Path, asked: float, hidden: bool, outcome: str
) -> None:
    if not hidden:  # a flood of junk, say
        journal = run_dir / "journal.jsonl"
        journal.write_text(journal.read_text().replace('"hides_revocations": true', '"hides_revocations": false'))
    row = {
        "due_at": asked,
        "canary": "revoked",
        "expected": "either",
        "token_obtained_at": 108.0,
        "endpoint": "/orders",
    }
    rows = frame_of([row])[list(COLUMNS)].astype(object).to_numpy().tolist()
    (run_dir / "samples.stream").write_text("\n".join([stream_header(), *map(json.dumps, rows)]) + "\n")
    assert load(run_dir).samples["outcome"].tolist() == [outcome]


def test_expectations_follow_a_withdrawn_key(run_dir: Path) -> None:
    """From its withdrawal on a token of that key must be refused, and what the samples said before is put
    right.
    """
    rows = [{"due_at": 105.0 + number, "endpoint": "/orders", "kid": "k1"} for number in range(4)]
    table = frame_of(rows)[list(COLUMNS)].astype(object).to_numpy().tolist()
    (run_dir / "samples.stream").write_text("\n".join([stream_header(), *map(json.dumps, table)]) + "\n")
    withdrawn = {"at": 106.5, "event": "key_withdrawn", "kid": "k1", "allowed_lag_s": 1.0}
    journal = run_dir / "journal.jsonl"
    journal.write_text(journal.read_text() + json.dumps(withdrawn) + "\n")
    judged = load(run_dir).samples
    assert judged["expected"].tolist() == ["accept", "accept", "either", "deny"]
    assert judged["outcome"].tolist() == ["ok", "ok", "ok", "wrongly_accepted"]


def broken(run_dir: Path, **changes: Any) -> None:
    manifest = json.loads((run_dir / "manifest.json").read_text()) | changes
    (run_dir / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda d: (d / "manifest.json").unlink(), "no manifest.json"),
        (lambda d: (d / "manifest.json").write_text("{"), "is not JSON"),
        (lambda d: (d / "manifest.json").write_text("[" * 100_000), "is not JSON"),
        (lambda d: (d / "manifest.json").write_text('{"name": "package"}'), "no manifest of idchaos"),
        (lambda d: broken(d, schema=2), "newer version (schema 2)"),
        (lambda d: broken(d, schema=0), "older version (schema 0)"),
        (lambda d: broken(d, plan={}), "plan.scenario"),
        (lambda d: (d / "journal.jsonl").unlink(), "no journal.jsonl"),
        (lambda d: (d / "samples.parquet").write_text("PAR1"), "samples.parquet"),
        (lambda d: (d / "samples.stream").write_text("due_at,sent_at\n"), "samples.stream"),
    ],
)
def test_what_is_no_run_is_refused_with_a_clear_error(run_dir: Path, spoil: Callable[[Path], Any], said: str) -> None:
    spoil(run_dir)
    with pytest.raises(StoreError) as error:
        load(run_dir)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@given(keep=st.integers(0, 4000), name=st.sampled_from(["journal.jsonl", "telemetry.jsonl", "samples.stream"]))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_run_cut_at_any_byte_can_be_read(run_dir: Path, keep: int, name: str) -> None:
    whole = (run_dir / name).read_bytes()
    (run_dir / name).write_bytes(whole[:keep])
    record = load(run_dir)
    (run_dir / name).write_bytes(whole)
    assert isinstance(record, RunRecord)
    lost = len(ROWS) - len(record.samples) > 0
    assert record.damage == ((f"20 samples were recorded, and {len(record.samples)} are there",) if lost else ())


@given(junk=st.binary(max_size=200), name=st.sampled_from(["manifest.json", "journal.jsonl", "samples.stream"]))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_junk_is_a_clear_error_or_noted_damage(run_dir: Path, junk: bytes, name: str) -> None:
    whole = (run_dir / name).read_bytes()
    (run_dir / name).write_bytes(whole[: len(whole) // 2] + junk + b"\n" + whole[len(whole) // 2 :])
    try:
        load(run_dir)
    except StoreError as error:
        assert name in str(error)
    finally:
        (run_dir / name).write_bytes(whole)


def test_where_services_decide_a_sample_is_of_its_service_and_keeps_the_gateway_it_went_through(
    make_record: Callable[..., RunRecord],
) -> None:
    called = {"due_at": 112.0, "endpoint": "/orders/1", "service": "orders", "replica": "gateway-2"}
    asked = {"due_at": 113.0, "flow": "machine", "endpoint": "token", "service": "", "replica": ""}
    unseen = called | {"replica": ""}
    samples = make_record([called, asked, unseen]).samples
    found = by_decider(samples, "library").sort_values("endpoint")
    assert list(zip(found["replica"], found["via"], strict=True)) == [("orders", "gateway-2"), ("", ""), ("", "")]
    for topology in ("gateway", "introspection", None, "mesh"):
        assert by_decider(samples, topology) is samples
