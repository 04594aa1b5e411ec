"""How an access token is revoked: at the IdP's own endpoint (RFC 7009), or by the request that a target names."""

from __future__ import annotations

from idchaos.load.decide import at_idp
from idchaos.load.idp.client import Idp
from idchaos.load.idp.steps import Step
from idchaos.load.idp.tokens import peek
from idchaos.targets.endpoints import Client
from idchaos.targets.systems.hooks import filled_body, filled_url


def can_revoke(idp: Idp) -> bool:
    """Whether there is a way."""
    return idp.revocation is not None or idp.has("revoke")


def revoke(idp: Idp, client: Client, token: str) -> Step:
    """Revoke a client's access token."""
    call = idp.revocation
    if call is None:
        return idp.revoke(client, token, "access_token")
    places = {"token": token, "jti": str(peek(token)[1].get("jti", ""))}
    url, body = filled_url(call.url, places), filled_body(call.body, places).encode()
    headers = {"Authorization": f"Bearer {call.secret}"} if call.secret else {}
    answer = idp.tell(call.method, url, body, headers | ({"Content-Type": "application/json"} if body else {}))
    return Step("revoke", answer, *at_idp(answer))
