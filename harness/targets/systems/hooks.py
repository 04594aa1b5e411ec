"""Acts that a file describes, as what the ledger can carry out: one form for doing and for undoing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from idchaos.errors import FaultError
from idchaos.targets.systems.acts import Act, Secret
from idchaos.undo.ledger import Command, HttpCall


@dataclass(frozen=True)
class Around:
    """What the file says that describes an act, beside the act itself."""

    folder: Path
    """Where it is: commands and files are looked for from there on."""
    ca_file: str | None = None
    """Certificates (PEM) that requests trust instead of the usual ones."""


_PLACE = re.compile(r"\{([a-z_]+)\}")


def call_of(act: Act, places: Mapping[str, str], around: Around) -> Command | HttpCall:
    """An act with its places filled in. Pure."""
    if act.command:
        program = filled(act.command[0], places)
        if "/" in program:
            program = str((around.folder / program).absolute())
        return Command(argv=(program, *(filled(word, places) for word in act.command[1:])), timeout_s=act.timeout_s)
    return HttpCall(
        method=act.method,
        url=filled_url(act.url, places),
        body=None if act.body is None else filled_body(act.body, places),
        ca_file=around.ca_file,
        timeout_s=act.timeout_s,
        **_place_of(act.secret, around),
    )


def perform(name: str, act: Act, places: Mapping[str, str], around: Around) -> None:
    """Do it.

    Raises:
        FaultError: it failed, or was not done in time; in one line.
    """
    from idchaos.undo.undo import carry_out  # with all that looks for processes, which a list of scenarios needs not

    left = carry_out(call_of(act, places, around)).left
    if left:
        raise FaultError(f"hooks.{name}: {'; '.join(left)}")


def filled(text: str, places: Mapping[str, str]) -> str:
    """Places that are known are filled in; other braces stay."""
    return _PLACE.sub(lambda found: places.get(found.group(1), found.group()), text)


def filled_url(url: str, places: Mapping[str, str]) -> str:
    """The same of a URL: whatever a key or a token is called, it stays a part of a path segment or of the query (RFC
    3986 section 2.1), and the host is the one that was allowed.
    """
    return filled(url, {name: quote(value, safe="") for name, value in places.items()})


def filled_body(body: str, places: Mapping[str, str]) -> str:
    """The same of a body: it is sent as JSON, where places stand in strings (RFC 8259 section 7)."""
    return filled(body, {name: json.dumps(value, ensure_ascii=False)[1:-1] for name, value in places.items()})


def _place_of(secret: Secret | None, around: Around) -> dict[str, Any]:
    if secret is None:
        return {}
    if secret.env:
        return {"secret_variable": secret.env}
    return {"secret_file": str((around.folder / secret.file).absolute())}
