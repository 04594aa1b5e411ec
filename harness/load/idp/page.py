"""Pages on the way to a login: find the form that leads on and fill it in, as a browser's user would. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Literal
from urllib.parse import urlencode, urljoin

_CONSENT = re.compile(r"allow|accept|agree|approve|authori[sz]e|consent|continue|grant|yes|zulassen|zustimmen", re.I)
_REFUSAL = re.compile(r"deny|cancel|reject|refuse|decline|abort|back|no\b", re.I)
_USER = re.compile(r"user|login|email|e-mail|identifier|account", re.I)
_TEXT = ("text", "email", "tel", "")

Purpose = Literal["login", "username", "consent", "redirect"]
"""``login``: it asks for a password · ``username``: only who logs in, the password comes on another page · ``consent``:
it asks for nothing but a yes · ``redirect``: no form at all, but sent on as one."""


@dataclass
class Form:
    """A form of a page."""

    action: str
    method: str = "post"
    fields: dict[str, str] = field(default_factory=dict)
    """Hidden ones, and boxes that are ticked."""
    username_field: str = ""
    password_field: str = ""
    buttons: list[tuple[str, str, str]] = field(default_factory=list)
    """Those that send it: name, value, and everything that is written on it."""


@dataclass(frozen=True)
class Filled:
    """A form as it is sent."""

    purpose: Purpose
    url: str
    body: bytes = field(repr=False)
    method: Literal["GET", "POST"] = "POST"


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get").lower()))
            self._open = True
        elif tag == "input" and self._open:
            self._input(self.forms[-1], given, ticked="checked" in dict(attrs))
        elif tag == "button" and self._open and given.get("type", "submit").lower() == "submit":
            self._button(self.forms[-1], given)

    def _input(self, form: Form, given: dict[str, str], *, ticked: bool) -> None:
        kind, name = given.get("type", "text").lower(), given.get("name", "")
        if kind in ("submit", "image"):
            self._button(form, given)
        elif not name:
            return
        elif kind == "password":
            form.password_field = name
        elif kind in _TEXT and (not form.username_field or _USER.search(name)):
            form.username_field = name
        elif kind == "hidden" or (kind in ("checkbox", "radio") and ticked):
            form.fields[name] = given.get("value", "on" if kind == "checkbox" else "")

    def _button(self, form: Form, given: dict[str, str]) -> None:
        words = " ".join(given.get(each, "") for each in ("name", "value", "id", "class", "aria-label"))
        form.buttons.append((given.get("name", ""), given.get("value", ""), words))

    def handle_data(self, data: str) -> None:
        if self._open and self.forms and self.forms[-1].buttons and data.strip():
            name, value, words = self.forms[-1].buttons[-1]
            self.forms[-1].buttons[-1] = (name, value, f"{words} {data.strip()}")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False


def filled_in(page: bytes, page_url: str, username: str, password: str, *, refuses: bool = False) -> Filled | None:
    """The form of a page that leads on, filled in: the one that asks for a password, else one for a user's name alone,
    else one for consent, which is given unless the user ``refuses``.

    ``None`` when the page has none of these. Raises ValueError for an action that is no URL.
    """
    parser = _Forms()
    parser.feed(page.decode("utf-8", errors="replace"))
    for form in parser.forms:
        if form.password_field:
            given = {form.username_field or "username": username, form.password_field: password}
            return _sent(form, "login", page_url, given)
    for form in parser.forms:
        if form.username_field and _USER.search(form.username_field):
            return _sent(form, "username", page_url, {form.username_field: username})
    for form in parser.forms:
        if not form.username_field and (button := _no(form) if refuses else _yes(form)):
            name, value, _ = button
            return _sent(form, "consent", page_url, {name: value} if name else {})
    return None


def posted_to(page: bytes) -> frozenset[str]:
    """Where the forms of a page go that ask for nothing: an answer may be posted to a client by one (OAuth 2.0 Form
    Post Response Mode).
    """
    parser = _Forms()
    parser.feed(page.decode("utf-8", errors="replace"))
    return frozenset(form.action for form in parser.forms if not form.password_field and not form.username_field)


def _yes(form: Form) -> tuple[str, str, str] | None:
    """The button that agrees."""
    willing = [button for button in form.buttons if not _REFUSAL.search(button[2])]
    return next((button for button in willing if _CONSENT.search(button[2])), None)


def _no(form: Form) -> tuple[str, str, str] | None:
    """The button that refuses; where it only asks to go on, the one that does."""
    return next((button for button in form.buttons if _REFUSAL.search(button[2])), None) or _yes(form)


def _sent(form: Form, purpose: Purpose, page_url: str, given: dict[str, str]) -> Filled:
    query = urlencode(form.fields | given)
    url = urljoin(page_url, form.action)
    if form.method == "get" and purpose != "login":  # a password never stands in a URL
        return Filled(purpose, f"{url.partition('?')[0]}?{query}", b"", "GET")
    return Filled(purpose, url, query.encode())
