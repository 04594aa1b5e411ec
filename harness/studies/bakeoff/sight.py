"""What figures are read from: one stored run, and the few things that are asked of it again and again. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import pandas as pd
from scipy.special import gammaincinv

from idchaos.experiment import PhaseName
from idchaos.reasons import Reason
from idchaos.record import host
from idchaos.record.record import RunRecord, When, as_number
from idchaos.report.words import interval, number
from idchaos.studies.study.figure import Figure, untold
from idchaos.values import number as rounded
from idchaos.verdict import sli
from idchaos.verdict.lags import timed
from idchaos.verdict.traffic import Traffic, replicas, traffic_of
from idchaos.verdict.verdict import FaultVerdict, RunVerdict

CONFIDENCE = 0.95
FEW = 3
"""Fewer answers than this show nothing."""
BUSY = "busy machine"
_ASKED = ("due_at", "sent_at", "service_time_s", "replica", "outcome", "error_code", "status")


@dataclass(frozen=True)
class Sight:
    """One run."""

    record: RunRecord
    verdict: RunVerdict

    @cached_property
    def traffic(self) -> Traffic:
        """Its samples."""
        return traffic_of(self.record)

    def setting(self, group: str, name: str) -> float:
        """A number among its settings; ``nan`` where there is none."""
        found = self.record.manifest.settings.get(group)
        told = as_number(found.get(name)) if isinstance(found, dict) else None
        return math.nan if told is None else told

    @property
    def cut_short(self) -> str:
        """Why nothing can be said of it at all; empty: it was completed."""
        if self.verdict.status == "completed":
            return ""
        return self.verdict.reasons[0] if self.verdict.reasons else f"the run was {self.verdict.status}"

    @property
    def unfelt(self) -> str:
        """Why nothing can be said of its faults; empty: each was in force, and felt. That a gateway told its users that
        it has no keys shows that it felt it, whatever was seen on the wire.
        """
        missing = [each for each in self.verdict.faults if not each.effect_proved and not self._told_users_of(each)]
        return f"{missing[0].name}: {missing[0].reason or 'its effect was not proved'}" if missing else ""

    def _told_users_of(self, fault: FaultVerdict) -> bool:
        """Whether nothing is missing but the target's own word, and each gateway gave it to users: it has no keys."""
        shown = all(effect.ok for effect in fault.evidence if effect.source != "target")
        if not shown or fault.applied_at is None or fault.healed_at is None:
            return False
        good = self.good(fault.applied_at, fault.healed_at)
        without = good.loc[good["error_code"] == str(Reason.JWKS_UNAVAILABLE), "replica"].value_counts()
        return all(without.get(name, 0) >= FEW for name in self.gateways)

    @cached_property
    def in_force(self) -> tuple[float, float] | None:
        """From when all faults were applied until the first was healed, Unix times."""
        times = [(each.applied_at, each.healed_at) for each in self.record.faults]
        began = [at for at, _ in times if at is not None]
        ended = [at for _, at in times if at is not None]
        return (max(began), min(ended)) if began and ended and max(began) < min(ended) else None

    def good(self, start: float, end: float) -> pd.DataFrame:
        """Good requests of APIs that were due between two times, by when they were sent."""
        mask = self.traffic.good & self.traffic.api & self.traffic.between(start, end)
        frame = timed(self.traffic.rows(mask, *_ASKED))
        return frame[frame["error_code"] != "dropped"]

    @cached_property
    def gateways(self) -> list[str]:
        """Who decided about good requests."""
        return replicas(self.traffic.rows(self.traffic.good & self.traffic.api, "replica"))

    def fetches(self, gateway: str) -> list[float]:
        """When a gateway was given keys, Unix times, as far as the wire behind its link remembers."""
        found: dict[int, float] = {}
        for point in self.record.telemetry:
            jwks = point.state.get("jwks") if point.component == gateway else None
            recent = jwks.get("recent_fetches") if isinstance(jwks, dict) else None
            for each in recent if isinstance(recent, list) else ():
                if isinstance(each, dict) and each.get("error") is None:
                    at, order = as_number(each.get("at")), as_number(each.get("number"))
                    if at is not None and order is not None:
                        found[int(order)] = at
        return sorted(found.values())

    def calls(self, phase: When) -> int:
        """Requests of all kinds that reached the gateways in a phase."""
        return int((self.traffic.api & self.traffic.sent & self.traffic.during(phase)).sum())

    def doubts(self, phase: When) -> str:
        """What of the machine may have moved what was measured in a phase; empty: nothing."""
        window = self.record.window(phase)
        spans = host.spans(self.record.events)
        return BUSY if window and any(span.touches(*window) for span in spans) else ""


def lag(sight: Sight, question: str, spelling: str, phase: When, *, play: float = 0.0) -> Figure:
    """How long something lasted, as an SLI has it. ``play``: by how much the moment at which it began may move it."""
    found = sli.measured_in(sight.traffic, spelling, phase)
    if found.samples == 0 or math.isnan(found.value):
        return untold(question, found.note or "nothing was measured")
    endless = math.isinf(found.value)
    return Figure(
        question=question,
        text=f"≥ {number(found.low, 's')}" if endless else number(found.value, "s"),
        value=None if endless else rounded(found.value),
        interval=(rounded(found.low), rounded(found.high)),
        unit="s",
        play=play,
        sure=sure(
            "no end was seen" if endless else interval((rounded(found.low), rounded(found.high)), "s"),
            f"± {number(play, 's')} by the moment" if play else "",
            f"{found.samples:,} requests",
            sight.doubts(phase),
        ),
    )


def counted(count: float) -> tuple[float, float]:
    """What the mean of a count lies between, with 95 % confidence (Garwood, Biometrika 28, 1936)."""
    low = float(gammaincinv(count, (1 - CONFIDENCE) / 2)) if count else 0.0
    return low, float(gammaincinv(count + 1, (1 + CONFIDENCE) / 2))


def sure(*parts: str) -> str:
    """What there is to say of how sure it is, in one line."""
    return ", ".join(filter(None, parts))


CALM: When = "all"
DURING = PhaseName.FAULT
AFTER = PhaseName.RECOVERY
