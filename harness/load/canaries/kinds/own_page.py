"""Pages of a gateway's own, on the port of its clients: who asks for them?"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from idchaos.load.canaries.base import TokenKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.stock import Call, Shelf
from idchaos.load.decide import at_odd_request
from idchaos.load.engine.recorder import About

if TYPE_CHECKING:
    from idchaos.load.engine.scene import Gate

PAGES: Final = {
    "actuator_env": "/actuator/env",
    "actuator_heapdump": "/actuator/heapdump",
    "config_dump": "/config_dump",
    "debug_vars": "/debug/vars",
    "dotenv": "/.env",
    "env": "/env",
    "pprof": "/debug/pprof/",
    "server_status": "/server-status",
    "settings": "/settings",
    "state": "/state",
}
"""Where frameworks and gateways tell of themselves."""


def _answers_all(gate: Gate) -> bool:
    """Whether it has a page that nobody has."""
    head = gate.site.head("GET", f"/idchaos-{secrets.token_hex(8)}", {"Accept": "*/*"})
    return at_odd_request(gate.site.send(head), gate.dialect)[0] == "accept"


class OwnPage(TokenKind):
    name = "own_page"
    invariant = "own_pages_closed"
    made = "Pages at which frameworks and gateways tell of themselves, without a token: settings, environments, dumps."
    bad = "From birth: clients have no business there. Where every path is answered, nobody can tell, and it is said."
    why = "Settings and memory hold the secrets of clients and keys; who reads them needs no token ever after."
    source = "OWASP API8:2023, CWE-215, CWE-497"
    makes = len(PAGES)
    each_way = tuple(PAGES)
    reuse = "always"
    everywhere = False
    once = True

    def gain(self, bench: Bench, shelf: Shelf[Call]) -> None:
        """Once a load, unless a page that nobody has is there, too."""
        told = bench.scene.recorder.not_offered
        if shelf.lasting(bench.now) or f"{self.name}:state" in told:
            return
        if not bench.under_load and any(_answers_all(gate) for gate in bench.scene.gates):
            told.update({f"{self.name}:{way}": "the gateway answers whatever path is asked" for way in PAGES})
            return
        for way, path in PAGES.items():
            shelf.put(Call(about=About(way=way), lines=b"", decide=at_odd_request, path=path))
