"""A token that says where to fetch the key by which it wants to be verified."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Final

from idchaos.dialects import Answered, Dialect
from idchaos.load.canaries.base import SESSION, TokenKind, new_name
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.nobody import ELSE, alg_of
from idchaos.load.canaries.stock import Call, Shelf
from idchaos.load.idp.tokens import about, bearer_line, peek
from idchaos.record.samples import Decision

if TYPE_CHECKING:
    from idchaos.load.canaries.listener import Listener

WAYS: Final = {"jku": "jwks", "x5u": "cert"}


class NamedUrl(TokenKind):
    name = "named_url"
    invariant = "named_urls_not_fetched"
    made = "A token signed by a key of nobody's, which is at a URL on loopback that its header names: `jku`, or `x5u`."
    bad = "From birth: nobody vouches for that key. It counts when the token is let in, and when the URL is asked for."
    why = "Anyone can be anyone; or at least anyone can make a validator send requests into the inner network."
    source = "RFC 7515 sections 4.1.2 and 4.1.5, RFC 8725 section 3.10, OWASP API7:2023"
    needs = ("jwts",)
    makes = 2 * len(WAYS)

    def gain(self, bench: Bench, shelf: Shelf[Call]) -> None:
        good = bench.good
        if good is None or shelf.lasting(bench.now) >= bench.depth:
            return
        for (way, what), alg in product(WAYS.items(), (alg_of(peek(good.token)[0]), ELSE)):
            name = new_name()
            value = good.nobody.sign(good.parts(alg=alg, **{way: bench.listener.url(name, alg, what)}))
            shown = about(value, session=SESSION, obtained_at=bench.now, way=way)
            shelf.put(Call(lines=bearer_line(value), about=shown, decide=partial(unfetched, bench.listener, name)))


def unfetched(listener: Listener, name: str, answer: Answered, dialect: Dialect) -> tuple[Decision, str]:
    """The decision as the gateway's dialect says, and accepted whatever it says if the URL was asked for."""
    return ("accept", "named_url_fetched") if name in listener.asked else dialect.read(answer)
