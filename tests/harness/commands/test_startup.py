"""What is asked for first is answered at once: a command loads what it needs, and no other's libraries."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "aiohttp", "cryptography", "docker", "gevent", "httpx", "jinja2", "joserfc", "locust", "matplotlib", "numpy",
    "pandas", "psutil", "pyarrow", "requests", "scipy", "toxiproxy",
}  # fmt: skip
LOADED = """
import json, sys
from idchaos.__main__ import main
try:
    main()
finally:
    sys.stderr.write(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.mark.parametrize("words", [["list"], ["list", "--json"], ["list", "--defects"], [], ["run", "--help"]])
def test_what_only_tells_loads_nothing_heavy(words: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-P", "-c", LOADED, *words], capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stdout
    assert HEAVY & set(json.loads(ended.stderr)) == set()


def test_judging_loads_no_more_of_the_statistics_than_it_needs() -> None:
    ended = subprocess.run(
        [sys.executable, "-P", "-c", "import sys, idchaos.verdict.verdict; print('scipy.stats' in sys.modules)"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert ended.stdout.strip() == "False"


INTERRUPTED_AT = """
import signal, sys
from importlib.abc import MetaPathFinder

class Interrupts(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupts())
from idchaos.__main__ import main
main()
"""


@pytest.mark.parametrize("module", ["click", "idchaos.commands.cli", "idchaos.commands.list", "idchaos.run.scenarios"])
def test_a_command_that_is_interrupted_while_it_loads_says_so_in_one_line(module: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-P", "-c", INTERRUPTED_AT.format(module=module), "list"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr.strip()) == (130, "idchaos: interrupted")


def test_a_stdout_without_such_letters_still_gets_all_of_it(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "idchaos", "validate", "jwks_outage"],
        capture_output=True, check=False, timeout=60, cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert ended.returncode in (0, 2)
    assert b"? jwks_outage (refused)" in ended.stdout
