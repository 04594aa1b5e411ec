"""Errors that come back to a client by its user's browser, as codes do: whose are they?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.party import Party
from idchaos.load.engine.response import Response
from idchaos.load.idp.client import Step
from idchaos.load.idp.journey import REDIRECTS, Cookies
from idchaos.load.idp.page import filled_in


def _refused(party: Party, further: Mapping[str, str]) -> Step | None:
    """An authorization request that can only be answered by an error. On a page of the IdP's own nothing is bound."""
    client = party.confidential
    if client is None:
        return None
    step, code = party.idp.silent_code(client, Cookies(), further)
    if further.get("prompt") == "none" and step.code == "login_page" and _asks(step.answer):
        return replace(step, decision="accept", code="asked_all_the_same")
    if code is not None or step.decision != "deny" or step.answer.status not in REDIRECTS:
        return replace(step, decision="undecided", code=step.code or "no_error")
    return replace(step, decision="accept", code="") if step.flaw else replace(step, code="as_it_was")


def _asks(page: Response) -> bool:
    """Whether a page asks for a password."""
    try:
        found = filled_in(page.body, "", "", "")
    except ValueError:  # its form leads nowhere
        return False
    return found is not None and found.purpose == "login"


class ErrorUnbound(AskedKind):
    name = "error_unbound"
    invariant = "errors_bound_to_requests"
    made = (
        "A login with `prompt=none` of a user who is not signed in, and one with a `response_type` that there is not."
    )
    bad = (
        "It counts when the error that goes to the client lacks the request's `state`, has another, or lacks the `iss` "
        "that the IdP's metadata promise; and when the user is asked for a password all the same."
    )
    why = (
        "The client can't tell which of its requests has failed, or at whom, and takes an attacker's word for it; or "
        "waits for ever in a frame that nobody sees."
    )
    source = (
        "RFC 6749 section 4.1.2.1 (`state` is required), RFC 9207 section 2 (`iss` in errors too), OpenID Connect Core "
        "section 3.1.2.1 (`prompt=none`)"
    )
    needs = ("users",)
    asks = (
        Ask("silent", partial(_refused, further={"prompt": "none"})),
        Ask("wrong_request", partial(_refused, further={"prompt": "none", "response_type": "attacker"})),
    )
