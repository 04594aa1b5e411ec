"""Append samples to the stream while load flows, and count what the progress lines say."""

from __future__ import annotations

import json
import math
import os
from array import array
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from idchaos.errors import StoreError
from idchaos.experiment import Outcome
from idchaos.record.samples import Decision, Expected, classify, stream_header

NAN = math.nan
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode
_KEPT_LATENCIES = 200


@dataclass(frozen=True, slots=True)
class About:
    """What a sample says of the token that the request carried."""

    session: str = ""
    way: str = ""
    """How it was made, got or used: a kind of canary has several ways, an attacker too."""
    subject_service: str = ""
    """Of a canary whose token is for another service: which."""
    kid: str = ""
    jti: str = ""
    format: str = ""
    iat: float = NAN
    exp: float = NAN
    obtained_at: float = NAN
    subject: str = ""
    """Whom the token is of; empty where that is not known. No column: services are asked whom they saw."""
    client: str = ""
    """Which client it was given to, likewise."""


NOTHING = About()


@dataclass(slots=True)
class _Span:
    """Counts of half a second or so. Latencies beyond the first few hundred are thinned by doubling a stride."""

    began: float
    sent: int = 0
    good: int = 0
    bad: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    lateness: list[float] = field(default_factory=list)


class Recorder:
    """The stream of samples, buffered until ``write(take())``.

    Times passed in are Unix seconds. ``write`` may run in another thread; everything else belongs to one.

    Raises:
        StoreError: the stream cannot be made or written.
    """

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._path, self._now = path, now
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        except OSError as error:
            raise StoreError(f"{path}: cannot be made: {error.strerror or error}") from None
        self._lines = [stream_header()]
        self.recorded = 0
        self.sent = 0
        self.dropped = 0
        self.in_flight = 0
        self.skipped: Counter[str] = Counter()
        """Canaries that were due when none of their kind could be made."""
        self.not_offered: dict[str, str] = {}
        """Canaries that can't be tried, as ``kind:way``, and what the IdP does not offer."""
        self.clients: dict[str, dict[str, int]] = {}
        """Of canaries at the IdP, by kind: decided attempts of each client that takes turns."""
        self.unsampled: Counter[str] = Counter()
        """Requests of the load generator's own upkeep that the IdP answered, by endpoint: they are no samples."""
        self.unsampled_unsure: Counter[str] = Counter()
        """Those without an answer, which the IdP may have seen."""
        self.resent: Counter[str] = Counter()
        """Requests sent again by the transport, by endpoint: the target may have seen each of them twice."""
        self.echoed: Counter[str] = Counter()
        """Good answers that said whose they are, by service: their own or another's."""
        self.unechoed: Counter[str] = Counter()
        """Good answers that did not."""
        self._lateness = array("d")
        self._spans: deque[_Span] = deque([_Span(now())], maxlen=5)

    def add(
        self,
        *,
        due: float,
        sent: float,
        ended: float,
        flow: str,
        endpoint: str,
        status: int,
        decision: Decision,
        expected: Expected,
        error_code: str = "",
        canary: str = "",
        replica: str = "",
        service: str = "",
        retry: int = 0,
        token: About = NOTHING,
        scheduled: bool = False,
    ) -> None:
        """Record one request. ``scheduled``: due by the plan, so its lateness is the load generator's own."""
        outcome = classify(expected, decision)
        row: tuple[Any, ...] = (
            due,
            sent,
            ended - due,
            ended - sent,
            flow,
            endpoint,
            status,
            decision,
            expected,
            outcome,
            error_code,
            canary,
            token.session,
            token.way,
            token.subject_service,
            replica,
            service,
            token.kid,
            token.jti,
            token.format,
            token.iat,
            token.exp,
            token.obtained_at,
            retry,
        )
        self._lines.append(_encode(row))
        self.recorded += 1
        self._count(outcome, due, sent, ended, scheduled, expected == "accept" and not canary)

    def unsent(
        self,
        *,
        due: float,
        flow: str,
        endpoint: str,
        error_code: str,
        expected: Expected = "accept",
        canary: str = "",
        replica: str = "",
        service: str = "",
        token: About = NOTHING,
    ) -> None:
        """Record a request that was due and could not be sent."""
        self.add(
            due=due,
            sent=NAN,
            ended=NAN,
            flow=flow,
            endpoint=endpoint,
            status=0,
            decision="undecided",
            expected=expected,
            error_code=error_code,
            canary=canary,
            replica=replica,
            service=service,
            token=token,
        )

    def _count(  # noqa: PLR0917 - called for every sample
        self, outcome: Outcome, due: float, sent: float, ended: float, scheduled: bool, good: bool
    ) -> None:
        span = self._spans[-1]
        span.outcomes[outcome] += 1
        if good:
            # Bad tokens are counted by outcome alone: what becomes of them says nothing of how users fare.
            span.good += outcome is Outcome.OK
            span.bad += outcome is not Outcome.OK
        if math.isnan(sent):
            return
        self.sent += 1
        span.sent += 1
        if len(span.latencies) < _KEPT_LATENCIES or span.sent % (span.sent // _KEPT_LATENCIES + 1) == 0:
            span.latencies.append(ended - due)
        if scheduled:
            late = sent - due
            self._lateness.append(late)
            if len(span.lateness) < _KEPT_LATENCIES or span.sent % (span.sent // _KEPT_LATENCIES + 1) == 0:
                span.lateness.append(late)

    def take(self) -> bytes:
        """What has gathered since the last time, as the stream's bytes; it must be given to :meth:`write`."""
        lines, self._lines = self._lines, []
        return ("\n".join(lines) + "\n").encode("ascii") if lines else b""

    def write(self, data: bytes) -> None:
        """Append bytes of :meth:`take` to the stream. May run in another thread, one at a time.

        Raises:
            StoreError: a full disk, say. What was written before stays readable.
        """
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError as error:
            raise StoreError(f"{self._path}: samples cannot be written: {error.strerror or error}") from None

    def close(self) -> None:
        """Write what has gathered, and close.

        Raises:
            StoreError: see :meth:`write`.
        """
        try:
            self.write(self.take())
        finally:
            os.close(self._file)

    def progress(self) -> dict[str, Any]:
        """The members of a progress line: totals, and rates of about the last two seconds. Starts a new span."""
        now = self._now()
        spans = list(self._spans)
        elapsed = max(now - spans[0].began, 1e-3)
        outcomes: Counter[str] = Counter()
        for span in spans:
            outcomes.update(span.outcomes)
        members = {
            "sent": self.sent,
            "in_flight": self.in_flight,
            "dropped": self.dropped,
            "rate": round(sum(span.sent for span in spans) / elapsed, 2),
            "ok": sum(span.good for span in spans),
            "bad": sum(span.bad for span in spans),
            "p95_s": quantile([value for span in spans for value in span.latencies], 0.95),
            "late_p99_s": quantile([value for span in spans for value in span.lateness], 0.99),
            "by_outcome": dict(outcomes),
        }
        self._spans.append(_Span(now))
        return members

    def late_p99_s(self) -> float | None:
        """Over the whole load: how late scheduled requests were sent, at the 99th percentile."""
        return quantile(self._lateness, 0.99)


def quantile(values: list[float] | array[float], share: float) -> float | None:
    """The smallest value that at least ``share`` of all values do not exceed; ``None`` without values."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(max(math.ceil(share * len(ordered)) - 1, 0), len(ordered) - 1)]
