"""Two headers that say who asks: one good, one bad."""

from __future__ import annotations

from idchaos.load.canaries.base import TokenKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.kinds.tampered import Tampered
from idchaos.load.canaries.stock import Call, Shelf
from idchaos.load.decide import at_odd_request
from idchaos.load.engine.recorder import About
from idchaos.load.idp.tokens import bearer_line


class SecondHeader(TokenKind):
    name = "second_header"
    invariant = "one_authorization_header"
    made = "Two `Authorization` headers: a good token's beside a tampered one's, in both orders."
    bad = "From birth: that header stands once, and a token is sent in one way only."
    why = "The gateway judges one of them, and the service or a cache believes the other."
    source = "RFC 9110 section 5.3, RFC 6750 section 2"
    needs = ("jwts",)
    makes = 2
    bears_good = True
    reuse = "always"

    def gain(self, bench: Bench, shelf: Shelf[Call]) -> None:
        token = bench.round_token
        bad = Tampered().forge(bench.good, 0) if bench.good else None
        if token is None or bad is None:
            return
        pair = (token.bearer, bearer_line(bad))
        for way, lines in (("good_first", pair), ("bad_first", pair[::-1])):
            about = About(way=way, jti=token.about.jti, format=token.about.format)
            shelf.put(Call(decide=at_odd_request, about=about, lines=b"".join(lines), bad_until=bench.until(token)))
