"""A token beyond its end, by methods that change things."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from idchaos.load.canaries.base import Moment, Order, TokenKind
from idchaos.load.canaries.kinds.expired import over

METHODS: Final = ("PUT", "PATCH", "DELETE")


class ExpiredWrite(TokenKind):
    """Signed as it should be: whoever looks at no more than that, by some method, is told from who looks at nothing."""

    name = "expired_write"
    invariant = "every_method_guarded"
    everywhere = False
    each_way = tuple(f"{method.lower()}_expired" for method in METHODS)
    made = "An expired token, used for PUT, PATCH and DELETE."
    bad = "As with GET: `exp` lies further back than the leeway and every error of clocks together."
    why = "By some methods any token will do that the IdP once signed."
    source = "OWASP API5:2023, RFC 7519 section 4.1.4, RFC 9110 section 9.3"
    needs = ("minting",)
    makes = len(METHODS)

    def orders(self, moment: Moment) -> Iterable[Order]:
        method = METHODS[moment.number % len(METHODS)]
        yield Order(over(moment), method=method, way=f"{method.lower()}_expired")
