"""How an IdP is asked: where its endpoints are, and requests to them, with a client's authentication or without."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from idchaos.errors import LoadError
from idchaos.hosts import check_host
from idchaos.load.decide import json_object
from idchaos.load.engine.quotes import FEWEST_OF_PASSWORD, Quotes, secrets_in
from idchaos.load.engine.response import Response, Sends
from idchaos.load.idp.assertion import assertion, assertion_form
from idchaos.load.idp.handed_out import HandedOut
from idchaos.load.idp.unasked import Unasked
from idchaos.targets.endpoints import Client, Endpoints, RevocationCall
from idchaos.targets.oidc import basic

_FORM = "application/x-www-form-urlencoded"
_ENDPOINTS: Final = {
    "authorize": "authorization_endpoint",
    "token": "token_endpoint",
    "jwks": "jwks_uri",
    "revoke": "revocation_endpoint",
    "end_session": "end_session_endpoint",
    "register": "registration_endpoint",
    "introspect": "introspection_endpoint",
    "userinfo": "userinfo_endpoint",
    "par": "pushed_authorization_request_endpoint",
    "device": "device_authorization_endpoint",
}
_SECRET_MEMBERS: Final = (
    "client_secret",
    "code",
    "code_verifier",
    "refresh_token",
    "token",
    "client_assertion",
    "client_secret",
)
"""Of a form that a client posts."""
_NEVER_ANSWERED: Final = ("code_verifier", "token", "client_assertion", "client_secret")
"""Of these, what has no place in an answer that grants what was asked: a refresh token may go on serving."""
_ANSWERED_WITH_IT: Final = ("register", "end_session")
"""Endpoints whose answers may hold what was sent: a registration names its own token (RFC 7592 section 3), a page that
asks whether to log out its hint."""
_OPTIONAL: Final = frozenset({"revoke", "end_session", "register", "introspect", "userinfo", "par", "device"})
_METHODS: Final = {name: f"{_ENDPOINTS[name]}_auth_methods_supported" for name in ("token", "introspect", "revoke")}
_LEAST: Final = ("client_secret_basic",)
"""Where the metadata do not say (OpenID Connect Discovery section 3)."""


SiteFor = Callable[[str], Sends]
"""The connections to the origin of a URL; the site's base is the origin."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to the IdP, whatever it is."""

    endpoint: str
    """As it is counted, and where it goes unless there is a ``url``."""
    method: str = "POST"
    form: tuple[tuple[str, str], ...] | None = field(default=None, repr=False)
    """Of the body."""
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    url: str = field(default="", repr=False)
    host: str = ""
    """Under which name the IdP is asked, if not its own."""


