"""What ``--help`` shows: as wide as the terminal, and nothing of it cut off."""

from __future__ import annotations

import shutil
from collections.abc import Iterable

import click
from click.formatting import wrap_text

from idchaos.commands.lines import folded

ROOM = 28
"""Columns that a text takes to stand beside what it explains."""
WHOLE = 1000
"""Characters: no first sentence is longer."""


class Formatter(click.HelpFormatter):
    """Click's own never goes below 50 columns, and leaves ten for what options mean."""

    def __init__(self, indent_increment: int = 2, width: int | None = None, max_width: int | None = None) -> None:
        wide = min(shutil.get_terminal_size().columns, max_width or 80) - 2
        super().__init__(indent_increment, width or max(wide, 20), max_width)

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Each text beside its term; below it where there is no room for that."""
        rows = list(rows)
        widest = min(max((len(term) for term, _ in rows), default=0), col_max)
        if self.width - widest - col_spacing - self.current_indent >= ROOM:
            super().write_dl(rows, col_max, col_spacing)
            return
        for term, text in rows:
            at = " " * self.current_indent
            for line, more in ((term, "  "), (text, "")):
                indent = at if line is term else f"{at}    "
                self.write(wrap_text(line, self.width, indent, indent + more) + "\n" if line else "")

    def getvalue(self) -> str:
        """All of it. Paragraphs that are not to be filled (``\\b``) are folded line by line."""
        return "\n".join(folded(line, self.width) for line in super().getvalue().split("\n"))


class Group(click.Group):
    """A group whose help has the whole first sentence of each command."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click does, which cuts them where the line ends."""
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, each.get_short_help_str(WHOLE)) for name, each in found if each is not None]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
