"""A code that nobody redeemed in time."""

from __future__ import annotations

from idchaos.load.canaries.at_idp import RedemptionDesk, about_way
from idchaos.load.canaries.base import IdpKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.stock import Redemption


class CodeExpired(IdpKind):
    name = "code_expired"
    invariant = "codes_expire"
    made = "A code of a login of its own, redeemed for the first time when its life is over."
    bad = "From the end of the life that the plan gives codes, one second and the clock errors of the run later."
    why = "A code that is found in a log, a Referer or a browser's history a week later is as good as on its first day."
    source = "RFC 6749 section 4.1.2, RFC 9700 section 4.5"
    needs = ("users", "life_of_codes")

    def desk(self, bench: Bench) -> _Desk:
        return _Desk(bench, self)


class _Desk(RedemptionDesk):
    def fill(self) -> None:
        """Each client's in turn: none grows good again."""
        while found := self.code():
            over = self.bench.now + self.bench.plan.codes_expired_after_s
            self.shelf.put(
                Redemption(
                    about=about_way("old_code"), bad_from=over, client=found.client, code=found.code,
                    verifier=found.code.verifier,
                )
            )  # fmt: skip
