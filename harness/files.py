"""Files that users name, read with care: whatever they are, that is known before it does harm."""

from __future__ import annotations

import errno
import hashlib
import json
import re
import stat
import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

MOST_BYTES: Final = 4_194_304
"""Nobody writes more by hand; what a program writes without end is not waited for."""
SCENARIO: Final = "SCENARIO"
"""What a file with a scenario calls it."""
_DEFINES: Final = re.compile(rf"^{SCENARIO}\s*[:=](?!=)", re.MULTILINE)
_OF_OURS: Final = re.compile(r"\bidchaos\b")


def defines_scenario(path: Path) -> bool:
    """Whether a Python file has a ``SCENARIO``, with or without a type, as far as can be seen without running it."""
    return _DEFINES.search(_code_in(path)) is not None


def defines_scenario_of_ours(path: Path) -> bool:
    """Whether it has one and speaks of this package: other projects have folders and constants of these names, too."""
    code = _code_in(path)
    return _DEFINES.search(code) is not None and _OF_OURS.search(code) is not None


def _code_in(path: Path) -> str:
    """What a Python file says; nothing where it is none, or can't be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace") if path.suffix == ".py" else ""
    except OSError:
        return ""


def text_of(path: Path) -> str:
    """A file's text, without a byte order mark.

    Raises:
        OSError: it can't be read, or is no plain file (a pipe, a device): these may have no end.
        ValueError: it is no UTF-8, or too large.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        number = errno.EISDIR if stat.S_ISDIR(found.st_mode) else errno.EINVAL
        raise OSError(number, "Is a directory" if number == errno.EISDIR else "Should be a plain file")
    if found.st_size > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES // 1_048_576} MB")
    return path.read_text(encoding="utf-8-sig")


def toml_of(path: Path) -> dict[str, Any]:
    """What a TOML file says.

    Raises:
        OSError: it can't be read.
        ValueError: it is no TOML; in one line.
    """
    try:
        return tomllib.loads(text_of(path))
    except RecursionError:
        raise ValueError("nested too deep") from None


def json_of(path: Path) -> Any:
    """What a JSON file says; raises as :func:`toml_of` does."""
    try:
        return json.loads(text_of(path))
    except RecursionError:
        raise ValueError("nested too deep") from None


def digest_of(paths: Iterable[Path]) -> str:
    """A digest of what is in files, in their order. One that is not there counts as that.

    Raises:
        OSError: one is there and can't be read.
    """
    whole = hashlib.sha256()
    for path in paths:
        found = path.stat() if path.is_file() else None
        whole.update(_digest(path, found.st_mtime_ns, found.st_size) if found else b"\0")
    return whole.hexdigest()


@cache
def _digest(path: Path, _changed_ns: int, _bytes: int) -> bytes:
    """Of one file, which may be a large program: read again only when it was written again."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
