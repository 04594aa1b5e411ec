"""Revocation probes: a token is used, revoked, and used again at every replica until each refuses it.

Most are used all the time, so that what each use renews never ends. Some rest after the revocation, and are used again
only when nobody may accept them any more: what an aged memory says once more shows with these alone.

Samples of a probe share its name as ``session``. The reference of every lag is the end of the request at the endpoint
``revoke`` (``sent_at + service_time_s``): then the IdP had said that the token is revoked. Polls expect ``either``
until they are judged. A poll refused as ``token_expired`` is no refusal for revocation; its code shows it.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import PositiveFloat, PositiveInt

from idchaos.errors import LoadError
from idchaos.experiment import RESTED, Source
from idchaos.load.engine.job import Roles
from idchaos.load.engine.recorder import About
from idchaos.load.flows.base import Flow, Sender
from idchaos.load.idp.revoking import can_revoke, revoke
from idchaos.load.idp.tokens import Token, token_from
from idchaos.targets.endpoints import Client, Endpoints

if TYPE_CHECKING:
    from idchaos.load.engine.scene import Scene
    from idchaos.planning.arrivals import Arrival

Format = Literal["jwt", "opaque"]
_REVOKE_ATTEMPTS = 3
_REVOKE_AGAIN_S = 0.5


class Revocation(Flow):
    """How revocation probes are made: mint, use, revoke, then poll every replica until it refuses."""

    name = "revocation"
    endpoint = "token"
    formats: tuple[Format, ...] = ("jwt", "opaque")
    poll_every_s: PositiveFloat = 0.1
    """Steadily, to the end: shorter than any cache that is worth having, or one that each use renews could end in
    between."""
    rest_s: PositiveFloat = 30.0
    """Every replica must refuse by then; those that rest are used again from then on."""
    rest_every: PositiveInt = 8
    """Of each format, every so many probes one rests."""
    give_up_after_s: PositiveFloat = 32.0
    """A replica that has not refused by then is right-censored."""
    confirm_denials: PositiveInt = 3
    """Polling ends after this many refusals in a row: one refusal may be one cache among several."""

    def lacks(self, roles: Roles, endpoints: Endpoints) -> str:
        return "" if probe_formats(self, roles) else "a machine client"

    def sources(self) -> tuple[Source, ...]:
        asked = tuple(Source(flow="revocation", endpoint=endpoint) for endpoint in ("token", "revoke"))
        share = (1 - 1 / self.rest_every) / len(self.formats)
        used = (Source(flow="revocation", called=True, format=f, each=share, per_replica=True) for f in self.formats)
        return (*asked, *used)

    def sender(self, scene: Scene) -> Sender:
        return Probes(scene, self)


def probe_formats(plan: Revocation, roles: Roles) -> tuple[tuple[Format, Client], ...]:
    """The formats that can be probed, each with the client that gets its tokens."""
    clients: dict[Format, Client | None] = {"jwt": roles.machine, "opaque": roles.machine_opaque}
    return tuple((f, c) for f in plan.formats if (c := clients[f]) is not None)


class Probes(Sender):
    """Arrivals of the flow ``revocation``."""

    def __init__(self, scene: Scene, plan: Revocation) -> None:
        self._scene, self._plan, self._formats = scene, plan, probe_formats(plan, scene.roles)
        self._count: Counter[Format] = Counter()

    @property
    def kinds(self) -> int:
        return len(self._formats)

    def prepare(self) -> None:
        if not can_revoke(self._scene.idp):
            raise LoadError("nobody can revoke a token: the IdP's metadata name no revocation_endpoint (RFC 7009)")

    def send(self, arrival: Arrival, due: float) -> None:
        """One probe: returns when its token was revoked. It is polled for until the last replica refuses it.

        Polls wait far longer than they ask, and so are outside the bound of requests in flight: a revocation that takes
        long to be felt must leave room for the load.
        """
        scene = self._scene
        token_format, client = self._formats[arrival.kind]
        self._count[token_format] += 1
        rests = self._count[token_format] % self._plan.rest_every == 0
        name = f"{RESTED if rests else 'probe'}-{token_format}-{self._count[token_format]}"
        step, body = scene.idp.client_credentials(client)
        scene.record_step("revocation", step, due=due, token=About(session=name), scheduled=True)
        if not body:
            return
        token = token_from(body, session=name, asked_at=scene.asked_at(step))
        if not self._accepted_everywhere(token, arrival) or not self._revoke(client, token):
            return
        for route, replica in self._ways(arrival):
            scene.spawn(self._poll, token, route, replica, self._plan.rest_s if rests else 0.0)

    def _ways(self, arrival: Arrival) -> list[tuple[int, int]]:
        """(route, gateway): one way to each who decides."""
        if self._scene.endpoints.services_decide:
            return [(route, arrival.replica) for route in range(len(self._scene.endpoints.routes))]
        return [(arrival.route, replica) for replica in range(len(self._scene.gates))]

    def _accepted_everywhere(self, token: Token, arrival: Arrival) -> bool:
        """Use the token wherever it is decided: caches know it now. A probe that was not accepted proves nothing."""
        scene = self._scene
        for route, replica in self._ways(arrival):
            if scene.stopping:
                return False
            decision, _ = scene.call(
                "revocation",
                token.bearer,
                token.about,
                due=scene.clock.now(),
                route=route,
                replica=replica,
            )
            if decision != "accept":
                return False
        return True

    def _revoke(self, client: Client, token: Token) -> bool:
        """At the IdP, or as the target says; tried again while there is no answer: it may have been done."""
        scene = self._scene
        about = replace(token.about, kid="")  # the IdP does not look at the key
        for attempt in range(_REVOKE_ATTEMPTS):
            if scene.stopping:
                return False
            due = scene.clock.now()
            step = revoke(scene.idp, client, token.value)
            scene.record_step("revocation", step, due=due, token=about, attempt=attempt)
            if step.decision == "accept":
                return True
            scene.pause(_REVOKE_AGAIN_S)
        return False

    def _poll(self, token: Token, route: int, replica: int, rest_s: float) -> None:
        """Poll one replica on schedule. A poll whose time passes while the one before still waits is left out."""
        scene = self._scene
        start = scene.clock.now()
        due = start + rest_s
        refusals = 0
        while refusals < self._plan.confirm_denials and not scene.stopping:
            if due - start > self._plan.give_up_after_s:
                return
            scene.pause(max(due - scene.clock.now(), 0.0))
            if scene.stopping:
                return
            decision, _ = scene.call(
                "revocation",
                token.bearer,
                token.about,
                due=due,
                route=route,
                replica=replica,
                expected="either",
            )
            refusals = refusals + 1 if decision == "deny" else 0
            due = next_poll(due, scene.clock.now(), self._plan.poll_every_s)


def next_poll(due: float, now: float, every_s: float) -> float:
    """When the poll after the one due at ``due`` is due, on the same schedule; never in the past."""
    return due + every_s * max(1, math.ceil((now - due) / every_s))
