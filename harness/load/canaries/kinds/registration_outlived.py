"""Clients that registered themselves, were deleted, and go on."""

from __future__ import annotations

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.party import Party, read
from idchaos.load.idp.client import Registered, Step
from idchaos.load.idp.provider import Asked


def _deleted(party: Party, *, served: bool) -> Registered | None:
    """One that was deleted. ``served``: it has had a token before."""
    step, made = party.idp.register()
    if not party.bench.observe(step) or made is None:
        return None
    secret = made.client.client_secret
    served = not served or (bool(secret) and party.bench.observe(party.idp.client_credentials(made.client)[0]))
    gone = not party.scene.stopping and party.bench.observe(party.idp.unregister(made))
    return made if served and gone else None


def _token(party: Party) -> Step | None:
    made = _deleted(party, served=True)
    return party.idp.client_credentials(made.client)[0] if made else None


def _managed(party: Party) -> Step | None:
    made = _deleted(party, served=False)
    if made is None:
        return None
    headers = {"Authorization": f"Bearer {made.access_token}"}
    return read(party.idp, Asked("unregister", "GET", headers=headers, url=made.uri))


class RegistrationOutlived(AskedKind):
    name = "registration_outlived"
    invariant = "deleted_clients_refused"
    made = (
        "A token for a client that registered itself, had a token by its secret, and was deleted; and its metadata, "
        "read by its registration access token."
    )
    bad = "From the deletion on, which the IdP has confirmed: name, secret and registration token are good no more."
    why = "Who deletes a client because its secret has leaked is told that it is done, and the thief goes on."
    source = "RFC 7592 section 2.3"
    needs = ("registration",)
    says_nothing = frozenset()
    """That the client was taken before was shown."""
    asks = (Ask("token", _token, ("register",)), Ask("managed", _managed, ("register",)))
