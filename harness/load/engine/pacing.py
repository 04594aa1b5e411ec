"""Sleeping until a moment, to the tenth of a millisecond where the system can.

libev, below gevent, waits in whole milliseconds and rounds up; a Linux timer descriptor does not.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import gevent

_CLOCK_MONOTONIC = 1
_NONBLOCK = os.O_NONBLOCK
_CLOEXEC = 0o2000000
_ABSOLUTE = 1


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class TimerDescriptor:
    """timerfd_create(2) on the monotonic clock. One greenlet may wait at a time.

    Raises:
        OSError: this system has none.
    """

    def __init__(self) -> None:
        if not sys.platform.startswith("linux"):
            raise OSError("no timer descriptors here")
        self._libc: Any = ctypes.CDLL(None, use_errno=True)
        try:
            self._fd = self._libc.timerfd_create(_CLOCK_MONOTONIC, _NONBLOCK | _CLOEXEC)
        except AttributeError:
            raise OSError("no timer descriptors here") from None
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._hub = gevent.get_hub()
        self._readable = self._hub.loop.io(self._fd, 1)

    def until(self, moment: float) -> None:
        """Sleep until a moment of the monotonic clock, in seconds."""
        whole = int(moment)
        spec = _TimerSpec(_Timespec(0, 0), _Timespec(whole, int((moment - whole) * 1e9)))
        if self._libc.timerfd_settime(self._fd, _ABSOLUTE, ctypes.byref(spec), None) < 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")
        self._hub.wait(self._readable)
        with contextlib.suppress(BlockingIOError):
            os.read(self._fd, 8)

    def close(self) -> None:
        """Give the descriptor back."""
        self._readable.close()
        os.close(self._fd)


def sleeper() -> Callable[[float], None]:
    """The best ``sleep until`` of this system, over the monotonic clock."""
    try:
        return TimerDescriptor().until
    except OSError:
        return lambda moment: gevent.sleep(max(moment - time.monotonic(), 0.0))
