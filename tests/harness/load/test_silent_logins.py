"""A code by nothing but a browser's cookies: what comes of it where the IdP shows a page, or redirects to it."""

import pytest

from idchaos.load.engine.response import Response
from idchaos.load.idp.client import Idp
from idchaos.load.idp.journey import Cookies
from idchaos.targets.endpoints import Client, Endpoints

BASE, CALLBACK = "http://127.0.0.1:1", "http://127.0.0.1/cb"
WEB = Client(client_id="web", client_secret="s", redirect_uri=CALLBACK, grants=("authorization_code",))
LOGIN = Response(status=200, body=b"<form method=post><input name=u><input type=password name=p></form>")


def to(where):
    return Response(status=303, headers={"Location": where, "Set-Cookie": "step=1"})


class Browser:
    """An IdP that answers from a list; who asks shows the cookies of a session."""

    base = BASE

    def __init__(self, *answers):
        self.left, self.cookies = list(answers), Cookies()
        self.cookies.keep(BASE, Response(headers={"Set-Cookie": "session=s"}))
        self.idp = Idp(Endpoints(issuer=BASE, idp_url=BASE, gateways=(), routes=(), clients=(WEB,), users=()), self.at)
        self.idp._urls = {"authorize": f"{BASE}/authorize"}

    def at(self, _origin):
        return self

    def head(self, method, target, headers):
        return target.encode()

    def send(self, head, body=b"", *, replayable=True):
        return self.left.pop(0)

    def ask(self):
        step, code = self.idp.silent_code(WEB, self.cookies)
        return step.decision, step.code, code and code.value


@pytest.mark.parametrize(
    ("answers", "decided"),
    [
        ((LOGIN,), ("deny", "login_page", None)),
        ((to("/interaction/1"), LOGIN), ("deny", "login_page", None)),
        ((to(f"{CALLBACK}?error=login_required"),), ("deny", "login_required", None)),
        ((to("/interaction/1"), Response(status=503)), ("undecided", "http_503", None)),
        ((to("https://elsewhere.invalid/"),), ("undecided", "host_not_allowed", None)),
    ],
    ids=["page", "redirect to a page", "error", "outage behind a redirect", "another host"],
)
def test_who_is_asked_or_refused_gets_no_code(answers, decided):
    assert Browser(*answers).ask() == decided


def test_a_code_that_comes_at_once_is_one_whatever_redirects_lie_between():
    *_, code = Browser(to("/resume/1"), to(f"{CALLBACK}?code=c")).ask()
    assert code == "c"


def test_the_browser_s_own_cookies_stay_as_they_are():
    browser = Browser(to("/interaction/1"), LOGIN)
    browser.ask()
    assert browser.cookies.header(BASE) == {"Cookie": "session=s"}
