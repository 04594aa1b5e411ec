"""Registered clients that are read, or deleted, by somebody else."""

from __future__ import annotations

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.party import Party, read
from idchaos.load.idp.client import Registered, Step
from idchaos.load.idp.provider import Asked


def _managed(party: Party, method: str, *, by_another: bool) -> Step | None:
    """What was registered for it is taken back."""
    mine = _registered(party)
    other = _registered(party) if mine and by_another else None
    step = None
    if mine is not None and (other is not None or not by_another):
        headers = {"Authorization": f"Bearer {other.access_token}"} if other else {}
        step = read(party.idp, Asked("unregister", method, headers=headers, url=mine.uri))
    for each in (mine, other):
        if each is not None and not party.scene.stopping:
            party.scene.upkeep(party.idp.unregister(each))
    return step


def _registered(party: Party) -> Registered | None:
    step, made = party.idp.register()
    return made if party.bench.observe(step) else None


class RegistrationOfAnother(AskedKind):
    name = "registration_of_another"
    invariant = "registrations_are_ones_own"
    made = (
        "A client that registered itself, read and deleted without a token, and with the token of another such client."
    )
    bad = "From birth: only its own registration access token manages it."
    why = "Anyone reads the secrets of other clients, or deletes them."
    source = "RFC 7592 sections 2.1, 2.3 and 3"
    needs = ("registration",)
    says_nothing = frozenset()
    asks = (
        Ask("get_without", lambda party: _managed(party, "GET", by_another=False), ("register",)),
        Ask("get_by_another", lambda party: _managed(party, "GET", by_another=True), ("register",)),
        Ask("delete_without", lambda party: _managed(party, "DELETE", by_another=False), ("register",)),
        Ask("delete_by_another", lambda party: _managed(party, "DELETE", by_another=True), ("register",)),
    )
