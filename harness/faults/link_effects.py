"""What a fault on a link does to requests, and whether requests that were seen can have met just that. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from idchaos.faults.symptoms import Met, Symptom, listed, mostly
from idchaos.values import Value

Mode = Literal["refused", "timeout", "reset", "slow", "bandwidth", "partial"]
MEASURABLE_S = 0.05
"""A shorter delay can't be told from none on a busy machine, so it can't be proved."""
OBSERVED_SHARE = 0.9
"""Of the delay that was asked for: timers of two machines don't quite agree."""
SLACK_S = 1.0
"""How much later than a delay's end an answer may still be on its way."""
TIMER_S = 0.1
"""By so much the timers of two machines may differ."""
DOUBT = 1e-4
"""How improbable the number of failures may be before a share of failing connections counts as disproved."""
FEWEST_PROBES = 20
LARGEST_SHARE = 0.95
"""Beyond it, it takes hundreds of probes to tell a share of all connections from all of them."""
BYTES_PER_KB = 1000
ENDS: Mapping[Mode, Symptom] = {
    "refused": Symptom.REFUSED,
    "timeout": Symptom.HUNG,
    "reset": Symptom.RESET,
    "partial": Symptom.RESET,
}
"""How requests end that meet the fault; of the other modes they are answered, only later."""


class ToxicOrder(NamedTuple):
    """What Toxiproxy is asked for, and must report."""

    kind: str
    stream: str
    toxicity: float
    attributes: Mapping[str, int]


class Delay(NamedTuple):
    """By what answers are delayed: some seconds each, or a rate that their bytes must keep to."""

    shortest_s: float = 0.0
    longest_s: float = 0.0
    rate_kbs: int = 0

    def of(self, size_bytes: int) -> tuple[float, float]:
        """The shortest and the longest time, in seconds, by which an answer of that size is delayed."""
        lasts = size_bytes / (self.rate_kbs * BYTES_PER_KB) if self.rate_kbs else 0.0
        return self.shortest_s + lasts, self.longest_s + 2 * lasts


def delay_by(toxic: ToxicOrder) -> Delay | None:
    """What a toxic delays; ``None``: nothing."""
    if toxic.kind == "bandwidth":
        return Delay(rate_kbs=toxic.attributes["rate"])
    if toxic.kind != "latency":
        return None
    latency_s, jitter_s = (toxic.attributes.get(name, 0) / 1000 for name in ("latency", "jitter"))
    return Delay(max(0.0, latency_s - jitter_s), latency_s + jitter_s)


class LinkEffect(Value):
    """One mode and how strong it is. See :class:`idchaos.faults.network.LinkFault`."""

    mode: Mode
    latency_s: float
    jitter_s: float
    rate_kbs: int
    share: float
    beside: tuple[Delay, ...] = ()
    """What else delays the same answers."""

    def among(self, others: Iterable[ToxicOrder]) -> LinkEffect:
        """This, where other toxics are in force as well: what they delay adds up."""
        return self.model_copy(update={"beside": tuple(filter(None, map(delay_by, others)))})

    @property
    def toxic(self) -> ToxicOrder | None:
        """``None``: the proxy is switched off instead."""
        match self.mode:
            case "refused":
                return None
            case "timeout":
                # On the way there: an upstream that has answered, and ends the connection, would end the black hole
                # on the way back for every client that asks for ``Connection: close``.
                return ToxicOrder("timeout", "upstream", 1.0, {"timeout": 0})
            case "reset":
                return ToxicOrder("reset_peer", "downstream", 1.0, {"timeout": 0})
            case "partial":
                return ToxicOrder("reset_peer", "downstream", self.share, {"timeout": 0})
            case "bandwidth":
                return ToxicOrder("bandwidth", "downstream", 1.0, {"rate": self.rate_kbs})
            case "slow":
                attributes = {"latency": round(self.latency_s * 1000), "jitter": round(self.jitter_s * 1000)}
                return ToxicOrder("latency", "downstream", 1.0, attributes)

    @property
    def delays(self) -> bool:
        """Whether requests are answered, only later."""
        return self.mode in ("slow", "bandwidth")

    def patience_s(self, size_bytes: int) -> float | None:
        """How long a probe must wait to tell slow from lost: until an answer of that size has surely come. ``None``:
        as long as whoever sends it waits for such an answer anyway.
        """
        return self._delay_s(size_bytes)[1] + SLACK_S if self.delays else None

    def met_by_probe(self, met: Met) -> bool:
        """Whether one fresh request met just this."""
        if self.delays:
            return met.symptom is Symptom.ANSWERED and self._is_late(met)
        return met.symptom is ENDS[self.mode]

    def met_by(self, requests: Sequence[Met]) -> bool:
        """Whether a component's own requests met just this. One that began before the fault may be among them."""
        return mostly(requests, (self._may_be_met(met) for met in requests))

    def _may_be_met(self, met: Met) -> bool:
        if not self.delays:
            return met.symptom is ENDS[self.mode]
        if met.symptom is Symptom.HUNG:
            # Its sender was ready to wait for less than the delay lasts. That answers do come, a probe has shown.
            trickles = any(delay.rate_kbs for delay in (self._own, *self.beside))
            return trickles or met.took_s <= self._delay_s(0)[1] + TIMER_S
        return met.symptom is Symptom.ANSWERED and self._is_late(met)

    def _is_late(self, met: Met) -> bool:
        """Later than what else delays it can make it."""
        own, _ = self._own.of(met.size_bytes)
        others = sum(delay.of(met.size_bytes)[0] for delay in self.beside)
        return own >= MEASURABLE_S and met.took_s >= others + OBSERVED_SHARE * own

    def _delay_s(self, size_bytes: int) -> tuple[float, float]:
        """The shortest and the longest time by which an answer is delayed, by everything that delays it."""
        shortest, longest = zip(*(delay.of(size_bytes) for delay in (self._own, *self.beside)), strict=True)
        return sum(shortest), sum(longest)

    @property
    def _own(self) -> Delay:
        """By what this delays answers."""
        toxic = self.toxic
        return (delay_by(toxic) if toxic is not None else None) or Delay()

    def is_share(self, requests: Sequence[Met]) -> bool:
        """Whether so many resets are no surprise if each connection is reset with probability ``share``, and all
        others are answered.
        """
        from scipy.stats import binomtest  # here, for it takes longer to import than all else

        met = sum(each.symptom is ENDS[self.mode] for each in requests)
        if not met or any(each.symptom not in (ENDS[self.mode], Symptom.ANSWERED) for each in requests):
            return False
        return bool(binomtest(met, len(requests), self.share).pvalue >= DOUBT)

    @property
    def probes_needed(self) -> int:
        """One, where requests are a while under way. Of resets so many that none, and (for less than all) every one,
        would disprove the share: one reset says nothing of the next.
        """
        if ENDS.get(self.mode) is not Symptom.RESET:
            return 1
        if self.mode == "reset":
            return FEWEST_PROBES
        rarest = max(self.share, 1 - self.share)
        return max(FEWEST_PROBES, math.ceil(math.log(DOUBT / 2, rarest)))


def told(requests: Sequence[Met]) -> str:
    """What requests met, for a sentence: ``3 of 4 hung, the longest took 2.00 s``."""
    longest = max((met.took_s for met in requests), default=0.0)
    return f"{listed(requests)}; the longest took {longest:.2f} s"
