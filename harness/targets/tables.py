"""Files that users write (TOML), as what they describe: one class a table, and what is wrong with one in a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, WithJsonSchema

from idchaos.errors import UsageError
from idchaos.files import toml_of
from idchaos.settings import plain
from idchaos.values import Value

Model = TypeVar("Model", bound=BaseModel)

SUFFIX: Final = ".toml"

Url = Annotated[str, WithJsonSchema({"type": "string", "pattern": "^[hH][tT][tT][pP][sS]?://[!-~]+$"})]
"""Read as text: whoever knows which hosts are allowed says what is wrong with it. Editors are told its form."""


class Table(Value):
    """A table of such a file. What is said of a member here, editors show as well: the schema is made of it."""

    model_config = ConfigDict(use_attribute_docstrings=True)


def either(*names: str | tuple[str, ...]) -> dict[str, Any]:
    """For a schema: one of these members must be there, and not two; of several in a tuple, some must."""
    return {"oneOf": [_some(name) for name in names]}


def _some(names: str | tuple[str, ...]) -> dict[str, Any]:
    return {"required": [names]} if isinstance(names, str) else {"anyOf": [_some(name) for name in names]}


def as_model(option: str, path: Path, model: type[Model], hint: str) -> Model:
    """A TOML file as what it describes. ``option``: by which the file was named; ``hint``: where one comes from.

    Raises:
        UsageError: it can't be read, is no TOML, or says what can't be: names the place and what would be right.
    """
    try:
        # TOML has types: text is no number and true is no 1. Strictly read, arrays are tuples in JSON alone.
        tree = json.dumps(toml_of(path), default=str)
    except OSError as error:
        raise UsageError(f"{option} {path}: {error.strerror}; {hint}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{option} {path}: no TOML: {error}") from None
    try:
        return model.model_validate_json(tree, strict=True)
    except ValidationError as error:
        raise UsageError(f"{option} {path}: {first_problem(error)}") from None


def first_problem(error: ValidationError) -> str:
    """Where a file is wrong, and what would be right, in one line."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{where}: unknown key"
    return f"{where}: {plain(first['msg'])}" if where else plain(first["msg"])
