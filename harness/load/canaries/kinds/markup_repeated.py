"""A link to an API that carries markup: does the page that says no show it as such?"""

from __future__ import annotations

from functools import partial
from typing import Final
from urllib.parse import quote

from idchaos.load.canaries.base import TokenKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.stock import Call, Shelf
from idchaos.load.decide import at_page
from idchaos.load.engine.recorder import About

MARKUP: Final = "<img src=idchaos>"
_SENT: Final = quote(MARKUP, safe="")
LINKS: Final = {"path": (f"/{_SENT}", ""), "query": (f"?next={_SENT}", ""), "elsewhere": ("", f"/{_SENT}")}
"""What follows a route's path, and the path instead of it."""


class MarkupRepeated(TokenKind):
    name = "markup_repeated"
    invariant = "refusals_repeat_no_markup"
    made = "Links with an element of HTML in the path, in the query, and at no API, followed without a token."
    bad = "From birth: it counts when that element stands in the answer as it is, and the answer is a page."
    why = "Whoever makes a user follow a link runs scripts of their own at the API's origin, with the user's cookies."
    source = "CWE-79, CVE-2021-32792"
    makes = len(LINKS)
    each_way = tuple(LINKS)
    reuse = "always"
    everywhere = False
    once = True

    def gain(self, bench: Bench, shelf: Shelf[Call]) -> None:
        """Once a load: a link doesn't age."""
        if not shelf.lasting(bench.now):
            decide = partial(at_page, markup=MARKUP.encode())
            for way, (suffix, path) in LINKS.items():
                shelf.put(Call(about=About(way=way), lines=b"", decide=decide, suffix=suffix, path=path))
