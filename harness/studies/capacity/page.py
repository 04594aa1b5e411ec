"""The page of a study of capacity: the answer, latency against load, and each rate with what was used at it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from idchaos.report.canvas import NARROW, WIDE, Mark, Picture, Size, box, picture
from idchaos.report.page import filled
from idchaos.report.palette import ink
from idchaos.studies.capacity.scaling import Scaling
from idchaos.studies.capacity.study import SETTING, Capacity, Headroom
from idchaos.studies.study.edge import unseen
from idchaos.studies.study.page import cautions

PAGE = "study.html"
ROLES = {"holds": "series_2", "breaks": "bound", "undecided": "others"}
GLYPHS = {"holds": "o", "breaks": "X", "undecided": "D"}


def page(capacity: Capacity, said: Sequence[str], directory: Path, command: str) -> str:
    """One self-contained page. ``said``: :func:`notes`. ``directory``: where it will be, for links to runs."""
    return filled(
        "capacity.html.j2",
        capacity=capacity,
        sentence=capacity.sentence(),
        notes=said,
        picture=_plot(capacity),
        wide=WIDE,
        narrow=NARROW,
        rates=[
            [
                f"{each.rate:g}",
                each.state,
                str(each.runs),
                "" if each.p95_s is None else f"{1_000 * each.p95_s:,.0f} ms",
                "" if each.served is None else f"{each.served:.2%}",
            ]
            for each in capacity.rates
        ],
        used=[
            [name, f"{share:.2f}", "of all CPUs" if name == "machine" else "CPUs"]
            for name, share in sorted(capacity.shortage.shares.items(), key=lambda each: -each[1])
        ],
        runs=[
            {
                "rate": f"{result.varied[SETTING]:g}",
                "result": result,
                "link": os.path.relpath(Path(result.run_dir) / "report.html", directory).replace(os.sep, "/"),
            }
            for result in capacity.answer.results
        ],
        command=command,
    )


def notes(
    capacity: Capacity, headroom: Headroom | None, scaling: Scaling | None = None, left_out: Sequence[str] = ()
) -> list[str]:
    """What the answer does not say by itself."""
    search = capacity.answer.search
    said = [
        f"A rate holds when each of its {search.repeats} run{'s' if search.repeats > 1 else ''} met success and p95: "
        f"one at which fewer than {unseen(search.repeats):.0%} of runs fail may have held by chance (95 % confidence)."
    ]
    if capacity.at_least and capacity.answer.edge.holds is not None:
        said.append("The system may bear more: what ended the search was not seen to be its own doing.")
    if capacity.knee_rps is not None:
        said.append(f"Beyond {capacity.knee_rps:g}/s latency rises faster than load: the knee.")
    said += cautions(capacity.answer)
    if headroom is not None:
        said.append(_spare(capacity, headroom))
    if capacity.flow == "login":
        said.append("A login is several requests; the rate is of logins.")
    if scaling is not None:
        best = scaling.best_replicas
        more = "more always bear more" if best is None else f"beyond {best:.0f} more bear less"
        said.append(
            f"By number of gateways (universal scalability law): one bears {scaling.one_rps:,.0f}/s, contention "
            f"{scaling.contention:.1%}, coherency {scaling.coherency:.2%}, so {more}; what was measured is within "
            f"{scaling.worst_error:.0%} of it."
        )
    return [*said, *left_out]


def _spare(capacity: Capacity, headroom: Headroom) -> str:
    """What is left, no surer than the capacity is."""
    least, left = "at least " if capacity.at_least else "", f"{abs(headroom.left_rps):,.0f}/s"
    if headroom.left_rps >= 0:
        so = f", so {least}{left} are left"
    elif capacity.at_least:
        so = f"; whether they bear {left} more was not seen"
    else:
        so = f", so {left} are too many"
    return (
        f"At {headroom.at_rps:g}/s, when one of {headroom.gateways} gateways is gone: the others bear "
        f"{least}{headroom.bears_rps:,.0f}/s if each bears as much as here{so}."
    )


def _plot(capacity: Capacity) -> Picture:
    def draw(figure: Figure, size: Size) -> None:
        axes = box(figure, top=14)
        axes.set_yscale("log")
        known = [each for each in capacity.rates if each.p95_s is not None]
        axes.plot(
            [each.rate for each in known],
            [1_000 * (each.p95_s or 0) for each in known],
            color=ink("line"),
            linewidth=1.5,
            zorder=1,
        )
        for state, role in ROLES.items():
            own = [each for each in known if each.state == state]
            axes.scatter(
                [each.rate for each in own],
                [1_000 * (each.p95_s or 0) for each in own],
                color=ink(role),
                marker=GLYPHS[state],
                s=52,
                zorder=2,
            )
        if capacity.knee_rps is not None:
            axes.axvline(capacity.knee_rps, color=ink("shade_edge"), linewidth=1.5, linestyle=(0, (4, 3)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} ms"))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4 if size.narrow else 9))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}/s"))

    return picture(
        "knee",
        "p95 latency against load",
        draw,
        height=300,
        finding=capacity.sentence(),
        legend=(
            Mark("series_2", "holds (circle)"),
            Mark("bound", "does not (cross)"),
            Mark("others", "undecided (diamond)"),
            Mark("shade_edge", "knee", "dash"),
        ),
    )
