"""Metadata that were made for another host: a breach where the next one is given them."""

from types import SimpleNamespace

import pytest

from idchaos.load.canaries.kinds.metadata_misled import MetadataMisled
from idchaos.load.engine.response import Response

(NEXT_ONE,) = (ask for ask in MetadataMisled.asks if ask.way == "next_one")
OWN, LED = Response(200, body=b'{"jwks_uri": "https://idp.example"}'), Response(200, body=b"https://nobody.invalid")


def decided(*answers):
    """What is decided of these answers, and under which names the IdP was asked."""
    left, asked = list(answers), []
    party = SimpleNamespace(
        scene=SimpleNamespace(endpoints=SimpleNamespace(idp_url="http://127.0.0.1:1")),
        idp=SimpleNamespace(ask=lambda each: asked.append(each.host) or left.pop(0)),
        bench=SimpleNamespace(observe=lambda step: True),
    )
    step = NEXT_ONE.send(party)
    return (step.decision, step.code), asked


@pytest.mark.parametrize(
    ("answers", "decision"),
    [
        ((LED, LED), ("accept", "")),
        ((LED, OWN), ("deny", "own_addresses")),
        ((LED, Response(503)), ("undecided", "http_503")),
    ],
    ids=["it is kept", "each has their own", "outage"],
)
def test_what_is_made_for_one_host_is_not_given_to_the_next(answers, decision):
    assert decided(*answers) == (decision, ["nobody.invalid", ""])


@pytest.mark.parametrize(
    ("answer", "decision"),
    [
        (OWN, ("deny", "own_addresses")),
        (Response(421), ("deny", "not_served_there")),
        (Response(503), ("undecided", "http_503")),
    ],
    ids=["its own addresses", "no such host", "outage"],
)
def test_who_is_not_led_need_not_be_asked_again(answer, decision):
    assert decided(answer) == (decision, ["nobody.invalid"])
