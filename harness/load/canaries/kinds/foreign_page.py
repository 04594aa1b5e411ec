"""An API asked by a page of another site, for a user who is known there."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from idchaos.load.canaries.base import SESSION, TokenKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.stock import Call, Shelf
from idchaos.load.decide import at_foreign_page
from idchaos.load.engine.recorder import About

_NOBODY: Final = "nobody.invalid"


def origins(base: str) -> Iterator[tuple[str, str]]:
    """Origins that are nobody's, by what is tried with them; ``base``: where the API is."""
    own = urlsplit(base)
    yield "nobody", f"https://{_NOBODY}"
    # Sandboxed frames and files have it, whoever they are of.
    yield "null", "null"
    yield "begins_like_own", f"{own.scheme}://{own.netloc.rpartition('@')[2]}.{_NOBODY}"


class ForeignPage(TokenKind):
    name = "foreign_page"
    invariant = "other_sites_read_nothing"
    everywhere = False
    once = True  # what pages are told hangs on no fault
    made = (
        f"An API asked with an everyday token by a page of `https://{_NOBODY}`, of the origin `null`, and of one that "
        "begins like the API's own."
    )
    bad = (
        "While the token is good: nobody has a page there. It counts when the answer may be read there, credentials "
        "included."
    )
    why = "Any site that a user visits reads what the API tells that user alone, wherever a cookie will do as well."
    source = "Fetch standard (CORS protocol and credentials), CWE-942"
    makes = 3
    each_way = ("nobody", "null", "begins_like_own")
    bears_good = True
    reuse = "always"

    def gain(self, bench: Bench, shelf: Shelf[Call]) -> None:
        token = bench.round_token
        if token is None:
            return
        for way, origin in origins(bench.scene.gates[0].site.base):
            about = About(session=SESSION, way=way, jti=token.about.jti, format=token.about.format)
            lines = token.bearer + f"Origin: {origin}\r\n".encode()
            decide = partial(at_foreign_page, origin=origin)
            shelf.put(Call(decide=decide, about=about, lines=lines, bad_until=bench.until(token)))
