"""A code without the proof that it belongs to who redeems it."""

from __future__ import annotations

import secrets

from idchaos.load.canaries.at_idp import RedemptionDesk, about_way
from idchaos.load.canaries.base import IdpKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.stock import Redemption
from idchaos.load.idp.client import challenge_of

WAYS = ("other_verifier", "no_verifier", "challenge", "empty_verifier", "of_another_login")


class PkceMismatch(IdpKind):
    name = "pkce_mismatch"
    invariant = "pkce_enforced"
    made = (
        "A good code, redeemed in turn with another verifier, none, an empty one, the challenge itself, and the "
        "verifier of the login before."
    )
    bad = "From birth: the challenge that it was asked for with is not that of the verifier."
    why = "A code that was intercepted is as good as the user's password, once."
    source = "RFC 7636 section 4.6, RFC 9700 section 4.8"
    needs = ("users",)
    each_way = WAYS

    def desk(self, bench: Bench) -> _Desk:
        return _Desk(bench, self)


class _Desk(RedemptionDesk):
    ways = WAYS

    def __init__(self, bench: Bench, kind: IdpKind) -> None:
        super().__init__(bench, kind)
        self._before: str | None = None
        """The verifier of the login before."""

    def fill(self) -> None:
        """Good codes, each way in turn."""
        while found := self.code():
            way, client, code, bad_until = found
            verifiers = {
                "no_verifier": None,
                "empty_verifier": "",
                "challenge": challenge_of(code.verifier),
                "of_another_login": self._before,
            }
            verifier = verifiers.get(way, secrets.token_urlsafe(32))
            self._before = code.verifier
            self.shelf.put(
                Redemption(about=about_way(way), bad_until=bad_until, client=client, code=code, verifier=verifier)
            )
