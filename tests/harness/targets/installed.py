"""What of other people's gateways, libraries and IdPs is installed here: a test of what is not is skipped by name.

``IDCHAOS_MUST_HAVE`` names those that a machine has to have: there, what is missing fails.
"""

from __future__ import annotations

import os
from typing import Final

import pytest

MUST_HAVE: Final = frozenset(os.environ.get("IDCHAOS_MUST_HAVE", "").split())


def skip_without(name: str, missing: str) -> None:
    """Skip, or fail where it should be here, when something is missing; an empty text: nothing is."""
    if missing:
        (pytest.fail if name in MUST_HAVE else pytest.skip)(missing)
