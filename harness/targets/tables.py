"""Files that users write (TOML), as what they describe: one class a table, and what is wrong with one in a line."""

from __future__ import annotations

import contextlib
import difflib
import ipaddress
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from idchaos.dialects import DIALECTS
from idchaos.errors import UsageError
from idchaos.files import toml_of
from idchaos.settings import plain
from idchaos.values import Value

Model = TypeVar("Model", bound=BaseModel)

SUFFIX: Final = ".toml"

Url = Annotated[str, WithJsonSchema({"type": "string", "pattern": "^[hH][tT][tT][pP][sS]?://[!-~]+$"})]
"""Read as text: whoever knows which hosts are allowed says what is wrong with it. Editors are told its form."""


NAME: Final = r"^[a-z][a-z0-9-]{0,30}$"
PATH: Final = r'^/([!"$-.0-~][!"$-~]*)?$'
"""Without ``#``, which ends a path; two slashes would begin the name of a host (RFC 3986)."""
SHAPES: Final = {
    NAME: "small letters, digits and hyphens, a letter first, 31 of them at most",
    PATH: "a path: one slash, and printable ASCII without spaces and without #",
}
"""What fits a pattern, in words."""


def _host(name: str) -> str:
    """The host as URLs name it.

    Raises:
        ValueError: it is none.
    """
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(name.strip("[]")))
    if not re.fullmatch(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?", name):
        raise ValueError(f"{name!r} should be the name or the address of a host, as in keys.example: no port, no URL")
    return name.lower()


def _own_name(name: str) -> str:
    """The name, if nothing of ours is called so: reports and rules would take it for that.

    Raises:
        ValueError: something is.
    """
    if name in {"standin", "local", "docker", *DIALECTS}:
        raise ValueError(f"{name!r} is the name of something of ours; any other will do")
    return name


OwnName = Annotated[str, Field(pattern=NAME), AfterValidator(_own_name)]
"""What reports call something of a user's own."""
Host = Annotated[str, AfterValidator(_host)]
"""One that something may be sent to, as URLs name it."""


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
        raise UsageError(f"{option} {path}: {first_problem(error, model)}") from None


def first_problem(error: ValidationError, model: type[BaseModel] | None = None) -> str:
    """Where a file is wrong, and what would be right, in one line. A key that is none comes first: what is missing may
    be what it was meant to be. ``model``: what the file describes, by which the nearest key is known.
    """
    found = error.errors()
    first = next((each for each in found if each["type"] == "extra_forbidden"), found[0])
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(first["loc"][-1]), _keys(model, first["loc"]), n=1)
        return f"{where}: unknown key" + (f"; did you mean {near[0]}?" if near else "")
    if first["type"] == "string_pattern_mismatch":
        pattern = str(first["ctx"]["pattern"])
        return f"{where}: should be {SHAPES.get(pattern, f'what {pattern} fits')}"
    return f"{where}: {plain(first['msg'])}" if where else plain(first["msg"])


def _keys(model: type[BaseModel] | None, place: tuple[int | str, ...]) -> list[str]:
    """The keys that a table has, by the place of one of them; none where that is no table of its own kind."""
    for part in (part for part in place[:-1] if isinstance(part, str)):
        field = model.model_fields.get(part) if model else None
        model = next(_models(field.annotation), None) if field else None
    return list(model.model_fields) if model else []


def _models(kind: object) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for each in get_args(kind):
        yield from _models(each)
