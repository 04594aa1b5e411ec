"""Browsers in which somebody else is signed in than who logged in there."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any, Final

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.party import Held, Party
from idchaos.load.idp.client import Code, Step
from idchaos.load.idp.journey import ALTERED
from idchaos.load.idp.tokens import peek

_ASKED_AGAIN: Final = {"prompt": "login"}


def _subject(tokens: Any) -> object:
    """Whom an ID token speaks of; ``None``: it does not say."""
    return peek(str(tokens.get("id_token", "")))[1].get("sub")


def _switched(party: Party, held: Held) -> Code | Step | None:
    """The code of another user who logs in by the browser of a session; or the step that lets nobody else in while
    somebody is signed in, as some IdPs do: that mixes nobody up; ``None``: it came to nothing.
    """
    other = next((user for user in party.scene.endpoints.users if user != party.user), None)
    steps: list[Step] = []

    def observe(step: Step) -> bool:
        steps.append(step)  # of the last, the sample is made
        return step.decision == "accept" and party.bench.observe(step)

    if other is None or not party.signed_in(held):
        return None
    code = party.idp.code(held.client, other, observe, cookies=held.cookies, further=_ASKED_AGAIN)
    if code is not None:
        return code
    last = next((step for step in steps[-1:] if step.decision != "accept"), None)
    if last is None or (last.decision == "deny" and not party.scene.stopping):
        return last
    party.scene.upkeep(last)
    return None


def _told(step: Step, told: object, wrong: object) -> Step:
    """It counts when tokens speak of the ``wrong`` one."""
    if step.decision != "accept" or told is None:
        return replace(step, decision="undecided", code=step.code or "nothing_told")
    return step if told == wrong else replace(step, decision="deny", code="own_subject")


def _as_another(party: Party) -> Step | None:
    """It counts when the ID token speaks of who was signed in before."""
    held = party.login()
    before = None if held is None else peek(held.id_token)[1].get("sub")
    if held is None or before is None:
        return None
    found = _switched(party, held)
    if not isinstance(found, Code):
        return found
    step, tokens = party.idp.redeem(held.client, found, found.verifier)
    return _told(step, _subject(tokens), before)


def _planted(party: Party) -> Step | None:
    """An attacker puts the cookies of their own session into a browser by which another user then logs in. It counts
    when they, as they were, log in that user: the session was handed on, and its name with it.
    """
    held = party.login()
    own = None if held is None else peek(held.id_token)[1].get("sub")
    if held is None or own is None:
        return None
    planted = deepcopy(held.cookies)
    found = _switched(party, held)
    if not isinstance(found, Code):
        return found
    step, tokens = party.idp.redeem(held.client, found, found.verifier)
    victim = _subject(tokens)
    if not party.bench.observe(step) or victim in (None, own):
        return None
    step, code = party.idp.silent_code(held.client, planted)
    if code is None:
        return step
    party.bench.observe(step)
    step, tokens = party.idp.redeem(held.client, code, code.verifier)
    return _told(step, _subject(tokens), victim)


def _altered(party: Party) -> Step | None:
    """What a session is called may be known to others (``sid`` stands in tokens); what proves it must not be."""
    held = party.login()
    if held is None or not party.signed_in(held):
        return None
    return party.idp.silent_code(held.client, held.cookies.altered())[0]


class UserSwitched(AskedKind):
    name = "user_switched"
    invariant = "users_are_who_logged_in"
    made = (
        "A login as another user, asked for by `prompt=login`, by a browser in which somebody is signed in; after such "
        f"a login, the cookies of the session before; and a silent login by cookies whose last {ALTERED} letters are "
        "others."
    )
    bad = (
        "It counts when the tokens of the new user are those of the one before, when those of the cookies from before "
        "are the new user's, and when altered cookies log in anybody at all: nobody of that name has logged in."
    )
    why = (
        "At a shared computer the next user works in the account of the one before; whoever plants a cookie, or knows "
        "what a session is called, is signed in as its user."
    )
    source = "OpenID Connect Core sections 2 (`sub`) and 3.1.2.1 (`prompt`), RFC 6265 section 8.4, CWE-384, CWE-565"
    needs = ("refresh_tokens", "users", "two_users")
    asks = (
        Ask("prompt_login", _as_another),
        Ask("altered_cookies", _altered),
        Ask("planted_cookies", _planted),
    )
