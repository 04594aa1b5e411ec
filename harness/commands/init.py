"""``idchaos init``: files that describe a part of one's own, by asking, or by options alone."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click

from idchaos.commands.help import Group
from idchaos.commands.init_target import target
from idchaos.commands.new import written
from idchaos.commands.schema import put_beside
from idchaos.errors import StoreError, UsageError
from idchaos.targets.tables import SUFFIX


@click.group(cls=Group)
def command() -> None:
    """Write a file that describes a part of your own."""


command.add_command(target)


@command.command("gateway")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default=Path("gateway.toml"))
@click.option("--name", help="What it is called in reports.")
@click.option("--command", "start", help="What starts one replica, in the foreground; idchaos starts two.")
@click.option("--image", help="A container image that is here; --command is then what its containers are given.")
@click.option("--url", "urls", multiple=True, help="Where a replica is that runs already; once for each.")
@click.option("--config", help="A file beside it whose places ({listen} ...) are filled in for each replica.")
def gateway(
    *, file: Path, name: str | None, start: str | None, image: str | None, urls: tuple[str, ...], config: str | None
) -> None:
    """Write FILE (gateway.toml), with a comment on everything that can stand in it, and the schema by which editors
    complete and check it. Asks for what no option says.

    Next: idchaos doctor FILE; idchaos run jwks_outage --gateway FILE.
    """
    if file.suffix != SUFFIX:
        raise UsageError(f"init: {file} should be called *{SUFFIX}")
    if file.exists():
        raise UsageError(f"init: {file} is there already")
    if (start or image) and urls:
        raise UsageError("init: --command or --image (idchaos starts it), or else --url (it runs already)")
    name = name or click.prompt("What is it called? (small letters)", default="mine")
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name):
        raise UsageError(f"init: {name!r} should be small letters, digits and -")
    if not (start or image or urls):
        start = click.prompt("What starts it, in the foreground? (empty: it runs already)", default="")
    if not (start or image or urls):
        urls = tuple(click.prompt("Where is it? (http://HOST:PORT of each replica, a space between)").split())
    if (start or image) and config is None:
        config = click.prompt("Its configuration, a file beside this one? (empty: none)", default="") or None
    _write(file, written("gateway.toml.tmpl", _words(name, start or "", image or "", urls, config or "")))
    print(f"{file}\n{put_beside(file, 'gateway')}")
    print(f"next: idchaos doctor {file}; idchaos run jwks_outage --gateway {file if '/' in str(file) else f'./{file}'}")


def _words(name: str, start: str, image: str, urls: tuple[str, ...], config: str) -> dict[str, str]:
    try:
        command = shlex.split(start)
    except ValueError as error:
        raise UsageError(f"init: --command {start!r}: {error}") from None
    told = {"image": image, "command": command, "url": list(urls), "config": config}
    had = "\n".join(f"{key} = {json.dumps(value)}" for key, value in told.items() if value)
    ports = [19_001 + number for number in range(max(len(urls), 1))]
    fixed = f"[ports]\nissuer = 19000\nidp = {json.dumps(ports)}\norders = 19010\naccounts = 19011"
    return {"name": name, "had": had, "ports": fixed if urls else "# " + fixed.replace("\n", "\n# ")}


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror}") from None
