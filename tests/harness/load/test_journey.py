"""A login over several pages: what is followed, filled in and kept, and where it is given up."""

from urllib.parse import parse_qs

import pytest

from idchaos.load.engine.response import Response
from idchaos.load.idp.journey import MOST_BYTES, MOST_STEPS, Journey
from idchaos.targets.endpoints import User

IDP, TO = "http://127.0.0.1:1", "http://127.0.0.1/cb"
ALICE = User(username="alice", password="right")
NAME = (
    b'<form action="step2" method=post><input type=hidden name=flow value=f1><input type=email name=identifier></form>'
)
LOGIN = b'<form action="/u/login?x=1" method="post"><input name=login><input type=password name=pw></form>'
CONSENT = b"""<form action="http://127.0.0.1:1/consent" method=post><input type=hidden name=csrf value=t>
  <button name=answer value=no>Deny</button><button name=answer value=yes>Allow access</button></form>"""


def to(where, *cookies):
    return Response(status=302, headers={"Location": where, "Set-Cookie": list(cookies)})


def page(body):
    return Response(status=200, body=body)


class Pages:
    """Answers each path by what is said of it; remembers what was asked."""

    def __init__(self, answers):
        self.answers, self.asked, self.now = answers, [], 0.0

    def __call__(self, method, url, body, headers):
        path = url.removeprefix(IDP).partition("?")[0]
        self.asked.append((method, path, parse_qs(body.decode()), headers.get("Cookie", "")))
        self.now += 1.0
        found = self.answers[path]
        response = found() if callable(found) else found
        response.sent, response.ended = self.now, self.now + 0.5
        return response


def journey(pages):
    return Journey(pages, ALICE, TO, now=lambda: pages.now)


def test_over_pages_for_name_password_and_consent_to_the_redirect_uri():
    pages = Pages(
        {
            "/authorize": to("/u/step1", "session=s1; Path=/; HttpOnly"),
            "/u/step1": page(NAME),
            "/u/step2": page(LOGIN),
            "/u/login": to(f"{IDP}/ask", "session=s2", "user=alice"),
            "/ask": page(CONSENT),
            "/consent": to(f"{TO}?code=c&state=s", "session=; Max-Age=0"),
        }
    )
    on_way = journey(pages)
    assert on_way.begin(f"{IDP}/authorize?state=s")[0] == "login_form"
    end, last = on_way.log_in(on_way.form)
    assert (end, last.header("Location")) == ("at_redirect_uri", f"{TO}?code=c&state=s")
    assert pages.asked == [
        ("GET", "/authorize", {}, ""),
        ("GET", "/u/step1", {}, "session=s1"),
        ("POST", "/u/step2", {"flow": ["f1"], "identifier": ["alice"]}, "session=s1"),
        ("POST", "/u/login", {"login": ["alice"], "pw": ["right"]}, "session=s1"),
        ("GET", "/ask", {}, "session=s2; user=alice"),
        ("POST", "/consent", {"csrf": ["t"], "answer": ["yes"]}, "session=s2; user=alice"),
    ]
    assert last.sent == 4.0  # when the password was sent


def test_a_redirect_to_a_host_that_is_not_allowed_is_not_followed():
    pages = Pages({"/authorize": to("https://login.example.com/"), "/other": to(TO)})
    end, _ = journey(pages).begin(f"{IDP}/authorize")
    assert (end, len(pages.asked)) == ("host_not_allowed", 1)


@pytest.mark.parametrize("action", ["https://evil.example.com/login", "http://[", "ftp://127.0.0.1/"])
def test_a_form_that_leads_elsewhere_is_not_filled_in(action):
    pages = Pages({"/authorize": page(LOGIN.replace(b"/u/login?x=1", action.encode()))})
    on_way = journey(pages)
    assert (on_way.begin(f"{IDP}/authorize")[0], on_way.form) == ("no_form", None)


def test_the_redirect_uri_itself_is_never_asked_nor_taken_for_one_that_begins_like_it():
    pages = Pages({"/authorize": to(f"{TO}-attacker?code=c"), f"{TO}-attacker": page(b"")})
    assert journey(pages).begin(f"{IDP}/authorize")[0] == "no_form"
    pages = Pages({"/authorize": to(f"{TO}?error=access_denied")})
    assert journey(pages).begin(f"{IDP}/authorize")[0] == "at_redirect_uri"
    assert len(pages.asked) == 1


def test_redirects_without_end_are_given_up():
    pages = Pages({"/authorize": to("/authorize")})
    assert journey(pages).begin(f"{IDP}/authorize")[0] == "too_many_steps"
    assert len(pages.asked) == MOST_STEPS


def test_a_slow_way_is_given_up():
    pages = Pages({"/authorize": to("/authorize")})

    def slow():
        pages.now += 20
        return to("/authorize")

    pages.answers["/authorize"] = slow
    assert journey(pages).begin(f"{IDP}/authorize")[0] == "too_slow"
    assert len(pages.asked) == 2


def test_a_page_without_end_is_not_read():
    pages = Pages({"/authorize": page(LOGIN + b" " * MOST_BYTES)})
    assert journey(pages).begin(f"{IDP}/authorize")[0] == "page_too_large"


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        (page(b"<h1>Welcome</h1>"), "no_form"),
        (page(b"<form><button>Deny</button></form>"), "no_form"),
        (Response(status=503), "status"),
        (Response(error="connect_refused"), "status"),
    ],
)
def test_what_leads_nowhere_ends_it(answer, end):
    assert journey(Pages({"/authorize": answer})).begin(f"{IDP}/authorize")[0] == end


def test_nothing_that_is_secret_can_be_read_from_it():
    on_way = journey(Pages({"/authorize": to("/login?code=secret", "s=c00kie"), "/login": page(LOGIN)}))
    on_way.begin(f"{IDP}/authorize?state=hidden")
    assert not any(word in repr(on_way) for word in ("secret", "c00kie", "hidden", "right", "alice"))


def test_redirects_alone_are_followed_to_the_first_page_whatever_it_asks():
    pages = Pages({"/authorize": to("/u/step1", "step=1"), "/u/step1": page(CONSENT)})
    end, found = journey(pages).follow(f"{IDP}/authorize")
    assert (end, found.body) == ("no_form", CONSENT)
    assert pages.asked == [("GET", "/authorize", {}, ""), ("GET", "/u/step1", {}, "step=1")], "nobody says yes"


@pytest.mark.parametrize(
    ("answers", "ends"),
    [
        ({"/authorize": to("/resume"), "/resume": to(f"{TO}?code=c")}, "at_redirect_uri"),
        ({"/authorize": to("https://login.example.com/")}, "host_not_allowed"),
        ({"/authorize": to("/authorize")}, "too_many_steps"),
        ({"/authorize": to("/down"), "/down": Response(status=503)}, "status"),
    ],
)
def test_where_redirects_alone_end(answers, ends):
    end, _ = journey(Pages(answers)).follow(f"{IDP}/authorize")
    assert end == ends
