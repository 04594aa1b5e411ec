"""A token beyond its end."""

from __future__ import annotations

from collections.abc import Iterable

from idchaos.experiment import SHOWN_FOR_S
from idchaos.load.canaries.base import Moment, Order, TokenKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.stock import Call, Shelf

_BEFORE_S = 300


class Expired(TokenKind):
    """Every second one was shown to everybody while it was good, in each format that the IdP issues: who remembers what
    was decided of a token must remember its end as well. Where tokens can't be made to order, everyday ones are kept
    until they have expired.
    """

    name = "expired"
    invariant = "expired_tokens_refused"
    made = "A token whose `exp` has passed: made to order, or an everyday one that was shown while good and has aged."
    bad = "`exp` lies further back than the leeway and every error of clocks together."
    why = "A stolen token works for ever, and so does everyone who has left."
    source = "RFC 7519 section 4.1.4, RFC 7662 section 2.2"

    def orders(self, moment: Moment) -> Iterable[Order]:
        end = int(moment.now - moment.margin_s) - 1
        yield Order({"iat": end - _BEFORE_S, "nbf": end - _BEFORE_S, "exp": end})
        for token_format in moment.shows:
            over = int(moment.now + SHOWN_FOR_S)
            yield Order(
                {"exp": over},
                opaque=token_format == "opaque",
                shown=True,
                bad_from=over + moment.expired_after_s,
                way=f"shown_{token_format}",
            )

    def gain(self, bench: Bench, shelf: Shelf[Call]) -> None:
        enough = bench.mints is not None or shelf.lasting(bench.now) >= bench.depth
        token = None if enough else bench.machine_token()
        if token is not None and bench.show(token.value):
            over = token.obtained_at + token.life_s
            bench.put(shelf, token.value, way="aged", bad_from=over + bench.expired_after_s)
