"""No answer may say back what was sent, nor what somebody was given."""

import pytest

from idchaos.load.engine.quotes import Quotes, bearers_in, secrets_in
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


@pytest.mark.parametrize(
    ("body", "headers", "where"),
    [
        (b'{"echo": "abc", "query": ""}', {"Location": "/orders?page=2"}, None),
        (b"", {"Set-Cookie": f"session={TOKEN}; HttpOnly"}, "the header Set-Cookie"),
        (b"", {"Location": f"/login?rd=%2Forders%3Faccess_token%3D{TOKEN}"}, "the header Location"),
        (f'{{"query": "access_token={TOKEN}"}}'.encode(), {}, "the body"),
        (b"", {"Idchaos-Next": "/cb?x=another-users-opaque-token"}, "the header Idchaos-Next"),
        (b'{"seen": "another-users-opaque-token"}', {}, "the body"),
        (b"", {"Location": "/cb?code=abc#access_token=new"}, "access_token in the header Location"),
    ],
)
def test_a_good_answer_is_searched_for_what_was_sent_and_for_what_others_were_given(body, headers, where):
    """Also for a token that nobody had yet: it may be in no redirect."""
    quotes, given = Quotes(), {"another-users-opaque-token": "access_token"}
    sent = bearers_in(b"Authorization: Bearer " + TOKEN.encode() + b"\r\n")
    answer = Response(status=200, body=body, headers=headers)
    quotes.look("gateway-1", answer, sent, handed_out=lambda text: given.get(text, ""))
    assert (quotes.searched["gateway-1"], quotes.found["gateway-1"]) == (1, where is not None)
    assert quotes.first.get("gateway-1") == (where and f"{where} of an answer with status 200")


def test_what_an_answer_may_hold_is_not_looked_for_in_its_body():
    quotes = Quotes()
    answer = Response(status=200, body=TOKEN.encode(), headers={"Cache-Control": "no-store"})
    quotes.look("idp", answer, [TOKEN.encode()], body=False)
    assert (quotes.searched["idp"], quotes.found["idp"]) == (1, 0)
