"""A run's samples, asked for by masks and columns: each mask is made once, no row copied that nobody reads. Pure.

*Good traffic* is samples of no canary whose right answer is to accept. Whatever the harness could not send (dropped,
no session, no token) is in it as well: the user behind it was not served.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import cast

import numpy as np
import pandas as pd

from idchaos.indicators import Selector
from idchaos.record.record import RunRecord, When
from idchaos.verdict.stats import Bools, Floats

EVERYTHING = Selector("")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: a value, what it lies between, and of how many samples (``effective``: independent ones)."""

    value: float
    low: float
    high: float
    samples: int
    effective: float
    note: str = ""


class Traffic:
    """The samples of a record, or of those moments of it that ``kept`` leaves. Masks have one item a sample."""

    def __init__(self, record: RunRecord, kept: Bools | None = None) -> None:
        self.record = record
        self.samples = record.samples
        self._kept = kept
        self.readings: dict[tuple[str, tuple[tuple[str, tuple[str, ...]], ...], When], Reading] = {}
        """What was measured already, by SLI, selectors and phase: each is measured once."""
        self._phases: dict[When, Bools] = {}
        self._chosen: dict[tuple[tuple[str, tuple[str, ...]], ...], Bools] = {}

    def floats(self, column: str) -> Floats:
        """A column of numbers, not copied."""
        return self.samples[column].to_numpy(dtype=np.float64)

    def equal(self, column: str, *values: str) -> Bools:
        """Where a column of text is one of ``values``."""
        return self._where(column, lambda texts: texts.isin(values))

    def starting(self, column: str, prefix: str) -> Bools:
        """Where a column of text begins with ``prefix``."""
        return self._where(column, lambda texts: texts.astype(str).str.startswith(prefix))

    def _where(self, column: str, fits: Callable[[pd.Index], object]) -> Bools:
        values = self.samples[column]
        if not isinstance(values.dtype, pd.CategoricalDtype):
            return np.asarray(fits(pd.Index(values)), dtype=np.bool_)
        return lookup(np.asarray(fits(values.cat.categories), dtype=np.bool_), values)

    @cached_property
    def all(self) -> Bools:
        """What is looked at at all."""
        return np.ones(len(self.samples), dtype=np.bool_) if self._kept is None else self._kept

    @cached_property
    def sent(self) -> Bools:
        """Requests that left the load generator."""
        return ~np.isnan(self.floats("sent_at"))

    @cached_property
    def good(self) -> Bools:
        """Good traffic."""
        return self.equal("canary", "") & ~self.equal("flow", "canary") & self.equal("expected", "accept")

    @cached_property
    def api(self) -> Bools:
        """What gateways answered, or should have."""
        return self.starting("endpoint", "/") & ~self.equal("replica", "")

    @cached_property
    def decided(self) -> Bools:
        """Requests that met a decision."""
        return self.equal("decision", "accept", "deny")

    def during(self, phase: When) -> Bools:
        """Samples due in a phase; none when it never began."""
        if phase not in self._phases:
            window = self.record.window(phase)
            self._phases[phase] = self.between(*window) if window else np.zeros(len(self.samples), dtype=np.bool_)
        return self._phases[phase]

    def between(self, start: float, end: float) -> Bools:
        """Samples due from ``start`` on and before ``end``."""
        due = self.floats("due_at")
        return (due >= start) & (due < end) & self.all

    def chosen(self, selector: Selector) -> Bools:
        """Samples that fit all of a selector's columns."""
        if selector.where not in self._chosen:
            mask = self.all
            for column, values in selector.where:
                if column in self.samples.columns:
                    mask = mask & self.equal(column, *values)
            self._chosen[selector.where] = mask
        return self._chosen[selector.where]

    def rows(self, mask: Bools, *columns: str) -> pd.DataFrame:
        """These columns of these samples."""
        found = np.flatnonzero(mask)
        return pd.DataFrame({name: self.samples[name].take(found) for name in columns}, copy=False)

    def without(self, spans: list[tuple[float, float]]) -> Traffic:
        """The traffic that was not due in any of these spans (ends included)."""
        due, kept = self.floats("due_at"), self.all.copy()
        for start, end in spans:
            kept &= (due < start) | (due > end)
        return Traffic(self.record, kept)


FEW = 8
"""Up to so many codes are compared one by one, which is quicker than to look each value up."""


def lookup(table: Bools, values: pd.Series) -> Bools:
    """``table`` by category, for each value; a missing value is ``False``."""
    codes = cast(pd.Categorical, values.array).codes
    wanted = np.flatnonzero(table).tolist()
    if len(wanted) > FEW:
        looked_up: Bools = np.append(table, False)[codes]
        return looked_up
    found = np.zeros(len(codes), dtype=np.bool_)
    for code in wanted:
        found |= codes == code
    return found


@lru_cache(maxsize=1)
def traffic_of(record: RunRecord) -> Traffic:
    """The traffic of a record. Kept for the one that was asked for last: its masks serve all that is measured."""
    return Traffic(record)


def replicas(frame: pd.DataFrame) -> list[str]:
    """Who was asked, by name."""
    return sorted(str(name) for name in frame["replica"].unique())
