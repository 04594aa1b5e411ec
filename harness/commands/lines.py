"""Lines for a person: folded at words on a terminal; whole elsewhere, for logs are searched by the line."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Sequence
from typing import TextIO

USUAL = 80
"""Columns of a terminal that does not say how many it has."""
LEAST = 20
ROOM = 40
"""Columns that a text takes to stand beside its name."""


def columns(stream: TextIO) -> int | None:
    """How wide the terminal is that a stream leads to; ``None``: to none. ``COLUMNS`` has the last word."""
    if not stream.isatty():
        return None
    try:
        return int(os.environ.get("COLUMNS") or os.get_terminal_size(stream.fileno()).columns) or USUAL
    except (OSError, ValueError):
        return USUAL


def folded(line: str, width: int | None) -> str:
    """A line for a terminal of so many columns: folded at words, what follows further to the right."""
    if width is None:
        return line
    own = len(line) - len(line.lstrip())
    return textwrap.fill(
        line, max(width, LEAST), subsequent_indent=" " * (own + 2), break_long_words=False, break_on_hyphens=False
    )  # fmt: skip


def entry(name: str, texts: Sequence[str], column: int, width: int | None) -> str:
    """A name and what is told of it, in lines that begin at a column; below it where there is no room for that."""
    if width is None or width >= column + ROOM:
        first, *rest = (folded(f"{'':<{column}}{text}", width) for text in texts)
        return "\n".join([f"{name:<{column}}{first[column:]}", *rest])
    return "\n".join([name, *(folded(f"  {text}", width) for text in texts)])


def say(text: str) -> None:
    """On stdout, line by line; folded where that is a terminal."""
    width = columns(sys.stdout)
    print("\n".join(folded(line, width) for line in text.split("\n")))


def tell(line: str) -> None:
    """A line on stderr, in one piece, since several runs may tell at a time; folded where that is a terminal."""
    sys.stderr.write(folded(line, columns(sys.stderr)) + "\n")
    sys.stderr.flush()
