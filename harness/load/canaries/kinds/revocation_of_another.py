"""Revocations of a token by a client that it was not given to."""

from __future__ import annotations

from idchaos.load.canaries.asking import Ask, AskedKind, unless
from idchaos.load.canaries.party import Party
from idchaos.load.idp.client import Step


def _refresh_token(party: Party) -> Step | None:
    """Whether it had an effect is seen by its owner, for whom it must go on."""
    held, other = party.login(), party.other
    if held is None or not held.refresh_token or other is None:
        return None
    step = party.idp.revoke(other, held.refresh_token, "refresh_token")
    return unless(step, party.refreshes(held) if step.decision == "accept" else None, "had_no_effect")


def _access_token(party: Party) -> Step | None:
    held, other = party.login(), party.other
    if held is None or other is None or not party.knows(held.access_token):
        return None
    step = party.idp.revoke(other, held.access_token, "access_token")
    return unless(step, party.knows(held.access_token) if step.decision == "accept" else None, "had_no_effect")


class RevocationOfAnother(AskedKind):
    name = "revocation_of_another"
    invariant = "revocation_bound_to_clients"
    made = "The revocation of a good refresh or access token by another client, that proves who it is."
    bad = "From birth: it was given to somebody else. It counts when the token is good no more."
    why = "One client, or whoever has found a token, throws the users of all others out."
    source = "RFC 7009 section 2.1"
    needs = ("refresh_tokens", "users", "revocation")
    asks = (
        Ask("refresh_token", _refresh_token, ("revoke",)),
        Ask("access_token", _access_token, ("revoke", "userinfo")),
    )
