"""Requests that had to be refused: how many, and where they were not. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from idchaos.experiment import Outcome, PhaseName


@dataclass(frozen=True)
class CanaryCell:
    """Requests that had to be refused: decided, of them wrongly accepted; and those that were not decided."""

    decided: int
    accepted: int
    undecided: int


NO_CANARIES = CanaryCell(0, 0, 0)


@dataclass(frozen=True)
class CanaryTable:
    """``cells[kind]``: one cell for each of ``phases``, then one for the whole run."""

    phases: list[str]
    cells: dict[str, list[CanaryCell]]


@dataclass(frozen=True)
class Accepted:
    """Bad tokens of one kind that one replica accepted on one route."""

    kind: str
    replica: str
    route: str
    """An endpoint without what differs from request to request."""
    count: int
    of: int
    """How often the same was tried there."""
    first_at: float
    """Unix time."""
    phase: str
    """In which the first was."""
    status: int
    """What the first was answered."""


def route(endpoint: str) -> str:
    """An endpoint without what differs from request to request: ``/orders/17`` is ``/orders/…``."""
    parts = ["…" if any(letter.isdigit() for letter in part) else part for part in endpoint.split("/")]
    return "/".join(parts)


def accepted_canaries(samples: pd.DataFrame) -> tuple[Accepted, ...]:
    """Where which bad tokens were accepted, most first."""
    wrong = samples["outcome"] == Outcome.WRONGLY_ACCEPTED.value
    kinds = [str(kind) for kind in samples.loc[wrong, "canary"].unique() if kind != ""]
    columns = ["canary", "replica", "endpoint", "outcome", "due_at", "phase", "status"]
    sent = samples.loc[samples["canary"].isin(kinds), columns].astype({"canary": str, "replica": str, "endpoint": str})
    sent = sent.assign(route=sent["endpoint"].map(route))
    found = []
    for (kind, replica, on), tried in sent.groupby(["canary", "replica", "route"], sort=False):
        accepted = tried[tried["outcome"] == Outcome.WRONGLY_ACCEPTED.value].sort_values("due_at", kind="stable")
        if accepted.empty:
            continue
        first = accepted.iloc[0]
        found.append(
            Accepted(
                kind=str(kind),
                replica=str(replica),
                route=str(on),
                count=len(accepted),
                of=len(tried),
                first_at=float(first["due_at"]),
                phase=str(first["phase"]),
                status=int(first["status"]),
            )
        )
    return tuple(sorted(found, key=lambda each: -each.count))


def canary_table(samples: pd.DataFrame) -> CanaryTable:
    """Canaries by kind and phase, as the judge counts them; the last column is the whole run."""
    mask = (samples["canary"] != "") & samples["sent_at"].notna()
    asked = samples.loc[mask, ["canary", "phase", "decision", "expected", "outcome"]]
    undecided = asked["decision"] == "undecided"
    counts = (
        asked[["canary", "phase"]]
        .astype(str)
        .assign(
            decided=~undecided & (asked["expected"] == "deny"),
            accepted=asked["outcome"] == Outcome.WRONGLY_ACCEPTED.value,
            undecided=undecided,
        )
        .groupby(["canary", "phase"])
        .sum()
    )
    found = {key: CanaryCell(*map(int, row)) for key, row in zip(counts.index, counts.to_numpy(), strict=True)}
    phases = [name.value for name in PhaseName if any(phase == name.value for _, phase in found)]
    cells = {}
    for kind in sorted({kind for kind, _ in found}):
        mine = {phase: cell for (of, phase), cell in found.items() if of == kind}
        cells[kind] = [*(mine.get(phase, NO_CANARIES) for phase in phases), _together(mine.values())]
    return CanaryTable(phases, cells)


def _together(cells: Iterable[CanaryCell]) -> CanaryCell:
    every = list(cells)
    return CanaryCell(
        decided=sum(cell.decided for cell in every),
        accepted=sum(cell.accepted for cell in every),
        undecided=sum(cell.undecided for cell in every),
    )
