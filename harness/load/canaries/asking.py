"""Requests that an IdP must refuse, as data: what is asked, and what a refusal looks like.

A kind has some of them, and each is a flaw of its own. They are sent one at a time, whichever was decided least often
first; one that an IdP can't be asked, since its metadata name no such endpoint, is told as not offered. What a request
takes is made beforehand, and shown to be good where that can be: else its refusal would say nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil

from idchaos.load.canaries.at_idp import NOT_OF_GRANT, Desk, about_way
from idchaos.load.canaries.base import IdpKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.party import Party
from idchaos.load.idp.client import Step

MOST_A_TURN = 5
"""Requests: an arrival of canaries must not last."""


@dataclass(frozen=True)
class Ask:
    """One request that must be refused."""

    way: str
    send: Callable[[Party], Step | None]
    """Makes what it takes, sends it, and says what was decided; ``None``: it could not be made this time."""
    takes: tuple[str, ...] = ()
    """Optional endpoints."""
    told: str = ""
    """What the IdP's metadata must have; empty: nothing more."""
    by: str = ""
    """How the client must be allowed to authenticate at the first of them; empty: as it does every day."""


class AskedKind(IdpKind):
    """Requests to an IdP that must be refused."""

    rare = True
    says_nothing = NOT_OF_GRANT
    """Refusals that decide nothing."""
    asks: tuple[Ask, ...]

    @property
    def each_way(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(ask.way for ask in self.asks)

    def desk(self, bench: Bench) -> AskingDesk:
        return AskingDesk(bench, self)


class AskingDesk(Desk):
    """Sends those of one kind in turn, during one load."""

    def __init__(self, bench: Bench, kind: AskedKind) -> None:
        super().__init__(bench, kind)
        self._asks, self.says_nothing = kind.asks, kind.says_nothing
        turns = self.scene.plan.turns_of(kind.name, self.scene.lasting_s)
        self._per_turn = per_turn(len(kind.asks), turns)
        self._decided: Counter[str] = Counter()
        self._tried: Counter[str] = Counter()

    def send(self, due: float) -> bool:
        """What it takes is made at once, so it is due when that is done."""
        # A load that is over waits for what is under way, and not for long.
        sent = [self._send() for _ in range(self._per_turn) if not self.scene.stopping]
        return any(sent)

    def _send(self) -> bool:
        offered = [ask for ask in self._asks if self._is_offered(ask)]
        if not offered:
            return False
        ask = min(offered, key=lambda each: (self._decided[each.way], self._tried[each.way]))
        self._tried[ask.way] += 1
        step = ask.send(Party.of(self.bench))
        if step is None:
            return False
        step = self.meant(step)
        self._decided[ask.way] += step.decision != "undecided"
        sent_at = self.scene.asked_at(step)
        self.scene.record_step(
            "canary", step, due=sent_at, token=about_way(ask.way), expected="deny", canary=self.kind.name
        )
        return True

    def _is_offered(self, ask: Ask) -> bool:
        idp, why = self.scene.idp, ""
        missing = [endpoint for endpoint in ask.takes if not idp.has(endpoint)]
        if missing:
            why = f"the IdP's metadata name no endpoint for {missing[0]}"
        elif ask.told and not idp.tells(ask.told):
            why = f"the IdP's metadata have no {ask.told}"
        elif ask.by and ask.by not in idp.methods(ask.takes[0]):
            why = f"the IdP's metadata offer no {ask.by} for {ask.takes[0]}"
        if why:
            self.scene.recorder.not_offered[f"{self.kind.name}:{ask.way}"] = why
        return not why


def per_turn(ways: int, turns: float) -> int:
    """How many requests are sent in one turn, one after the other, so that in so many turns each way has its own, if
    :data:`MOST_A_TURN` do.
    """
    return min(MOST_A_TURN, max(1, ceil(ways / max(turns, 1.0))))


def unless(step: Step, harmless: bool | None, code: str) -> Step:
    """An accepted request that may have had no effect: it is refused by ``code`` where it had none; ``None``: nobody
    knows.
    """
    if step.decision != "accept" or harmless is False:
        return step
    return replace(step, decision="deny" if harmless else "undecided", code=code)
