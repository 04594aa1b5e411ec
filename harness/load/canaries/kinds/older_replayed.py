"""Refresh tokens that were used long ago: two or more refreshes back, or after the tokens that came with them ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import cycle

from idchaos.load.canaries.at_idp import StockedDesk, about_way
from idchaos.load.canaries.base import IdpKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.stock import Held, Shelf
from idchaos.load.idp.client import Step

_BACK = {"two_back": 2, "three_back": 3, "later": 1}
"""How many refreshes lie between the token that is used again and the newest."""
_LATER_S, _LONGEST_S = 6.0, 9.0
"""``later`` is when the access token has ended; where that takes longer than ``_LONGEST_S``, after ``_LATER_S``."""


class OlderReplayed(IdpKind):
    name = "older_replayed"
    invariant = "old_reuse_ends_the_family"
    made = (
        "A refresh token of two or three refreshes ago, or of the last one, seconds later, used again; then the newest "
        "of its family."
    )
    bad = "The used one from the grace on; the newest from that second use on, since one of the two has stolen it."
    why = "A thief who waits for a while is never noticed: the one that they took is refused, and theirs goes on."
    source = "RFC 9700 section 4.14.2"
    needs = ("refresh_tokens", "users")
    rare = True
    each_way = tuple(_BACK)

    def desk(self, bench: Bench) -> _Desk:
        return _Desk(bench, self)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family(Held):
    used: str = field(repr=False)
    newest: str = field(repr=False)


class _Desk(StockedDesk[_Family]):
    def __init__(self, bench: Bench, kind: IdpKind) -> None:
        super().__init__(bench, kind)
        self.shelf = Shelf(len(_BACK), "never")
        self._refreshing, self._order = cycle(bench.roles.going_on), cycle(_BACK)

    def use(self, item: _Family) -> Step:
        """Whichever of the two is accepted is a breach."""
        step, _ = self.scene.idp.refresh(item.client, item.used)
        if step.decision != "deny" or step.code in self.says_nothing:
            return step
        self.scene.upkeep(step)
        return self.scene.idp.refresh(item.client, item.newest)[0]

    def fill(self) -> None:
        """One family a way: they are used seldom."""
        while len(list(self.shelf)) < len(_BACK) and not self.scene.stopping:
            family = self._family(next(self._order))
            if family is None:
                return
            self.shelf.put(family)

    def _family(self, way: str) -> _Family | None:
        client = next(self._refreshing, None) if self.users else None
        if client is None:
            return None
        _, body = self.scene.idp.login(client, self.users[0], self.bench.observe)
        tokens = [body.get("refresh_token")]
        for _ in range(_BACK[way]):
            if self.scene.stopping or not isinstance(tokens[-1], str):
                return None
            step, body = self.scene.idp.refresh(client, tokens[-1])
            self.bench.observe(step)
            tokens.append(body.get("refresh_token"))
        used, newest = tokens[0], tokens[-1]
        if not isinstance(newest, str) or not isinstance(used, str) or len({*tokens}) < len(tokens):
            return None  # no answer, or an IdP that does not rotate
        ripe = self.bench.now + self.bench.plan.replayed_after_s + (_later_s(body) if way == "later" else 0.0)
        return _Family(about=about_way(way), bad_from=ripe, client=client, used=used, newest=newest)


def _later_s(body: dict[str, object]) -> float:
    life = body.get("expires_in")
    return life + 1.0 if isinstance(life, int | float) and life < _LONGEST_S else _LATER_S
