"""Undoing by somebody else's means: a command, or an HTTP request. Each says what is left, and never a secret."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

from idchaos.errors import TargetError
from idchaos.trust import is_distrust, trusting
from idchaos.undo.ledger import Command, HttpCall
from idchaos.undo.patience import within

if TYPE_CHECKING:
    import httpx

SHOWN = 200
"""Of what a command said last, so many characters are repeated."""
LAST_BYTES = 16_384
"""It is looked for in so many bytes."""
MOST_NOTES = 16_777_216
LOOKS_EVERY_S = 0.02


def run_command(undo: Command) -> list[str]:
    """Run it in a session of its own, without input or a terminal; what is left, empty when it exited with 0. When its
    time is over all of it is ended. What it leaves running when it ended by itself stays: so are gateways started.
    """
    said = ""
    with _notes() as notes:
        try:
            process = subprocess.Popen(
                undo.argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=notes,
                start_new_session=True,
            )
        except OSError as error:
            return [f"{undo.argv[0]}: cannot be run: {error.strerror}"]
        except ValueError as error:
            return [f"{undo.argv[0]}: cannot be run: {error}"]
        deadline = time.monotonic() + undo.timeout_s
        while process.poll() is None:
            if time.monotonic() > deadline:
                with contextlib.suppress(OSError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return [f"{undo.argv[0]}: not done within {undo.timeout_s:g} s"]
            said = _keep_short(notes) or said
            time.sleep(LOOKS_EVERY_S)
        if process.returncode == 0:
            return []
        last = _last_line(notes) or said
    how = f"exit code {process.returncode}" if process.returncode > 0 else f"ended by signal {-process.returncode}"
    return [f"{undo.argv[0]}: {how}" + (f": {last}" if last else "")]


def _notes() -> contextlib.AbstractContextManager[IO[bytes] | int]:
    """Where a command's complaints go: a file, not a pipe. What it leaves running may go on writing, and nobody waits
    for that to end. Without room for one they are not kept.
    """
    try:
        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - whoever called closes it
        fcntl.fcntl(file, fcntl.F_SETFL, fcntl.fcntl(file, fcntl.F_GETFL) | os.O_APPEND)
    except OSError:
        return contextlib.nullcontext(subprocess.DEVNULL)
    return file


def _keep_short(notes: IO[bytes] | int) -> str:
    """The last line of what is thrown away: megabytes of complaints must not fill a disk, and what is thrown away may
    have been the last that the command said.
    """
    if isinstance(notes, int) or os.fstat(notes.fileno()).st_size <= MOST_NOTES:
        return ""
    said = _last_line(notes)
    os.ftruncate(notes.fileno(), 0)
    return said


def _last_line(notes: IO[bytes] | int) -> str:
    """What was said last, as far as it can be shown on one line."""
    if isinstance(notes, int):
        return ""
    size = os.fstat(notes.fileno()).st_size
    tail = os.pread(notes.fileno(), LAST_BYTES, max(0, size - LAST_BYTES)).decode(errors="replace")
    lines = ("".join(each if each.isprintable() else " " for each in line).strip() for line in tail.splitlines())
    return next((" ".join(line.split())[:SHOWN] for line in reversed([*lines]) if line), "")


def send(undo: HttpCall) -> list[str]:
    """Send it; what is left, empty when the answer is 2xx."""
    import httpx

    what = f"{undo.method} {undo.url}"
    try:
        secret = _secret(undo)
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        if undo.body is not None:
            headers["Content-Type"] = undo.content_type
        with httpx.Client(timeout=undo.timeout_s, trust_env=False, verify=trusting(undo.ca_file)) as client:
            status = within(undo.timeout_s, lambda: _status(client, undo, headers))
    except KeyError:
        return [f"{what}: the environment has no {undo.secret_variable}, which holds its secret"]
    except (TimeoutError, httpx.TimeoutException):
        return [f"{what}: not done within {undo.timeout_s:g} s"]
    except TargetError as error:
        return [f"{what}: {error}"]
    except (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL) as error:
        return [f"{what}: {'its certificate is not trusted' if is_distrust(error) else type(error).__name__}"]
    return [] if 200 <= status < 300 else [f"{what}: {status}"]


def _status(client: httpx.Client, undo: HttpCall, headers: dict[str, str]) -> int:
    """The answer's status. Its body is not read: it may have no end."""
    with client.stream(undo.method, undo.url, content=undo.body, headers=headers) as answer:
        return answer.status_code


def _secret(undo: HttpCall) -> str:
    """The secret, or nothing.

    Raises:
        KeyError: the environment does not hold it.
        OSError: the file cannot be read.
    """
    if undo.secret_variable is not None:
        return os.environ[undo.secret_variable]
    return "" if undo.secret_file is None else Path(undo.secret_file).read_text().strip()
