import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from idchaos.errors import StoreError
from idchaos.experiment import REVOKED
from idchaos.record.rejudge import Disturbance, Facts, Withdrawal, rejudge
from idchaos.record.samples import (
    COLUMNS,
    EXPECTED,
    classify,
    compact,
    frame_of,
    load,
    read_stream,
    stream_header,
)


def row(**values):
    return [getattr(value, "tolist", lambda v=value: v)() for value in frame_of([values]).iloc[0]]


def lines_of(*rows):
    return "".join(json.dumps(r) + "\n" for r in rows)


@pytest.fixture
def stream(tmp_path):
    path = tmp_path / "samples.jsonl"
    path.write_text(
        stream_header() + "\n" + lines_of(row(due_at=1.0), row(due_at=2.0, status=503, decision="undecided"))
    )
    return path


@pytest.mark.parametrize(
    ("expected", "decision", "outcome"),
    [
        ("accept", "accept", "ok"),
        ("accept", "deny", "wrongly_denied"),
        ("accept", "undecided", "unavailable"),
        ("deny", "accept", "wrongly_accepted"),
        ("deny", "deny", "denied"),
        ("deny", "undecided", "unavailable"),
        ("either", "accept", "ok"),
        ("either", "deny", "denied"),
        ("either", "undecided", "unavailable"),
    ],
)
def test_an_outcome_is_what_was_expected_against_what_was_decided(expected, decision, outcome):
    assert classify(expected, decision) == outcome


def test_a_compacted_stream_comes_back_as_it_was_recorded(stream, tmp_path):
    assert compact(stream, tmp_path / "samples.parquet") == 2
    frame = load(tmp_path / "samples.parquet")
    assert list(frame.columns) == list(COLUMNS)
    assert frame["due_at"].tolist() == [1.0, 2.0]
    assert frame["outcome"].tolist() == ["ok", "unavailable"]
    assert frame["status"].dtype == "int32"
    assert math.isnan(frame["token_exp"].iloc[0])
    assert not list(tmp_path.glob("*.partial"))


def test_a_stream_of_no_samples_is_a_frame_of_no_rows(tmp_path):
    stream = tmp_path / "samples.jsonl"
    stream.write_text(stream_header() + "\n")
    compact(stream, tmp_path / "samples.parquet")
    assert load(tmp_path / "samples.parquet").empty


@pytest.mark.parametrize("cut", [1, 2, 40, 100])
def test_a_truncated_tail_costs_only_the_last_sample(stream, cut):
    stream.write_bytes(stream.read_bytes()[:-cut])
    assert [r[0] for r in read_stream(stream)] == [1.0]


def test_a_stream_damaged_before_its_end_is_refused_with_the_line(stream):
    lines = stream.read_text().splitlines(keepends=True)
    stream.write_text(lines[0] + "garbage\n" + lines[1])
    with pytest.raises(StoreError, match="line 2"):
        list(read_stream(stream))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "not a stream of samples"),
        ("hello\n", "not a stream of samples"),
        ('{"format": "idchaos-samples", "version": 99, "columns": []}\n', "schema 99"),
    ],
)
def test_a_foreign_stream_is_refused(tmp_path, content, says):
    path = tmp_path / "samples.jsonl"
    path.write_text(content)
    with pytest.raises(StoreError, match=says):
        compact(path, tmp_path / "samples.parquet")
    assert not (tmp_path / "samples.parquet").exists()


def test_a_value_of_the_wrong_type_is_refused(stream, tmp_path):
    with stream.open("a") as file:
        file.write(lines_of(["yesterday", *row()[1:]]))
    with pytest.raises(StoreError, match="does not fit"):
        compact(stream, tmp_path / "samples.parquet")


