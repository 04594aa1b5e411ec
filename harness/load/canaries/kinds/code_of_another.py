"""A code in the hands of another client than the one it was given to."""

from __future__ import annotations

from idchaos.load.canaries.at_idp import RedemptionDesk, about_way
from idchaos.load.canaries.base import IdpKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.stock import Redemption


class CodeOfAnother(IdpKind):
    name = "code_of_another"
    invariant = "codes_bound_to_clients"
    made = "A good code with its verifier, redeemed by another client that proves who it is."
    bad = "From birth: the code was given to somebody else."
    why = "One client's users can be logged in at another: codes that leak from the careless open the careful."
    source = "RFC 6749 section 4.1.3, RFC 9700 section 4.5"
    needs = ("users", "two_clients")

    def desk(self, bench: Bench) -> _Desk:
        return _Desk(bench, self)


class _Desk(RedemptionDesk):
    def fill(self) -> None:
        """Good codes, each for another client than it was given to."""
        while found := self.code():
            _, owner, code, bad_until = found
            other = self.another(owner)
            if other is None:
                return
            self.shelf.put(
                Redemption(
                    about=about_way("other_client"),
                    bad_until=bad_until,
                    client=other,
                    code=code,
                    verifier=code.verifier,
                )
            )
