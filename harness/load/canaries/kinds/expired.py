"""A token beyond its end."""

from __future__ import annotations

from collections.abc import Iterable

from idchaos.experiment import SHOWN, SHOWN_FOR_S
from idchaos.load.canaries.base import Moment, Order, TokenKind, new_name
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.stock import Call, Shelf

_BEFORE_S = 300


class Expired(TokenKind):
    """Every second one was shown to everybody while it was good: who remembers what was decided of a token must
    remember its end as well. Its subject is spelled almost like a user's: who folds or cuts names mixes the two up.
    Where tokens can't be made to order, everyday ones are kept until they have expired.
    """

    name = "expired"
    invariant = "expired_tokens_refused"
    twice = True
    made = (
        "A token whose `exp` has passed: made to order, or an everyday one that was shown while good and has aged; "
        "or, where an answer to it set cookies, these alone."
    )
    bad = "`exp` lies further back than the leeway and every error of clocks together."
    why = "A stolen token works for ever, and so does everyone who has left."
    source = "RFC 7519 section 4.1.4, RFC 7662 section 2.2"

    def orders(self, moment: Moment) -> Iterable[Order]:
        yield Order(over(moment))
        if moment.shows:
            yield _to_be_shown(moment, opaque=moment.shows[0] == "opaque")

    def gain(self, bench: Bench, shelf: Shelf[Call]) -> None:
        enough = bench.mints is not None or shelf.lasting(bench.now) >= bench.depth
        token = None if enough else bench.machine_token()
        if token is not None and bench.show(token.value):
            over = token.obtained_at + token.life_s
            bench.put(shelf, token.value, way=SHOWN, bad_from=over + bench.expired_after_s)


class ExpiredOpaque(TokenKind):
    """Beside JWTs: where the end of an opaque token is told by the IdP, and what it told is remembered."""

    name = "expired_opaque"
    invariant = "expired_tokens_refused"
    twice = True
    made = "An opaque token whose end has passed: made so, or shown while good and grown old."
    bad = "Its end lies further back than the leeway and every error of clocks together."
    why = "What the IdP once said of a token is believed beyond the token's end, or it says so for ever."
    source = "RFC 7662 sections 2.2 and 4"
    needs = ("minted_opaque_tokens", "opaque_tokens")
    once = True

    def orders(self, moment: Moment) -> Iterable[Order]:
        yield Order(over(moment), opaque=True)
        if "opaque" in moment.shows:
            yield _to_be_shown(moment, opaque=True)


def over(moment: Moment) -> dict[str, int]:
    """Times of a token that was over before it was made."""
    end = int(moment.now - moment.margin_s) - 1
    return {"iat": end - _BEFORE_S, "nbf": end - _BEFORE_S, "exp": end}


def _to_be_shown(moment: Moment, *, opaque: bool) -> Order:
    over = int(moment.now + SHOWN_FOR_S)
    claims, bad_from = {"sub": moment.subject or new_name(), "exp": over}, over + moment.expired_after_s
    return Order(claims, opaque=opaque, shown=True, bad_from=bad_from, way=SHOWN)
