"""How old what validators go by is when a phase ends."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import pytest

from idchaos.experiment import PhaseName
from idchaos.record.record import RunRecord, Telemetry
from idchaos.verdict import sli

Make = Callable[..., RunRecord]


def measured(record: RunRecord, *reports: tuple[float, str, Any]) -> sli.Measurement:
    told = tuple(Telemetry(at, name, {"jwks": {"age_s": age, "fetches": 3}}) for at, name, age in reports)
    told += (Telemetry(129.5, "orders", {"jwks": {"age_s": None, "fetches": 0}}),)
    return sli.measure(dataclasses.replace(record, telemetry=told), "key_cache_age", PhaseName.RECOVERY)


@pytest.fixture
def record(make_record: Make) -> RunRecord:
    """Its recovery goes from 120 to 130."""
    return make_record([{"due_at": 125.0}])


def test_the_oldest_at_the_end_counts_and_is_named(record: RunRecord) -> None:
    found = measured(record, (129.0, "gateway-1", 3.0), (121.0, "gateway-2", 99.0), (129.5, "gateway-2", 30.0))
    assert (found.value, found.low, found.high) == (30.0, 30.0, 30.5)
    assert "gateway-2" in found.note


def test_what_was_never_had_is_older_than_anything(record: RunRecord) -> None:
    assert measured(record, (129.0, "gateway-1", None)).value == math.inf


@pytest.mark.parametrize("reports", [(), ((122.0, "gateway-1", 1.0),)])
def test_who_fell_silent_before_the_end_tells_nothing(record: RunRecord, reports: Any) -> None:
    found = measured(record, *reports)
    assert math.isnan(found.value)
    assert (found.low, found.high) == (0.0, math.inf)
