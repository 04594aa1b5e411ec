"""A client assertion that was used before."""

from __future__ import annotations

from dataclasses import replace

from idchaos.load.canaries.at_idp import StockedDesk, about_way
from idchaos.load.canaries.base import IdpKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.stock import Assertion
from idchaos.load.idp.client import Step

_LIFE_S = 30.0
"""Half of :data:`idchaos.load.idp.assertion.LIFE_S`: one refused because it has expired says nothing, and clocks
differ."""


class AssertionReplayed(IdpKind):
    name = "assertion_replayed"
    invariant = "assertions_single_use"
    made = "An assertion by which a client got a token, once; then again."
    bad = "From the first use on, for as long as the assertion lives."
    why = "Whoever finds an assertion in a log gets the client's tokens."
    source = "RFC 7523 section 3, on `jti`"
    needs = ("assertions",)

    def desk(self, bench: Bench) -> _Desk:
        return _Desk(bench, self)


class _Desk(StockedDesk[Assertion]):
    says_nothing = frozenset()
    """A used assertion is refused as what it is: the client's proof of itself."""

    def use(self, item: Assertion) -> Step:
        return self.scene.idp.client_credentials(item.client, item.value)[0]

    def fill(self) -> None:
        """Assertions that were accepted, once."""
        client = self.bench.roles.asserting
        while client is not None and not self.is_full:
            made_at = self.bench.now
            value = self.scene.idp.assertion(client)
            step, _ = self.scene.idp.client_credentials(client, value)
            if not self.bench.observe(step):
                return
            about = replace(about_way("assertion"), obtained_at=made_at)
            self.shelf.put(Assertion(about=about, bad_until=made_at + _LIFE_S, client=client, value=value))
