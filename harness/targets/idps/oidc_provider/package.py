"""Where the package is on this machine, which version it is, and what starts the program that hosts it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

from idchaos.targets.base import ProcessState
from idchaos.targets.gateways.base import said_of, which
from idchaos.targets.gateways.libraries import installed_in
from idchaos.targets.gateways.replica import telling
from idchaos.targets.idps.base import Site
from idchaos.targets.standin.processes import Process

PACKAGE: Final = "oidc-provider"
VERSION: Final = "9.13.3"
KNOWN: Final = "9."
"""Versions whose configuration is the one that is used here."""
_WANTED: Final = f"{PACKAGE}@{VERSION}"
VARIABLE: Final = "IDCHAOS_OIDC_PROVIDER_HOME"
"""A folder into which npm has installed it."""
NODE: Final = "node"
OLDEST: Final[Mapping[int, int]] = {20: 19, 22: 12}
"""By major version, the first minor one that may require ES modules, of which the package is made. All later majors do,
and 21 and earlier ones than 20 do not."""
_TOLD: Final = re.compile(r"v?(\d+)\.(\d+)")
SECRET: Final = "IDCHAOS_CONTROL_SECRET"


def home() -> Path:
    """The folder that it is installed in: where the variable says, or where the install command puts it."""
    told = os.environ.get(VARIABLE)
    return Path(told).expanduser() if told else installed_in("node", _WANTED)


def install() -> str:
    """The one command that installs it."""
    return f"npm install --prefix {home()} {_WANTED}"


def version() -> str:
    """Of the package, as it says itself; empty: it does not, or there is none."""
    try:
        told = json.loads((home() / "node_modules" / PACKAGE / "package.json").read_text(encoding="utf-8"))
        return str(told["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def missing() -> str:
    """What is not here, or not as it should be; empty: nothing."""
    wanted = " or ".join(f"{major}.{minor}" for major, minor in OLDEST.items())
    if which(NODE) is None:
        return f"{NODE} is not installed here; {wanted}, or later, is needed"
    told = _TOLD.match(said_of(NODE, "--version"))
    if told is not None and not _serves(int(told.group(1)), int(told.group(2))):
        return f"{NODE} is {told.group(1)}.{told.group(2)} here; {wanted}, or later, is needed"
    found = version()
    if not found:
        where = "" if os.environ.get(VARIABLE) else f", and {VARIABLE} is not set"
        return f"{PACKAGE} is not installed in {home()}{where}"
    return "" if found.startswith(KNOWN) else f"{home()} has {PACKAGE} {found}; {KNOWN}x is needed"


def _serves(major: int, minor: int) -> bool:
    return major > max(OLDEST) or minor >= OLDEST.get(major, minor + 1)


def program() -> Path:
    """The program that hosts it."""
    return Path(str(files("idchaos.targets.idps.oidc_provider").joinpath("program", "host.cjs")))


def command(site: Site) -> tuple[str, ...]:
    """What starts it: where it serves, and where it is told whom it is to know."""
    return (which(NODE) or NODE, str(program()), str(site.listen), str(site.spare))


def environment(secret: str) -> Mapping[str, str]:
    """What that needs. ``DEBUG`` would have it log every request, with what is in it."""
    modules = str(home() / "node_modules")
    return {"NODE_PATH": modules, "NODE_NO_WARNINGS": "1", "NODE_ENV": "production", "DEBUG": "", SECRET: secret}


class Host(Process):
    """Its process in one run: it tells of its CPU time, which nobody else does, and why it ended."""

    def state(self) -> ProcessState:
        """How it is, as the system says."""
        return super().state().model_copy(update={"cpu_s": self.cpu_s()})

    def last_words(self) -> str:
        """The line of its log that says most of why it ended."""
        return telling(self.log())
