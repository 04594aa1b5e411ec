"""Clients that register themselves and should not: without leave, or at an address that is not safe."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from itertools import cycle
from typing import Any

from idchaos.load.canaries.at_idp import Desk, about_way
from idchaos.load.canaries.base import IdpKind
from idchaos.load.canaries.bench import Bench
from idchaos.planning.redirects import UNSAFE


class RegistrationUnauthorized(IdpKind):
    name = "registration_unauthorized"
    invariant = "registration_guarded"
    made = "A registration without an initial access token, or with a made-up one."
    bad = "From birth: nobody gave leave."
    why = "Anyone can have clients at the IdP, that users are asked to trust."
    source = "RFC 7591 section 3"
    needs = ("registration",)

    def desk(self, bench: Bench) -> _Desk:
        ways = cycle(("no_token", "made_up_token"))
        requests = ((way, {"access_token": "" if way == "no_token" else secrets.token_urlsafe(24)}) for way in ways)
        return _Desk(bench, self, requests)


class RegistrationUnsafe(IdpKind):
    name = "registration_unsafe"
    invariant = "registered_redirects_safe"
    made = "A registration with leave, at a redirect URI that is plain HTTP, has a wildcard or a fragment, is a script."
    bad = "From birth: nobody should be registered with it."
    why = "Codes go where others can read them, or run as a script in the IdP's own pages."
    source = "RFC 9700 sections 2.1 and 2.6, RFC 6749 section 3.1.2"
    needs = ("registration",)

    def desk(self, bench: Bench) -> _Desk:
        return _Desk(bench, self, ((way, {"redirect_uris": (uri,)}) for way, uri in cycle(UNSAFE.items())))


class _Desk(Desk):
    def __init__(self, bench: Bench, kind: IdpKind, requests: Iterator[tuple[str, dict[str, Any]]]) -> None:
        super().__init__(bench, kind)
        self._requests = requests

    def send(self, due: float) -> bool:
        """What was registered all the same is taken back."""
        idp = self.scene.idp
        if not idp.has("register"):
            return False
        way, request = next(self._requests)
        step, found = idp.register(**request)
        self.record(step, about_way(way), due)
        if found is not None and not self.scene.stopping:
            self.scene.upkeep(idp.unregister(found))
        return True
