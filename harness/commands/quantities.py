"""Lengths of time and numbers as people write them: ``30s``, ``10m``, ``4h``; ``2M``."""

from __future__ import annotations

import math
import re
from typing import Any

import click

UNITS_S = {"ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
SIZES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}


class Duration(click.ParamType):  # type: ignore[type-arg]
    """A length of time, above nothing; in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        if isinstance(value, int | float):
            return float(value)
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([a-z]+)", value.strip())
        if found is None or found[2] not in UNITS_S or float(found[1]) <= 0:
            self.fail(f"{value!r} should be a length of time such as 30s, 10m or 4h", param, ctx)
        return float(found[1]) * UNITS_S[found[2]]


class Size(click.ParamType):  # type: ignore[type-arg]
    """A number above nothing, with an optional size: ``500``, ``20k``, ``2M``."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        if isinstance(value, int | float):
            return float(value)
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([kKMG]?)", value.strip())
        if found is None or float(found[1]) <= 0:
            self.fail(f"{value!r} should be a number such as 500, 20k or 2M", param, ctx)
        return float(found[1]) * SIZES[found[2]]


class _Finite:
    """A number that is one, and has an end: whatever is compared with ``nan`` is neither more nor less."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        number = float(super().convert(value, param, ctx))  # type: ignore[misc]
        if not math.isfinite(number):
            self.fail(f"{value!r} should be a finite number", param, ctx)  # type: ignore[attr-defined]
        return number


class Finite(_Finite, click.types.FloatParamType):
    """A finite number."""


class Between(_Finite, click.FloatRange):
    """A finite number of a range."""


DURATION, SIZE, FINITE = Duration(), Size(), Finite()
