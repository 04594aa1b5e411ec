"""Validator libraries: each behind the smallest program that an application would have around it. What they have in
common; the libraries themselves are in :mod:`python`, :mod:`node`, :mod:`golang` and
:mod:`java` of this package.

A program stands where a gateway stands, in front of services that take what it passes on: a library has no more of the
contract than a gateway of somebody else's making. Programs are in ``validators/``; what they need is installed into a
folder of the user's.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from idchaos.dialects import Dialect, Rule
from idchaos.reasons import Reason
from idchaos.targets.gateways.base import OF_REVOCATION, OF_SCOPES, Adapter, Program, Wiring, which

SETTINGS: Final = "validator.json"
NO_EXPIRY: Final = "it asks for no `exp`, which RFC 7519 section 4.1.4 leaves open"
NO_IAT: Final = "it does not look at `iat`, which no RFC asks for"
OF_RFC_9068: Final = frozenset({"rfc9068"})
REMEMBERED: Final = 8
"""Characters of what tells one installation from another."""


def sources(language: str) -> Path:
    """Where the programs of a language are."""
    return Path(str(files("idchaos.targets.gateways").joinpath("validators", language)))


def installed_in(language: str, *told: str) -> Path:
    """Where what they need is installed: another folder whenever anything of that (``told``) is another."""
    state = hashlib.sha256("\n".join(told).encode()).hexdigest()[:REMEMBERED]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "idchaos" / f"{language}-{state}"


class Library(Adapter):
    """One library in one configuration."""

    package: str
    """What a registry calls it."""
    pinned: str
    """The version that is installed."""
    tuned = False
    """Whether its settings are ours. Otherwise they are its own."""
    says: Sequence[tuple[Reason, str]] = ()
    """What it says of a token or of its keys: a regular expression of its words."""
    runtime = ""
    """The program that runs its own; empty: none but what runs anyway."""
    needs = ()
    unpromised: Mapping[str, str] = {**OF_REVOCATION, **OF_SCOPES}

    def __init__(self) -> None:
        """Its dialect is made of its words."""
        rules = (Rule(reason=reason, status=(401, 500, 503), says=words) for reason, words in self.says)
        behind = (
            Rule(reason=Reason.UPSTREAM_UNAVAILABLE, status=(502,)),
            Rule(reason=Reason.UPSTREAM_TIMEOUT, status=(504,)),
        )
        self.dialect = Dialect(name=self.name, tells_reasons=True, rules=(*rules, *behind))

    def present(self) -> bool:
        """Whether it is installed, in the very version that is asked for."""
        raise NotImplementedError

    def missing(self) -> tuple[str, ...]:
        """What runs it, and the library, if they are not there."""
        lacking = () if not self.runtime or which(self.runtime) else (self.runtime,)
        return lacking if self.present() else (*lacking, f"{self.package} {self.pinned}")

    def command(self) -> tuple[str, ...]:
        """What starts its program; the file with its settings follows."""
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        """What that needs."""
        return {}

    def programs(self, wiring: Wiring) -> Sequence[Program]:
        """One process."""
        settings = {
            "listen": str(wiring.listen),
            "issuer": wiring.issuer,
            "jwks_uri": wiring.jwks_uri,
            "services": {
                each.prefix.strip("/"): {"address": str(each.address), "audience": each.audience}
                for each in wiring.services
            },
            "tuned": wiring.knobs.model_dump(include=set(self.knobs)) if self.tuned else None,
        }
        return (
            Program(
                command=(*self.command(), str((wiring.folder / SETTINGS).absolute())),
                environment=self.environment(),
                files={SETTINGS: json.dumps(settings, indent=2)},
            ),
        )

    def version(self) -> str:
        """As it is asked for when it is installed."""
        return self.pinned
