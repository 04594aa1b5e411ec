"""Whatever is typed, and whatever files say: one line on stderr, an exit code that is documented, never a traceback.

Each row is what the fuzzing of a kind came down to; nothing here starts anything.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from idchaos.commands import cli
from idchaos.undo.ledger import STATE_VARIABLE

SYSTEM = """
[system]
name = "shop"
[idp]
issuer = "http://127.0.0.1:8099/shop"
[[client]]
id = "batch"
secret = { env = "PATH" }
[gateway]
url = ["http://127.0.0.1:9001"]
[[route]]
path = "/orders/1"
audience = "orders"
[settings]
access_ttl_s = 300
"""
USAGE, HARNESS = 64, 70
LONGEST_LINE = 700


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty one to be in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    monkeypatch.delenv("IDCHAOS_TRACEBACK", raising=False)
    terminated = signal.getsignal(signal.SIGTERM)
    yield tmp_path
    signal.signal(signal.SIGTERM, terminated)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """The exit code, and what stderr has, which must be one line that can be shown."""
    with pytest.raises(SystemExit) as ended:
        cli.main([*words])
    line = capsys.readouterr().err
    assert line.count("\n") == 1, line
    assert len(line) < LONGEST_LINE, line
    assert line[:-1].isprintable() or "\udcff" in line, line
    assert "internal error" not in line
    assert isinstance(ended.value.code, int)
    return ended.value.code, line


def nested() -> bytes:
    return b"x = " + b"[" * 5_000 + b"]" * 5_000


FILES = {
    "empty": b"",
    "binary": bytes(range(256)) * 50,
    "in UTF-16": "[system]\nname = 'x'\n".encode("utf-16"),
    "in Latin-1": "[system]\nname = 'Größe'\n".encode("latin-1"),
    "with a byte order mark": b"\xef\xbb\xbf[gateway]\nname = 'x'\n",
    "nested": nested(),
    "of dotted keys": b"[" + b".".join([b"a"] * 5_000) + b"]\nsystem = 1\n",
    "of other kinds": b"system = 3\ngateway = []\n",
    "of dates": b"[system]\nname = 1979-05-27\n[gateway]\nname = 07:32:00\n",
    "of lines in text": b'[system]\nname = "a\\nb"\n[gateway]\nname = "a\\u0000b"\n',
    "huge": b"x = [" + b"1," * 300_000 + b"]\n",
}
READERS = {
    "run --target": ("run", "jwks_outage", "--target"),
    "run --gateway": ("run", "jwks_outage", "--gateway"),
    "validate --gateway": ("validate", "jwks_outage", "--gateway"),
    "canary --target": ("canary", "expired", "--target"),
    "doctor": ("doctor",),
    "up --clients": ("up", "--clients"),
    "study ttl --prices": ("study", "ttl", "--sessions", "1k", "--prices"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is(kind: str, reader: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "file.toml"
    file.write_bytes(FILES[kind])
    code, line = said(capsys, *READERS[reader], str(file))
    assert code == USAGE
    assert "file.toml" in line


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("where", ["a folder", "nowhere", "behind a file", "a circle", "of a long name"])
def test_a_file_that_can_not_be_read(where: str, reader: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "plain").write_text("")
    (folder / "folder.toml").mkdir()
    (folder / "circle.toml").symlink_to("circle.toml")
    file = {
        "a folder": "folder.toml",
        "nowhere": "none.toml",
        "behind a file": "plain/file.toml",
        "a circle": "circle.toml",
        "of a long name": "x" * 300 + ".toml",
    }[where]
    code, _ = said(capsys, *READERS[reader], str(folder / file))
    assert code == USAGE
