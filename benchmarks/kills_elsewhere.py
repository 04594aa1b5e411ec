"""Kill the runner with SIGKILL at a system that stays: is it as it was within five seconds?

::

    python -m benchmarks.kills_elsewhere [--kills 50] [--seed 1] [--within 5] [--json]

The system is the stand-in one, started by somebody else as far as the runs are concerned, and described by a target
file. One run at a time is at it. For each kill: its proxies are on, lead where they led and have no toxics, and no
process of the run or its guardian and no promise is left.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.kills import SETTINGS, kill, life_s, moments, told
from idchaos.run.launch import new_run_id
from idchaos.settings import CommonSettings, fill
from idchaos.targets.standin.local import LocalTarget
from idchaos.undo.ledger import STATE_VARIABLE
from idchaos.undo.undo import end_processes

SECRET = "THEIR_SECRET"
FILE = """
[system]
name = "theirs"
[idp]
issuer = "{issuer}"
[[client]]
id = "machine"
secret = {{ env = "{secret}" }}
scope = "orders:read"
[gateway]
url = {urls}
dialect = "stand-in"
[[route]]
path = "/orders/1"
audience = "orders"
scope = "orders:read"
[toxiproxy]
api = "http://{toxiproxy}"
gateway_to_idp = ["gateway-1-to-idp", "gateway-2-to-idp"]
[settings]
access_ttl_s = 20
jwks_cache_s = {cache}
"""


@contextmanager
def theirs(folder: Path) -> Iterator[tuple[LocalTarget, Path]]:
    """A system that runs, and its file."""
    wanted = {"gateway.jwks_cache_s": SETTINGS["gateway.jwks_cache_s"], "tokens.access_ttl_s": 20}
    run_id = new_run_id()
    target = LocalTarget(fill(CommonSettings, wanted).model_copy(update={"topology": "edge"}), run_id)
    logs, file = folder / "logs", folder / "theirs.toml"
    logs.mkdir()
    try:
        target.start(logs)
        machine = next(each for each in target.endpoints.clients if each.client_id == "machine")
        os.environ[SECRET] = machine.client_secret or ""
        file.write_text(
            FILE.format(
                issuer=target.endpoints.issuer,
                secret=SECRET,
                urls=json.dumps([each.url for each in target.endpoints.gateways]),
                toxiproxy=target.layout.toxiproxy_api,
                cache=SETTINGS["gateway.jwks_cache_s"],
            )
        )
        yield target, file
    finally:
        target.stop()
        end_processes(run_id)


def main() -> int:
    """Print the figures; 1 when anything was left, or could not be judged."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="how many runs are killed")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same moments (as shares of a life)")
    parser.add_argument("--within", type=float, default=5.0, help="seconds after which nothing may be left")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ[STATE_VARIABLE] = str(Path(folder) / "state")
        with theirs(Path(folder)) as (target, file):
            before = target.links.state()

            def altered() -> list[str]:
                now = target.links.state()
                return [
                    f"{name} is {now.get(name)}, and was {was}" for name, was in before.items() if now.get(name) != was
                ]

            life = life_s(str(file), 1)
            found = [kill(str(file), after, asked.within, altered) for after in moments(asked.kills, life, asked.seed)]
    return told(found, life, as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
