"""A refresh token that was used before."""

from __future__ import annotations

from dataclasses import replace

from idchaos.load.canaries.at_idp import StockedDesk, about_way
from idchaos.load.canaries.base import IdpKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.stock import Replay
from idchaos.load.engine.job import Roles
from idchaos.load.idp.client import Step
from idchaos.targets.endpoints import Client


class Replayed(IdpKind):
    name = "replayed"
    invariant = "replayed_tokens_refused"
    made = "The first refresh token of a session of its own, which was refreshed once."
    bad = "From the refresh on, and the grace that the IdP allows."
    why = "A stolen refresh token keeps a thief logged in beside its owner, and nobody notices."
    source = "RFC 9700 section 4.14.2"
    needs = ("refresh_tokens", "users")

    def desk(self, bench: Bench) -> _Desk:
        return _Desk(bench, self)


class _Desk(StockedDesk[Replay]):
    def whose(self, roles: Roles) -> tuple[Client, ...]:
        """Those that have refresh tokens."""
        return roles.going_on

    def use(self, item: Replay) -> Step:
        return self.scene.idp.refresh(item.client, item.token)[0]

    def fill(self) -> None:
        """A session of its own, refreshed once: its first refresh token is now a used one."""
        bench, idp = self.bench, self.scene.idp
        while not self.is_full and (turn := self.turn()):
            client = turn.client
            _, body = idp.login(client, turn.user, bench.observe)
            first = body.get("refresh_token")
            if not isinstance(first, str) or self.scene.stopping:
                return
            step, again = idp.refresh(client, first)
            bench.observe(step)
            if not again or again.get("refresh_token") in (None, first):
                return  # no answer, or an IdP that does not rotate: there is nothing to replay
            about = replace(about_way("refresh"), obtained_at=bench.now)
            bad_from = bench.now + bench.plan.replayed_after_s
            self.shelf.put(Replay(about=about, bad_from=bad_from, client=client, token=first))
