"""A good token anywhere but in a proper ``Authorization`` header."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from idchaos.load.canaries.base import SESSION, TokenKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.stock import Call, Shelf
from idchaos.load.decide import at_odd_request
from idchaos.load.engine.recorder import About

_FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


class GoodElsewhere(TokenKind):
    name = "good_elsewhere"
    invariant = "tokens_only_in_the_header"
    made = (
        "An everyday token in the query, in a form, in a cookie, under the schemes `Basic`, `Token`, `JWT` and `DPoP` "
        "(without a proof), and in headers of other names."
    )
    bad = "From birth: a bearer token is sent in the header `Authorization`, under the scheme `Bearer`."
    why = "Tokens get into logs, histories and Referers; one in a cookie is sent by every site that a user visits."
    source = "RFC 9700 section 4.3.2, RFC 6750 sections 2.2, 2.3 and 5.3, RFC 9449 section 7.1"
    makes = 9
    bears_good = True
    reuse = "always"

    def gain(self, bench: Bench, shelf: Shelf[Call]) -> None:
        token = bench.round_token
        if token is None:
            return
        for way, call in elsewhere(token.value).items():
            about = About(session=SESSION, way=way, jti=token.about.jti, format=token.about.format)
            shelf.put(replace(call, about=about, bad_until=bench.until(token)))


def elsewhere(token: str) -> dict[str, Call]:
    """Requests by where the token stands."""
    value = token.encode("latin-1")

    def call(**parts: Any) -> Call:
        return Call(about=About(), decide=at_odd_request, **({"lines": b""} | parts))

    return {
        "query": call(suffix=f"?access_token={token}"),
        "post_form": call(method="POST", lines=_FORM, body=b"access_token=" + value),
        "cookie": call(lines=b"Cookie: access_token=%s\r\n" % value),
        "basic": call(lines=b"Authorization: Basic %s\r\n" % value),
        "token_scheme": call(lines=b"Authorization: Token %s\r\n" % value),
        "jwt_scheme": call(lines=b"Authorization: JWT %s\r\n" % value),
        "dpop_scheme": call(lines=b"Authorization: DPoP %s\r\n" % value),
        "access_token_header": call(lines=b"X-Access-Token: %s\r\nX-Auth-Token: %s\r\n" % (value, value)),
        "forwarded_header": call(
            lines=b"X-Forwarded-Access-Token: %s\r\nX-Forwarded-Authorization: Bearer %s\r\n" % (value, value)
        ),
    }
