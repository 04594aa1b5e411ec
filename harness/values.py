"""The base of every value that the harness passes around."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict

Interval = tuple[float | None, float | None]
"""``null``: unbounded on that side, or unknown."""


class Value(BaseModel):
    """Immutable, strict about its fields, and JSON both ways (``model_dump_json``, ``model_validate_json``)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


def number(value: float | None, digits: int = 6) -> float | None:
    """A value for JSON: rounded to fixed digits, so that every machine writes the same; ``None`` unless
    finite.
    """
    return None if value is None or not math.isfinite(value) else round(float(value), digits) + 0.0
