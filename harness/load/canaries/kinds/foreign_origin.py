"""Requests to an IdP that a page of another site makes."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.party import Party
from idchaos.load.idp.client import Step
from idchaos.load.idp.provider import Asked

_ORIGIN: Final = "https://nobody.invalid"


def _allowed(step: Step) -> Step:
    """It counts when pages of that origin may read the answer to what the user's browser sends."""
    answer = step.answer
    if answer.status == 0 or answer.status >= 500:
        return replace(step, decision="undecided", code=answer.error or f"http_{answer.status}")
    told = answer.header("Access-Control-Allow-Origin").strip().lower()
    credentials = answer.header("Access-Control-Allow-Credentials").strip().lower() == "true"
    led = credentials and told == _ORIGIN
    return replace(step, decision="accept" if led else "deny", code="" if led else "not_allowed")


def _userinfo(party: Party) -> Step | None:
    held = party.kept()
    if held is None:
        return None
    headers = {"Authorization": f"Bearer {held.access_token}", "Origin": _ORIGIN}
    return _allowed(Step("userinfo", party.idp.ask(Asked("userinfo", "GET", headers=headers)), "deny", ""))


def _token(party: Party) -> Step | None:
    form = (("grant_type", "authorization_code"), ("code", "none"), ("client_id", "nobody"))
    answer = party.idp.ask(Asked("token", form=form, headers={"Origin": _ORIGIN}))
    return _allowed(Step("token", answer, "deny", ""))


def _signed_in(party: Party) -> Step | None:
    """With the cookies of who is signed in: the page behind them is what an attacker would read."""
    held = party.kept()
    if held is None:
        return None
    query = (("response_type", "code"), ("client_id", held.client.client_id), ("prompt", "none"))
    headers = party.cookies_of(held) | {"Origin": _ORIGIN}
    return _allowed(
        Step("authorize", party.idp.ask(Asked("authorize", "GET", query=query, headers=headers)), "deny", "")
    )


class ForeignOrigin(AskedKind):
    name = "foreign_origin"
    invariant = "other_sites_read_nothing"
    made = f"Requests of a page of `{_ORIGIN}`: for userinfo, for a token, and for a code with the user's cookies."
    bad = (
        "From birth: no client is registered there. It counts when the answer may be read there, credentials included."
    )
    why = "Any site that a user visits reads what the IdP tells that user alone."
    source = "Fetch standard (CORS protocol and credentials), CWE-942"
    needs = ("refresh_tokens", "users")
    asks = (
        Ask("userinfo", _userinfo, ("userinfo",)),
        Ask("token", _token),
        Ask("authorize", _signed_in),
    )
