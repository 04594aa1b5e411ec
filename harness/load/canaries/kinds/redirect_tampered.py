"""A login that asks for the code at an address that is not the client's."""

from __future__ import annotations

import contextlib
from itertools import cycle

from idchaos.load.canaries.at_idp import Desk, about_way
from idchaos.load.canaries.base import IdpKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.party import Party
from idchaos.load.idp.journey import Cookies
from idchaos.planning.redirects import tampered
from idchaos.targets.endpoints import Client

_OF_ONE_BROWSER = 12
"""Requests, half of them without it."""
_WRONG = "wrong_request"
"""What the way says when the request was wrong besides."""
_SIGNED_IN = "signed_in"
"""And when it came from the browser of a user who is."""


class RedirectTampered(IdpKind):
    name = "redirect_tampered"
    invariant = "redirect_uris_exact"
    costs_a_login = False
    each_way = (_SIGNED_IN,)
    made = (
        "Dozens of redirect URIs that resemble a registered one; half of the requests are wrong besides, and half come "
        "from the browser of a user who is signed in."
    )
    bad = "From birth: the URI is not registered, compared as a string."
    why = "Codes, and errors with them, go to whoever sent the user there."
    source = "RFC 9700 sections 2.1, 4.1 and 4.11.2, OpenID Connect Core section 3.1.2.1"
    needs = ("users",)

    def desk(self, bench: Bench) -> _Desk:
        return _Desk(bench, self)


class _Desk(Desk):
    def __init__(self, bench: Bench, kind: IdpKind) -> None:
        super().__init__(bench, kind)
        self._redirects = cycle(_redirects(bench.roles.of_users))
        self._browser: Cookies | None = None
        """Of a user who is signed in."""
        self._sent = self._signed_in_at = 0

    def send(self, due: float) -> bool:
        found = next(self._redirects, None) if self.users else None
        if found is None:
            return False
        client, way, uri, also_wrong, by_browser = found
        idp, observe = self.scene.idp, self.bench.observe
        cookies = self._browser if by_browser else None
        self._sent += 1
        step = idp.tampered_login(client, self.users[0], uri, observe, also_wrong=also_wrong, cookies=cookies)
        besides = [name for name, there in ((_SIGNED_IN, cookies), (_WRONG, also_wrong)) if there]
        self.record(step, about_way("+".join((way, *besides))), due)
        return True

    def fill(self) -> None:
        """Sign in anew now and then: sessions end, and are forgotten."""
        if self._sent >= self._signed_in_at + _OF_ONE_BROWSER or self._browser is None:
            held = Party.of(self.bench).login()
            self._browser, self._signed_in_at = held.cookies if held else None, self._sent


def _redirects(clients: tuple[Client, ...]) -> list[tuple[Client, str, str, bool, bool]]:
    """Client, manipulation, URI, whether the request is wrong besides, and whether it comes from a browser that is
    signed in, in an order in which every manipulation comes once before any comes again; in four turns, each meets all
    of that.
    """
    made: list[tuple[Client, str, str, bool, bool]] = []
    for turn in range(4):
        for number, client in enumerate(clients):
            with contextlib.suppress(ValueError):  # nothing to tamper with
                ways = tampered(client.redirect_uri or "", native=client.is_public)
                made += [
                    (client, way, uri, bool((place + turn + number) % 2), bool((place // 2 + turn // 2 + number) % 2))
                    for place, (way, uri) in enumerate(ways.items())
                ]
    return made
