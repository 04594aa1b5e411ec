"""A token for somebody else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from idchaos.load.canaries.base import ForeignAudience, Moment, Order, TokenKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.kinds.wrong_issuer import NOBODY
from idchaos.load.canaries.stock import Call, Shelf
from idchaos.load.idp.tokens import Token, peek

AT_ONCE = 4


class WrongAudience(TokenKind):
    """Where tokens can't be made to order, everyday ones are sent to a service that they are not for."""

    name = "wrong_audience"
    invariant = "audience_enforced"
    made = (
        "A good token whose `aud` is another service's, where it is shown first (then also under an "
        "`X-Original-URL` there), resembles the right one, is empty or missing."
    )
    bad = "From birth: the service that it is sent to is not in `aud`, compared as a string."
    why = "One service can act for its callers at every other one."
    source = "RFC 7519 section 4.1.3, RFC 8725 section 3.9, RFC 9068 section 4"
    needs = ("another_audience",)
    makes = AT_ONCE
    twice = True
    each_way = ("original_url",)

    def orders(self, moment: Moment) -> Iterable[Order]:
        """Several a round: there are so many ways that a short run would not come to all of them."""
        ways = foreign_audiences(moment.audiences)
        for number in range(moment.number * AT_ONCE, (moment.number + 1) * AT_ONCE):
            foreign = ways[number % len(ways)]
            shown = bool(foreign.good_for)  # a verdict that was remembered of one service is none for the next
            claims, home = moment.good(aud=foreign.claim), foreign.good_for
            yield Order(claims, way=foreign.way, good_for=home, resembles=foreign.resembles, shown=shown)

    def gain(self, bench: Bench, shelf: Shelf[Call]) -> None:
        if bench.mints:
            return
        if bench.stranger is not None:
            self._of_a_stranger(bench, shelf, bench.machine_token(bench.stranger))
            return
        token = bench.round_token
        if token is None:
            return
        named = _named(token)
        at_home = named & set(bench.audiences)
        if len(at_home) == 1 and set(bench.audiences) - named:  # of two, there may be no third to send it to
            (home,) = at_home
            bench.put(shelf, token.value, way=f"for_{home}", good_for=home, bad_until=bench.until(token))

    def _of_a_stranger(self, bench: Bench, shelf: Shelf[Call], token: Token | None) -> None:
        """A token that is for none of the routes, whatever else it is for."""
        if token is not None and not _named(token) & set(bench.audiences):
            bench.put(shelf, token.value, way="for_nobody_here", bad_until=bench.until(token))


def _named(token: Token) -> set[str]:
    claim = peek(token.value)[1].get("aud")
    return {claim} if isinstance(claim, str) else set(claim or ())


class WrongAudienceOpaque(TokenKind):
    name = "wrong_audience_opaque"
    invariant = "audience_enforced"
    made = "A good opaque token of which introspection tells another audience, where it is shown first."
    bad = "From birth: the service that it is sent to is not in `aud`."
    why = "One service can act for its callers at every other one, by tokens that nobody can read."
    source = "RFC 7662 section 2.2 and section 4, RFC 8725 section 3.9"
    needs = ("minted_opaque_tokens", "opaque_tokens")
    twice = True

    def orders(self, moment: Moment) -> Iterable[Order]:
        ways = [each for each in foreign_audiences(moment.audiences) if each.claim]  # it may leave `aud` out
        foreign = ways[moment.number % len(ways)]
        shown = bool(foreign.good_for)
        claims = moment.good(aud=foreign.claim)
        way, home = foreign.way, foreign.good_for
        yield Order(claims, way=way, good_for=home, resembles=foreign.resembles, shown=shown, opaque=True)


def foreign_audiences(audiences: Sequence[str]) -> list[ForeignAudience]:
    """Audiences that are nobody's, that resemble a real one, and, where there are several, that are another's.

    Strings and arrays alike: both are allowed, and compared as they are.
    """
    found = [
        ForeignAudience("nobody_listed", [NOBODY]),
        ForeignAudience("nobody", NOBODY),
        ForeignAudience("none", None),
        ForeignAudience("empty", []),
    ]
    for name in audiences:
        found += [
            ForeignAudience(f"{name}_suffix", f"{name}-attacker", resembles=name),
            ForeignAudience(f"{name}_prefix", [f"attacker-{name}"], resembles=name),
            ForeignAudience(f"{name}_case", name.swapcase(), resembles=name),
        ]
        if len(set(audiences)) > 1:
            found += [ForeignAudience(f"for_{name}", claim, good_for=name) for claim in (name, [name], [NOBODY, name])]
    return [each for each in found if each.claim not in audiences or each.good_for]
