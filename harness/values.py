"""The base of every value that the harness passes around."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """Immutable, strict about its fields, and JSON both ways (``model_dump_json``, ``model_validate_json``)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
