"""Adapters are found, not listed: a new one is a new file in its package."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType, ModuleType
from typing import Protocol, TypeVar


class Named(Protocol):
    """What has a name that users type."""

    name: str


T = TypeVar("T", bound=Named)


def found_in(package: ModuleType, kind: type[T]) -> Mapping[str, T]:
    """One of each class of that kind that has a name and is made in a module or package right in ``package``, by its
    name, in alphabetical order.
    """
    found = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for each in vars(module).values():
            if isinstance(each, type) and issubclass(each, kind) and _made_in(module, each) and hasattr(each, "name"):
                found[each.name] = each()
    return MappingProxyType(dict(sorted(found.items())))


def _made_in(module: ModuleType, made: type) -> bool:
    return f"{made.__module__}.".startswith(f"{module.__name__}.")
