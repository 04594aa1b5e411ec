"""What invariants are judged by: every request that had to be refused, or was answered as another's. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import pandas as pd

from idchaos.experiment import Outcome
from idchaos.reasons import FOREIGN_ANSWER
from idchaos.record.record import RunRecord
from idchaos.record.samples import AROUND, method_of
from idchaos.verdict.traffic import replicas, traffic_of

_TOLD = (
    "due_at", "sent_at", "service_time_s", "status", "decision", "expected", "outcome", "canary", "phase", "replica",
    "service", "endpoint", "error_code", "kid", "jti", "session", "way", "subject_service", "flow", "format",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Evidence:
    """A run's canaries, and whatever else was to be refused or was answered as somebody else's."""

    asked: pd.DataFrame
    """One row a request, in the order in which they were due; ``around``: it was sent to a service directly."""
    deciders: frozenset[str]
    """Who decided everyday requests, by name."""
    places: frozenset[tuple[str, str]] = frozenset()
    """Services and methods of which everyday requests were decided, pair by pair."""

    @property
    def methods(self) -> frozenset[str]:
        """By which everyday requests were decided."""
        return frozenset(method for _, method in self.places)


@lru_cache(maxsize=1)
def evidence_of(record: RunRecord) -> Evidence:
    """The evidence in a record's samples. Kept for the one that was asked for last."""
    traffic = traffic_of(record)
    mask = ~traffic.equal("canary", "") | traffic.equal("expected", "deny")
    mask |= traffic.equal("outcome", str(Outcome.WRONGLY_ACCEPTED)) | traffic.equal("error_code", FOREIGN_ANSWER)
    told = traffic.rows(mask, *_TOLD).assign(around=traffic.starting("endpoint", AROUND)[mask])
    everyday = traffic.rows(traffic.good & traffic.api & traffic.decided, "replica", "service", "way")
    in_order = told.sort_values(["due_at", "sent_at"], kind="stable")
    return Evidence(in_order, frozenset(replicas(everyday)), places(everyday))


def told_places(each: Iterable[tuple[str, str]]) -> str:
    """``GET at orders, POST at accounts``."""
    return ", ".join(f"{method} at {service}" for service, method in sorted(each))


def methods(rows: pd.DataFrame) -> frozenset[str]:
    """Of requests of APIs."""
    return frozenset(method for _, method in places(rows))


def places(rows: pd.DataFrame) -> frozenset[tuple[str, str]]:
    """Services and methods of requests of APIs, pair by pair."""
    each = rows[["service", "way"]].drop_duplicates()
    return frozenset((str(service), method_of(str(way), "/")) for service, way in each.itertuples(index=False))
