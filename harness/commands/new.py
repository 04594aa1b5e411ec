"""``idchaos new scenario``: a scenario of one's own, which runs as it is, with its test."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template

import click

from idchaos.commands.help import Group
from idchaos.errors import StoreError, UsageError


@click.group(cls=Group)
def command() -> None:
    """Write a file to start from."""


@command.command("scenario")
@click.argument("name")
def new_scenario(name: str) -> None:
    """Write scenarios/NAME.py and tests/test_NAME.py: an outage of the keys, to be made into what you ask.

    It passes as it is: idchaos validate NAME, then idchaos run NAME.
    """
    from idchaos.run.scenarios import OWN_FOLDER, find_scenarios

    if not re.fullmatch(r"[a-z][a-z0-9_]{0,59}", name) or keyword.iskeyword(name):
        raise UsageError(f"new: {name!r} should be small letters, digits and _, 60 at most, such as token_outage")
    if name in find_scenarios().scenarios:
        raise UsageError(f"new: there is a scenario {name} already; `idchaos list` shows which names are taken")
    scenario, test = Path(OWN_FOLDER, f"{name}.py"), Path("tests", f"test_{name}.py")
    for path in (scenario, test):
        if path.exists():
            raise UsageError(f"new: {path} is there already")
    words = {"name": name, "type": "".join(part.capitalize() for part in name.split("_"))}
    for path, template in ((scenario, "scenario.py.tmpl"), (test, "test_scenario.py.tmpl")):
        _write(path, written(template, words))
    print(f"{scenario}\n{test}")
    print(f"next: idchaos validate {name}; idchaos run {name}; pytest {test}")


def written(template: str, words: dict[str, str]) -> str:
    """A template of ``idchaos.commands.templates`` with its words filled in."""
    text = files("idchaos.commands").joinpath("templates", template).read_text(encoding="utf-8")
    return Template(text).substitute(words)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror}") from None
