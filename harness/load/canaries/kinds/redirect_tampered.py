"""A login that asks for the code at an address that is not the client's."""

from __future__ import annotations

import contextlib
from itertools import cycle
from typing import Final, NamedTuple

from idchaos.load.canaries.at_idp import Desk, about_way
from idchaos.load.canaries.base import IdpKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.party import Party
from idchaos.load.idp.journey import Cookies
from idchaos.planning.redirects import tampered
from idchaos.targets.endpoints import Client

_OF_ONE_BROWSER: Final = 12
"""Requests, half of them without it."""
_WRONG: Final = "wrong_request"
"""What the way says when the request was wrong besides, so that there is an error to be redirected."""
_SIGNED_IN: Final = "signed_in"
"""And when it came from the browser of a user who is."""
_POSTED: Final = "form_post"
"""And when the answer was to be posted, not sent in a query."""
_FURTHER: Final = {_WRONG: {"response_type": "attacker"}, _POSTED: {"response_mode": _POSTED}}


class _Attempt(NamedTuple):
    client: Client
    way: str
    uri: str
    besides: frozenset[str]


class RedirectTampered(IdpKind):
    name = "redirect_tampered"
    invariant = "redirect_uris_exact"
    costs_a_login = False
    each_way = (_SIGNED_IN, _POSTED)
    made = (
        "Dozens of redirect URIs that resemble a registered one; half of the requests are wrong besides, half come "
        "from the browser of a user who is signed in, and half ask for an answer that is posted, where that is offered."
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
        self._attempts = cycle(_attempts(bench.roles.of_users))
        self._browser: Cookies | None = None
        """Of a user who is signed in."""
        self._sent = self._signed_in_at = 0

    def send(self, due: float) -> bool:
        found = next(self._attempts, None) if self.users else None
        if found is None:
            return False
        cookies = self._browser if _SIGNED_IN in found.besides else None
        there = {_WRONG, *([_SIGNED_IN] if cookies else []), *([_POSTED] if self._posts() else [])} & found.besides
        further = {name: value for each in there for name, value in _FURTHER.get(each, {}).items()}
        self._sent += 1
        step = self.scene.idp.tampered_login(
            found.client, self.users[0], found.uri, self.bench.observe, further=further, cookies=cookies
        )
        self.record(step, about_way("+".join((found.way, *sorted(there)))), due)
        return True

    def _posts(self) -> bool:
        offered = self.scene.idp.lists("response_modes_supported", _POSTED)
        if not offered:
            told = f"the IdP's metadata offer no response_mode {_POSTED}"
            self.scene.recorder.not_offered[f"{self.kind.name}:{_POSTED}"] = told
        return offered

    def fill(self) -> None:
        """Sign in anew now and then: sessions end, and are forgotten."""
        if self._sent >= self._signed_in_at + _OF_ONE_BROWSER or self._browser is None:
            held = Party.of(self.bench).login()
            self._browser, self._signed_in_at = held.cookies if held else None, self._sent


def _attempts(clients: tuple[Client, ...]) -> list[_Attempt]:
    """In an order in which every manipulation comes once before any comes again; in four turns, each meets any two of
    what there may be besides, and neither of them.
    """
    made: list[_Attempt] = []
    for turn in range(4):
        for number, client in enumerate(clients):
            with contextlib.suppress(ValueError):  # nothing to tamper with
                ways = tampered(client.redirect_uri or "", native=client.is_public)
                for place, (way, uri) in enumerate(ways.items()):
                    wrong = (place + turn + number) % 2
                    by_browser = (place // 2 + turn // 2 + number) % 2
                    # An orthogonal array of strength 2: of three, any two meet in each of their four pairs.
                    posted = (wrong + by_browser + place // 4) % 2
                    besides = {_WRONG: wrong, _SIGNED_IN: by_browser, _POSTED: posted}
                    made.append(_Attempt(client, way, uri, frozenset(name for name, has in besides.items() if has)))
    return made
