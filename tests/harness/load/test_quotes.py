"""A refusal must not say back what it refuses."""

import pytest

from idchaos.load.engine.quotes import Quotes, secrets_in
from idchaos.load.engine.response import Response

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLW9mLXRoaXMtdG9rZW4tYWxvbmU"


@pytest.mark.parametrize(
    ("body", "headers", "quoting"),
    [
        (b'{"detail": "no"}', {}, 0),
        (f'{{"received": "Bearer {TOKEN}"}}'.encode(), {}, 1),
        (f"...{TOKEN[-40:]}".encode(), {}, 1),
        (b"", {"Idchaos-Received": TOKEN}, 1),
        (TOKEN.partition(".")[0].encode(), {}, 0),  # a header is no secret
    ],
)
def test_a_refusal_is_searched_for_what_was_sent(body, headers, quoting):
    quotes = Quotes()
    quotes.look("gateway-1", Response(status=401, body=body, headers=headers), secrets_in(b"Bearer " + TOKEN.encode()))
    assert (quotes.searched["gateway-1"], quotes.found["gateway-1"]) == (1, quoting)


def test_what_is_short_may_stand_there_by_chance():
    quotes = Quotes()
    quotes.look("idp", Response(status=400, body=b"short"), [b"short", *secrets_in(b"Authorization: Bearer ..\r\n")])
    assert not quotes.searched
