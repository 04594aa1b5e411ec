"""Where Keycloak is on this machine, which version it is, and how one run's server of it is started.

The distribution itself is never written to: a run has a home of its own, which links to most of it, and holds a copy of
the few megabytes that Keycloak rewrites when it is configured.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from idchaos.errors import TargetError
from idchaos.targets.gateways.base import said_of, which
from idchaos.targets.idps.base import Site

VERSION: Final = "26.0.0"
KNOWN: Final = "26."
"""Versions whose admin API and options are those that are used here."""
VARIABLES: Final = ("IDCHAOS_KEYCLOAK_HOME", "KEYCLOAK_HOME")
FOLDER: Final = "$HOME/.local/share/idchaos"
INSTALL: Final = (
    f"mvn dependency:copy -Dartifact=org.keycloak:keycloak-quarkus-dist:{VERSION}:zip -DoutputDirectory={FOLDER}"
    f" && unzip -q -d {FOLDER} {FOLDER}/keycloak-quarkus-dist-{VERSION}.zip"
)
OLDEST_JAVA: Final = 17
JAVA: Final = "java"
_TOLD: Final = re.compile(r"(\d+\.\d+\.\d+\S*)")
_JAVA: Final = re.compile(r'"(\d+)')
_LINKED: Final = ("providers", "themes", "lib/lib")
_COPIED: Final = ("bin", "conf", "lib/app", "lib/quarkus", "lib/quarkus-run.jar")
# Of each bad request two loggers tell session IDs, which are a third of any code, and codes that were used before.
LOGGED: Final = "warn,org.keycloak.events:error,org.keycloak.protocol.oidc.utils.OAuth2CodeParser:error"
HEAP: Final = "-Xms64m -Xmx512m"
# A run lasts a minute: a compiler that is done soon serves it better than one that is thorough, on few cores above all.
_JVM: Final = f"-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:+ExitOnOutOfMemoryError -Dfile.encoding=UTF-8 {HEAP}"


def home() -> Path | None:
    """The distribution's folder: where a variable says, or where the install command puts it; ``None``: nowhere."""
    for name in VARIABLES:
        if told := os.environ.get(name):
            return Path(told).expanduser()
    found = Path(os.path.expandvars(FOLDER)) / f"keycloak-{VERSION}"
    return found if found.is_dir() else None


def version() -> str:
    """Of the distribution, as it says itself; empty: it does not, or there is none."""
    where = home()
    try:
        told = _TOLD.search((where / "version.txt").read_text(encoding="utf-8")) if where is not None else None
    except OSError:
        return ""
    return told.group(1) if told else ""


def missing() -> str:
    """What is not here, or not as it should be; empty: nothing."""
    java = _JAVA.search(said_of(JAVA, "-version"))
    if which(JAVA) is None:
        return f"java is not installed here; {OLDEST_JAVA} or later is needed"
    if java is not None and int(java.group(1)) < OLDEST_JAVA:
        return f"java is {java.group(1)} here; {OLDEST_JAVA} or later is needed"
    where = home()
    if where is None:
        return f"keycloak is not installed here, and {' and '.join(VARIABLES)} are not set"
    if not (where / "bin" / "kc.sh").is_file():
        return f"{where} is no keycloak: it has no bin/kc.sh"
    if not version().startswith(KNOWN):
        return f"{where} is keycloak {version() or 'of an unknown version'}; {KNOWN}x is needed"
    return ""


def own_home(folder: Path) -> Path:
    """Make a home for one run, in a folder of its own.

    Raises:
        TargetError: it can't be made.
    """
    found = home()
    if found is None:
        raise TargetError(missing())
    shutil.rmtree(folder, ignore_errors=True)
    try:
        (folder / "lib").mkdir(parents=True)
        (folder / "data").mkdir()
        for name in _LINKED:
            if (found / name).exists():
                (folder / name).symlink_to(found / name)
        for name in _COPIED:
            copy = shutil.copytree if (found / name).is_dir() else shutil.copy2
            copy(found / name, folder / name)
    except OSError as error:
        raise TargetError(f"keycloak did not start: {error.filename}: {error.strerror}") from None
    return folder


def command(where: Path, site: Site) -> tuple[str, ...]:
    """What starts it. Its database is in memory: what it knows, keys and secrets too, is on no disk."""
    return (
        str(where / "bin" / "kc.sh"),
        "start",
        "--db=dev-mem",
        "--cache=local",
        "--http-enabled=true",
        f"--http-host={site.listen.host}",
        f"--http-port={site.listen.port}",
        f"--http-management-port={site.spare.port}",
        # Its issuer is what clients call it; each consumer is told of endpoints at the address by which it asked.
        f"--hostname={site.url}",
        "--hostname-backchannel-dynamic=true",
        f"--log-level={LOGGED}",
    )


def environment(admin: str, password: str) -> Mapping[str, str]:
    """What it is told besides."""
    return {"KC_BOOTSTRAP_ADMIN_USERNAME": admin, "KC_BOOTSTRAP_ADMIN_PASSWORD": password, "JAVA_OPTS": _JVM}
