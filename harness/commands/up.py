"""``idchaos up``: a system to play with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from idchaos.commands import options
from idchaos.settings import parse_assignments

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--clients", type=_FILE, metavar="FILE", help="Clients of your own (JSON or TOML; see docs/up.md).")
@click.option("--users", type=_FILE, metavar="FILE", help="Users of your own, likewise.")
@click.option(
    "--redirect-uri",
    "redirect_uris",
    multiple=True,
    metavar="URI",
    help="Where the clients web, web-opaque and spa may be answered, too.",
)
@click.option(
    "--post-logout-uri", "logout_uris", multiple=True, metavar="URI", help="Where they may send users that signed out."
)
@click.option("--tls", is_flag=True, help="Let clients come by https, with an authority of the system's own.")
@click.option(
    "--issuer-path", default="", metavar="PATH", help="Let the issuer have a path, with or without a slash at its end."
)
@options.system
@options.assignments
@options.as_json
def command(
    *,
    clients: Path | None,
    users: Path | None,
    redirect_uris: tuple[str, ...],
    logout_uris: tuple[str, ...],
    tls: bool,
    issuer_path: str,
    assignments: tuple[str, ...],
    as_json: bool,
    **system: Any,
) -> None:
    """Start a target, leave it running, and print where everything is.

    Access tokens live for 15 minutes, whatever the profile says; --set tokens.access_ttl_s=20 changes that.
    """
    from idchaos.run.standing import bring_up, describe, guests_of

    guests = guests_of(clients, users, redirect_uris, logout_uris, tls=tls, issuer_path=issuer_path)
    standing = bring_up(parse_assignments(assignments), guests=guests, **system)
    print(json.dumps(standing.document(), indent=2) if as_json else describe(standing))