class Provider:
    """The IdP as it describes itself (OpenID Connect Discovery 1.0), asked through its link."""

    def __init__(self, endpoints: Endpoints, site_for: SiteFor, allow_hosts: tuple[str, ...] = ()) -> None:
        self._endpoints, self._site_for, self._allow_hosts = endpoints, site_for, allow_hosts
        self._urls: dict[str, str] = {}
        self._methods: dict[str, tuple[str, ...]] = {}
        self._names_issuer = False
        self._told: dict[str, Any] = {}
        self._logins = self._typos = 0
        self.wrong_passwords: set[str] = set()
        """Those that were typed by mistake."""
        self.handed_out = HandedOut()
        self.quotes = Quotes()
        """Refusals of the IdP, and those of whoever else is asked for it."""
        self._passwords = tuple(user.password for user in endpoints.users)
        self.answers = Quotes()
        """All other answers."""
        self.unasked = Unasked()

    # --- discovery ---

    def discover(self) -> None:
        """Read the provider's metadata (OpenID Connect Discovery 1.0 section 4).

        Raises:
            LoadError: no answer, another issuer, or an endpoint missing.
            UsageError: an endpoint lies on a host that load may not be sent to.
        """
        url = self._endpoints.idp_url.rstrip("/") + "/.well-known/openid-configuration"
        answer = self._get(url)
        metadata = json_object(answer.body)
        if answer.status != 200 or not metadata:
            raise LoadError(f"{url}: no metadata (status {answer.status} {answer.error}); is the IdP healthy?")
        if metadata.get("issuer") != self._endpoints.issuer:
            raise LoadError(f"{url}: issuer {metadata.get('issuer')!r}, expected {self._endpoints.issuer!r}")
        # RFC 9207 section 3: who says that it names itself in each answer has to.
        self._names_issuer = metadata.get("authorization_response_iss_parameter_supported") is True
        self._told = dict(metadata)
        for name, member in _METHODS.items():
            told = metadata.get(member)
            if isinstance(told, list):
                self._methods[name] = tuple(each for each in told if isinstance(each, str))
        for name, member in _ENDPOINTS.items():
            found = metadata.get(member)
            if isinstance(found, str):
                self._urls[name] = check_host(found, self._allow_hosts)
            elif name not in _OPTIONAL:
                raise LoadError(f"{url}: {member} is missing")

    def has(self, endpoint: str) -> bool:
        """Whether the IdP offers an optional endpoint."""
        return endpoint in self._urls

    def tells(self, member: str) -> bool:
        """Whether the IdP's metadata have that member."""
        return member in self._told

    def denies(self, member: str) -> bool:
        """Whether the IdP's metadata say ``false`` there."""
        return self._told.get(member) is False

    def lists(self, member: str, value: str) -> bool:
        """Whether the IdP's metadata have it in a list of that name."""
        found = self._told.get(member)
        return isinstance(found, list) and value in found

    def url_of(self, endpoint: str) -> str:
        """Where an endpoint is, as the metadata tell it.

        Raises:
            KeyError: the IdP does not offer it.
        """
        return self._urls[endpoint]

    def methods(self, endpoint: str) -> tuple[str, ...]:
        """How clients may authenticate there: where it is not said, as at the token endpoint (RFC 9126 section 2)."""
        return self._methods.get(endpoint, self._methods.get("token", _LEAST))

    @property
    def issuer(self) -> str:
        """Whom assertions are meant for."""
        return self._endpoints.issuer

    @property
    def revocation(self) -> RevocationCall | None:
        """What revokes an access token, where the target says that it is not the endpoint for it."""
        return self._endpoints.revocation

    def jwks(self) -> list[dict[str, Any]] | None:
        """The published keys (RFC 7517 section 5); ``None`` without a proper answer."""
        answer = self._get(self._urls["jwks"])
        keys = json_object(answer.body).get("keys")
        if answer.status != 200 or not isinstance(keys, list):
            return None
        found = [key for key in keys if isinstance(key, dict)]
        self.unasked.kept(answer)
        self.unasked.key_set(found)
        return found

    # --- requests ---

    def assertion(self, client: Client) -> str:
        """A new assertion of a client with a key."""
        made = assertion(client, self._endpoints.issuer, time.time())
        self.handed_out.add("client_assertion", made)
        return made

    def _authenticated(
        self,
        client: Client,
        url: str,
        form: dict[str, str],
        *,
        replayable: bool,
        assertion: str = "",
        further: Mapping[str, str] = MappingProxyType({}),
    ) -> Response:
        """A form post with client authentication (RFC 6749 section 2.3.1, RFC 7523 section 2.2)."""
        headers = dict(further)
        if client.private_jwk is not None:
            form = form | assertion_form(client, assertion or self.assertion(client))
        elif client.client_secret is None:
            form = form | {"client_id": client.client_id}
        else:
            headers |= basic(client)
        answer = self._post(url, urlencode(form).encode(), headers, replayable=replayable)
        self._look_through(answer, [*form.items(), ("client_secret", client.client_secret or "")], headers)
        return answer

    def ask(self, asked: Asked) -> Response:
        """Send any request, once. What it proves itself by must not come back in a refusal."""
        site, target = self._at(asked.url or self._urls[asked.endpoint])
        query = f"{'&' if '?' in target else '?'}{urlencode(asked.query)}" if asked.query else ""
        headers = {"Accept": "application/json, text/html"} | dict(asked.headers)
        if asked.form is not None:
            headers["Content-Type"] = _FORM
        body = urlencode(asked.form or ()).encode()
        head = site.head(asked.method, target + query, headers)
        if asked.host:
            head = re.sub(rb"(?m)^Host: [^\r\n]*", f"Host: {asked.host}".encode(), head, count=1)
        answer = site.send(head, body, replayable=False)
        self._look_through(
            answer, [*(asked.form or ()), *asked.query], headers, body=asked.endpoint not in _ANSWERED_WITH_IT
        )
        return answer

    def _look_through(
        self, answer: Response, told: Iterable[tuple[str, str]], headers: Mapping[str, str], *, body: bool = True
    ) -> None:
        """Nothing that proves who asks comes back, whatever the answer is."""
        refused = answer.status >= HTTPStatus.BAD_REQUEST
        members = _SECRET_MEMBERS if refused else _NEVER_ANSWERED
        sent = [*secrets_in(headers.get("Authorization", "").encode())]
        sent += [value.encode() for name, value in told if name in members]
        seen = self.quotes if refused else self.answers
        seen.look("idp", answer, sent, body=body or refused)
        if refused:
            self.unasked.failed(answer)

    def _look_at_page(self, answer: Response, body: bytes) -> Response:
        """No page repeats a password, and no redirect carries what was handed out before."""
        try:
            form = parse_qsl(body.decode())
        except ValueError:
            form = []
        typed = self.wrong_passwords.union(self._passwords)
        sent = [value.encode() for _, value in form if value in typed]
        handed_out = self.handed_out.kind_of if answer.header("Location") else None
        refused = answer.status >= HTTPStatus.BAD_REQUEST
        seen = self.quotes if refused else self.answers
        seen.look("idp", answer, sent, fewest=FEWEST_OF_PASSWORD, body=bool(sent), handed_out=handed_out)
        if refused:
            self.unasked.failed(answer)
        return answer

    def _post(self, url: str, body: bytes, headers: dict[str, str], *, replayable: bool) -> Response:
        site, target = self._at(url)
        everything = {"Accept": "application/json, text/html", "Content-Type": _FORM} | headers
        return site.send(site.head("POST", target, everything), body, replayable=replayable)

    def _send(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Response:
        """A request of a browser. A page may be asked for twice, a form is sent once."""
        site, target = self._at(url)
        everything = {"Accept": "text/html"} | ({"Content-Type": _FORM} if method == "POST" else {}) | dict(headers)
        answer = site.send(site.head(method, target, everything), body, replayable=method == "GET")
        return self._look_at_page(answer, body)

    def tell(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Response:
        """A request to somebody's own API, as its file says it. May be sent again: it does no harm twice."""
        site, target = self._at(url)
        return site.send(site.head(method, target, dict(headers)), body, replayable=True)

    def _get(self, url: str) -> Response:
        site, target = self._at(url)
        return self._look_at_page(site.send(site.head("GET", target, {"Accept": "application/json, text/html"})), b"")

    def _at(self, url: str) -> tuple[Sends, str]:
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return self._site_for(f"{parts.scheme}://{parts.netloc}"), target
