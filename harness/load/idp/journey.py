"""A login as a browser makes it: redirects, pages, forms, cookies and consent, until the redirect URI.

Bounded in steps, bytes and time, and never led to a host that load may not be sent to. What stands in URLs and forms is
never told: a journey that fails says which step, not what it carried.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol
from urllib.parse import urlencode, urljoin, urlsplit

from idchaos.errors import UsageError
from idchaos.hosts import check_host
from idchaos.load.engine.response import Response
from idchaos.load.idp.page import Filled, filled_in
from idchaos.targets.endpoints import User

MOST_STEPS: Final = 20
"""Redirects and forms of one login."""
MOST_BYTES: Final = 512 * 1024
"""Of one page."""
MOST_S: Final = 30.0
"""Of the whole login."""
ALTERED: Final = 8
"""Letters at the end of a cookie."""
REDIRECTS: Final = (301, 302, 303, 307, 308)
PAGES: Final = (200, 401)
"""401: the form again, after a wrong password."""

End = Literal[
    "at_redirect_uri",
    "login_form",
    "no_form",
    "status",
    "host_not_allowed",
    "too_many_steps",
    "page_too_large",
    "too_slow",
]
"""Where a journey came to: the last four mean that it was given up."""


class Sending(Protocol):
    """Sends one request."""

    def __call__(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Response: ...


@dataclass
class Cookies:
    """What hosts have set, by host (RFC 6265): sent back to the same host, and to no other."""

    _held: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)
    _http_only: set[tuple[str, str]] = field(default_factory=set, repr=False)
    """Host and name of those that no script of a page can read."""

    def keep(self, url: str, response: Response) -> None:
        """Take what a response sets; a cookie with an empty value or ``Max-Age=0`` is dropped."""
        held = self._held.setdefault(urlsplit(url).hostname or "", {})
        for line in response.header_lines("Set-Cookie"):
            pair, _, attributes = line.partition(";")
            name, _, value = pair.strip().partition("=")
            if not value or "max-age=0" in attributes.lower().replace(" ", ""):
                held.pop(name, None)
            else:
                held[name] = value
            known = (urlsplit(url).hostname or "", name)
            hidden = "httponly" in (each.strip().lower() for each in attributes.split(";"))
            (self._http_only.add if hidden else self._http_only.discard)(known)

    def readable(self) -> Cookies:
        """Those alone that a script of a page can read: they are not ``HttpOnly`` (RFC 6265 section 4.1.2.6)."""
        return Cookies(
            {
                host: {name: value for name, value in held.items() if (host, name) not in self._http_only}
                for host, held in self._held.items()
            }
        )

    def altered(self) -> Cookies:
        """The same with other letters at the end of each value: where something vouches for a value, or makes it hard
        to guess, it mostly stands there.
        """
        return Cookies(
            {host: {name: _altered(value) for name, value in held.items()} for host, held in self._held.items()}
        )

    def header(self, url: str) -> dict[str, str]:
        """The header for a request there; empty without cookies."""
        held = self._held.get(urlsplit(url).hostname or "", {})
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in held.items())} if held else {}


@dataclass
class Journey:
    """One login under way. ``to``: the redirect URI where it ends, which is never asked."""

    send: Sending
    user: User = field(repr=False)
    to: str
    allow_hosts: tuple[str, ...] = ()
    refuses: bool = False
    """Whether the user says no where they are asked for consent."""
    now: Callable[[], float] = time.monotonic
    cookies: Cookies = field(default_factory=Cookies)
    url: str = field(default="", repr=False)
    """Of the latest page."""
    form: Filled | None = field(default=None, repr=False)
    """The login form that was found, not yet sent."""
    posted: Response | None = field(default=None, repr=False)
    """The very answer to the login form that was sent last, before anything is followed."""
    _steps: int = 0
    _until: float = 0.0

    def begin(self, url: str) -> tuple[End, Response]:
        """From an authorization request to the page that asks for the password, or to wherever it ends before."""
        self._until = self.now() + MOST_S
        return self._on(self._ask("GET", url, b""))

    def follow(self, url: str) -> tuple[End, Response]:
        """Redirects alone, with what cookies there are: to the redirect URI, or to the first page, whatever it asks."""
        self._until = self.now() + MOST_S
        response = self._ask("GET", url, b"")
        while response.status in REDIRECTS:
            where = urljoin(self.url, response.header("Location"))
            if _page_of(where) == _page_of(self.to):
                return "at_redirect_uri", response
            if why := self._given_up(where):
                return why, response
            response = self._ask("GET", where, b"")
        return "no_form" if response.status in PAGES else "status", response

    def post(self, url: str, fields: Mapping[str, str]) -> tuple[End, Response]:
        """The same from a form that is filled in already."""
        self._until = self.now() + MOST_S
        return self._on(self._ask("POST", url, urlencode(fields).encode()))

    def log_in(self, form: Filled) -> tuple[End, Response]:
        """Send a login form, and go on to the redirect URI, or to wherever it ends before. The response is the last
        one, timed from the first.
        """
        self.posted = asked = self._ask("POST", form.url, form.body)
        end, last = self._on(asked)
        last.sent = asked.sent
        return end, last

    def _ask(self, method: str, url: str, body: bytes) -> Response:
        self._steps += 1
        self.url = url
        response = self.send(method, url, body, self.cookies.header(url))
        self.cookies.keep(url, response)
        return response

    def _on(self, response: Response) -> tuple[End, Response]:
        """Follow redirects, and fill in all forms but that for the password."""
        self.form = None
        while True:
            found = self._next(response)
            if isinstance(found, str):
                return found, response
            if found.purpose == "login":
                self.form = found
                return "login_form", response
            if why := self._given_up(found.url):
                return why, response
            response = self._ask(found.method, found.url, found.body)

    def _next(self, response: Response) -> Filled | End:
        """What a response leads to."""
        if response.status in REDIRECTS:
            where = urljoin(self.url, response.header("Location"))
            return "at_redirect_uri" if _page_of(where) == _page_of(self.to) else Filled("redirect", where, b"", "GET")
        if response.status not in PAGES:
            return "status"
        return "page_too_large" if len(response.body) > MOST_BYTES else self._found(response) or "no_form"

    def _given_up(self, url: str) -> End | None:
        """Why nothing more is sent; ``None``: it goes on to ``url``."""
        try:
            check_host(url, self.allow_hosts)
        except UsageError:
            return "host_not_allowed"
        if self._steps >= MOST_STEPS:
            return "too_many_steps"
        return "too_slow" if self.now() > self._until else None

    def _found(self, response: Response) -> Filled | None:
        try:
            found = filled_in(response.body, self.url, self.user.username, self.user.password, refuses=self.refuses)
            if found is not None:
                check_host(found.url, self.allow_hosts)
        except (UsageError, ValueError):  # a page may name any address, or none
            return None
        return found


def _page_of(url: str) -> str:
    return url.partition("#")[0].partition("?")[0]


def _altered(value: str) -> str:
    """Letters and digits alone are changed, to such as well: what is left can be read as before."""
    head, tail = value[:-ALTERED], value[-ALTERED:]
    return head + "".join(("B" if letter == "A" else "A") if letter.isalnum() else letter for letter in tail)
