"""A bad token anywhere but in a proper ``Authorization`` header."""

from __future__ import annotations

from idchaos.load.canaries.base import TokenKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.kinds.tampered import Tampered
from idchaos.load.canaries.stock import Call, Shelf
from idchaos.load.decide import at_odd_request
from idchaos.load.engine.recorder import About


class OtherPlace(TokenKind):
    name = "other_place"
    invariant = "tokens_checked_wherever_they_stand"
    made = (
        "A tampered token in the query, in cookies, under the schemes `Basic` and `DPoP`, in headers of other names, "
        "and under `bearer` in lower case."
    )
    bad = "From birth: wherever it is looked for, its signature doesn't verify."
    why = "A second way in has checks of its own, or none."
    source = "RFC 6750 sections 2.2 and 2.3, RFC 9110 section 11.1, RFC 9700 section 4.3.2"
    needs = ("jwts",)
    makes = 6
    reuse = "always"

    def gain(self, bench: Bench, shelf: Shelf[Call]) -> None:
        """Once a load: a tampered token is bad for ever."""
        bad = Tampered().forge(bench.good, 0) if bench.good else None
        if bad is None or shelf.lasting(bench.now):
            return
        for way, (suffix, lines) in placed(bad).items():
            shelf.put(Call(decide=at_odd_request, about=About(way=way), lines=lines, suffix=suffix))


def placed(token: str) -> dict[str, tuple[str, bytes]]:
    """What follows the path, and header lines, by where the token stands."""
    value = token.encode("latin-1")
    return {
        "query": (f"?access_token={token}", b""),
        "cookie": ("", b"Cookie: access_token=%s\r\n" % value),
        "basic": ("", b"Authorization: Basic %s\r\n" % value),
        "dpop": ("", b"Authorization: DPoP %s\r\n" % value),
        "other_headers": ("", b"X-Access-Token: %s\r\nX-Forwarded-Access-Token: %s\r\n" % (value, value)),
        "lower_case": ("", b"Authorization: bearer %s\r\n" % value),
    }
