"""What is read off the pages, redirects and cookies of a login, and which passwords are mistyped."""

from __future__ import annotations

from typing import Any

import pytest

from idchaos.load.canaries.kinds.grant_obsolete import at_front
from idchaos.load.canaries.kinds.page_unguarded import at_page, is_marked_up, may_be_framed
from idchaos.load.canaries.kinds.wrong_secret_by_method import wrong
from idchaos.load.engine.response import Response
from idchaos.load.idp.journey import Cookies
from idchaos.load.idp.pages import mistyped

IDP = "https://idp.example/login"


@pytest.mark.parametrize(
    ("headers", "open_to_all"),
    [
        ({}, True),
        ({"X-Frame-Options": "DENY"}, False),
        ({"X-Frame-Options": "sameorigin"}, False),
        ({"X-Frame-Options": "ALLOWALL"}, True),
        ({"X-Frame-Options": "ALLOW-FROM https://app.example"}, True),  # no browser heeds it any more
        ({"Content-Security-Policy": "default-src 'none'"}, True),
        ({"Content-Security-Policy": "default-src 'none'; frame-ancestors 'self'"}, False),
        ({"Content-Security-Policy": "Frame-Ancestors https://app.example"}, False),
        ({"Content-Security-Policy": "frame-ancestors *"}, True),
        ({"Content-Security-Policy": "frame-ancestors 'self' https:"}, True),
        ({"Content-Security-Policy": ["frame-ancestors *", "frame-ancestors 'none'"]}, False),
        ({"Content-Security-Policy": "frame-ancestors *", "X-Frame-Options": "DENY"}, True),
    ],
)
def test_who_may_frame_a_page_is_what_browsers_take_from_its_headers(
    headers: dict[str, Any], open_to_all: bool
) -> None:
    assert may_be_framed(Response(200, headers=headers)) is open_to_all


@pytest.mark.parametrize(
    ("kind", "body", "found"),
    [
        ("text/html; charset=utf-8", b'<input value="value"><x-1>">', True),
        ("text/html", b'<input value="value&quot;&gt;&lt;x-1&gt;">', False),
        ("text/html", b'<script>{"hint": "value\\"><x-1>"}</script>', False),
        ("application/json", b'value"><x-1>', False),
    ],
)
def test_markup_counts_where_a_browser_takes_it_for_markup(kind: str, body: bytes, found: bool) -> None:
    assert is_marked_up(Response(200, headers={"Content-Type": kind}, body=body), 'value"><x-1>') is found


HTML = {"Content-Type": "text/html"}


@pytest.mark.parametrize(
    ("answer", "comes_back", "decision"),
    [
        (Response(400, headers=HTML, body=b'value"><x-1>'), False, ("accept", "")),
        (Response(400, headers=HTML, body=b"this link does not work"), False, ("deny", "escaped")),
        (Response(200, headers=HTML, body=b"value&quot;&gt;&lt;x-1&gt;"), True, ("deny", "escaped")),
        (Response(200, headers=HTML, body=b"sign in, please"), True, ("undecided", "not_shown")),
        (Response(302, headers={"Location": "/error"}), False, ("undecided", "http_302")),
        (Response(503), False, ("undecided", "http_503")),
        (Response(0, error="read_timeout"), False, ("undecided", "read_timeout")),
    ],
)
def test_a_page_that_was_not_seen_has_not_escaped_anything(
    answer: Response, comes_back: bool, decision: tuple[str, str]
) -> None:
    assert at_page(answer, 'value"><x-1>', comes_back=comes_back) == decision


@pytest.mark.parametrize(
    ("answer", "decision"),
    [
        (Response(302, headers={"Location": "https://app/cb#access_token=t&state=s"}), ("accept", "")),
        (Response(302, headers={"Location": "https://app/cb?access_token=t"}), ("accept", "")),
        (Response(302, headers={"Location": "https://app/cb#code=c&id_token=i"}), ("deny", "no_token_given")),
        (
            Response(303, headers={"Location": "https://app/cb#error=unsupported_response_type"}),
            ("deny", "unsupported_response_type"),
        ),
        (Response(302, headers={"Location": "https://app/cb?error=server_error"}), ("undecided", "server_error")),
        (Response(400), ("deny", "http_400")),
        (Response(200), ("undecided", "page")),
        (Response(503), ("undecided", "http_503")),
        (Response(0, error="read_timeout"), ("undecided", "read_timeout")),
    ],
)
def test_a_token_in_the_redirect_is_what_counts(answer: Response, decision: tuple[str, str]) -> None:
    assert at_front(answer) == decision


def test_a_script_reads_all_cookies_but_those_that_are_http_only() -> None:
    cookies = Cookies()
    lines = ["session=secret; Path=/; HttpOnly", "theme=dark; Path=/", "httponly=no"]
    cookies.keep(IDP, Response(200, headers={"Set-Cookie": lines}))
    assert cookies.header(IDP) == {"Cookie": "session=secret; theme=dark; httponly=no"}
    assert cookies.readable().header(IDP) == {"Cookie": "theme=dark; httponly=no"}
    cookies.keep(IDP, Response(200, headers={"Set-Cookie": "session=again"}))
    assert "session=again" in cookies.readable().header(IDP)["Cookie"]


@pytest.mark.parametrize("password", ["wonderland", "p", "1234", "Ab"])
def test_a_mistyped_password_is_like_the_right_one_and_never_it(password: str) -> None:
    typed = {mistyped(password, number) for number in range(8)}
    assert password not in typed
    assert "" not in typed
    assert f"{password}~" in typed


def test_passwords_are_mistyped_by_case_by_length_and_at_their_end() -> None:
    assert {mistyped("wonderland", number) for number in range(4)} == {
        "wonderland~", "WONDERLAND", "wonderlan", "wonde~",
    }  # fmt: skip


def test_an_empty_secret_is_a_wrong_one_and_others_are_never_empty() -> None:
    assert wrong("secret", "other", "empty") == ""
    assert all(wrong("s", "", way) not in ("", "s") for way in ("random", "longer", "shorter", "of_another"))
