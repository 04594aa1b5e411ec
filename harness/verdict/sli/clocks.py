"""From which clock error on a validator refuses good tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from idchaos.indicators import Selector
from idchaos.record.record import RunRecord, When
from idchaos.verdict import lags
from idchaos.verdict.skew import SkewStep, skew_thresholds
from idchaos.verdict.skew import skew_steps as steps_of
from idchaos.verdict.sli.base import Read, Sli, bracketed
from idchaos.verdict.traffic import Reading, Traffic, traffic_of

_ASKED = ("flow", "expected", "decision", "replica", "service", "due_at", "sent_at", "token_obtained_at")


def skew_steps(record: RunRecord, phase: When = "all") -> tuple[SkewStep, ...]:
    """Refusals at each step of the clocks, by validator, for the thresholds and for their plot."""
    return _steps(traffic_of(record), phase)


def _steps(traffic: Traffic, phase: When) -> tuple[SkewStep, ...]:
    window = traffic.record.window(phase)
    if window is None:
        return ()
    events = [event for event in traffic.record.named("clock_skewed") if window[0] - 1.0 <= event.at < window[1]]
    if not events:
        return ()
    asked = traffic.equal("flow", "api") & traffic.equal("expected", "accept") & traffic.decided & traffic.all
    return steps_of(traffic.rows(asked, *_ASKED), events, window[1])


def _threshold(worst: Callable[[Iterable[lags.Bracket]], lags.Bracket]) -> Read:
    """Over validators: one that refuses early or late is not hidden by those that don't."""

    def read(traffic: Traffic, selector: Selector, phase: When) -> Reading:
        return bracketed(worst(skew_thresholds(_steps(traffic, phase), selector.one("side", "ahead"))))

    return read


SLIS = tuple(
    Sli(name, _threshold(worst), "lag", "s", needs=(*_ASKED, "journal.clock_skewed"))
    for name, worst in (("skew_threshold_min", lags.least), ("skew_threshold_max", lags.longest))
)
