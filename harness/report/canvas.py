"""From a drawing function to an inline picture: sizes, the shared time axis, SVG as data URIs.

Only Matplotlib's object-oriented API is used: figures belong to no pyplot state and go with their last reference.
"""

from __future__ import annotations

import base64
import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from idchaos.report.palette import THEMES, Theme, ink, paint
from idchaos.verdict.series.axis import TimeAxis

FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
FONT_PX = 12.0
MINUTES_BEYOND_S = 900.0
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 70.0, 14.0, 26.0, 28.0
"""Margins are the same for all plots, so that one moment is at one place on the page."""

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "idchaos",
    "svg.image_inline": True,
    "font.family": ["DejaVu Sans"],
    "font.size": FONT_PX,
    "path.simplify": True,
    "axes.unicode_minus": True,
    "text.parse_math": False,
}


@dataclass(frozen=True)
class Size:
    """A rendering for one width of the page, in CSS pixels."""

    name: str
    width: float
    narrow: bool


WIDE = Size("wide", 1040.0, narrow=False)
NARROW = Size("narrow", 358.0, narrow=True)
SIZES = (WIDE, NARROW)


@dataclass(frozen=True)
class Mark:
    """One entry of a legend: a colour by role, how it is drawn, what it stands for."""

    role: str
    label: str
    shape: str = "box"


@dataclass(frozen=True)
class Picture:
    """A plot, ready for the page. ``images[size, theme]`` are data URIs."""

    slug: str
    title: str
    finding: str
    legend: tuple[Mark, ...]
    note: str
    images: dict[tuple[str, Theme], str] = field(repr=False)
    heights: dict[str, float]


Draw = Callable[[Figure, Size], None]


def picture(
    slug: str,
    title: str,
    draw: Draw,
    *,
    height: float,
    finding: str,
    legend: tuple[Mark, ...] = (),
    note: str = "",
) -> Picture:
    """Draw once for each size, then paint each drawing for each theme."""
    images: dict[tuple[str, Theme], str] = {}
    for size in SIZES:
        svg = _svg(height, size, draw)
        for theme in THEMES:
            encoded = base64.b64encode(paint(svg, theme).encode()).decode()
            images[size.name, theme] = f"data:image/svg+xml;base64,{encoded}"
    return Picture(slug, title, finding, legend, note, images, {size.name: height for size in SIZES})


def _svg(height: float, size: Size, draw: Draw) -> str:
    # At 72 dpi a point is a user unit of the SVG, and the page shows a unit as a CSS pixel.
    # What the measuring font lacks, the reader's fonts may well have: the text is drawn by them.
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(size.width / 72, height / 72), dpi=72)
        canvas: Any = FigureCanvasSVG(figure)
        draw(figure, size)
        out = io.StringIO()
        canvas.print_svg(out, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _slim(out.getvalue())


def _slim(svg: str) -> str:
    """Without prologue and comments, and in the page's fonts."""
    svg = re.sub(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"'DejaVu Sans'[^;\"]*", FONTS, svg)
    return re.sub(r">\s+<", "><", svg).strip()


def box(figure: Figure, top: float = TOP_PX, height: float | None = None) -> Axes:
    """Axes between the common margins; ``top`` and ``height`` in pixels from the figure's upper edge."""
    width_px, height_px = figure.get_size_inches() * 72
    inner = height_px - top - BOTTOM_PX if height is None else height
    axes = figure.add_axes(
        (
            LEFT_PX / width_px,
            (height_px - top - inner) / height_px,
            (width_px - LEFT_PX - RIGHT_PX) / width_px,
            inner / height_px,
        )
    )
    figure.patch.set_visible(False)
    axes.patch.set_visible(False)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(ink("line"))
    axes.tick_params(colors=ink("muted"), length=0, pad=7)
    axes.grid(axis="y", color=ink("grid"), linewidth=1)
    axes.set_axisbelow(True)
    return axes


def over_time(axes: Axes, axis: TimeAxis, size: Size, *, phases: bool = True) -> None:
    """The shared time axis: limits, ticks, shaded fault windows, phase boundaries with their names on top."""
    axes.set_xlim(0, axis.ends_s)
    axes.xaxis.set_major_locator(
        MaxNLocator(nbins=5 if size.narrow else 12, steps=[1, 1.5, 2, 3, 5, 6, 10], integer=axis.ends_s > 8)
    )
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: clock_label(value, axis.ends_s)))
    across = axes.get_xaxis_transform()
    for fault in axis.faults:
        axes.axvspan(fault.starts_s, fault.ends_s, facecolor=ink("shade"), linewidth=0, zorder=0)
        for edge in (fault.starts_s, fault.ends_s):
            axes.axvline(edge, color=ink("shade_edge"), linewidth=1, zorder=0.6)
    pixels = (size.width - LEFT_PX - RIGHT_PX) / axis.ends_s
    for phase in axis.phases:
        if phase.starts_s > 0:
            axes.axvline(phase.starts_s, color=ink("line"), linewidth=1, linestyle=(0, (2, 3)), zorder=0.7)
        room = (phase.ends_s - phase.starts_s) * pixels
        if phases and room > 7.2 * len(phase.name):
            middle = (phase.starts_s + phase.ends_s) / 2
            axes.text(
                middle,
                1.0,
                phase.name,
                transform=across,
                ha="center",
                va="bottom",
                color=ink("muted"),
                size=FONT_PX,
            )


def short(text: str, most: int) -> str:
    """A name from outside as a label: cut, and without characters that XML cannot hold or that change direction."""
    shown = "".join(char if char.isprintable() else "\ufffd" for char in text[: most + 1])
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def clock_label(seconds: float, ends_s: float) -> str:
    """A tick of the time axis: seconds, or minutes on a long run."""
    if ends_s > MINUTES_BEYOND_S:
        return f"{seconds / 60:g} min"
    return f"{seconds:g} s"
