"""A token of a key that was never published."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from idchaos.load.canaries.base import Good, Moment, Order, TokenKind, new_name
from idchaos.load.canaries.forging import signing_input
from idchaos.load.canaries.nobody import ELSE, alg_of
from idchaos.load.idp.tokens import b64, peek
from idchaos.reasons import FORGED_LINE, LINE_BREAK


class UnknownKid(TokenKind):
    """Where tokens can be made to order, half of these are signed by a real key."""

    name = "unknown_kid"
    invariant = "unknown_keys_refused"
    made = (
        "A token under a made-up `kid`, signed properly: by a key of nobody's, or by the IdP's own. Some of these "
        "names have a line break: whoever logs them as they came breaks `log_lines_not_forged`."
    )
    bad = "From birth: no key of that name is in the key set."
    why = "A validator that falls back to whatever key fits takes tokens of keys that nobody vouches for."
    source = "RFC 7515 section 4.1.4, RFC 8725 section 3.1, CWE-117"
    needs = ("jwts",)
    makes = 2
    ways = ("as_good", "by_idp", "other_alg", "by_idp", LINE_BREAK, "by_idp")

    def forge(self, good: Good, number: int) -> str | None:
        way = self.ways[number % len(self.ways)]
        if way == "by_idp" and good.mints:
            return None
        alg = ELSE if way == "other_alg" else alg_of(peek(good.token)[0])
        name = new_name()
        # Whoever logs the name as it came lets clients write lines of their own.
        kid = f"unknown-{name}\r\n{FORGED_LINE} {name}" if way == LINE_BREAK else f"unknown-{name}"
        return good.nobody.sign(good.parts(alg=alg, kid=kid))

    def orders(self, moment: Moment) -> Iterable[Order]:
        yield Order(moment.good(), header={"kid": f"unknown-{new_name()}"})


def junk(good: Good) -> str:
    """One of a flood: a key name that was never used before, and no signature, though of the algorithm and the length
    of a good one's. Nobody can tell without that key; one of another algorithm is refused before it is looked for.
    """
    signature = good.token.rpartition(".")[2]
    made_up = b64(secrets.token_bytes(len(signature) * 3 // 4))
    return f"{signing_input(good.parts(kid=f'junk-{secrets.token_hex(8)}'))}.{made_up}"
