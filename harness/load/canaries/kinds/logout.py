"""Logouts that lead elsewhere, that nobody has asked for, or that end too little."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

from idchaos.load.canaries.asking import Ask, AskedKind, unless
from idchaos.load.canaries.kinds.tampered import other_signature
from idchaos.load.canaries.logging_out import logged_out
from idchaos.load.canaries.party import Held, Party
from idchaos.load.decide import at_refusal
from idchaos.load.engine.response import Response
from idchaos.load.idp.client import Step
from idchaos.load.idp.journey import REDIRECTS
from idchaos.load.idp.provider import Asked
from idchaos.load.idp.tokens import peek
from idchaos.record.samples import Decision

ATTACKER = "https://attacker.example/signed-out"


def _elsewhere(party: Party, held: Held, *, hint: str) -> Step:
    named = (("id_token_hint", hint), ("client_id", held.client.client_id)) if hint else ()
    query = (*named, ("post_logout_redirect_uri", ATTACKER), ("state", "s"))
    answer = party.idp.ask(Asked("end_session", "GET", query=query))
    return Step("end_session", answer, *at_logout(answer))


def at_logout(answer: Response) -> tuple[Decision, str]:
    """Whether a browser is sent to the attacker; any other answer to a logout refuses that, but an outage."""
    if answer.status in REDIRECTS:
        return ("accept", "") if answer.header("Location").startswith(ATTACKER) else ("deny", "redirected_elsewhere")
    decision, code = at_refusal(answer)
    if decision != "accept":
        return decision, code
    sent_on = b"http-equiv" in answer.body.lower() and ATTACKER.encode() in answer.body
    return ("accept", "") if sent_on else ("deny", "not_redirected")


def _with_hint(party: Party) -> Step | None:
    held = party.login()
    return _elsewhere(party, held, hint=held.id_token) if held and held.id_token else None


def _without_hint(party: Party) -> Step | None:
    held = party.login()
    return _elsewhere(party, held, hint="") if held else None


class LogoutElsewhere(AskedKind):
    name = "logout_elsewhere"
    invariant = "logout_redirects_registered"
    made = "A logout that asks to be sent on to a URI which no client has registered, with an ID token and without."
    bad = "From birth: the IdP may only send browsers where the client has registered."
    why = "Links to the IdP, which users trust, lead to whoever made them: to a false login page, say."
    source = "OpenID Connect RP-Initiated Logout 1.0 sections 2 and 3"
    needs = ("refresh_tokens", "users")
    asks = (
        Ask("with_hint", _with_hint, ("end_session",)),
        Ask("without_hint", _without_hint, ("end_session",)),
    )


def _unasked(party: Party, method: str, *, forged: bool = False) -> Step | None:
    """The browser of a user who is signed in is led to the endpoint by another site. Another session, begun at the same
    time and left alone, tells that from an IdP that has ended, or forgotten, all of them. ``forged``: with an ID token
    that the IdP has not signed.
    """
    held, witness = party.login(), party.login()
    if held is None or witness is None or not party.signed_in(held):
        return None
    named: tuple[tuple[str, str], ...] = (("client_id", held.client.client_id),)
    if forged and not held.id_token:
        return None
    if forged:
        named = (*named, ("id_token_hint", other_signature(held.id_token)))
    query, form = (named, None) if method == "GET" else ((), named)
    answer = party.idp.ask(Asked("end_session", method, query=query, form=form, headers=party.cookies_of(held)))
    step = Step("end_session", answer, *at_refusal(answer))
    if answer.status in REDIRECTS:
        step = replace(step, decision="accept", code="")
    if step.decision != "accept":
        return step
    still = party.signed_in(held)
    return unless(step, still if still or party.signed_in(witness) else None, "still_signed_in")


class LogoutUnasked(AskedKind):
    name = "logout_unasked"
    invariant = "logout_is_confirmed"
    made = (
        "A logout with the cookies of a browser whose user is signed in, and no ID token: by GET, and by POST; and "
        "with one whose signature was changed."
    )
    bad = "From birth: the user must be asked. It counts when those cookies log in no more."
    why = "Any site signs its visitors out, again and again, and so leads them to a login that it has made."
    source = "OpenID Connect RP-Initiated Logout 1.0 section 2"
    needs = ("refresh_tokens", "users")
    asks = (
        Ask("get", lambda party: _unasked(party, "GET"), ("end_session",)),
        Ask("forged_hint", lambda party: _unasked(party, "GET", forged=True), ("end_session",)),
        Ask("post", lambda party: _unasked(party, "POST"), ("end_session",)),
    )


def signed_out(party: Party, held: Held, method: str = "GET") -> bool:
    """Log out as a client asks for it, by the session's browser. Whether the IdP has done so. What that browser is told
    to forget is still held: somebody may have copied it.
    """
    return logged_out(party.bench, held.client, held.id_token, deepcopy(held.cookies), method)


def _cookie(party: Party) -> Step | None:
    held = party.login()
    if held is None or not held.id_token or not party.signed_in(held) or not signed_out(party, held):
        return None
    return party.idp.silent_code(held.client, held.cookies)[0]


def _sibling(party: Party) -> Step | None:
    held, client = party.login(), party.sibling
    other = party.follows(held, client) if held and client else None
    if held is None or other is None or not held.id_token or not other.refresh_token or not signed_out(party, held):
        return None
    return party.idp.refresh(other.client, other.refresh_token)[0]


def _named_anew(party: Party) -> Step | None:
    """The next session of the same browser: it is another one, so it has another name."""
    held, observe = party.login(), party.bench.observe
    named = None if held is None else peek(held.id_token)[1].get("sid")
    if held is None or party.user is None or not isinstance(named, str):
        return None
    browser = deepcopy(held.cookies)
    if not logged_out(party.bench, held.client, held.id_token, browser):
        return None
    code = party.idp.code(held.client, party.user, observe, cookies=browser)
    if code is None:
        return None
    step, tokens = party.idp.redeem(held.client, code, code.verifier)
    later = peek(str(tokens.get("id_token", "")))[1].get("sid")
    if step.decision != "accept" or not isinstance(later, str):
        return replace(step, decision="undecided", code=step.code or "nothing_told")
    return step if later == named else replace(step, decision="deny", code="named_anew")


class SessionAfterLogout(AskedKind):
    name = "session_after_logout"
    invariant = "logout_ends_sessions"
    made = (
        "After a logout, the browser's cookies once more (`prompt=none`); the refresh token of another client that the "
        "same browser had been signed in to; and a login by it, which begins another session."
    )
    bad = (
        "From the logout on: the session is over, for all who have a part in it. A later one counts when its `sid` is "
        "that of the one that ended."
    )
    why = "Whoever sits down at the browser next is the user who has signed out."
    source = (
        "OpenID Connect RP-Initiated Logout 1.0 section 2, OpenID Connect Back-Channel Logout 1.0 sections 2.1 (`sid`) "
        "and 2.7"
    )
    needs = ("refresh_tokens", "users")
    asks = (
        Ask("cookie", _cookie, ("end_session",)),
        Ask("sibling", _sibling, ("end_session",)),
        Ask("sid", _named_anew, ("end_session",), told="backchannel_logout_session_supported"),
    )
