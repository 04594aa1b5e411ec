"""What the pages and redirects of a login say. Pure."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

from idchaos.load.decide import at_idp, redirect_error
from idchaos.load.engine.response import Response
from idchaos.load.idp.journey import Cookies, End
from idchaos.load.idp.steps import Step


def page_step(page: Response, has_form: bool) -> Step:
    """What the answer to an authorization request says, and whether it has the form that was looked for."""
    if has_form:
        return Step("authorize", page, "accept", "")
    if page.status == 200:
        return Step("authorize", page, "undecided", "bad_body")
    if page.status in (302, 303):
        decision, code = redirect_error(query_of(page.header("Location")))
        return Step("authorize", page, "undecided" if decision == "accept" else decision, code or "bad_redirect")
    decision, code = at_idp(page)
    return Step("authorize", page, decision, code)


def given_up(step: Step, end: End) -> Step:
    """A journey that was given up decides nothing: its code is why."""
    if end in ("host_not_allowed", "too_many_steps", "page_too_large", "too_slow"):
        return replace(step, decision="undecided", code=end)
    return step


def query_of(url: str) -> dict[str, str]:
    """A URL's query; empty when it is no URL."""
    try:
        return dict(parse_qsl(urlsplit(url).query))
    except ValueError:
        return {}


def cookies_of(answer: Response) -> dict[str, str]:
    """The cookies that an answer set, as the next request's header."""
    cookies = Cookies()
    cookies.keep("", answer)
    return cookies.header("")


def mistyped(password: str, number: int) -> str:
    """A wrong password that resembles the right one: ``number`` says in which way, in turn. Whoever compares a
    beginning, or letters in whatever case, takes one of them.
    """
    near = (f"{password}~", password.swapcase(), password[:-1], f"{password[: len(password) // 2]}~")
    wrong = [each for each in dict.fromkeys(near) if each not in ("", password)]
    return wrong[number % len(wrong)]
