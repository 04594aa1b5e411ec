"""The main finding of each plot in one sentence: its caption, and what a screen reader says of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from idchaos.experiment import Outcome
from idchaos.verdict.lifetimes import LifetimeBin
from idchaos.verdict.paging import Paging
from idchaos.verdict.series.axis import Span, TimeAxis
from idchaos.verdict.series.requests import NOT_SENT, Quantiles, Stack
from idchaos.verdict.series.series import Keys
from idchaos.verdict.series.states import ClockOffset, Fetches
from idchaos.verdict.series.thresholds import LagCurve, SweepPoint

BAD = {
    Outcome.WRONGLY_ACCEPTED.value: "wrongly accepted",
    Outcome.WRONGLY_DENIED.value: "wrongly denied",
    Outcome.UNAVAILABLE.value: "not decided",
    NOT_SENT: "never sent",
}


def duration(seconds: float) -> str:
    """``4.2 ms``, ``1.30 s``, ``95 s``: three digits at most."""
    size = abs(seconds)
    if size < 1:
        return f"{seconds * 1e3:.3g} ms" if size < 0.9995 else "1.00 s"
    return f"{seconds:.2f} s" if size < 10 else f"{seconds:.1f} s" if size < 100 else f"{seconds:.0f} s"


def percent(share: float) -> str:
    """``99.87 %``; never rounded up to 100 % nor down to 0 % when it is neither."""
    text = f"{share * 100:.2f}"
    if text == "100.00" and share < 1:
        text = f"{share * 100:.4f}" if share <= 0.999999 else "> 99.9999"
    if text == "0.00" and share > 0:
        text = f"{share * 100:.4f}" if share >= 1e-6 else "< 0.0001"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def moment(axis: TimeAxis, bin_number: int) -> str:
    """Where a bin lies: ``at 14 s (fault)``."""
    at = bin_number * axis.bin_s
    middle = at + axis.widths[bin_number] / 2
    inside = next((span.name for span in axis.phases if span.starts_s <= middle < span.ends_s), "")
    return f"at {at:g} s" + (f" ({inside})" if inside else "")


def of_outcomes(stack: Stack, axis: TimeAxis) -> str:
    """How many requests did not get what they should, and when most of them."""
    total = sum(stack.totals.values())
    bad = {name: count for name in BAD if (count := stack.totals.get(name, 0))}
    if not bad:
        return f"All {total:,} requests got what they should: no good one was refused, no bad one accepted."
    parts = [f"{count:,} {BAD[name]}" for name, count in bad.items()]
    rate = np.sum([stack.layers[name] for name in bad], axis=0)
    worst = int(np.argmax(rate))
    return f"Of {total:,} requests, {_and(parts)}; at worst {rate[worst]:.0f} a second {moment(axis, worst)}."


def of_latency(quantiles: Quantiles, axis: TimeAxis) -> str:
    """The usual level and the worst moment."""
    median, p99 = quantiles.levels[0.5], quantiles.levels[0.99]
    worst = int(np.nanargmax(p99))
    return (
        f"Half of the requests took {duration(float(np.nanmedian(median)))} or less in a typical second; "
        f"p99 was highest {moment(axis, worst)}: {duration(float(p99[worst]))}."
    )


def of_fetches(fetches: list[Fetches]) -> str:
    """Totals by component."""
    parts = [f"{each.component} {each.ok.sum():.0f} ok, {each.failed.sum():.0f} failed" for each in fetches]
    return f"JWKS fetches: {'; '.join(parts)}."


def of_keys(keys: Keys) -> str:
    """Which keys' tokens were accepted."""
    accepted = keys.accepted.totals
    if not accepted:
        return f"No accepted request named its key; the IdP published {_and([lane.kid for lane in keys.lanes])}."
    total = sum(accepted.values())
    parts = [f"{kid} ({_roughly(count / total)})" for kid, count in accepted.items()]
    return f"Accepted requests carried tokens signed with {_and(parts)}."


def of_clocks(offsets: list[ClockOffset]) -> str:
    """The largest offset of each component that was off."""
    off = [
        f"{each.component} by up to {each.offsets[np.argmax(np.abs(each.offsets))]:+g} s"
        for each in offsets
        if np.abs(each.offsets).max() >= 1e-3
    ]
    right = [each.component for each in offsets if np.abs(each.offsets).max() < 1e-3]
    return f"Off: {_and(off)}" + (f"; right throughout: {_and(right)}." if right else ".")


