"""What no sample can say, and what no whole run leaves: a store that holds it is refused, or withholds PASS."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idchaos.errors import StoreError
from idchaos.record import samples as store
from idchaos.record.journal import Event, read_events, read_telemetry
from idchaos.record.rundir import JsonLines
from idchaos.record.samples import DECISIONS, EXPECTED, OUTCOME_OF, OUTCOMES, frame_of
from idchaos.record.soundness import impossible, lost

NEVER_SENT = {
    "sent_at": math.nan, "latency_s": math.nan, "service_time_s": math.nan, "status": 0, "decision": "undecided",
}  # fmt: skip


def frame(**second: Any) -> pd.DataFrame:
    """Three samples, of which the second is said to be so."""
    return frame_of([{"due_at": 100.0}, {"due_at": 101.0} | second, {"due_at": 102.0}])


@pytest.mark.parametrize(
    "second",
    [
        {},
        NEVER_SENT,
        {"sent_at": 101.5, "latency_s": 0.6, "service_time_s": 0.1},
        {"expected": "deny", "decision": "accept"},
        {"status": 0, "decision": "undecided", "error_code": "read_timeout"},
        {"token_exp": 1e9, "token_iat": -1.0, "retry": 14},
    ],
)
def test_what_a_load_generator_writes_is_sound(second: dict[str, Any]) -> None:
    assert impossible(frame(**second)) == ""
    assert impossible(frame_of([])) == ""


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ({"due_at": math.nan, "sent_at": 101.0}, "due_at is no time"),
        ({"due_at": math.inf, "sent_at": math.inf}, "due_at is no time"),
        ({"sent_at": math.inf}, "sent_at is no time"),
        ({"sent_at": 100.0}, "sent_at is before due_at"),
        ({"latency_s": -1.0, "service_time_s": 1.0}, "latency_s is no time that a request takes"),
        ({"latency_s": math.nan}, "latency_s is no time that a request takes"),
        ({"latency_s": math.inf, "service_time_s": math.inf}, "service_time_s is no time that a request takes"),
        ({"latency_s": 1e-5}, "latency_s is not from due_at to the end of service_time_s"),
        ({"latency_s": 10.0}, "latency_s is not from due_at to the end of service_time_s"),
        (NEVER_SENT | {"latency_s": 0.1}, "of a request that was never sent"),
        (NEVER_SENT | {"decision": "accept"}, "a decision on a request that was never sent"),
        ({"status": -1}, "status is no status code"),
        ({"retry": -1}, "retry is below 0"),
        ({"token_exp": math.inf}, "token_exp is no time"),
        ({"decision": "maybe", "outcome": "ok"}, "decision is none of accept, deny, undecided"),
        ({"expected": "", "outcome": "ok"}, "expected is none of accept, deny, either"),
        ({"outcome": "fine"}, "outcome is none of "),
    ],
)
def test_what_none_can_say_is_named_with_its_row(second: dict[str, Any], said: str) -> None:
    found = impossible(frame(**second))
    assert found.startswith(f"1 of 3 samples can't be: {said}") or said in found
    assert found.endswith("(the first: row 2)")


@given(st.sampled_from(EXPECTED), st.sampled_from(DECISIONS), st.sampled_from(OUTCOMES))
def test_no_outcome_hides_what_was_decided(expected: Any, decision: Any, outcome: Any) -> None:
    """A wrong acceptance that is called a refusal would be a PASS."""
    follows = OUTCOME_OF[expected, decision] is outcome
    said = impossible(frame(expected=expected, decision=decision, outcome=str(outcome)))
    assert said == ("" if follows else f"1 of 3 {said.partition(' of 3 ')[2]}")
    assert follows or "outcome does not follow from expected and decision" in said


def written(path: Path, change: Callable[[pa.Table], pa.Table]) -> Path:
    layout = store.schema()
    samples = frame()
    whole = {each.name: pa.array(samples[each.name].tolist(), each.type, from_pandas=False) for each in layout}
    table = pa.table(whole)
    pq.write_table(change(table).replace_schema_metadata(layout.metadata), path / "samples.parquet")
    return path / "samples.parquet"


def as_type(name: str, kind: pa.DataType) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.set_column(table.schema.get_field_index(name), name, table[name].cast(kind))


def without(name: str) -> Callable[[pa.Table], pa.Table]:
    """The second value is missing."""

    def change(table: pa.Table) -> pa.Table:
        values = [None if row == 1 else value for row, value in enumerate(table[name].to_pylist())]
        return table.set_column(table.schema.get_field_index(name), name, pa.array(values, table[name].type))

    return change


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("status", pa.string(), "the column status holds string, and should hold whole numbers"),
        ("status", pa.float64(), "the column status holds double, and should hold whole numbers"),
        ("due_at", pa.string(), "the column due_at holds string, and should hold floating-point numbers"),
        ("outcome", pa.binary(), "the column outcome holds binary, and should hold texts"),
    ],
)
def test_a_column_of_another_kind_is_refused(tmp_path: Path, name: str, kind: pa.DataType, said: str) -> None:
    path = written(tmp_path, as_type(name, kind))
    with pytest.raises(StoreError) as refused:
        store.load(path)
    assert str(refused.value) == f"{path}: {said}"


@pytest.mark.parametrize("name", store.COLUMNS)
def test_a_value_that_is_missing_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match=f"the column {name} has 1 values missing"):
        store.load(written(tmp_path, without(name)))


@pytest.mark.parametrize(
    "kind", [pa.large_string(), pa.dictionary(pa.int32(), pa.string())], ids=["large", "dictionary"]
)
def test_how_texts_are_kept_does_not_matter(tmp_path: Path, kind: pa.DataType) -> None:
    assert impossible(store.load(written(tmp_path, as_type("flow", kind)))) == ""


# --- the journal of a run that was completed

TOLD: list[dict[str, Any]] = [
    {"at": 99.0, "event": "run_started"},
    {"at": 99.2, "event": "link_checked", "link": "a", "ok": True},
    {"at": 99.5, "event": "load_started"},
    {"at": 100.0, "event": "phase_started", "phase": "baseline"},
    {"at": 103.0, "event": "phase_ended", "phase": "baseline"},
    {"at": 103.1, "event": "load_ended", "summary": {"recorded": 3, "echoed": {"orders": 3}}},
    {"at": 103.2, "event": "counts"},
    {"at": 103.3, "event": "cleanup"},
    {"at": 103.4, "event": "run_ended", "status": "completed"},
]


def events(told: list[dict[str, Any]]) -> tuple[Event, ...]:
    return tuple(
        Event(at=each["at"], event=each["event"], fields={k: v for k, v in each.items() if k not in ("at", "event")})
        for each in told
    )


def changed(name: str, **fields: Any) -> list[dict[str, Any]]:
    return [each | fields if each["event"] == name else each for each in TOLD]


def test_a_whole_run_has_lost_nothing() -> None:
    assert lost(events(TOLD), frame()) == ()


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ([*TOLD, TOLD[-1] | {"status": "failed"}], "the journal tells 2 times of run_ended, where a whole run tells"),
        ([each for each in TOLD if each["event"] != "cleanup"], "the journal tells 0 times of cleanup"),
        ([*TOLD[:7], TOLD[6], *TOLD[7:]], "the journal tells 2 times of counts"),
        ([*TOLD[:4], *TOLD[5:]], "the journal does not tell of each phase once"),
        ([*TOLD[:4], *TOLD[3:]], "the journal does not tell of each phase once"),
        ([*TOLD[:3], TOLD[4], TOLD[3], *TOLD[5:]], "the journal is not in the order of time"),
        (changed("link_checked", ok=False, detail="200"), "the link a was not shown to be the only way: 200"),
        ([*TOLD[:3], {"at": 99.6, "event": "error", "message": "died"}, *TOLD[3:]], "the journal tells of an error"),
        (changed("load_ended", summary={}), "does not tell how many samples it recorded"),
        (changed("load_ended", summary={"recorded": 4}), "4 samples were recorded, and 3 are there"),
        (changed("load_ended", summary={"recorded": 3, "interrupted": True}), "the load generator was interrupted"),
        (changed("load_ended", summary={"recorded": 3, "echoed": {"a": "3"}}), "tells no counts under echoed"),
        (changed("load_ended", summary={"recorded": 3, "echoed": {"a": -3}}), "tells no counts under echoed"),
        (changed("load_ended", summary={"recorded": 3, "echoed": [3]}), "tells no counts under echoed"),
        (changed("run_started", at=101.5), "2 samples are due before the run began or after its load ended"),
    ],
)
def test_what_a_completed_run_does_not_leave_withholds_its_pass(told: list[dict[str, Any]], said: str) -> None:
    assert any(said in reason for reason in lost(events(told), frame()))


@pytest.mark.parametrize(("planned_s", "said"), [(3.0, 0), (3.1, 0), (30.0, 1)])
def test_a_completed_run_went_on_for_as_long_as_it_was_planned(planned_s: float, said: int) -> None:
    found = lost(events(TOLD), frame(), planned_s=planned_s)
    assert found == ("its phases went on for 3 s, of 30 s that were planned",) * said


def test_of_a_run_that_was_cut_short_nothing_more_is_said() -> None:
    for status in ("aborted", "failed", "interrupted"):
        assert lost(events([*TOLD[:4], {"at": 101.0, "event": "run_ended", "status": status}]), frame()) == ()
    assert lost(events(TOLD[:4]), frame()) == ()


@given(kept=st.lists(st.integers(0, 5), min_size=1, max_size=6, unique=True))
def test_a_line_that_is_lost_is_noticed_wherever_it_was(kept: list[int], tmp_path_factory: Any) -> None:
    """But for the last ones: a run may be killed at any time, and is judged as far as it tells."""
    folder = tmp_path_factory.mktemp("lines")
    lines = JsonLines(folder / "whole")
    for number in range(6):
        lines.append({"at": 100.0 + number, "event": "noted", "component": "idp", "state": {}})
    lines.close()
    written = (folder / "whole").read_bytes().splitlines(keepends=True)
    (folder / "kept").write_bytes(b"".join(written[number] for number in kept))
    for read in (read_events, read_telemetry):
        found, damage = read(folder / "kept")
        assert len(found) == len(kept)
        assert bool(damage) == (kept != list(range(len(kept))))
