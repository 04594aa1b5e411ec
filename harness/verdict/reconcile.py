"""Do the counts of clients, gateways, services and IdP agree? Pure.

The runner writes one journal event ``counts`` when the load has drained: the body of ``GET /state`` of
every component, from just before the load generator started and from after it ended::

    {"event": "counts", "before": {"gateway-1": {...}, "idp": {...}, ...}, "after": {"gateway-1": {...}, ...}}

Of a gateway ``requests.total``, ``requests.upstream.<service>`` and ``requests.by_reason`` are read, of a
service ``requests.total``, of the IdP ``requests.<endpoint>.total``; which is which shows by what it
reports. The generator's summary tells of requests to the IdP that are no samples
(``unsampled.<endpoint>``; ``unsampled_unsure.<endpoint>`` got no answer). ``own`` tells of the harness's own proofs:
``{"gateway-1": n, "idp/token": n}``, and ``own_unsure`` of those that got no answer.

What the client saw comes from the samples. A request that got an answer was surely seen by who answered;
one that was sent and got none (time-out, reset) may have been, and so may each attempt before a retry; one
that was refused a connection, or never sent, was not. So each count must lie in a range, and anything
outside it is a gap. Every component that was asked on either side has a row: one that can't be compared
(not asked, or restarted and so without its counts) is named, and is a reason to withhold PASS unless a
fault of the run killed it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from pydantic import JsonValue

from idchaos.record.record import Run, RunRecord, as_number
from idchaos.record.samples import AROUND

_TOLD = ("sent_at", "endpoint", "flow", "status", "error_code", "retry", "replica", "service")
UPSTREAM = ("requests", "upstream")
NEVER_ARRIVED = frozenset({"connect_refused", "connect_timeout"})
IDP_ENDPOINTS = ("authorize", "login", "token", "userinfo", "revoke", "end_session", "register", "unregister")
"""What only clients of the load ask; ``jwks``, ``introspect``, ``revocations`` and ``discovery`` are asked
by gateways too.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison: between ``low`` and ``high`` by one side's count, ``seen`` by the other's (``None``:
    not told).
    """

    what: str
    low: int
    high: int
    seen: int | None
    by_flow: tuple[tuple[str, int], ...] = ()
    note: str = ""
    """Why it could not be compared; empty when it was."""
    excused: bool = False
    """The run itself explains that."""

    @property
    def agrees(self) -> bool:
        """Compared and within the range, or excused from it."""
        return not self.reason

    @property
    def gap(self) -> int:
        """How far ``seen`` lies outside the range; 0 when it agrees, or could not be compared."""
        if self.seen is None or self.note:
            return 0
        return max(0, self.low - self.seen) or max(0, self.seen - self.high)

    @property
    def reason(self) -> str:
        """One sentence about the gap, or why there is no comparison; empty when all is well."""
        if self.note:
            return "" if self.excused else f"counts do not reconcile: {self.what}: {self.note}"
        if not self.gap or self.seen is None:
            return ""
        wanted = f"{self.low:,}" if self.low == self.high else f"{self.low:,} to {self.high:,}"
        return f"counts do not reconcile: {self.what}: {self.seen:,} seen, {wanted} expected"


def reconcile(record: RunRecord) -> tuple[Row, ...]:
    """All comparisons, and what keeps others from being made; none when no counts were recorded.

    What a component is shows by what it reported on either side. One that counts nothing has nothing to compare.
    """
    before, after = _side(record, "before"), _side(record, "after")
    told = {name: (before.get(name, {}), after.get(name, {})) for name in sorted({*before, *after})}
    gateways = [n for n, states in told.items() if any(isinstance(_dig(s, UPSTREAM), dict) for s in states)]
    idps = [name for name, states in told.items() if any("issuer" in state for state in states)]
    rest = [name for name in told if name not in gateways and name not in idps]
    services = [name for name in rest if any(_total(state) is not None for state in told[name])]
    silent = [name for name in rest if name not in services and any("error" in state for state in told[name])]
    silent += sorted(_watched(record) - told.keys() if told else ())
    wanted = [*_TOLD, *(["via"] if "via" in record.samples else [])]
    sent = record.samples.loc[record.samples["sent_at"].notna(), wanted]
    asked = sent[_starting(sent, "/")]
    via = asked["via"] if "via" in asked else asked["replica"]
    around = sent[_starting(sent, AROUND)]
    unsure = int((asked["status"] == 0).sum()) + int(asked["retry"].sum())
    return (
        *(_asked(record, name, asked[via == name], ("requests", "total")) for name in gateways),
        *(
            _passed_on(record, name, gateways, around[around["service"] == name], unsure)
            if gateways or not len(asked)
            else _served(record, name, asked[asked["service"] == name], unsure)
            for name in services
        ),
        *(
            _asked(record, name, sent[sent["endpoint"] == endpoint], ("requests", endpoint, "total"), endpoint)
            for name in idps
            for endpoint in IDP_ENDPOINTS
        ),
        *(Row(name, 0, 0, None, (), f"{name} was not asked before and after the load") for name in silent),
    )


def _watched(record: Run) -> set[str]:
    """Who counts requests, by what they told while the run went on."""
    return {point.component for point in record.telemetry if _total(point.state) is not None}


def _starting(sent: pd.DataFrame, prefix: str) -> pd.Series[bool]:
    endpoints = sent["endpoint"].cat
    begins = [str(each).startswith(prefix) for each in endpoints.categories]
    return pd.Series(np.append(begins, False)[endpoints.codes].astype(bool), index=sent.index)


def _asked(record: Run, name: str, asked: pd.DataFrame, counter: Sequence[str], endpoint: str = "") -> Row:
    """Clients and whom they asked."""
    answered = asked[asked["status"] != 0]
    unsure = int(((asked["status"] == 0) & ~asked["error_code"].isin(NEVER_ARRIVED)).sum())
    unsure += _resent(record, asked, endpoint)
    seen = growth(record, name, *counter)
    flows = tuple((str(flow), int(count)) for flow, count in sorted(answered["flow"].value_counts().items()) if count)
    extra = as_number(_dig(record.generator, ("unsampled", endpoint))) if endpoint else None
    unsure += int(as_number(_dig(record.generator, ("unsampled_unsure", endpoint))) or 0) if endpoint else 0
    asked_for = f"{name}/{endpoint}" if endpoint else name
    own = as_number(_dig(record.counts, ("own", asked_for)))
    unsure += int(as_number(_dig(record.counts, ("own_unsure", asked_for))) or 0)
    low = len(answered) + int(extra or 0) + int(own or 0)
    what = f"clients and {name}" + (f" ({endpoint})" if endpoint else "")
    if endpoint and record.status != "completed" and "unsampled" not in record.generator:
        # Cut short before its summary: nobody knows how many requests of its own it made.
        return Row(what, low, low, seen.count, flows, "the load generator ended without a summary", excused=True)
    return Row(what, low, low + unsure, seen.count, flows, seen.note, seen.excused)


def _resent(record: Run, asked: pd.DataFrame, endpoint: str) -> int:
    """How often the transport sent a request again. At the IdP, ``retry`` counts a session's further attempts too, and
    each of those is a sample of its own; there the load generator's summary tells.
    """
    resent = record.generator.get("resent") if endpoint else None
    if isinstance(resent, dict):
        return int(as_number(resent.get(endpoint)) or 0)
    return int(asked["retry"].sum())


def _passed_on(record: Run, service: str, gateways: Sequence[str], around: pd.DataFrame, unsure: int) -> Row:
    """Gateways and a service: a hop that failed, or whose client hung up, may or may not have arrived. ``around``: what
    was sent to the service directly.
    """
    passed = [growth(record, gateway, "requests", "upstream", service) for gateway in gateways]
    failed = [
        growth(record, gateway, "requests", "by_reason", reason)
        for gateway in gateways
        for reason in ("upstream_unavailable", "upstream_timeout", "client_gone")
    ]
    slack = unsure + sum(grown.count or 0 for grown in failed)
    slack += int((around["status"] == 0).sum()) + int(around["retry"].sum())
    total = sum(grown.count or 0 for grown in passed) + int((around["status"] != 0).sum())
    seen = growth(record, service, "requests", "total")
    # What nothing excuses comes first: one such part is enough to leave the whole unknown.
    noted = sorted((grown for grown in (*passed, seen) if grown.note), key=lambda grown: grown.excused)
    worst = noted[0] if noted else seen
    what, low, high = f"gateways and {service}", max(0, total - slack), total + slack
    return Row(what, low, high, seen.count, (), worst.note, worst.excused)


def _served(record: Run, service: str, asked: pd.DataFrame, unsure: int) -> Row:
    """Clients and a service behind gateways that count nothing: whoever was let in was served by it, and nobody else
    can have asked.
    """
    let_in = int(asked["status"].between(200, 299).sum())
    own = int(sum(as_number(count) or 0 for count in _own(record).values()))
    seen = growth(record, service, "requests", "total")
    return Row(f"clients and {service}", let_in, len(asked) + unsure + own, seen.count, (), seen.note, seen.excused)


def _own(record: Run) -> dict[str, JsonValue]:
    """The harness's own requests to others than IdPs, by whom they asked."""
    own = record.counts.get("own")
    return {name: count for name, count in own.items() if "/" not in name} if isinstance(own, dict) else {}


