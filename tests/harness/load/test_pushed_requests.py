"""A pushed request that another client uses: what a refusal looks like, on a page and by a redirect."""

import json
from types import SimpleNamespace

import pytest

from idchaos.load.canaries.kinds.pushed_request import PushedRequest
from idchaos.load.engine.response import Response
from idchaos.load.idp.client import Code, Step
from tests.harness.load.conftest import WEB

OF_ANOTHER = next(ask for ask in PushedRequest.asks if ask.way == "of_another")
BY_URL = next(ask for ask in PushedRequest.asks if ask.way == "by_url")
PUSHED = Response(201, body=json.dumps({"request_uri": "urn:ietf:params:oauth:request_uri:1"}).encode())


def used_by_another(*steps, code=None, stopping=False, upkept=None):
    """What is decided where the other client's login takes these steps."""

    def log_in(client, user, observe, further):
        for step in steps:
            observe(step)
        return code

    return OF_ANOTHER.send(
        SimpleNamespace(
            confidential=WEB,
            sibling=WEB.model_copy(update={"client_id": "other"}),
            user="alice",
            pushes=True,
            idp=SimpleNamespace(ask=lambda asked: PUSHED, code=log_in),
            bench=SimpleNamespace(observe=lambda step: True),
            scene=SimpleNamespace(stopping=stopping, upkeep=[].append if upkept is None else upkept.append),
        )
    )


def test_what_the_end_of_the_load_cuts_short_is_counted_all_the_same():
    refused, upkept = Step("authorize", Response(303), "deny", "invalid_request_uri"), []
    assert used_by_another(refused, stopping=True, upkept=upkept) is None
    assert upkept == [refused]


@pytest.mark.parametrize(
    ("step", "decided"),
    [
        (Step("authorize", Response(303), "deny", "invalid_request_uri"), ("deny", "invalid_request_uri")),
        (Step("authorize", Response(400), "undecided", "http_400"), ("deny", "http_400")),
        (Step("authorize", Response(503), "undecided", "http_503"), ("undecided", "http_503")),
        (Step("login", Response(303), "undecided", "bad_redirect"), ("undecided", "bad_redirect")),
    ],
    ids=["error in a redirect", "page that says no", "outage", "redirect to nowhere"],
)
def test_without_a_code_it_is_refused_where_somebody_says_so(step, decided):
    found = used_by_another(step)
    assert (found.decision, found.code) == decided


def test_a_code_that_comes_of_it_is_accepted():
    accepted = Step("login", Response(303), "accept", "")
    assert used_by_another(accepted, code=Code("c", "http://127.0.0.1/cb", "v")) == accepted


def by_url(*, status=400, goes_there=False, denies=True, reaches=True):
    """What is decided of a request that is at a URL, by an IdP that looks there or does not."""
    nobodys = SimpleNamespace(asked=set(), url=lambda name, *rest: f"http://127.0.0.1:1/{name}")

    def answer(client, further):
        nobodys.asked |= {further["request_uri"].rpartition("/")[2]} if goes_there else set()
        return Response(status)

    step = BY_URL.send(
        SimpleNamespace(
            confidential=WEB,
            idp=SimpleNamespace(denies=lambda member: denies, asked_for_login=answer),
            bench=SimpleNamespace(listener=nobodys),
            scene=SimpleNamespace(endpoints=SimpleNamespace(idp_calls_back=reaches)),
        )
    )
    return step and (step.decision, step.code)


@pytest.mark.parametrize(
    ("idp", "decided"),
    [
        ({}, ("deny", "not_fetched")),
        ({"goes_there": True}, ("accept", "url_fetched")),
        ({"goes_there": True, "status": 503}, ("accept", "url_fetched")),
        ({"status": 503}, ("undecided", "http_503")),
        ({"denies": False}, None),
        ({"reaches": False}, None),
    ],
    ids=["refuses", "looks there", "fails after that", "outage", "takes such requests", "is elsewhere"],
)
def test_an_idp_that_takes_no_requests_by_reference_does_not_go_and_look(idp, decided):
    assert by_url(**idp) == decided
