"""Whatever is typed, and whatever files say: one line on stderr, an exit code that is documented, never a traceback.

Each row is what the fuzzing of a kind came down to; nothing here starts anything.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
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
    assert line[:-1].isprintable(), line
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


NUMBERS = ("nan", "inf", "-inf", "-1", "1e400", "9" * 400, "0x10", "", "x", "[1]", "null")
SETTINGS = ("load.rate", "gateway.leeway_s", "tokens.access_ttl_s", "fault.duration_s", "load.sessions", "slo.success")


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("value", NUMBERS)
def test_a_setting_that_is(value: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, line = said(capsys, "validate", "jwks_outage", "--set", f"{name}={value}")
    assert (code, name in line) == (USAGE, True)


URLS = (
    "", " ", "http://", "http:///x", "http://[::1", "http://127.0.0.1:99999", "http://127.0.0.1:-1", "ftp://127.0.0.1",
    "http://127.0.0.1:80/ä", "http://exämple", "javascript:1", "//127.0.0.1", "http://127.0.0.1:8 0", "http://login.test",
    "http://127.0.0.1\\n",
)  # fmt: skip


@pytest.mark.parametrize("where", ["idp.issuer", "gateway.url", "toxiproxy.api", "hooks.revoke"])
@pytest.mark.parametrize("url", URLS)
def test_a_url_that_is(url: str, where: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if (url, where) == ("http://login.test", "toxiproxy.api"):
        url = "http://login.test:8474"
    text = {
        "idp.issuer": SYSTEM.replace("http://127.0.0.1:8099/shop", url),
        "gateway.url": SYSTEM.replace("http://127.0.0.1:9001", url),
        "toxiproxy.api": f'{SYSTEM}[toxiproxy]\napi = "{url}"\n',
        "hooks.revoke": f'{SYSTEM}[hooks.revoke]\nurl = "{url}"\n',
    }[where]
    (folder / "shop.toml").write_text(text)
    code, line = said(capsys, "run", "jwks_outage", "--target", "shop.toml")
    assert (code, where in line) == (USAGE, True)


@pytest.mark.parametrize(
    "words",
    [
        ("history", "none"),
        ("analyze", "\udcff"),
        ("report", "a\x01b"),
        ("compare", "none", "none"),
        ("canary", "a="),
        ("run", "a\nb"),
        ("run", "none.py"),
        ("new", "scenario", "a/b"),
        ("new", "scenario", "a" * 300),
        ("new", "scenario", "class"),
        ("compare", "none", "none", "--points", "nan"),
        ("compare", "none", "none", "--relative", "inf"),
        ("bakeoff", "--plan", "--longest", "nan"),
        ("study", "thresholds", "jwks_outage", "gateway.leeway_s=0..1", "--resolution", "nan", "--plan"),
        ("study", "capacity", "api", "--within", "inf", "--plan"),
        ("schema", "system"),
        ("init", "gateway", "x.json", "--name", "x", "--command", "y"),
        ("init", "gateway", "x.toml", "--name", "x", "--command", "'", "--config", "y"),
        ("init", "target", "x.toml", "--issuer", "x", "--client", "c", "--secret-env", "PATH", "--url", "http://["),
        ("zoo", "--part", "3/2"),
        ("zoo", "--defect", ""),
        ("bakeoff", "--plan", "nobody"),
        ("study", "capacity", "api", "--within", "1e-320", "--plan"),
        ("study", "thresholds", "jwks_outage", "gateway.leeway_s=0..1", "--resolution", "1e-320", "--plan"),
        ("study", "ttl", "--sessions", "many"),
        ("up", "--issuer-path", "\x00"),
    ],
    ids=" ".join,
)
def test_words_that_make_no_sense(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, *words)[0] == USAGE


OWN = """
import sys
from idchaos.run.building import *
SCENARIO = 1
{}
"""


@pytest.mark.parametrize("ending", ["sys.exit()", "sys.exit(0)", "raise SystemExit(3)", "exit"])
@pytest.mark.parametrize("words", [("run", "./own.py"), ("validate", "./own.py")], ids=" ".join)
def test_a_scenario_that_ends_the_program_is_no_verdict(
    ending: str, words: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "own.py").write_text(OWN.format(ending))
    code, line = said(capsys, *words)
    assert code == USAGE
    assert line.startswith("idchaos: own.py")


def test_an_end_from_within_is_no_verdict(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cli.cli, "main", lambda **_how: sys.exit(0))
    code, line = said(capsys, "list")
    assert (code, "exit code 0" in line) == (HARNESS, True)


@pytest.mark.parametrize("path", ["plain/x.toml", "locked/x.toml"])
def test_a_path_that_can_not_be_written(path: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "plain").write_text("")
    (folder / "locked").mkdir(mode=0o500)
    if os.geteuid() == 0 and path.startswith("locked"):
        pytest.skip("root may write everywhere")
    code, line = said(capsys, "init", "gateway", path, "--name", "x", "--command", "y", "--config", "z")
    assert code in (USAGE, HARNESS)
    assert path in line


@pytest.mark.parametrize("words", [("list",), ("schema", "target"), ("--help",)], ids=" ".join)
@pytest.mark.parametrize("stdout", ["nobody reads", "a full disk"])
def test_output_that_goes_nowhere_is_no_verdict(stdout: str, words: tuple[str, ...], folder: Path) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "wb") as pipe, Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-P", "-m", "idchaos", *words],
            stdout=pipe if stdout == "nobody reads" else full, stderr=subprocess.PIPE, check=False, timeout=60,
        )  # fmt: skip
    assert ended.returncode == HARNESS
    assert ended.stderr.count(b"\n") == (stdout == "a full disk")
    assert b"Traceback" not in ended.stderr


@pytest.mark.parametrize("words", [("list",), ("validate", "jwks_outage"), ("schema", "gateway")], ids=" ".join)
def test_a_bare_environment_is_enough(words: tuple[str, ...], folder: Path) -> None:
    """No home, no locale, a terminal of ten columns."""
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "idchaos", *words],
        env={"PATH": "/usr/bin:/bin", "LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "COLUMNS": "10"},
        stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert ended.returncode in (0, 2)
    assert ended.stdout
    assert b"Traceback" not in ended.stderr


@pytest.mark.parametrize("what", ["target", "gateway"])
def test_what_nobody_can_answer_is_bad_usage(
    what: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    code, line = said(capsys, "init", what)
    assert code == USAGE
    assert "say it by options" in line
