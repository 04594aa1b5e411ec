"""All adapters, found in this package: a new gateway is a new file."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from idchaos.errors import UsageError, unknown
from idchaos.targets import gateways as package
from idchaos.targets.found import found_in
from idchaos.targets.gateways.base import Adapter
from idchaos.targets.gateways.own import Own
from idchaos.targets.tables import SUFFIX

STAND_IN: Final = "standin"
"""The gateways that come with the project, which are no adapter."""


@cache
def adapters() -> Mapping[str, Adapter]:
    """Every adapter by its name, in alphabetical order."""
    return found_in(package, Adapter)


def adapter_named(name: str) -> Adapter | None:
    """The adapter of that name, or of that file; ``None``: the stand-ins are meant.

    Raises:
        UsageError: there is none, or its gateway is not installed: says what installs it.
    """
    if name == STAND_IN:
        return None
    if name.endswith(SUFFIX) or "/" in name:
        adapter: Adapter = Own(Path(name))
    elif name in adapters():
        adapter = adapters()[name]
    else:
        raise UsageError(unknown("--gateway", name, (STAND_IN, *adapters())))
    missing = adapter.missing()
    if missing:
        raise UsageError(f"--gateway {name}: {', '.join(missing)} is not installed here: {adapter.install}")
    return adapter
