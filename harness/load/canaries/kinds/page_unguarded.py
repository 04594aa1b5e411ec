"""Pages at which users type their passwords: in another site's frame, with its markup in them, or with cookies that
scripts can read.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from typing import Final

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.party import Party
from idchaos.load.engine.response import Response
from idchaos.load.idp.client import Step
from idchaos.load.idp.journey import REDIRECTS
from idchaos.record.samples import Decision

_NOBODYS: Final = "https://nobody.invalid/callback"
_EVERYBODY: Final = frozenset({"*", "http:", "https:", "http://*", "https://*"})
"""Sources that name no site (CSP level 3, section 2.3.1)."""
_ANCESTORS: Final = re.compile(r"(?:^|[;,])\s*frame-ancestors\s([^;,]*)", re.IGNORECASE)


def may_be_framed(page: Response) -> bool:
    """Whether a page of any site may show this one in a frame (RFC 9700 section 4.16). Browsers that know
    ``frame-ancestors`` pass over ``X-Frame-Options`` beside it (CSP level 3, section 6.4.2.2).
    """
    named = [found for line in page.header_lines("Content-Security-Policy") for found in _ANCESTORS.findall(line)]
    if named:
        # Each policy must allow it.
        return all(_EVERYBODY & set(sources.lower().split()) for sources in named)
    options = {each.strip().lower() for line in page.header_lines("X-Frame-Options") for each in line.split(",")}
    return not options & {"deny", "sameorigin"}


def is_marked_up(page: Response, markup: str) -> bool:
    """Whether a page has that text as it was sent, where a browser takes it for markup."""
    return "html" in page.header("Content-Type").lower() and markup.encode() in page.body


def at_page(page: Response, markup: str, *, comes_back: bool = False) -> tuple[Decision, str]:
    """What a page made of that text: accepted where a browser takes it for markup. A redirect is no page yet, and where
    it surely ``comes_back`` a page without it is another one: neither decides anything.
    """
    if not page.status or page.status >= 500 or page.status in REDIRECTS:
        return "undecided", page.error or f"http_{page.status}"
    if is_marked_up(page, markup):
        return "accept", ""
    named = markup.partition("<")[2].rstrip(">").encode()
    return ("undecided", "not_shown") if comes_back and named not in page.body else ("deny", "escaped")


def _markup() -> str:
    """Ends a value and begins an element: as it stands only where nothing is escaped."""
    return f'value"><idchaos-{secrets.token_hex(6)}>'


def _framed(party: Party) -> Step | None:
    if party.confidential is None or party.user is None:
        return None
    step = party.idp.login_page(party.confidential, party.user)
    return _read(step, ("accept", "") if may_be_framed(step.answer) else ("deny", "not_framed"))


def _hinted(party: Party) -> Step | None:
    """``login_hint`` is there to be written into the form (OpenID Connect Core section 3.1.2.1)."""
    markup = _markup()
    if party.confidential is None or party.user is None:
        return None
    step = party.idp.login_page(party.confidential, party.user, {"login_hint": markup})
    return _read(step, at_page(step.answer, markup))


def _read(step: Step, said: tuple[Decision, str]) -> Step:
    """Of a login page; where there is none, nothing is decided."""
    if step.decision != "accept":
        return replace(step, decision="undecided", code=step.code or "no_login_form")
    return Step(step.endpoint, step.answer, *said)


def _in_error(party: Party, name: str) -> Step | None:
    """A request that can be answered by a page alone, since nobody knows where to redirect to."""
    client, markup = party.confidential, _markup()
    if client is None:
        return None
    wrong = {"redirect_uri": _NOBODYS} | {name: f"{_NOBODYS}?{markup}" if name == "redirect_uri" else markup}
    answer = party.idp.asked_for_login(client, wrong)
    return Step("authorize", answer, *at_page(answer, markup))


def _in_posted_form(party: Party) -> Step | None:
    """``state`` comes back in a form, where the client asks for that (OAuth 2.0 Form Post Response Mode)."""
    held, markup = party.login(), _markup()
    if held is None or not party.signed_in(held):
        return None
    asked = {"prompt": "none", "response_mode": "form_post", "state": markup}
    answer = party.idp.asked_for_login(held.client, asked, held.cookies)
    return Step("authorize", answer, *at_page(answer, markup, comes_back=True))


def _readable(party: Party) -> Step | None:
    """A script has the cookies that are not ``HttpOnly``: they alone must log nobody in."""
    held = party.login()
    if held is None or not party.signed_in(held):
        return None
    return party.idp.silent_code(held.client, held.cookies.readable())[0]


class PageUnguarded(AskedKind):
    name = "page_unguarded"
    invariant = "login_pages_guarded"
    made = (
        "The page that asks for a password, and whether any site may frame it; markup in `login_hint`, in the `state` "
        "of a form that posts itself, and in requests that are answered by an error page; and a silent login by those "
        "cookies of a signed-in browser that scripts can read."
    )
    bad = "It counts when no header keeps others from framing it, when the markup comes back, or when a code is given."
    why = (
        "Another site puts its own page over the login, or its script into it, and takes passwords, clicks or sessions."
    )
    source = "RFC 9700 section 4.16, RFC 6749 sections 10.13 and 10.14, CVE-2023-6134, CVE-2023-6927, CWE-79, CWE-1004"
    needs = ("users", "refresh_tokens")
    says_nothing = frozenset()
    asks = (
        Ask("hint", _hinted),
        Ask("framed", _framed),
        Ask("readable_cookies", _readable),
        Ask("posted_state", _in_posted_form),
        Ask("redirect_in_error", lambda party: _in_error(party, "redirect_uri")),
        Ask("client_in_error", lambda party: _in_error(party, "client_id")),
    )
