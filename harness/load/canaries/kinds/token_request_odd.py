"""Token requests that are sent in a way which no client may use."""

from __future__ import annotations

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.party import Party, read
from idchaos.load.idp.client import Step
from idchaos.load.idp.provider import Asked
from idchaos.targets.oidc import basic

_GRANT = ("grant_type", "client_credentials")


def _get(party: Party) -> Step | None:
    """The secret stays in its header: it is no harness that puts secrets into logs of URLs."""
    client = party.machine
    query = (_GRANT, ("scope", client.scope)) if client else ()
    return read(party.idp, Asked("token", "GET", query=query, headers=basic(client))) if client else None


def _query(party: Party) -> Step | None:
    client = party.machine
    query = (_GRANT, ("scope", client.scope)) if client else ()
    return read(party.idp, Asked("token", query=query, form=(), headers=basic(client))) if client else None


def _twice(party: Party) -> Step | None:
    client = party.machine
    if client is None:
        return None
    form = (_GRANT, ("scope", client.scope), ("scope", client.scope.split(" ")[0]))
    return read(party.idp, Asked("token", form=form, headers=basic(client)))


class TokenRequestOdd(AskedKind):
    name = "token_request_odd"
    invariant = "token_requests_in_the_body"
    made = "A client's own good token request by GET, with its parameters in the URL, and with a parameter twice."
    bad = "From birth: parameters are posted in the body, each at most once."
    why = "Codes and secrets come to stand in logs and histories, and two readers of one request see two requests."
    source = "RFC 6749 sections 2.3.1, 3.1 and 3.2"
    needs = ("revocation",)
    says_nothing = frozenset({"invalid_client", "unauthorized_client"})
    asks = (Ask("get", _get), Ask("query", _query), Ask("twice", _twice))
