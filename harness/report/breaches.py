"""What was wrongly accepted, put together by kind, replica and route: where it happened, not each time it did. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from idchaos.record.record import Run
from idchaos.report import words
from idchaos.report.findings import duration
from idchaos.verdict.series.canaries import Accepted
from idchaos.verdict.series.canaries import route as path_of
from idchaos.verdict.series.series import Series
from idchaos.verdict.verdict import InvariantVerdict

MOST_GROUPS = 40


@dataclass(frozen=True)
class Group:
    """The same breach, again and again."""

    what: str
    kind: str
    """Of bad tokens, which; empty otherwise."""
    replica: str
    route: str
    count: int
    of: int
    """How often the same was tried there."""
    first: str
    """When, in seconds of the load, and in which phase."""
    answer: str
    replay: str
    """The command that sends such a request again; empty where there is none."""


def groups(run: Run, series: Series, row: InvariantVerdict) -> list[Group]:
    """The breaches of an invariant, most first. Those of bad tokens as they were counted: evidence is but the first
    few.
    """
    kinds = {str(each["canary"]) for each in row.evidence if each.get("canary")}
    counted = [_counted(run, row, each) for each in series.accepted if each.kind in kinds]
    return counted[:MOST_GROUPS] or [_of_evidence(run, each) for each in row.evidence]


def _counted(run: Run, row: InvariantVerdict, each: Accepted) -> Group:
    return Group(
        what=words.title(each.kind),
        kind=each.kind,
        replica=each.replica or "the IdP",
        route=each.route,
        count=each.count,
        of=each.of,
        first=f"{duration(each.first_at - (run.load_started_at or 0.0))}, {each.phase}",
        answer=f"HTTP {each.status}",
        replay=_replay(row, each.kind, each.replica, each.route),
    )


def _replay(row: InvariantVerdict, kind: str, replica: str, route: str) -> str:
    """That of the evidence that fits best."""
    fitting = [each for each in row.evidence if str(each.get("canary")) == kind and each.get("replay")]

    def distance(each: dict[str, str | float | int]) -> tuple[bool, bool]:
        return str(each.get("replica")) != replica, path_of(str(each.get("endpoint"))) != route

    return str(min(fitting, key=distance)["replay"]) if fitting else ""


def _of_evidence(run: Run, each: dict[str, str | float | int]) -> Group:
    """A breach that is no bad token's: a leak, a foreign answer."""
    zero, at = run.load_started_at or 0.0, each.get("at")
    told = {key: value for key, value in each.items() if key not in ("at", "phase", "replay", "status") and value != ""}
    return Group(
        what=words.plain(told),
        kind=str(each.get("canary", "")),
        replica=str(each.get("replica", "")),
        route=str(each.get("endpoint", "")),
        count=1,
        of=1,
        first=f"{duration(at - zero)}, {each.get('phase', '')}" if isinstance(at, int | float) else words.NOTHING,
        answer=f"HTTP {each['status']}" if each.get("status") else "",
        replay=str(each.get("replay", "")),
    )