def of_lags(curves: list[LagCurve], bound_s: float | None) -> str:
    """The slowest replica, and how many revocations were never seen in force."""
    total = sum(curve.samples for curve in curves)
    censored = sum(len(curve.censored_s) for curve in curves)
    seen = [(float(curve.lag_s[-1]), curve) for curve in curves if len(curve.lag_s)]
    text = f"{total} revocations watched"
    if seen:
        longest, curve = max(seen, key=lambda pair: pair[0])
        text += f"; the slowest seen took {duration(longest)} ({curve.replica}, {curve.format})"
    text += f"; {censored} still accepted when watching ended" if censored else "; every one came into force"
    return text + (f". The bound is {duration(bound_s)}." if bound_s is not None else ".")


def of_sweep(points: list[SweepPoint]) -> str:
    """Between which offsets nothing was refused."""
    clean = [point.offset_s for point in points if point.refused == 0]
    worst = max(points, key=lambda point: point.share)
    text = f"Nothing was refused from {min(clean):+g} s to {max(clean):+g} s" if clean else "Refusals at every offset"
    if worst.refused:
        text += f"; at {worst.offset_s:+g} s, {percent(worst.share)} of good requests were refused"
    return text + "."


def of_paging(paging: Paging, origin: float) -> str:
    """Whether it would have paged, when, and when it would have been quiet again, in seconds after ``origin``."""
    pages = [alert for alert in paging.alerts if alert.severity == "page"]
    tickets = [alert for alert in paging.alerts if alert.severity == "ticket"]
    promise = f"an SLO of {percent(paging.slo)}"
    if paging.paged_at is not None:
        first = pages[0]
        quiet = f"quiet again at {paging.quiet_at - origin:.0f} s" if paging.quiet_at else "still paging at the end"
        text = f"It would have paged at {paging.paged_at - origin:.0f} s ({first.phase}, {first.rule}), {quiet}"
    elif all(rule.error_share >= 1 for rule in paging.rules if rule.severity == "page"):
        text = "It could not have paged: no share of errors is beyond the thresholds"
    elif tickets:
        text = f"No page, but a ticket at {tickets[0].fired_at - origin:.0f} s ({tickets[0].phase}, {tickets[0].rule})"
    else:
        text = "It would not have paged"
    warning = "Warning: a page in the baseline, before any fault. " if paging.paged_in_baseline else ""
    return f"{warning}{text}, for {promise}.{f' But {paging.note}.' if paging.note else ''}"


def of_lifetimes(bins: Sequence[LifetimeBin]) -> str:
    """Where most tokens lie, and where the longest."""
    total = sum(each.issued for each in bins)
    most, longest = max(bins, key=lambda each: each.issued), max(bins, key=lambda each: each.issued and each.from_s)
    text = f"{total:,} tokens were in use; {_roughly(most.issued / total)} live {lifetime_range(most)}"
    return text + (f", the longest {lifetime_range(longest)}." if longest != most else ".")


def lifetime_range(each: LifetimeBin) -> str:
    """``10 s to 20 s``, ``over 24 h``."""
    return f"over {span(each.from_s)}" if each.to_s is None else f"{span(each.from_s)} to {span(each.to_s)}"


def span(seconds: float) -> str:
    """A round length of time: ``20 s``, ``5 min``, ``2 h``, ``3 d``."""
    for unit, length in (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= length and (seconds / length).is_integer() and seconds != 86_400.0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds / 3600:g} h" if seconds == 86_400.0 else f"{seconds:g} s"


def windows(spans: tuple[Span, ...]) -> str:
    """Fault windows in words, for the legend."""
    return "; ".join(f"{span.name}, {span.starts_s:.1f} s to {span.ends_s:.1f} s" for span in spans)


def _roughly(share: float) -> str:
    return (
        f"{share * 100:.0f} %" if 0.01 <= share <= 0.99 or share == 1 else "under 1 %" if share < 0.01 else "over 99 %"
    )


def _and(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
