"""The plots of a run. Each function takes series (:mod:`idchaos.verdict.series`) and returns a picture."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from idchaos.report import findings
from idchaos.report.canvas import BOTTOM_PX, FONT_PX, TOP_PX, Mark, Picture, Size, box, over_time, picture, short
from idchaos.report.palette import ink, series
from idchaos.verdict.paging import Paging
from idchaos.verdict.series.axis import Floats, TimeAxis
from idchaos.verdict.series.requests import GOOD, Quantiles, Stack
from idchaos.verdict.series.series import Keys
from idchaos.verdict.series.states import ClockOffset, Fetches

LOG_FROM_RATIO = 20.0
"""Latencies that differ by more than this are drawn on a logarithmic scale."""
LABELS = {
    "ok": "ok",
    "denied": "rightly denied",
    "wrongly_denied": "wrongly denied",
    "unavailable": "unavailable (not decided)",
    "wrongly_accepted": "wrongly accepted",
    "not_sent": "never sent",
}
ENLARGE_BELOW = 0.3
"""What went wrong gets a panel of its own when it is less than this share of all requests at their peaks."""
STACK_PX, ENLARGED_GAP_PX, ENLARGED_PX = 190.0, 30.0, 70.0
LANE_PX = 46.0
PAGING_LANE_PX = 22.0
KEY_LANE_PX = 30.0
DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))


def outcomes(stack: Stack, axis: TimeAxis) -> Picture:
    """Requests per second, stacked by outcome, at the second they were due."""

    bad = stack.without(GOOD)
    enlarge = 0 < bad.peak < ENLARGE_BELOW * stack.peak
    roles = {name: name for name in stack.layers}

    def draw(figure: Figure, size: Size) -> None:
        axes = box(figure, TOP_PX, STACK_PX)
        over_time(axes, axis, size)
        _stairs(axes, stack, axis, roles)
        if enlarge:
            axes.tick_params(labelbottom=False)
            below = box(figure, TOP_PX + STACK_PX + ENLARGED_GAP_PX, ENLARGED_PX)
            over_time(below, axis, size, phases=False)
            _stairs(below, bad, axis, roles, ticks=2)
            below.set_title("only what went wrong, enlarged", loc="left", size=FONT_PX - 1, color=ink("muted"), pad=4)

    return picture(
        "outcomes",
        "Outcomes per second",
        draw,
        height=TOP_PX + STACK_PX + BOTTOM_PX + (ENLARGED_GAP_PX + ENLARGED_PX if enlarge else 0.0),
        finding=findings.of_outcomes(stack, axis),
        legend=tuple(Mark(name, f"{LABELS[name]} {stack.totals[name]:,}") for name in stack.layers),
        note=_per_bin(axis),
    )


def latency(quantiles: Quantiles, axis: TimeAxis) -> Picture:
    """Quantiles of raw latencies, measured from when requests were due."""
    every = np.concatenate(list(quantiles.levels.values()))
    every = every[np.isfinite(every)]
    low, high = max(float(every.min()), 1e-6), float(every.max())
    log = high / low > LOG_FROM_RATIO

    def draw(figure: Figure, size: Size) -> None:
        axes = box(figure)
        over_time(axes, axis, size)
        middles = axis.edges[:-1] + axis.widths / 2
        marker = "." if axis.bins <= 90 else ""
        for (level, values), style in zip(quantiles.levels.items(), ("-", "-", "-"), strict=True):
            role = f"p{level * 100:g}"
            axes.plot(middles, values, style, color=ink(role), linewidth=1.8, marker=marker, markersize=4)
        if log:
            axes.set_yscale("log")
            axes.set_ylim(low / 1.5, high * 1.5)
            subs = (1.0,) if high / low > 200 else (1.0, 2.0, 5.0)
            axes.yaxis.set_major_locator(LogLocator(base=10, subs=subs, numticks=8))
            axes.yaxis.set_minor_locator(NullLocator())
        else:
            axes.set_ylim(0, high * 1.12)
            axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_duration(value)))

    return picture(
        "latency",
        "Latency",
        draw,
        height=230,
        finding=findings.of_latency(quantiles, axis),
        legend=tuple(Mark(f"p{level * 100:g}", f"p{level * 100:g}", "line") for level in quantiles.levels),
        note=(
            f"{quantiles.samples:,} raw samples through the gateways, from when each was due; quantiles are samples, "
            f"never interpolated{'; logarithmic scale' if log else ''}. {_per_bin(axis)}"
        ),
    )


def jwks_fetches(fetches: list[Fetches], axis: TimeAxis) -> Picture:
    """One lane a component: fetches that worked point up, failures down; all lanes share one scale."""
    highest = max(1.0, *(float(max(each.ok.max(), each.failed.max())) for each in fetches))

    def draw(figure: Figure, size: Size) -> None:
        axes = box(figure)
        over_time(axes, axis, size)
        axes.grid(visible=False)
        axes.set_ylim(len(fetches), 0)
        axes.yaxis.set_major_locator(NullLocator())
        for lane, each in enumerate(fetches):
            zero = lane + 0.62
            axes.axhline(zero, color=ink("line"), linewidth=1, zorder=1)
            for values, direction, role in ((each.ok, -1.0, "series_0"), (each.failed, 1.0, "series_1")):
                some = values > 0
                axes.bar(
                    (axis.edges[:-1] + axis.widths / 2)[some],
                    direction * values[some] / highest * 0.34,
                    width=axis.widths[some] * 0.72,
                    bottom=zero,
                    color=ink(role),
                    linewidth=0,
                    zorder=2,
                )
            axes.text(
                -0.004,
                zero,
                short(each.component, 11),
                transform=axes.get_yaxis_transform(),
                ha="right",
                va="center",
                color=ink("ink"),
                size=FONT_PX - 1,
            )

    return picture(
        "jwks-fetches",
        "JWKS fetches",
        draw,
        height=TOP_PX + BOTTOM_PX + LANE_PX * len(fetches),
        finding=findings.of_fetches(fetches),
        legend=(Mark("series_0", "fetched (up)"), Mark("series_1", "failed (down)")),
        note=f"From each component's own counters; the tallest bar is {highest:.0f} within {axis.bin_s:g} s.",
    )


def keys(found: Keys, axis: TimeAxis) -> Picture:
    """Accepted requests per second by key; below, when each key was published and signed with."""
    names = list(found.accepted.layers)
    lanes = found.lanes
    roles = {name: "others" if name == "others" else series(number) for number, name in enumerate(names)}
    stack_px = 150.0 if names else 0.0
    gap = 12.0 if names and lanes else 0.0
    height = TOP_PX + stack_px + gap + KEY_LANE_PX * len(lanes) + BOTTOM_PX

    def draw(figure: Figure, size: Size) -> None:
        if names:
            axes = box(figure, TOP_PX, stack_px)
            over_time(axes, axis, size)
            _stairs(axes, found.accepted, axis, roles)
            if lanes:
                axes.tick_params(labelbottom=False)
        if not lanes:
            return
        below = box(figure, TOP_PX + stack_px + gap, KEY_LANE_PX * len(lanes))
        over_time(below, axis, size, phases=not names)
        below.grid(visible=False)
        below.set_ylim(len(lanes), 0)
        below.yaxis.set_major_locator(NullLocator())
        for lane, key in enumerate(lanes):
            colour = ink(roles.get(key.kid, "line"))
            for spans, thickness in ((key.published, 0.14), (key.signing, 0.34)):
                for start, end in spans:
                    below.barh(
                        lane + 0.74,
                        end - start,
                        left=start,
                        height=thickness,
                        color=colour,
                        linewidth=0,
                        zorder=2,
                    )
            below.text(
                0.004,
                lane + 0.46,
                short(key.kid, 40),
                transform=below.get_yaxis_transform(),
                va="bottom",
                color=ink("ink"),
                size=FONT_PX - 1,
            )

    return picture(
        "keys",
        "Keys in use",
        draw,
        height=height,
        finding=findings.of_keys(found),
        legend=tuple(Mark(roles[name], f"{name} {found.accepted.totals[name]:,}") for name in names),
        note=(
            "Accepted requests per second by the kid of their token"
            + ("; below, thin: the key is in the JWKS, thick: new tokens are signed with it." if lanes else ".")
        ),
    )


def clocks(offsets: list[ClockOffset], axis: TimeAxis) -> Picture:
    """The clock offset that each component reported."""

    def draw(figure: Figure, size: Size) -> None:
        axes = box(figure)
        over_time(axes, axis, size)
        for number, each in enumerate(offsets):
            times = np.append(each.times, axis.ends_s)
            axes.step(
                times,
                np.append(each.offsets, each.offsets[-1]),
                where="post",
                color=ink(series(number)),
                linestyle=DASHES[number % len(DASHES)],
                linewidth=max(1.6, 4.0 - number),
            )
        axes.margins(y=0.15)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g} s" if value else "0 s"))

    return picture(
        "clocks",
        "Clock offsets",
        draw,
        height=190,
        finding=findings.of_clocks(offsets),
        legend=tuple(Mark(series(number), each.component, "line") for number, each in enumerate(offsets)),
        note="What each component reported, not what was asked for; positive is ahead.",
    )


def paging(found: Paging, axis: TimeAxis) -> Picture:
    """One lane a rule: when it would have been firing."""

    def draw(figure: Figure, size: Size) -> None:
        axes = box(figure)
        over_time(axes, axis, size)
        axes.grid(visible=False)
        axes.set_ylim(len(found.rules), 0)
        axes.yaxis.set_major_locator(NullLocator())
        for lane, rule in enumerate(found.rules):
            axes.axhline(lane + 0.5, color=ink("grid"), linewidth=1, zorder=1)
            for alert in found.alerts:
                if alert.rule == rule.name:
                    start = alert.fired_at - axis.origin
                    end = axis.ends_s if alert.cleared_at is None else min(alert.cleared_at - axis.origin, axis.ends_s)
                    axes.barh(
                        lane + 0.5,
                        end - start,
                        left=start,
                        height=0.56,
                        color=ink(rule.severity),
                        linewidth=0,
                        zorder=2,
                    )
            axes.text(
                -0.004,
                lane + 0.5,
                short(f"{rule.severity} {rule.name}", 14),
                transform=axes.get_yaxis_transform(),
                ha="right",
                va="center",
                color=ink("ink"),
                size=FONT_PX - 1,
            )

    rules = "; ".join(
        f"{rule.name}: over {findings.percent(rule.error_share)} errors in {rule.long_s} s and {rule.short_s} s"
        f" (for {' and '.join(findings.span(each) for each in rule.stands_for_s)})"
        for rule in found.rules
    )
    return picture(
        "paging",
        "Would it have paged?",
        draw,
        height=TOP_PX + BOTTOM_PX + PAGING_LANE_PX * len(found.rules),
        finding=findings.of_paging(found, axis.origin),
        legend=(Mark("page", "page"), Mark("ticket", "ticket")),
        note=(
            "Burn-rate rules of the Google SRE workbook, chapter 5, with 3 days scaled to the run: a second stands for "
            f"{found.seconds_per_second / 60:,.0f} min. {rules}."
        ),
    )


def tick_duration(seconds: float) -> str:
    """A tick of a latency axis: ``500 µs``, ``20 ms``, ``2 s``."""
    if seconds == 0:
        return "0"
    if seconds < 0.9995e-3:
        return f"{seconds * 1e6:.3g} µs"
    return f"{seconds * 1e3:.4g} ms" if seconds < 0.9995 else f"{seconds:.4g} s"


def _stairs(axes: Axes, stack: Stack, axis: TimeAxis, roles: dict[str, str], ticks: int = 4) -> None:
    edges = axis.edges.copy()
    edges[-1] = min(edges[-1], max(axis.ends_s, edges[-2] + 1e-9))
    base: Floats = np.zeros(axis.bins)
    for name, values in stack.layers.items():
        top = base + values
        axes.stairs(top, edges, baseline=base, fill=True, color=ink(roles[name]), linewidth=0, zorder=2)
        base = top
    axes.set_ylim(0, max(float(base.max()) * 1.08, 1e-9))
    axes.yaxis.set_major_locator(MaxNLocator(ticks))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}/s" if value else ""))


def _per_bin(axis: TimeAxis, what: str = "Each step is") -> str:
    return f"{what} {axis.bin_s:g} s." if axis.bin_s != 1 else ""
