"""Logins that name their user by an ID token, in a browser where another user is signed in."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.party import Party
from idchaos.load.idp.client import Step
from idchaos.load.idp.tokens import peek


def _hinted(party: Party, *, silent: bool) -> Step | None:
    """Nobody types anything: whoever the ID token speaks of that comes of it, the hinted user is not signed in here."""
    other = next((user for user in party.scene.endpoints.users if user != party.user), None)
    hinted = party.login(user=other) if other else None
    held = party.login() if hinted else None
    if hinted is None or held is None:
        return None
    meant, signed_in = (peek(each.id_token)[1].get("sub") for each in (hinted, held))
    if None in (meant, signed_in) or meant == signed_in or not party.signed_in(held):
        return None
    asked = {"id_token_hint": hinted.id_token} | ({"prompt": "none"} if silent else {})
    step, code = party.idp.silent_code(held.client, held.cookies, asked)
    if code is None:
        return step
    party.scene.upkeep(step)
    step, tokens = party.idp.redeem(held.client, code, code.verifier)
    told = peek(str(tokens.get("id_token", "")))[1].get("sub")
    if step.decision == "accept" and told is None:
        return replace(step, decision="undecided", code="nothing_told")
    return step


class HintPassedOver(AskedKind):
    name = "hint_passed_over"
    invariant = "id_token_hints_heeded"
    made = (
        "A request with `id_token_hint`, the ID token of one user, by a browser in which another one is signed in: "
        "with `prompt=none`, and without."
    )
    bad = "It counts when an ID token comes before anybody was asked: the user who is meant is not signed in there."
    why = "A page that renews its user's session silently goes on, unnoticed, as whoever has signed in since."
    source = "OpenID Connect Core sections 3.1.2.1 (`id_token_hint`) and 3.1.2.2"
    needs = ("refresh_tokens", "users", "two_users")
    asks = (
        Ask("silent", partial(_hinted, silent=True)),
        Ask("unprompted", partial(_hinted, silent=False)),
    )
