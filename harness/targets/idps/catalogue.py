"""All adapters of IdPs, found in this package: a new IdP is a new file, or a package of its own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from idchaos.errors import UsageError, unknown
from idchaos.targets import idps as package
from idchaos.targets.found import found_in
from idchaos.targets.idps.base import Adapter

STAND_IN: Final = "standin"
"""The IdP that comes with the project, which is no adapter."""


@cache
def adapters() -> Mapping[str, Adapter]:
    """Every adapter by its name, in alphabetical order."""
    return found_in(package, Adapter)


def adapter_named(name: str) -> Adapter | None:
    """The adapter of that name; ``None``: the stand-in is meant.

    Raises:
        UsageError: there is none, or its IdP is not installed: says what installs it.
    """
    if name == STAND_IN:
        return None
    if name not in adapters():
        raise UsageError(unknown("--idp", name, (STAND_IN, *adapters())))
    adapter = adapters()[name]
    missing = adapter.missing()
    if missing:
        raise UsageError(f"--idp {name}: {missing}: {adapter.install}")
    return adapter
