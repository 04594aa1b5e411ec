"""``manifest.json``: what was run, with every setting filled in."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ConfigDict, Field, JsonValue, ValidationError

from idchaos.errors import StoreError
from idchaos.experiment import Plan
from idchaos.record.journal import PlannedFault
from idchaos.values import Value

SCHEMA = 1
"""The version of the run directory's layout that this code reads and writes."""


class Manifest(Value):
    """``manifest.json``: what was run, with every setting filled in. Fields that are not named here are
    kept.
    """

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False, populate_by_name=True)

    schema_version: int = Field(SCHEMA, alias="schema")
    scenario: str
    variant: str
    profile: str
    seed: int
    plan: Plan
    faults: tuple[PlannedFault, ...] = ()
    defects: tuple[str, ...] = ()
    """What the stand-ins were told to do wrong."""
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    versions: dict[str, JsonValue] = Field(default_factory=dict)
    run_dir: str | None = None
    """The run directory as the runner was given it. The verdict repeats it, wherever the directory is read
    later.
    """


def read_manifest(directory: Path) -> Manifest:
    """Read and check ``manifest.json``.

    Raises:
        StoreError: missing, not JSON, of another schema, or not what a manifest must hold.
    """
    path = directory / "manifest.json"
    try:
        raw = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise StoreError(f"{directory} is no run directory: it has no manifest.json") from None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path} is not JSON: {error}") from error
    if not isinstance(raw, dict) or not isinstance(raw.get("schema"), int):
        raise StoreError(f'{path} is no manifest of idchaos: it must be an object with "schema": {SCHEMA}')
    if raw["schema"] != SCHEMA:
        age = "a newer" if raw["schema"] > SCHEMA else "an older"
        raise StoreError(
            f"{path} was written by {age} version (schema {raw['schema']}); this one reads schema {SCHEMA}"
        )
    try:
        return Manifest.model_validate_json(json.dumps(raw))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise StoreError(f"{path}: {where}: {first['msg']} ({error.error_count()} such errors)") from error
