"""Tokens that machine clients have for themselves, kept fresh: for API calls where no user has one."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from gevent.event import Event
from gevent.pool import Pool

from idchaos.errors import LoadError
from idchaos.load.engine.scene import Scene
from idchaos.load.flows.base import Sender
from idchaos.load.idp.client import Step
from idchaos.load.idp.sessions import POSTS_EVERY
from idchaos.load.idp.tokens import Token, token_from
from idchaos.planning.arrivals import Arrival
from idchaos.targets.endpoints import Client

_RETRY_S = 1.0
_AT_ONCE = 8


class _Held:
    """One place in the pool."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.token: Token | None = None
        self.due = 0.0
        """When it is renewed, in Unix time."""
        self.renewed_at = 0.0
        self.wake = Event()


class Pooled(Sender):
    """Arrivals of a flow with the tokens of one client; each is renewed when it is old, or was refused."""

    def __init__(self, scene: Scene, flow: str, client: Client, size: int) -> None:
        self._scene, self._flow, self._client = scene, flow, client
        self._pool = [_Held(f"machine-{number}") for number in range(max(1, size))]
        self._rng = scene.rng("pooled", flow)
        self._calls = count()

    def send(self, arrival: Arrival, due: float) -> None:
        """Call an API with one of the tokens."""
        scene, held = self._scene, self._pool[arrival.session % len(self._pool)]
        token = held.token
        if token is None or not token.usable(scene.clock.now()):
            scene.no_token(self._flow, arrival, due, "no_token", held.name)
            return
        methods = scene.endpoints.routes[arrival.route].methods
        posts = not next(self._calls) % POSTS_EVERY and "POST" in methods
        head, about = scene.gates[arrival.replica].everyday(arrival.route, "POST" if posts else "GET", token.about)
        decision, _ = scene.call(
            self._flow,
            token.bearer,
            about,
            due=due,
            route=arrival.route,
            replica=arrival.replica,
            scheduled=True,
            head=head,
        )
        if decision == "deny" and held.token is token and scene.clock.now() - held.renewed_at >= _RETRY_S:
            held.due = scene.clock.now()
            held.wake.set()

    def prepare(self) -> None:
        """Get every token once.

        Raises:
            LoadError: the IdP gave none; says why.
        """
        failures: list[Step] = []

        def get(held: _Held) -> None:
            step = None if failures else self._renew(held)
            if step is not None:
                failures.append(step)

        Pool(_AT_ONCE).map(get, self._pool)
        if failures:
            said = failures[0].code or failures[0].decision
            raise LoadError(f"{self._client.client_id} got no token: {failures[0].endpoint} answered {said}")

    def begin(self) -> None:
        """Keep them fresh from now on."""
        for held in self._pool:
            self._scene.spawn(self._keep, held)

    def end(self) -> None:
        """Renew nothing any more."""
        for held in self._pool:
            held.wake.set()

    def _keep(self, held: _Held) -> None:
        scene = self._scene
        while not scene.stopping:
            left = held.due - scene.clock.now()
            if left > 0:
                held.wake.wait(left)
                held.wake.clear()
            elif self._renew(held) is not None:
                held.due = scene.clock.now() + _RETRY_S * (0.5 + self._rng.random())

    def _renew(self, held: _Held) -> Step | None:
        """Get another token; the step that gave none."""
        scene, plan = self._scene, self._scene.plan
        held.renewed_at = scene.clock.now()
        step, body = scene.idp.client_credentials(self._client)
        scene.upkeep(step)
        if not body:
            return step
        token = token_from(body, session=held.name, asked_at=scene.asked_at(step))
        held.token = replace(token, about=replace(token.about, format=self._client.token_format))
        share = plan.refresh_at - plan.refresh_jitter * self._rng.random()
        held.due = token.obtained_at + token.life_s * max(share, 0.05)
        return None
