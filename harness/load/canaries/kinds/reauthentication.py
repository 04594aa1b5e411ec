"""Logins by a browser whose user is signed in: those that must ask again, and what is said of those that need not."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.party import Held, Party
from idchaos.load.idp.client import Step
from idchaos.load.idp.tokens import peek

_MAX_AGE_S: Final = 1
_USER_NEEDED: Final = frozenset(
    {"login_required", "interaction_required", "consent_required", "account_selection_required", "login_page"}
)
"""OpenID Connect Core section 3.1.2.6, and a page."""


def _asked(party: Party, further: Mapping[str, str], *, aged: bool) -> Step | None:
    held = _aged(party) if aged else _signed_in(party)
    return None if held is None else party.idp.silent_code(held.client, held.cookies, further)[0]


def _signed_in(party: Party) -> Held | None:
    held = party.login()
    return held if held is not None and party.signed_in(held) else None


def _aged(party: Party) -> Held | None:
    """A session that is older than that for everybody, whatever clocks do in this run; ``None``: there is none yet, and
    one is begun. Nothing that is asked here uses it up.
    """
    sessions: list[tuple[float, Held]] = party.scene.shared("aged sessions", list)
    if not sessions and (begun := party.login()):
        sessions.append((party.bench.now + _MAX_AGE_S + party.bench.expired_after_s, begun))
    if not sessions or sessions[0][0] > party.bench.now:
        return None
    held = sessions[0][1]
    still = party.signed_in(held)
    if still is False:
        sessions.clear()
    return held if still else None


def _told(party: Party, held: Held, further: Mapping[str, str], wrong: Callable[[dict[str, Any]], bool]) -> Step | None:
    """A login by nothing but cookies, whose ID token is then read. Who refuses what is asked for tells nothing wrong;
    who wants the user to do something first decides nothing.
    """
    step, code = party.idp.silent_code(held.client, held.cookies, {"prompt": "none", **further})
    if code is None and further and step.decision == "deny" and step.code not in _USER_NEEDED:
        return step
    if not party.bench.observe(step) or code is None:
        return None
    step, tokens = party.idp.redeem(held.client, code, code.verifier)
    if step.decision != "accept" or not isinstance(tokens.get("id_token"), str):
        return replace(step, decision="undecided", code=step.code or "nothing_told")
    claims = peek(tokens["id_token"])[1]
    return step if wrong(claims) else replace(step, decision="deny", code="as_it_was")


def _just_now(party: Party) -> Step | None:
    """It counts when the ID token says that the user has proved who they are since they did."""
    held = _aged(party)
    before = None if held is None else peek(held.id_token)[1].get("auth_time")
    if held is None or not isinstance(before, int | float):
        return None

    def later(claims: dict[str, Any]) -> bool:
        told = claims.get("auth_time")
        return isinstance(told, int | float) and told > before + _MAX_AGE_S

    return _told(party, held, {}, later)


def _stronger(party: Party) -> Step | None:
    """It counts when the ID token claims a way to authenticate that there is not: whatever was asked for."""
    held, made_up = party.kept(), f"urn:idchaos:{secrets.token_urlsafe(8)}"
    if held is None:
        return None
    asked = {"acr_values": made_up, "claims": json.dumps({"id_token": {"acr": {"value": made_up}}})}
    return _told(party, held, asked, lambda claims: claims.get("acr") == made_up)


class NotAskedAgain(AskedKind):
    name = "not_asked_again"
    invariant = "users_asked_again"
    made = (
        f"A login with `prompt=login`, and with `max_age={_MAX_AGE_S}`, by a browser that is signed in; one that asks "
        "for nothing such, some time later; and one by `acr_values`, and the claim `acr`, that nobody knows."
    )
    bad = (
        "From birth: the user must be asked again. It counts when a code comes at once, when `auth_time` is later than "
        "the login was, and when the `acr` that was made up stands in the ID token."
    )
    why = "What a client guards by a fresh or a stronger login, a payment say, is open to whoever sits at the browser."
    source = "OpenID Connect Core sections 2 (`auth_time`, `acr`) and 3.1.2.1 (`prompt`, `max_age`), RFC 9470 section 4"
    needs = ("refresh_tokens", "users")
    asks = (
        Ask("prompt_login", partial(_asked, further={"prompt": "login"}, aged=False)),
        Ask("max_age", partial(_asked, further={"max_age": str(_MAX_AGE_S)}, aged=True)),
        Ask("auth_time", _just_now),
        Ask("acr", _stronger),
    )
