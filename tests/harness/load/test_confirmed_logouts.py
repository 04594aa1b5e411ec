"""A logout that the IdP asks the user to confirm: the answer is yes, and nothing is sent to anybody else."""

from types import SimpleNamespace

import pytest

from idchaos.load.canaries.logging_out import logged_out
from idchaos.load.engine.response import Response
from idchaos.load.idp.journey import Cookies
from tests.harness.load.conftest import WEB

IDP = "http://127.0.0.1:4000"
GOODBYE = Response(200, body=b"<h1>Logged out</h1>")


def asks(action, *, button="<button name='logout' value='yes'>Yes</button>"):
    form = f"<form method='post' action='{action}'><input type='hidden' name='xsrf' value='x'>{button}</form>"
    return Response(200, headers={"Set-Cookie": "seen=1"}, body=form.encode())


class Asked:
    """A bench whose IdP answers from a list, and what it was asked."""

    def __init__(self, *answers):
        self.left, self.sent, self.observed = list(answers), [], []
        idp = SimpleNamespace(ask=self._ask, url_of=lambda endpoint: f"{IDP}/{endpoint}")
        self.scene = SimpleNamespace(idp=idp, endpoints=SimpleNamespace(idp_url=IDP, allow_hosts=()))

    def _ask(self, asked):
        self.sent.append(asked)
        return self.left.pop(0)

    def observe(self, step):
        self.observed.append(step.decision)
        return step.decision == "accept"

    def log_out(self):
        return logged_out(self, WEB, "hint", Cookies())


def test_a_user_who_is_asked_back_says_yes_and_each_request_is_counted():
    bench = Asked(asks(f"{IDP}/end/confirm"), Response(303, headers={"Location": f"{IDP}/end/success"}))
    assert bench.log_out()
    first, confirmed = bench.sent
    assert (first.url, first.method) == ("", "GET")
    assert (confirmed.url, confirmed.form) == (f"{IDP}/end/confirm", (("xsrf", "x"), ("logout", "yes")))
    assert confirmed.headers == {"Cookie": "seen=1"}
    assert bench.observed == ["accept", "accept"]


def test_who_is_not_asked_back_has_nothing_to_confirm():
    bench = Asked(GOODBYE)
    assert bench.log_out()
    assert len(bench.sent) == 1


@pytest.mark.parametrize(
    "page",
    [
        asks("http://elsewhere.invalid/end"),
        asks(f"{IDP}/end/confirm", button="<button>No, stay signed in</button>"),
        asks(f"{IDP}/login", button="<input type='password' name='p'><button>Yes</button>"),
    ],
    ids=["of another host", "without a yes", "that asks for a password"],
)
def test_a_page_that_can_not_be_confirmed_is_no_logout(page):
    bench = Asked(page)
    assert not bench.log_out()
    assert len(bench.sent) == 1


def test_one_that_asks_again_and_again_has_not_logged_out():
    bench = Asked(asks(f"{IDP}/end/confirm"), asks(f"{IDP}/end/confirm"))
    assert not bench.log_out()
    assert len(bench.sent) == 2
