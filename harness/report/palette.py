"""Colours by role, light and dark; told apart by lightness as well, for those who see fewer hues.

Plots are drawn once, in placeholder colours; :func:`paint` puts in those of a theme. The page uses the
same roles as CSS custom properties, so that legends are plain HTML.
"""

from __future__ import annotations

import re
from typing import Literal

Theme = Literal["light", "dark"]

LIGHT = {
    "ink": "#1f2328",
    "muted": "#59636e",
    "grid": "#e4e8ec",
    "line": "#9aa4af",
    "surface": "#ffffff",
    "shade": "#fdf1dc",
    "shade_edge": "#e3b35e",
    "bound": "#cf222e",
    "ok": "#8fbfdb",
    "denied": "#d0d7de",
    "wrongly_denied": "#e08a00",
    "unavailable": "#5e3a94",
    "wrongly_accepted": "#d1242f",
    "not_sent": "#8c959f",
    "p50": "#56a8dd",
    "p95": "#0b5c94",
    "p99": "#c8500a",
    "series_0": "#0072b2",
    "series_1": "#e08a00",
    "series_2": "#009e73",
    "series_3": "#b8578f",
    "series_4": "#56a8dd",
    "series_5": "#a33c00",
    "series_6": "#5e3a94",
    "others": "#8c959f",
    "page": "#d1242f",
    "ticket": "#e08a00",
}
DARK = {
    "ink": "#e6edf3",
    "muted": "#9da7b3",
    "grid": "#2a313a",
    "line": "#6b7580",
    "surface": "#12161c",
    "shade": "#33290f",
    "shade_edge": "#8a6a22",
    "bound": "#ff7b72",
    "ok": "#3f7fa6",
    "denied": "#4b545e",
    "wrongly_denied": "#f0ad3a",
    "unavailable": "#b99bf5",
    "wrongly_accepted": "#ff6b64",
    "not_sent": "#8b949e",
    "p50": "#3d86b3",
    "p95": "#86c9f2",
    "p99": "#ff9d5c",
    "series_0": "#4aa8e0",
    "series_1": "#f0ad3a",
    "series_2": "#35c698",
    "series_3": "#e08cbb",
    "series_4": "#9cd3f5",
    "series_5": "#e0703a",
    "series_6": "#b99bf5",
    "others": "#8b949e",
    "page": "#ff6b64",
    "ticket": "#f0ad3a",
}
THEMES: dict[Theme, dict[str, str]] = {"light": LIGHT, "dark": DARK}
SERIES = 7

_PLACEHOLDERS = {role: f"#f0f0{number:02x}" for number, role in enumerate(LIGHT)}
_ROLES = {placeholder: role for role, placeholder in _PLACEHOLDERS.items()}


def ink(role: str) -> str:
    """The placeholder colour to draw a role with."""
    return _PLACEHOLDERS[role]


def series(number: int) -> str:
    """The role of the ``number``-th series of a plot; the last colour is shared by all that come after."""
    return f"series_{number}" if number < SERIES else "others"


def paint(svg: str, theme: Theme) -> str:
    """The drawing in a theme's colours."""
    colours = THEMES[theme]
    return re.sub(r"#f0f0[0-9a-f]{2}", lambda match: colours[_ROLES[match[0]]], svg)


def css_variables(theme: Theme) -> str:
    """``--c-ok: #...;`` for every role."""
    return " ".join(f"--c-{role.replace('_', '-')}: {colour};" for role, colour in THEMES[theme].items())
