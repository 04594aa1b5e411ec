"""The page on the architecture names every room, and nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text()


def test_every_room_has_its_row() -> None:
    rooms = {path.name for path in (ROOT / "harness").iterdir() if (path / "__init__.py").is_file()}
    assert rooms
    assert {room for room in rooms if f"| `{room}/` |" not in PAGE} == set()


def test_what_it_points_at_is_there() -> None:
    named = set(re.findall(r"`((?:[a-z_]+/)+(?:[a-z_]+\.py)?|[a-z_]+\.py)`", PAGE))
    places = (
        ROOT,
        ROOT / "harness",
        ROOT / "fixtures",
        ROOT / "harness" / "targets",
        ROOT / "harness" / "load",
        ROOT / "harness" / "verdict",
        ROOT / "scenarios",
    )
    assert {name for name in named if not any((place / name).exists() for place in places)} == set()
