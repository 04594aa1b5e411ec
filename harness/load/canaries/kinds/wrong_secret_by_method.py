"""A client that can't prove who it is, in each way to prove it, at each endpoint that asks."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from functools import partial
from itertools import count, cycle, islice
from typing import Final

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.party import Party
from idchaos.load.idp.client import Step
from idchaos.load.idp.secrets import METHODS, Door, knock
from idchaos.targets.endpoints import Client

ENDPOINTS: Final = ("token", "introspect", "revoke", "par")
_WRONG: Final = ("random", "empty", "longer", "of_another", "shorter")


def _client(party: Party, endpoint: str) -> Client | None:
    """One that may ask there, by a secret."""
    asking = party.scene.endpoints.introspection_client
    found = {"token": party.machine, "introspect": asking}.get(endpoint, party.confidential)
    return found if found is not None and found.client_secret else None


def wrong(secret: str, of_another: str, way: str) -> str:
    """Another secret, more or less like the right one."""
    if way == "empty":
        return ""
    other = {"longer": f"{secret}x", "shorter": secret[:-1], "of_another": of_another}.get(way, "")
    return other if other not in ("", secret) else secrets.token_urlsafe(24)


def _asked(party: Party, door: Door) -> Step | None:
    client = _client(party, door.endpoint)
    if client is None or client.client_secret is None:
        return None
    # Each door begins with another way, so that a short run comes to all of them somewhere.
    begun: Iterator[int] = party.scene.shared("wrong secrets", count)
    ways: Iterator[str] = party.scene.shared(
        f"wrong secrets {door}", lambda: islice(cycle(_WRONG), next(begun) % len(_WRONG), None)
    )
    others = (each.client_secret for each in party.scene.endpoints.clients if each.client_id != client.client_id)
    other = wrong(client.client_secret, next((each for each in others if each), ""), next(ways))
    return knock(party.idp, client.model_copy(update={"client_secret": other}), door)


class WrongSecretByMethod(AskedKind):
    name = "wrong_secret_by_method"
    invariant = "each_way_to_authenticate_checked"
    made = (
        "A request for a token, an introspection, a revocation and a pushed authorization request with a wrong secret: "
        "by Basic, in the form, and as the key of an assertion. It is random, empty, longer or shorter than the "
        "client's, or another client's."
    )
    bad = "From birth: it is not the client's secret."
    why = "Anyone can be any client: the secret is checked on one way in, and not on the other."
    source = "RFC 6749 section 2.3.1, OpenID Connect Core section 9, RFC 9126 section 2, RFC 7009 section 2.1"
    needs = ("refresh_tokens", "users")
    rare = False
    costs_a_login = False
    says_nothing = frozenset()
    asks = tuple(
        Ask(f"{endpoint}_{method.removeprefix('client_secret_')}", partial(_asked, door=Door(endpoint, method)),
            (endpoint,), by=method)
        for endpoint in ENDPOINTS
        for method in METHODS
    )  # fmt: skip