@dataclass(frozen=True, slots=True)
class Grown:
    """How much a counter grew over the load; ``None``: not told, and ``note`` says why."""

    count: int | None
    note: str = ""
    excused: bool = False


def growth(record: Run, name: str, *path: str) -> Grown:
    """Growth of a component's counter from before to after; a counter that is absent before was 0."""
    before, after = _side(record, "before").get(name), _side(record, "after").get(name)
    if before is None or after is None or _total(before) is None or _total(after) is None:
        return Grown(None, f"{name} was not asked before and after the load")
    if restarted(record, name, before, after):
        return Grown(None, f"{name} was restarted and lost its counts", excused=killed(record, name))
    return Grown(int((as_number(_dig(after, path)) or 0) - (as_number(_dig(before, path)) or 0)))


def restarted(record: Run, name: str, before: Mapping[str, JsonValue], after: Mapping[str, JsonValue]) -> bool:
    """A changed start id (``instance``, ``started`` or ``pid``), or a total that fell: in these reports, or between any
    in telemetry.
    """
    for key in ("instance", "started", "pid"):
        if key in before and before[key] != after.get(key):
            return True
    start, end = _total(before), _total(after)
    totals = [start, *(_total(point.state) for point in record.telemetry if point.component == name), end]
    known = [total for total in totals if total is not None]
    within = known[1:-1] if len(known) > 2 else []
    falls = any(later < earlier for earlier, later in pairwise(within))
    return falls or (start is not None and end is not None and end < start)


def killed(record: Run, name: str) -> bool:
    """Whether a fault of the run, once applied, killed this component."""
    return any(
        isinstance(fault.detail, dict)
        and (fault.detail.get("kind"), fault.detail.get("component")) == ("process", name)
        and fault.detail.get("how") in ("kill", "restart")
        and fault.applied_at is not None
        for fault in record.faults
    )


def _total(state: Mapping[str, JsonValue]) -> float | None:
    """All requests that a component has counted."""
    requests = state.get("requests")
    if not isinstance(requests, dict):
        return None
    direct = as_number(requests.get("total"))
    if direct is not None:
        return direct
    parts = [as_number(value.get("total")) for value in requests.values() if isinstance(value, dict)]
    return sum(part for part in parts if part is not None) if parts else None


def _dig(state: JsonValue, path: Sequence[str]) -> JsonValue:
    for key in path:
        state = state.get(key) if isinstance(state, dict) else None
    return state


def _side(record: Run, side: str) -> dict[str, dict[str, JsonValue]]:
    found = record.counts.get(side)
    return (
        {name: state for name, state in sorted(found.items()) if isinstance(state, dict)}
        if isinstance(found, dict)
        else {}
    )