def test_a_truncated_parquet_file_is_refused(stream, tmp_path):
    path = tmp_path / "samples.parquet"
    compact(stream, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(StoreError, match="not a whole Parquet file"):
        load(path)


def test_a_parquet_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "samples.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(path)
    with pytest.raises(StoreError, match="not of samples"):
        load(path)


def test_a_missing_file_is_refused():
    with pytest.raises(StoreError, match="cannot be read"):
        load(Path("/nowhere/samples.parquet"))


@pytest.mark.parametrize(
    ("began", "ended", "expected"),
    [
        (8.0, 9.0, "accept"),  # over before the withdrawal at 10
        (9.9, 10.1, "either"),  # under way while it happened
        (11.0, 11.1, "either"),  # within the allowed lag of 5 s
        (15.1, 15.2, "deny"),  # beyond it
        (19.9, 20.1, "either"),  # under way while the key was restored at 20
        (21.0, 21.1, "either"),  # within the lag of the restoration
        (25.1, 25.2, "accept"),
    ],
)
def test_a_withdrawn_key_is_good_then_either_then_bad(began, ended, expected):
    withdrawal = Withdrawal(kid="k1", at=10.0, allowed_lag_s=5.0, restored_at=20.0)
    assert EXPECTED[int(withdrawal.expected(np.array(began), np.array(ended)))] == expected


def test_rejudging_turns_late_acceptance_into_wrong_acceptance():
    frame = frame_of(
        [
            {"kid": "old", "sent_at": 9.0},
            {"kid": "old", "sent_at": 20.0},
            {"kid": "old", "sent_at": 20.0, "decision": "deny"},
            {"kid": "new", "sent_at": 20.0},
            {"kid": "old", "sent_at": 20.0, "expected": "deny", "decision": "deny", "canary": "tampered"},
            {"kid": "old", "sent_at": math.nan, "decision": "undecided"},
        ]
    )
    judged = rejudge(frame, Facts(withdrawals=(Withdrawal(kid="old", at=10.0, allowed_lag_s=5.0),)))
    assert judged["outcome"].tolist() == ["ok", "wrongly_accepted", "denied", "ok", "denied", "unavailable"]
    assert frame["outcome"].iloc[1] == "ok"  # the samples themselves are left alone


@pytest.mark.parametrize(
    ("format_", "asked", "stretches", "excused"),
    [
        ("jwt", 115.0, False, True),  # nobody came with the list
        ("opaque", 105.0, False, True),  # what was said of it a moment before is believed still
        ("opaque", 107.0, False, False),  # who can't ask can't let it in
        ("opaque", 115.0, True, True),  # a clock may be wrong by so much
    ],
)
def test_what_was_said_of_an_opaque_token_has_its_end_also_while_nobody_can_be_asked(
    format_, asked, stretches, excused
):
    outage = Disturbance(start=100.0, end=123.0, known_before=92.0, asked_anew_s=None if stretches else 5.5)
    row = {"canary": "revoked_opaque", "expected": "either", "token_obtained_at": 101.0, "format": format_}
    judged = rejudge(frame_of([row | {"sent_at": asked}]), Facts(disturbances=(outage,)))
    assert judged["outcome"].tolist() == ["ok" if excused else "wrongly_accepted"]


@pytest.mark.parametrize("canary", REVOKED)
@pytest.mark.parametrize(
    ("obtained", "asked", "excused"),
    [
        (95.0, 99.0, False),  # before the fault at 100
        (95.0, 105.0, True),  # during it: the list of revocations may not have come through
        (80.0, 105.0, False),  # during it, but known long before
        (105.0, 122.0, True),  # healed at 120, and caches have 3 s more
        (105.0, 124.0, False),
    ],
)
def test_only_a_fault_excuses_a_replica_that_does_not_know_of_a_revocation(canary, obtained, asked, excused):
    outage = Disturbance(start=100.0, end=123.0, known_before=92.0)
    row = {"canary": canary, "expected": "either", "token_obtained_at": obtained, "sent_at": asked}
    judged = rejudge(frame_of([row, row | {"decision": "deny"}]), Facts(disturbances=(outage,)))
    assert judged["outcome"].tolist() == ["ok" if excused else "wrongly_accepted", "denied"]
