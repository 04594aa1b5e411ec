"""Which packages a run was made with."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Final

PACKAGES: Final = ("idchaos", "locust", "joserfc", "cryptography", "aiohttp", "pandas", "scipy", "toxiproxy-python")


def versions() -> dict[str, str]:
    """Versions of the packages that matter to a result."""
    found = {"python": sys.version.split()[0]}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
