"""The same API by another method, with no token or a bad one."""

from __future__ import annotations

from typing import Final

from idchaos.load.canaries.base import TokenKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.kinds.tampered import Tampered
from idchaos.load.canaries.stock import Call, Shelf
from idchaos.load.decide import at_odd_request
from idchaos.load.engine.recorder import About
from idchaos.load.idp.tokens import bearer_line

METHODS: Final = ("POST", "PUT", "PATCH", "DELETE", "HEAD")
WAYS: Final = tuple(f"{method.lower()}_{bad}" for method in METHODS for bad in ("none", "tampered"))


class OtherMethod(TokenKind):
    name = "other_method"
    invariant = "every_method_guarded"
    twice = True
    everywhere = False
    made = "POST, PUT, PATCH, DELETE and HEAD of an API: without a token, and with a tampered one."
    bad = "From birth: nobody has said who asks."
    why = "Reading is guarded and writing is not."
    source = "OWASP API5:2023, RFC 9110 section 9, RFC 6750 section 3"
    needs = ("jwts",)
    makes = len(WAYS)
    each_way = WAYS
    reuse = "always"

    def gain(self, bench: Bench, shelf: Shelf[Call]) -> None:
        """Once a load: a request without a token doesn't age, and a tampered one is bad for ever."""
        if bench.good is None or shelf.lasting(bench.now):
            return
        tampered = Tampered().forge(bench.good, 0)
        for method in METHODS:
            for way, lines in (("none", b""), ("tampered", bearer_line(tampered) if tampered else b"")):
                about = About(way=f"{method.lower()}_{way}")
                shelf.put(Call(decide=at_odd_request, about=about, lines=lines, method=method))
