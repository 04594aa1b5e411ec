"""``idchaos schema``: what an editor needs to complete and check files of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import click

from idchaos.errors import StoreError

OF = ("target", "gateway")


@click.command()
@click.argument("file", metavar="target|gateway", type=click.Choice(OF))
def command(*, file: str) -> None:
    """Print the JSON schema (draft 7) of what idchaos init writes.

    Editors that know Taplo's directive (Even Better TOML) find it by the first line of such a file; init puts it beside
    it. idchaos schema target > target.schema.json writes it anew, after an update.
    """
    print(document(file), end="")


def document(file: str) -> str:
    """The schema of a kind of file, as text."""
    from idchaos.targets.schema import schema_of

    return json.dumps(schema_of(file), indent=2, ensure_ascii=False) + "\n"


def put_beside(path: Path, file: str) -> Path:
    """Write the schema where the first line of the file at ``path`` names it; where it is.

    Raises:
        StoreError: it cannot be written.
    """
    where = path.with_name(f"{file}.schema.json")
    try:
        where.write_text(document(file), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{where}: cannot be written: {error.strerror}") from None
    return where
