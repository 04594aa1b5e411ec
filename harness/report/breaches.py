"""What was wrongly accepted, put together by kind, replica and route: where it happened, not each time it did. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from idchaos.experiment import Outcome
from idchaos.record.record import RunRecord
from idchaos.report import words
from idchaos.report.findings import duration
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


def groups(record: RunRecord, row: InvariantVerdict) -> list[Group]:
    """The breaches of an invariant, most first. Those of bad tokens are counted in the samples: evidence is but the
    first few.
    """
    kinds = sorted({str(each["canary"]) for each in row.evidence if each.get("canary")})
    counted = _of_canaries(record, row, kinds) if kinds else []
    return counted or [_of_evidence(record, each) for each in row.evidence]


def _of_canaries(record: RunRecord, row: InvariantVerdict, kinds: list[str]) -> list[Group]:
    zero, samples = record.load_started_at or 0.0, record.samples
    columns = ["canary", "replica", "endpoint", "outcome", "due_at", "phase", "status"]
    sent = samples.loc[samples["canary"].isin(kinds), columns]
    sent = sent.assign(route=sent["endpoint"].astype(str).map(_route), canary=sent["canary"].astype(str))
    sent = sent.assign(replica=sent["replica"].astype(str))
    found = []
    for (kind, replica, route), tried in sent.groupby(["canary", "replica", "route"], sort=False):
        accepted = tried[tried["outcome"] == Outcome.WRONGLY_ACCEPTED.value].sort_values("due_at", kind="stable")
        if accepted.empty:
            continue
        first = accepted.iloc[0]
        found.append(
            Group(
                what=words.title(str(kind)),
                kind=str(kind),
                replica=str(replica) or "the IdP",
                route=str(route),
                count=len(accepted),
                of=len(tried),
                first=f"{duration(float(first['due_at']) - zero)}, {first['phase']}",
                answer=f"HTTP {int(first['status'])}",
                replay=_replay(row, str(kind), str(replica), str(route)),
            )
        )
    return sorted(found, key=lambda group: -group.count)[:MOST_GROUPS]


def _replay(row: InvariantVerdict, kind: str, replica: str, route: str) -> str:
    """That of the evidence that fits best."""
    fitting = [each for each in row.evidence if str(each.get("canary")) == kind and each.get("replay")]

    def distance(each: dict[str, str | float | int]) -> tuple[bool, bool]:
        return str(each.get("replica")) != replica, _route(str(each.get("endpoint"))) != route

    return str(min(fitting, key=distance)["replay"]) if fitting else ""


def _of_evidence(record: RunRecord, each: dict[str, str | float | int]) -> Group:
    """A breach that is no bad token's: a leak, a foreign answer."""
    zero, at = record.load_started_at or 0.0, each.get("at")
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


def _route(endpoint: str) -> str:
    """An endpoint without what differs from request to request: ``/orders/17`` is ``/orders/…``."""
    parts = ["…" if any(letter.isdigit() for letter in part) else part for part in endpoint.split("/")]
    return "/".join(parts)
