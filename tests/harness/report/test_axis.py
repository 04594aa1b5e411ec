import dataclasses

import numpy as np
import pytest

from idchaos.record.record import RunRecord
from idchaos.record.samples import frame_of
from idchaos.verdict.series.axis import MOST_BINS, Span, TimeAxis, runs_of, time_axis

AXIS = TimeAxis(origin=100.0, ends_s=4.5)


def test_bins_cover_the_run_and_the_last_one_knows_that_it_is_shorter():
    assert AXIS.edges.tolist() == [0, 1, 2, 3, 4, 5]
    assert AXIS.widths.tolist() == [1, 1, 1, 1, 0.5]


def test_the_index_of_a_moment_outside_the_run_is_minus_one():
    moments = np.array([99.9, 100.0, 100.99, 104.5, 104.6, np.nan])
    assert AXIS.index(moments).tolist() == [-1, 0, 0, 4, -1, -1]


def test_phases_and_faults_are_seconds_since_the_load_started(record: RunRecord):
    axis = time_axis(record)
    assert [span.name for span in axis.phases] == ["warmup", "baseline", "fault", "recovery"]
    assert axis.phases[2] == Span("fault", 10.0, 22.0)
    (fault,) = axis.faults
    assert fault.starts_s == pytest.approx(10.2)
    assert fault.ends_s == pytest.approx(22.1)


def test_a_fault_that_was_never_healed_lasts_until_the_end(record: RunRecord):
    unhealed = tuple(fault.model_copy(update={"healed_at": None}) for fault in record.faults)
    axis = time_axis(dataclasses.replace(record, faults=unhealed))
    assert axis.faults[0].ends_s == axis.ends_s


@pytest.mark.parametrize("hours", [0.01, 0.5, 8, 1000])
def test_a_long_run_has_wider_bins_not_more_of_them(record: RunRecord, hours: float):
    samples = frame_of([{"due_at": (record.load_started_at or 0) + hours * 3600}])
    axis = time_axis(dataclasses.replace(record, samples=samples, windows={}))
    assert axis.ends_s == pytest.approx(hours * 3600, abs=1)
    assert axis.bins <= MOST_BINS


def test_a_run_of_which_nothing_was_recorded_has_an_axis_too(record: RunRecord):
    axis = time_axis(dataclasses.replace(record, samples=frame_of([]), windows={}, faults=(), events=()))
    assert (axis.bins, axis.phases, axis.faults) == (1, (), ())


def test_a_flag_holds_from_one_reading_to_the_next():
    times, flags = np.array([0.0, 1.0, 2.0, 3.0]), np.array([True, True, False, True])
    assert runs_of(times, flags, 5.0) == [(0.0, 2.0), (3.0, 5.0)]
