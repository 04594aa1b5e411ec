"""nginx, which asks oauth2-proxy about each request (``auth_request``): a resource server for bearer tokens.

https://nginx.org/en/docs/http/ngx_http_auth_request_module.html
"""

from __future__ import annotations

from collections.abc import Sequence

from idchaos.targets.gateways.base import Program, Wiring, rendered, which
from idchaos.targets.gateways.oauth2_proxy import INSTALL, AsksOauth2Proxy, decides

CONFIGURATION = "nginx.conf"


class Nginx(AsksOauth2Proxy):
    """nginx listens."""

    name = "nginx-oauth2-proxy"
    meaning = "nginx with auth_request, oauth2-proxy decides: keys are fetched when one is not known, and never age."
    install = f"apt-get install nginx-light && {INSTALL}"
    needs = ("nginx", "oauth2-proxy")
    asks_version = ("-v",)

    def programs(self, wiring: Wiring) -> Sequence[Program]:
        """nginx, and who it asks."""
        nginx = Program(
            command=(which("nginx") or "nginx", "-c", str((wiring.folder / CONFIGURATION).absolute())),
            files={CONFIGURATION: rendered("nginx.conf.j2", wiring, caller=self.caller)},
        )
        return nginx, decides(wiring)
