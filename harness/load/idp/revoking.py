"""How an access token is revoked: at the IdP's own endpoint (RFC 7009), or by the request that a target names."""

from __future__ import annotations

from idchaos.load.decide import at_idp
from idchaos.load.idp.client import Idp
from idchaos.load.idp.steps import Step
from idchaos.targets.endpoints import Client
from idchaos.targets.revoking import request_of


def can_revoke(idp: Idp) -> bool:
    """Whether there is a way."""
    return idp.revocation is not None or idp.has("revoke")


def revoke(idp: Idp, client: Client, token: str) -> Step:
    """Revoke a client's access token."""
    call = idp.revocation
    if call is None:
        return idp.revoke(client, token, "access_token")
    asked = request_of(call, token)
    answer = idp.tell(asked.method, asked.url, asked.body, asked.headers)
    return Step("revoke", answer, *at_idp(answer))
