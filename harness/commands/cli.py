"""The command ``idchaos``: finds the command that was asked for; errors become one line and an exit code."""

from __future__ import annotations

import contextlib
import difflib
import errno
import os
import signal
import sys
from collections.abc import Iterator
from importlib import import_module
from types import FrameType
from typing import Any

import click

from idchaos.commands import help as helping
from idchaos.commands.lines import tell
from idchaos.errors import ExitCode, IdchaosError, Interrupted, causes, interruption, named, told

COMMANDS = (
    "list",
    "run",
    "validate",
    "canary",
    "zoo",
    "study",
    "bakeoff",
    "analyze",
    "report",
    "compare",
    "history",
    "new",
    "init",
    "schema",
    "doctor",
    "up",
    "down",
    "recover",
)
"""In the order in which help shows them. Each is the ``command`` of the module of its name in ``idchaos.commands``."""


def main(arguments: list[str] | None = None) -> None:
    """Entry point. Never a traceback: what a user did wrong, or what failed, is one line on stderr."""
    try:
        signal.signal(signal.SIGTERM, _terminated)
        _bear_any_text()
        code = cli.main(args=arguments, prog_name="idchaos", standalone_mode=False)
    except click.ClickException as error:
        _fail(error.format_message(), ExitCode.USAGE)
    except (click.Abort, KeyboardInterrupt) as error:
        if any(isinstance(each, EOFError) for each in causes(error)):
            _fail("nobody is there to answer what was asked: say it by options; --help names them", ExitCode.USAGE)
        _fail(interruption(error) or "interrupted", ExitCode.INTERRUPTED)
    except IdchaosError as error:
        _fail(told(error), error.exit_code)
    except _Unread as error:
        # What is still to be written when the process ends has nowhere to go either.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error.__cause__, BrokenPipeError):  # who reads no further needs no word
            sys.exit(ExitCode.HARNESS)
        _fail(str(error), ExitCode.HARNESS)
    except SystemExit as error:  # of no command of ours, and an end without a verdict is none
        _fail(f"the program was ended by what it had loaded (exit code {error.code})", ExitCode.HARNESS)
    except Exception as error:
        if (interrupted := interruption(error)) is not None:
            _fail(interrupted, ExitCode.INTERRUPTED)
        if os.environ.get("IDCHAOS_TRACEBACK"):
            raise
        _fail(f"{named(error)} (IDCHAOS_TRACEBACK=1 shows where)", ExitCode.HARNESS)
    sys.exit(code if isinstance(code, int) else ExitCode.PASS)


def _bear_any_text() -> None:
    """A terminal or pipe that has no such letter gets another one: no verdict is lost over a tick."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _fail(message: str, code: ExitCode) -> None:
    line = "".join(each if each.isprintable() else "?" for each in " ".join(message.split()))
    tell(f"idchaos: {line}")
    sys.exit(code)


def _terminated(_number: int, _frame: FrameType | None) -> None:
    raise Interrupted("interrupted")


UNREAD = (errno.EPIPE, errno.ENOSPC, errno.EIO)


class _Unread(Exception):
    """Nobody reads the output, or there is no room for it."""


@contextlib.contextmanager
def _readers() -> Iterator[None]:
    """That nobody reads what is told is no verdict: click would exit with 1."""
    try:
        try:
            yield
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except OSError as error:
        if error.filename is not None or error.errno not in UNREAD:
            raise
        raise _Unread(f"what there is to tell cannot be written: {error.strerror}") from error


# Whatever the command: each makes a context of its own, and all of them its help by this.
click.Context.formatter_class = helping.Formatter


class Commands(helping.Group):
    """Imports a command's module when that command is asked for: no command waits for another's libraries."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """All names."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """The command of that name, if there is one."""
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"idchaos.commands.{name}").command
        return command

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """As click does, which shows help here."""
        with _readers():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> object:
        """As click does."""
        with _readers():
            return super().invoke(ctx)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest name when there is none."""
        near = difflib.get_close_matches(args[0], COMMANDS, n=1)
        if near and args[0] not in COMMANDS:
            ctx.fail(f"No such command {args[0]!r}; did you mean {near[0]}?")
        return super().resolve_command(ctx, args)


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="idchaos")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Chaos and load testing for identity infrastructure: breaks it under load, and judges what users felt.

    \b
    Start with:
      idchaos list
        what can be tried
      idchaos run jwks_outage
        half a minute; verdict and report
      idchaos new scenario my_outage
        one of your own, with its test

    Exit codes: 0 PASS, 1 FAIL, 2 INCONCLUSIVE, 64 bad usage or input, 70 the harness itself failed, 130 interrupted.
    A run that left something behind keeps its verdict, but never exits 0 or 2: it exits 70 unless it is a FAIL.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
