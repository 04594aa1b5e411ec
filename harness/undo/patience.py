"""Waiting for what has no end of its own: a name that is never resolved, an answer that never ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


def within(seconds: float, act: Callable[[], Result]) -> Result:
    """What ``act`` returns, or whatever it raises. It goes on in a thread of its own where it takes longer, and nobody
    waits for it any more.

    Raises:
        TimeoutError: it was not done in time.
    """
    done: Future[Result] = Future()

    def run() -> None:
        try:
            done.set_result(act())
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        return done.result(seconds)
    except TimeoutError:
        if done.done():  # it was its own
            raise
        raise TimeoutError(f"not done within {seconds:g} s") from None
