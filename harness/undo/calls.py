"""Undoing by somebody else's means: a command, or an HTTP request. Each says what is left, and never a secret."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from idchaos.undo.ledger import Command, HttpCall

SHOWN = 200
"""Of what a command said last, so many characters are repeated."""


def run_command(undo: Command) -> list[str]:
    """Run it in a session of its own, and end all of it when its time is over; what is left, empty when it exited
    with 0.
    """
    try:
        process = subprocess.Popen(
            undo.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        return [f"{undo.argv[0]}: cannot be run: {error.strerror}"]
    try:
        _, said = process.communicate(timeout=undo.timeout_s)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return [f"{undo.argv[0]}: not done within {undo.timeout_s:g} s"]
    if process.returncode == 0:
        return []
    last = said.decode(errors="replace").strip().rpartition("\n")[2][:SHOWN]
    return [f"{undo.argv[0]}: exit code {process.returncode}" + (f": {last}" if last else "")]


def send(undo: HttpCall) -> list[str]:
    """Send it; what is left, empty when the answer is 2xx."""
    import httpx

    what = f"{undo.method} {undo.url}"
    try:
        secret = _secret(undo)
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        if undo.body is not None:
            headers["Content-Type"] = undo.content_type
        response = httpx.request(
            undo.method, undo.url, content=undo.body, headers=headers, timeout=undo.timeout_s, trust_env=False
        )
    except KeyError:
        return [f"{what}: the environment has no {undo.secret_variable}, which holds its secret"]
    except (OSError, httpx.HTTPError) as error:
        return [f"{what}: {type(error).__name__}"]
    return [] if response.is_success else [f"{what}: {response.status_code}"]


def _secret(undo: HttpCall) -> str:
    """The secret, or nothing.

    Raises:
        KeyError: the environment does not hold it.
        OSError: the file cannot be read.
    """
    if undo.secret_variable is not None:
        return os.environ[undo.secret_variable]
    return "" if undo.secret_file is None else Path(undo.secret_file).read_text().strip()
