"""The plots of a run that are not over its time: how lives, lags and refusals are distributed. See
:mod:`idchaos.report.plots`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from idchaos.report import findings
from idchaos.report.canvas import Mark, Picture, Size, box, picture
from idchaos.report.palette import ink, series
from idchaos.report.plots import DASHES
from idchaos.verdict.lifetimes import LifetimeBin
from idchaos.verdict.series.thresholds import LagCurve, SweepPoint


def lifetimes(bins: Sequence[LifetimeBin]) -> Picture:
    """Tokens by the life they were given, and their uses by the life they had left (measure M10)."""
    labels = [findings.lifetime_range(each).replace(" to ", "–") for each in bins]
    shares = [
        ("series_0", [each.issued for each in bins], -0.21),
        ("series_1", [each.in_use for each in bins], 0.21),
    ]

    def draw(figure: Figure, size: Size) -> None:
        axes = box(figure, top=14)
        for role, counts, offset in shares:
            total = max(sum(counts), 1)
            where = np.arange(len(bins)) + offset
            axes.bar(where, [count / total for count in counts], width=0.4, color=ink(role), linewidth=0, zorder=2)
        axes.set_ylim(0, 1.04)
        axes.set_xlim(-0.7, len(bins) - 0.3)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
        every = max(1, int(np.ceil(len(bins) / (4 if size.narrow else 14))))
        axes.set_xticks(range(0, len(bins), every), labels[::every])

    return picture(
        "token-lifetimes",
        "Token lifetimes (M10)",
        draw,
        height=200,
        finding=findings.of_lifetimes(bins),
        legend=(
            Mark("series_0", f"tokens, by their whole life {sum(shares[0][1]):,}"),
            Mark("series_1", f"uses, by the life left {sum(shares[1][1]):,}"),
        ),
        note="Of good API requests whose tokens tell their life. A stolen token lives as long: short tails are better.",
    )


def revocation_lag(curves: list[LagCurve], bound_s: float | None) -> Picture:
    """Share of revocations in force against time since the revocation, for each replica and token format."""
    replicas = sorted({curve.replica for curve in curves})
    formats = sorted({curve.format for curve in curves})
    longest = max(
        [0.1, bound_s or 0.0]
        + [float(each.max()) for curve in curves for each in (curve.lag_s, curve.censored_s) if len(each)]
    )

    def draw(figure: Figure, size: Size) -> None:
        axes = box(figure, top=14)
        for curve in curves:
            colour = ink(series(replicas.index(curve.replica)))
            last = float(curve.censored_s[-1]) if len(curve.censored_s) else longest * 1.05
            x = np.concatenate(([0.0], curve.lag_s, [max(last, curve.lag_s[-1] if len(curve.lag_s) else 0.0)]))
            y = np.concatenate(([0.0], curve.share, [curve.share[-1] if len(curve.share) else 0.0]))
            dashes = DASHES[formats.index(curve.format) % len(DASHES)]
            axes.step(x, y, where="post", color=colour, linestyle=dashes, linewidth=2)
            if len(curve.censored_s):
                at = np.interp(curve.censored_s, x, y)
                axes.plot(curve.censored_s, at, "|", color=colour, markersize=12, markeredgewidth=2)
        if bound_s is not None:
            axes.axvline(bound_s, color=ink("bound"), linewidth=1.6)
            near_end = bound_s > 0.8 * longest
            axes.annotate(
                f"bound {findings.duration(bound_s)}",
                (bound_s, 0.04),
                xytext=(-6 if near_end else 6, 0),
                textcoords="offset points",
                ha="right" if near_end else "left",
                color=ink("bound"),
            )
        axes.set_xlim(0, longest * 1.05)
        axes.set_ylim(0, 1.04)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
        axes.xaxis.set_major_locator(MaxNLocator(5 if size.narrow else 10))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} s"))

    legend = [
        Mark(
            series(replicas.index(curve.replica)),
            f"{curve.replica}, {curve.format}",
            _line_shape(formats, curve),
        )
        for curve in curves
    ]
    if any(len(curve.censored_s) for curve in curves):
        legend.append(Mark("muted", "watching ended, still accepted (censored)", "tick"))
    return picture(
        "revocation-lag",
        "Revocation lag",
        draw,
        height=260,
        finding=findings.of_lags(curves, bound_s),
        legend=tuple(legend),
        note="Share of revocations in force by the time since the revocation (Kaplan-Meier).",
    )


def skew_sweep(points: list[SweepPoint], expected_s: Sequence[float] = ()) -> Picture:
    """The share of good requests refused against the clock offset in force; ``expected_s``: the offsets from which on
    refusals are right.
    """
    components = sorted({point.component for point in points})

    def draw(figure: Figure, size: Size) -> None:
        axes = box(figure, top=14)
        for number, component in enumerate(components):
            mine = [point for point in points if point.component == component]
            axes.plot(
                [point.offset_s for point in mine],
                [point.share for point in mine],
                "o-",
                color=ink(series(number)),
                linewidth=1.8,
                markersize=5,
            )
        for edge in expected_s:
            axes.axvline(edge, color=ink("bound"), linewidth=1.2, linestyle=(0, (2, 3)))
        axes.set_ylim(-0.02, 1.04)
        axes.margins(x=0.04)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
        axes.xaxis.set_major_locator(MaxNLocator(5 if size.narrow else 10))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g} s" if value else "0 s"))

    edges = " and ".join(f"{edge:+g} s" for edge in sorted(expected_s))
    note = f"Dotted: from where on refusals are right, by leeway and the life of tokens: {edges}." if edges else ""
    return picture(
        "skew-sweep",
        "Refusals by clock offset",
        draw,
        height=230,
        finding=findings.of_sweep(points),
        legend=tuple(Mark(series(number), f"clock of {name}", "line") for number, name in enumerate(components)),
        note=note,
    )


def _line_shape(formats: list[str], curve: LagCurve) -> str:
    return "line" if formats.index(curve.format) == 0 else "dash"
