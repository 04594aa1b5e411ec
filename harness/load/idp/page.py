"""The login page: find its form and fill it in, as a browser's user would. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin


@dataclass
class Form:
    """A form of a page."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    username_field: str = ""
    password_field: str = ""


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("action", "")))
            self._open = True
        elif tag == "input" and self._open and given.get("name"):
            self._input(self.forms[-1], given)

    def _input(self, form: Form, given: dict[str, str]) -> None:
        kind, name = given.get("type", "text").lower(), given["name"]
        if kind == "password":
            form.password_field = name
        elif kind in ("text", "email") and not form.username_field:
            form.username_field = name
        elif kind == "hidden":
            form.fields[name] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False


def filled_login(page: bytes, page_url: str, username: str, password: str) -> tuple[str, bytes] | None:
    """Where to post the page's login form, and its body as ``application/x-www-form-urlencoded``.

    ``None`` when the page has no form that asks for a password.
    """
    parser = _Forms()
    parser.feed(page.decode("utf-8", errors="replace"))
    for form in parser.forms:
        if form.password_field:
            values = form.fields | {
                form.username_field or "username": username,
                form.password_field: password,
            }
            return urljoin(page_url, form.action), urlencode(values).encode()
    return None
