"""Help is as wide as the terminal, and whole."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from idchaos.commands.cli import cli


def every(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """Each command below one, by what is typed, with its help."""
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from every(below, click.Context(below, info_name=name, parent=context))


def shown(width: int, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("COLUMNS", str(width))
    return dict(every(cli, click.Context(cli, info_name="idchaos")))


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_of_any_help_is_wider_than_the_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    found = shown(width, monkeypatch)
    assert {"idchaos", "idchaos run", "idchaos study ttl", "idchaos init target"} <= found.keys()
    assert [(name, line) for name, text in found.items() for line in text.splitlines() if len(line) > width] == []


@pytest.mark.parametrize("width", [40, 80])
def test_what_commands_do_is_not_cut_off(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    found = shown(width, monkeypatch)
    for name, says in (
        ("idchaos", "List the scenarios, their variants, and what they cover: ours, and those in ./scenarios."),
        ("idchaos", "the worst verdict decides the exit code."),
        ("idchaos study", "by steps of two, then bisection."),
        ("idchaos new", "an outage of the keys, to be made into what you ask."),
    ):
        listed = found[name].partition("Commands:")[2]
        assert says in " ".join(listed.split())
        assert "..." not in listed
