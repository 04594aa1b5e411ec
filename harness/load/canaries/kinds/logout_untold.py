"""Logouts of which a client that wants to know is not told, or not so that it could believe it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import cycle
from typing import Any, Final, Literal

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.base import new_name
from idchaos.load.canaries.party import Held, Party
from idchaos.load.decide import at_refusal
from idchaos.load.idp.client import Step
from idchaos.load.idp.id_tokens import is_signed_by_one_of
from idchaos.load.idp.provider import Asked
from idchaos.load.idp.tokens import peek
from idchaos.targets.endpoints import Client

WITHIN_S: Final = 6.0
"""From the answer to the logout."""
_ATTEMPTS: Final = 2
"""A notice is sent once, and an IdP that ends in that moment may lose it: so two in a row must be missing."""
_LOOKS_EVERY_S: Final = 0.05
_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
Flaw = Literal["", "no_jwt", "iss", "aud", "iat", "jti", "events", "nonce", "sub", "sid", "key_not_published"]


def flaw_of(
    token: str, keys: Sequence[Mapping[str, Any]], *, issuer: str, client_id: str, login: Mapping[str, Any]
) -> Flaw:
    """The first thing for which a careful client would not believe a logout token (section 2.6); empty: nothing.
    ``login``: the claims of the ID token of the session that has ended.
    """
    header, claims = peek(token)
    if not header:
        return "no_jwt"
    told, events = claims.get("aud"), claims.get("events")
    checks: dict[Flaw, bool] = {
        "iss": claims.get("iss") == issuer,
        "aud": client_id in (told if isinstance(told, list) else [told]),
        "iat": isinstance(claims.get("iat"), int | float),
        "jti": isinstance(claims.get("jti"), str),
        "events": isinstance(events, dict) and isinstance(events.get(_EVENT), dict),
        "nonce": "nonce" not in claims,
        # One of them must be there (section 2.4).
        "sub": claims.get("sub", login.get("sub")) == login.get("sub") and bool({"sub", "sid"} & claims.keys()),
        "sid": claims.get("sid", login.get("sid")) == login.get("sid") or "sid" not in login,
        "key_not_published": is_signed_by_one_of(token, keys),
    }
    return next((flaw for flaw, holds in checks.items() if not holds), "")


def _told(party: Party) -> Step | None:
    """It counts when nothing comes of two logouts in a row, or what comes can't be believed."""
    turns: Iterator[bool] = party.scene.shared("logout_untold joins", lambda: cycle((True, False)))
    step, joins = None, next(turns)
    for _ in range(_ATTEMPTS):
        if step is not None:
            party.scene.upkeep(step)
        step = _logged_out(party, joins=joins)
        if step is None or step.code != "untold":
            break
    return step


def _logged_out(party: Party, *, joins: bool) -> Step | None:
    """A client of its own registers, a user logs in there and out again; ``None``: it came to nothing.

    Of several clients that have a part in a session each must be told, whether it was the first or ``joins`` another.
    """
    name, usual = new_name(), party.confidential
    if usual is None or usual.redirect_uri is None:
        return None
    asked, made = party.idp.register(
        redirect_uris=(usual.redirect_uri,), further={"backchannel_logout_uri": party.bench.receiver.url(name)}
    )
    if not party.bench.observe(asked) or made is None:
        return None
    client = made.client.model_copy(update={"redirect_uri": usual.redirect_uri, "scope": "openid"})
    held = _signed_in(party, usual, client, joins=joins)
    step = _ended(party, held, name) if held is not None and held.id_token else None
    party.scene.upkeep(party.idp.unregister(made))
    return step


def _signed_in(party: Party, usual: Client, client: Client, *, joins: bool) -> Held | None:
    """A session at the client, by a browser that is also signed in at the usual one: before, where it ``joins``, or
    after.
    """
    held = party.login(usual if joins else client)
    other = party.follows(held, client if joins else usual) if held else None
    return other if joins else held


def _ended(party: Party, held: Held, name: str) -> Step | None:
    before = party.idp.jwks()
    query = (("id_token_hint", held.id_token), ("client_id", held.client.client_id))
    answer = party.idp.ask(Asked("end_session", "GET", query=query, headers=party.cookies_of(held)))
    step = Step("end_session", answer, *at_refusal(answer))
    # Who asks first, or has not ended the session, need tell nobody.
    over = step.decision == "accept" and party.signed_in(held) is False
    token = _waited_for(party, name) if over else None
    if token is None and (not over or party.scene.stopping):
        party.scene.upkeep(step)
        return None
    if token is None:
        return replace(step, decision="accept", code="untold")
    after = party.idp.jwks()
    keys, login = [*(before or []), *(after or [])], peek(held.id_token)[1]
    flaw = flaw_of(token, keys, issuer=party.idp.issuer, client_id=held.client.client_id, login=login)
    if flaw == "key_not_published" and not (before and after):
        # A key may have come and gone where the key set, or what is in it, could not be had.
        return replace(step, decision="undecided", code="no_keys")
    return replace(step, decision="accept" if flaw else "deny", code=flaw or "told")


def _waited_for(party: Party, name: str) -> str | None:
    """The logout token of that client; ``None``: none has come in time."""
    told, until = party.bench.receiver.told, party.bench.now + WITHIN_S
    while not told[name] and party.bench.now < until and party.scene.rest(_LOOKS_EVERY_S):
        pass
    return told[name][0] if told[name] else None


class LogoutUntold(AskedKind):
    name = "logout_untold"
    invariant = "clients_told_of_logouts"
    made = (
        "A client that registers itself with a `backchannel_logout_uri`, and a user who logs in there, before or after "
        "another client by the same browser, and out again; what it is told is held against the published keys, the "
        "issuer, the client and the login."
    )
    bad = (
        f"It counts when no logout token comes within {WITHIN_S:g} s of either of two logouts, or one that no client "
        "may believe: another issuer's, audience's, subject's or session's, unsigned, with a `nonce`, no event in it."
    )
    why = "Whoever has signed out is still signed in at every other application of the same login."
    source = "OpenID Connect Back-Channel Logout 1.0 sections 2.4, 2.5 and 2.6"
    needs = ("users", "refresh_tokens", "registration", "called_back")
    says_nothing = frozenset()
    asks = (Ask("registered", _told, ("end_session", "register"), told="backchannel_logout_supported"),)
