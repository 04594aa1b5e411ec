"""The IdP as its clients see it: discovery, token requests, the login of a user, revocation, logout."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any, Final, Literal
from urllib.parse import urlencode

from idchaos.errors import UsageError
from idchaos.hosts import check_host
from idchaos.load.decide import at_idp, at_redirect, json_object, redirect_error, token_answer
from idchaos.load.engine.response import Response
from idchaos.load.idp.journey import REDIRECTS, Cookies, Journey
from idchaos.load.idp.page import filled_in
from idchaos.load.idp.pages import cookies_of, given_up, mistyped, page_step, query_of
from idchaos.load.idp.registering import Registering
from idchaos.load.idp.steps import FLAWS, NEVER_ARRIVED, Code, Flaw, Registered, Step
from idchaos.load.idp.tokens import peek
from idchaos.targets.capabilities import PROBE_HEADER
from idchaos.targets.endpoints import Client, User
from idchaos.targets.oidc import credentials_form

__all__ = [
    "FLAWS",
    "NEVER_ARRIVED",
    "Code",
    "Downgrade",
    "Flaw",
    "Idp",
    "Observe",
    "Registered",
    "Step",
    "challenge_of",
]

_NOTHING_ELSE: Final[Mapping[str, str]] = {}
_NO_PROMPT: Final[Mapping[str, str]] = {"prompt": "none"}
_NOBODY: Final = User(username="", password="")
"""Who types nothing."""
_FORM_PAGE: Final = (200, 401)
"""401: the form again, after a wrong password."""
Downgrade = Literal["no_challenge", "late_verifier", "plain"]
Filled = tuple[str, bytes]
"""Where to post a login form, and its body."""
Observe = Callable[[Step], bool]
"""Told of each step; whether to go on."""


class Idp(Registering):
    """Requests to the IdP through its link. No method raises for an answer, whatever it is."""

    # --- the token endpoint ---

    def client_credentials(self, client: Client, assertion: str = "") -> tuple[Step, dict[str, Any]]:
        """RFC 6749 section 4.4. ``assertion``: one that was made before, for a client that has a key."""
        form = credentials_form(client)
        # What may be used once is never sent again by itself.
        return self._token(client, form, replayable=client.private_jwk is None, assertion=assertion)

    def refresh(self, client: Client, refresh_token: str, scope: str = "") -> tuple[Step, dict[str, Any]]:
        """RFC 6749 section 6. ``scope``: what is asked for; empty: what was granted."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token} | ({"scope": scope} if scope else {})
        step, tokens = self._token(client, form, replayable=False)
        self.unasked.granted(tokens, refresh_token)
        return step, tokens

    def introspect(self, client: Client, token: str) -> Step:
        """RFC 7662: accepted where the token is told to be active."""
        form = {"token": token, "token_type_hint": "access_token"}
        answer = self._authenticated(client, self._urls["introspect"], form, replayable=True, further=PROBE_HEADER)
        decision, code = at_idp(answer)
        if decision == "accept":
            body = json_object(answer.body)
            active = body.get("active")
            decision, code = ("accept", "") if active is True else ("deny", "token_inactive")
            if not isinstance(active, bool):
                decision, code = "undecided", "bad_body"
            elif active:
                self.unasked.introspected(token, body)
        return Step("introspect", answer, decision, code)

    def _token(
        self, client: Client, form: dict[str, str], *, replayable: bool, assertion: str = ""
    ) -> tuple[Step, dict[str, Any]]:
        answer = self._authenticated(client, self._urls["token"], form, replayable=replayable, assertion=assertion)
        decision, code, body = token_answer(answer)
        self.handed_out.add_response(body)
        if body:
            self.unasked.token_answer(answer)
        return Step("token", answer, decision, code), body

    # --- login: authorization code with PKCE ---

    def login(
        self, client: Client, user: User, observe: Observe, *, typo: bool = False, cookies: Cookies | None = None
    ) -> tuple[Step | None, dict[str, Any]]:
        """Log a user in (OpenID Connect Core section 3.1, RFC 7636); the token request and its response, or empty.

        Steps: ``authorize`` (the login page), ``login`` (its form), ``token`` (the code). With a ``typo`` the form is
        sent twice, first with a wrong password, which must be refused. ``cookies``: the browser's own, kept there.
        """
        code = self.code(client, user, observe, typo=typo, cookies=cookies)
        if code is None:
            return None, {}
        step, tokens = self.redeem(client, code, code.verifier)
        observe(step)
        if step.decision == "accept":
            self.unasked.login(client.client_id, code.username, tokens)
        return step, tokens

    def code(
        self,
        client: Client,
        user: User,
        observe: Observe,
        *,
        typo: bool = False,
        cookies: Cookies | None = None,
        further: Mapping[str, str] = _NOTHING_ELSE,
        refuses: bool = False,
    ) -> Code | None:
        """The steps of a login that end with an authorization code. ``cookies``: the browser's own, kept there.
        ``further``: what is asked for besides, or a ``state`` and a ``nonce`` in place of random ones. ``refuses``:
        the user allows nothing.
        """
        verifier = secrets.token_urlsafe(32)
        state, nonce = (further.get(name) or secrets.token_urlsafe(16) for name in ("state", "nonce"))
        redirect_uri, user = client.redirect_uri or "", self._somebody(user)
        url = self._authorize_url(client, redirect_uri, state, _challenge(verifier) | dict(further), nonce)
        kept = Cookies() if cookies is None else cookies
        journey = Journey(self._send, user, redirect_uri, self._allow_hosts, refuses, cookies=kept)
        end, page = journey.begin(url)
        form = journey.form
        asked = page_step(page, form is not None)
        if not observe(given_up(asked, end)) or form is None:
            return None
        if typo:
            refused = self._mistyped(journey, page, state)
            if not observe(refused):
                return None
            form = journey.form or form
        end, posted = journey.log_in(form)
        if journey.posted is not None:
            self.unasked.posted(form.url, journey.posted)
        step, code = self._login_step(posted, state)
        step = given_up(step, end)
        self.handed_out.add("code", code)
        self.handed_out.add("code_verifier", verifier)
        return Code(code, redirect_uri, verifier, nonce, user.username) if observe(step) and code else None

    def decide_on_device(self, verification_uri: str, user_code: str, user: User, *, refuses: bool = False) -> Step:
        """What a user does for a device: types its code, logs in, and allows it, or ``refuses`` (RFC 8628 section 3.3).
        Accepted where the last page is one without a form.
        """
        journey = Journey(self._send, self._somebody(user), verification_uri, self._allow_hosts, refuses)
        end, page = journey.post(verification_uri, {"user_code": user_code})
        if journey.form is not None:
            end, page = journey.log_in(journey.form)
        done = end == "no_form" and page.status == 200
        return given_up(Step("login", page, "accept" if done else "undecided", "" if done else end), end)

    def silent_code(
        self, client: Client, cookies: Cookies, further: Mapping[str, str] = _NO_PROMPT
    ) -> tuple[Step, Code | None]:
        """Ask for a code with nothing but the cookies of a browser (``prompt=none``, OpenID Connect Core 3.1.2.1).
        ``further``: what is asked for instead of ``prompt=none``.
        """
        verifier, state, nonce = secrets.token_urlsafe(32), secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        redirect_uri = client.redirect_uri or ""
        url = self._authorize_url(client, redirect_uri, state, _challenge(verifier) | dict(further), nonce)
        journey = Journey(self._send, _NOBODY, redirect_uri, self._allow_hosts, cookies=deepcopy(cookies))
        end, answer = journey.follow(url)
        if (end, answer.status) == ("no_form", 200):
            # Also a page that asks: without a prompt there is no way in.
            return Step("authorize", answer, "deny", "login_page"), None
        if end != "at_redirect_uri":
            return given_up(Step("authorize", answer, *at_idp(answer)), end), None
        step, value = self._login_step(answer, state)
        self.handed_out.add("code", value)
        found = Code(value, redirect_uri, verifier, nonce) if value else None
        return replace(step, endpoint="authorize"), found

    def login_page(self, client: Client, user: User, further: Mapping[str, str] = _NOTHING_ELSE) -> Step:
        """The page that asks for a password, wherever redirects and other pages lead to it: accepted where one does."""
        redirect_uri, state, nonce = client.redirect_uri or "", secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        asked = _challenge(secrets.token_urlsafe(32)) | dict(further)
        journey = Journey(self._send, self._somebody(user), redirect_uri, self._allow_hosts)
        end, page = journey.begin(self._authorize_url(client, redirect_uri, state, asked, nonce))
        return given_up(page_step(page, end == "login_form"), end)

    def asked_for_login(self, client: Client, further: Mapping[str, str], cookies: Cookies | None = None) -> Response:
        """The first answer to an authorization request. ``further``: parameters besides, or in place of its own."""
        asked = _challenge(secrets.token_urlsafe(32)) | dict(further)
        state, nonce = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        url = self._authorize_url(client, client.redirect_uri or "", state, asked, nonce)
        return self._send("GET", url, b"", cookies.header(url) if cookies else {})

    def redeem(self, client: Client, code: Code, verifier: str | None) -> tuple[Step, dict[str, Any]]:
        """RFC 6749 section 4.1.3. ``None``: without a ``code_verifier``."""
        form = {"grant_type": "authorization_code", "code": code.value, "redirect_uri": code.redirect_uri}
        proof = {} if verifier is None else {"code_verifier": verifier}
        step, tokens = self._token(client, form | proof, replayable=False)
        id_token = tokens.get("id_token")
        if isinstance(id_token, str) and peek(id_token)[1].get("nonce") != code.nonce:
            step = replace(step, flaw="nonce_mismatch")
        self.unasked.granted(tokens)
        return step, tokens

    def downgraded_login(self, client: Client, user: User, way: Downgrade, observe: Observe) -> Step | None:
        """Log in without the protection of PKCE (RFC 9700 section 4.8.2): the step that refuses, or that gives tokens;
        ``None``: ``observe`` wanted no more.

        ``no_challenge``: neither challenge nor verifier · ``late_verifier``: no challenge, but a verifier ·
        ``plain``: a challenge that tells its verifier, where the metadata offer S256 alone. ``observe`` is told of the
        steps before.
        """
        verifier, state = secrets.token_urlsafe(32), secrets.token_urlsafe(16)
        challenge = {"code_challenge": verifier, "code_challenge_method": "plain"} if way == "plain" else {}
        redirect_uri, user = client.redirect_uri or "", self._somebody(user)
        url = self._authorize_url(client, redirect_uri, state, challenge, secrets.token_urlsafe(16))
        page = self._get(url)
        filled = self._filled(page, url, user)
        asked = page_step(page, filled is not None)
        if filled is None:
            return asked
        if not observe(asked):
            return None
        posted = self._post(filled[0], filled[1], cookies_of(page), replayable=False)
        step, value = self._login_step(posted, state)
        if not value:
            # Wrong credentials would be refused as well: that says nothing of PKCE.
            return replace(step, decision="undecided", code="login_refused") if posted.status >= 400 else step
        observe(step)
        self.handed_out.add("code", value)
        code = Code(value, redirect_uri, verifier)
        return self.redeem(client, code, None if way == "no_challenge" else verifier)[0]

    def tampered_login(
        self,
        client: Client,
        user: User,
        redirect_uri: str,
        observe: Observe,
        *,
        further: Mapping[str, str] = _NOTHING_ELSE,
        cookies: Cookies | None = None,
    ) -> Step:
        """Ask for a code at a redirect URI that is not the client's (RFC 9700 section 4.1): who would get it?

        A login page alone says nothing yet: the form is sent off, and ``observe`` is told of that step. The answer is
        never followed to the redirect URI. ``further``: parameters besides, or in place of its own. ``cookies``: of a
        browser whose user may be signed in already.
        """
        registered, user = client.redirect_uri or "", self._somebody(user)
        asked = _challenge(secrets.token_urlsafe(32)) | dict(further)
        state, nonce = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        url = self._authorize_url(client, redirect_uri, state, asked, nonce)
        page = self._send("GET", url, b"", cookies.header(url) if cookies else {})
        decision, code = at_redirect(page, redirect_uri, registered)
        filled = self._filled(page, url, user)
        if filled is not None:
            action, body = filled
            posted = self._post(action, body, cookies_of(page), replayable=False)
            decision, code = at_redirect(posted, redirect_uri, registered)
            if decision == "deny" and posted.status >= 400:  # of the login, whatever it would have led to
                decision, code = "undecided", "login_refused"
            observe(Step("login", posted, decision, code))
        return Step("authorize", page, decision, code)

    def _somebody(self, user: User) -> User:
        """Who logs in: the user, or another one each time where there are doubles."""
        if not self._endpoints.doubles:
            return user
        self._logins += 1
        return user.double(self._logins % self._endpoints.doubles)

    def _mistyped(self, journey: Journey, page: Response, state: str) -> Step:
        """Send the login form with a wrong password. The form that comes back is then the journey's."""
        user = journey.user
        typed = mistyped(user.password, self._typos)
        self._typos += 1
        self.wrong_passwords.add(typed)
        wrong = filled_in(page.body, journey.url, user.username, typed)
        assert wrong is not None  # as with the right one
        end, answer = journey.log_in(wrong)
        step, _ = self._login_step(answer, state)
        return replace(given_up(step, end), expected="deny")

    def _filled(self, page: Response, url: str, user: User) -> Filled | None:
        """The login form, filled in; ``None`` without one that may be posted (a page may name any address)."""
        try:
            filled = filled_in(page.body, url, user.username, user.password) if page.status in _FORM_PAGE else None
            if filled is None or filled.purpose != "login":
                return None
            check_host(filled.url, self._allow_hosts)
        except (UsageError, ValueError):  # urljoin raises ValueError
            return None
        return filled.url, filled.body

    def _authorize_url(
        self, client: Client, redirect_uri: str, state: str, further: Mapping[str, str], nonce: str
    ) -> str:
        query = {
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": redirect_uri,
            "scope": client.scope,
            "state": state,
            "nonce": nonce,
            **client.parameters,
            **further,
        }
        url = self._urls["authorize"]
        return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"

    def _login_step(self, answer: Response, state: str) -> tuple[Step, str]:
        """What the login form led to, and the authorization code."""
        if answer.status in REDIRECTS:
            query = query_of(answer.header("Location"))
            decision, error = redirect_error(query)
            step = Step("login", answer, decision, error, flaw=self._flaw(query, state))
            return step, query.get("code", "") if decision == "accept" else ""
        if answer.status in (200, 400, 401, 403):  # the page again, or a page that says no
            return Step("login", answer, "deny", "login_refused"), ""
        return Step("login", answer, "undecided", answer.error or f"http_{answer.status}"), ""

    def _flaw(self, query: Mapping[str, str], state: str) -> Flaw | Literal[""]:
        if query.get("state") != state:
            return "state_mismatch"
        issuer = self._endpoints.issuer
        named = query.get("iss", "" if self._names_issuer else issuer)
        return "" if named == issuer else "iss_mismatch"

    # --- the end of tokens and sessions ---

    def revoke(self, client: Client, token: str, hint: str) -> Step:
        """RFC 7009. ``hint``: ``access_token`` or ``refresh_token``; empty: none."""
        form = {"token": token} | ({"token_type_hint": hint} if hint else {})
        answer = self._authenticated(client, self._urls["revoke"], form, replayable=True)
        decision, code = at_idp(answer)
        return Step("revoke", answer, decision, code)

    def end_session(self, client: Client, id_token: str) -> Step:
        """OpenID Connect RP-Initiated Logout 1.0; a redirect is a success too."""
        query = urlencode({"id_token_hint": id_token, "client_id": client.client_id})
        answer = self._get(f"{self._urls['end_session']}?{query}")
        if answer.status in (302, 303):
            return Step("end_session", answer, "accept", "")
        decision, code = at_idp(answer)
        if decision == "undecided" and answer.status in (400, 401, 403):
            decision = "deny"
        return Step("end_session", answer, decision, code)


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _challenge(verifier: str) -> dict[str, str]:
    """RFC 7636 section 4.3."""
    return {"code_challenge": challenge_of(verifier), "code_challenge_method": "S256"}
