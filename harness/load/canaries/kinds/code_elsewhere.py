"""A code redeemed for another redirect URI than it was sent to."""

from __future__ import annotations

from dataclasses import replace

from idchaos.load.canaries.at_idp import RedemptionDesk, about_way
from idchaos.load.canaries.base import IdpKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.stock import Redemption


class CodeElsewhere(IdpKind):
    name = "code_elsewhere"
    invariant = "codes_bound_to_redirect_uris"
    made = "A good code with its verifier, redeemed with another `redirect_uri` than it was asked for with."
    bad = "From birth: the two must be identical."
    why = "A code that was caught at a wrong address is taken for one that came to the right one."
    source = "RFC 6749 sections 4.1.3 and 10.6"
    needs = ("users",)

    def desk(self, bench: Bench) -> _Desk:
        return _Desk(bench, self)


class _Desk(RedemptionDesk):
    def fill(self) -> None:
        """Good codes, each with another address."""
        while found := self.code():
            _, client, code, bad_until = found
            other = replace(code, redirect_uri=f"{code.redirect_uri}/other")
            about = about_way("other_redirect_uri")
            self.shelf.put(
                Redemption(about=about, bad_until=bad_until, client=client, code=other, verifier=code.verifier)
            )
