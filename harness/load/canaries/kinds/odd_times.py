"""Tokens whose times are no times: without an end, or with one that only some readers understand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from idchaos.load.canaries.base import Moment, Order, TokenKind

_AGO_S = 300
_WRAP: Final = 2**32
"""Whoever keeps seconds in 32 bits finds this to be now."""


class OddTimes(TokenKind):
    name = "odd_times"
    invariant = "times_are_checked"
    made = (
        "A token without `exp`, or with one that is no time, or long ago in fractions of a second, or 0; whose `nbf` "
        "is beyond 32 bits, or ahead in fractions; issued in the future."
    )
    bad = "From birth: without a numeric `exp` it is no access token; what it says otherwise lies in the past or ahead."
    why = "A check that a token can opt out of: a stolen or forged one works for ever, or before its time."
    source = "RFC 9068 section 2.2, RFC 7519 section 4.1.4, CVE-2026-25537"
    needs = ("minting",)
    twice = True
    each_way = (
        "no_exp", "exp_string", "exp_string_ahead", "exp_fraction", "exp_zero", "exp_negative", "exp_list", "exp_true",
        "exp_without_end", "iat_ahead", "nbf_wraps", "nbf_fraction", "nbf_string",
    )  # fmt: skip

    def orders(self, moment: Moment) -> Iterable[Order]:
        ways = odd(moment)
        way = tuple(ways)[moment.number % len(ways)]
        yield Order(moment.good(**ways[way]), way=way)


def odd(moment: Moment) -> dict[str, dict[str, Any]]:
    """Time claims by what is odd about them; ``None``: there is no such claim."""
    past = moment.now - moment.margin_s - _AGO_S
    ahead = int(moment.now + moment.ahead_s + _AGO_S)
    return {
        "no_exp": {"exp": None},
        "exp_string": {"exp": str(int(past))},
        "exp_string_ahead": {"exp": str(int(moment.now + _AGO_S))},
        "exp_fraction": {"exp": past + 0.5},
        "exp_zero": {"exp": 0},
        "exp_negative": {"exp": -1},
        "exp_list": {"exp": [int(moment.now + _AGO_S)]},
        "exp_true": {"exp": True},
        "exp_without_end": {"exp": 10**30},
        "iat_ahead": {"iat": ahead},
        "nbf_wraps": {"nbf": int(_WRAP + moment.now)},
        "nbf_fraction": {"nbf": ahead + 0.5},
        "nbf_string": {"nbf": str(ahead)},
    }
