"""An authorization code that was used before."""

from __future__ import annotations

from idchaos.load.canaries.at_idp import RedemptionDesk, about_way
from idchaos.load.canaries.base import IdpKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.stock import Redemption


class CodeReplayed(IdpKind):
    name = "code_replayed"
    invariant = "codes_single_use"
    made = "A code of a login of its own, redeemed as it should be, once; then again."
    bad = "From the first redemption on, for as long as the code lives."
    why = "Whoever finds a code in a log, a Referer or a browser's history becomes its user."
    source = "RFC 6749 section 4.1.2, RFC 9700 section 4.5"
    needs = ("users",)

    def desk(self, bench: Bench) -> _Desk:
        return _Desk(bench, self)


class _Desk(RedemptionDesk):
    def fill(self) -> None:
        """Codes of sessions of their own, redeemed as they should be, once."""
        while found := self.code():
            _, client, code, bad_until = found
            step, _ = self.scene.idp.redeem(client, code, code.verifier)
            if not self.bench.observe(step):
                return
            about = about_way("used_code")
            self.shelf.put(
                Redemption(about=about, bad_until=bad_until, client=client, code=code, verifier=code.verifier)
            )
