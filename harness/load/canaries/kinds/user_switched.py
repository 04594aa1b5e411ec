"""A login as somebody else, by a browser whose user is signed in."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.party import Party
from idchaos.load.idp.client import Step
from idchaos.load.idp.tokens import peek

_ASKED_AGAIN: Final = {"prompt": "login"}


def _as_another(party: Party) -> Step | None:
    """It counts when the ID token speaks of who was signed in before."""
    held, users = party.login(), party.scene.endpoints.users
    if held is None or len(users) < 2:
        return None
    before = peek(held.id_token)[1].get("sub")
    other = next((user for user in users if user != party.user), None)
    if before is None or other is None or not party.signed_in(held):
        return None
    steps: list[Step] = []

    def observe(step: Step) -> bool:
        steps.append(step)  # of the last, the sample is made
        return step.decision == "accept" and party.bench.observe(step)

    code = party.idp.code(held.client, other, observe, cookies=held.cookies, further=_ASKED_AGAIN)
    if code is None:
        # Some let nobody else in at all, while somebody is signed in: that mixes nobody up.
        return steps[-1] if steps and steps[-1].decision == "deny" and not party.scene.stopping else None
    step, tokens = party.idp.redeem(held.client, code, code.verifier)
    told = peek(str(tokens.get("id_token", "")))[1].get("sub")
    if step.decision != "accept" or told is None:
        return replace(step, decision="undecided", code=step.code or "nothing_told")
    return step if told == before else replace(step, decision="deny", code="own_subject")


class UserSwitched(AskedKind):
    name = "user_switched"
    invariant = "users_are_who_logged_in"
    made = "A login as another user, asked for by `prompt=login`, by a browser in which somebody is signed in."
    bad = "It counts when the tokens are those of the user before: nobody of that name has logged in."
    why = "At a shared computer the next user works in the account of the one before, and books what they do on them."
    source = "OpenID Connect Core sections 2 (`sub`) and 3.1.2.1 (`prompt`), CWE-384"
    needs = ("refresh_tokens", "users")
    asks = (Ask("prompt_login", _as_another),)
