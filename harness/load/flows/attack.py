"""A client's secret is replaced: the rightful client goes on with its work, and so does whoever else has the old one.

The attacker's samples expect ``either``: how long each way of theirs still works is measured, not asserted. Their
``session`` says which way it was (``Leak.ways``), their ``format`` of what kind the client's tokens are.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, PositiveInt

from idchaos.errors import LoadError
from idchaos.experiment import Source
from idchaos.load.engine.job import Roles
from idchaos.load.engine.recorder import About
from idchaos.load.flows.base import Flow, Sender
from idchaos.load.idp.client import Step
from idchaos.load.idp.secrets import Door, doors, knock
from idchaos.load.idp.tokens import Token, token_from
from idchaos.targets.endpoints import Client, Endpoints

if TYPE_CHECKING:
    from idchaos.load.engine.scene import Scene
    from idchaos.planning.arrivals import Arrival


_PARTNERS = "a client with authorization_code and client_credentials"


class Rollout(Flow):
    """A client's secret is replaced: when the instances of the rightful client take the new one."""

    name = "partner"
    endpoint = "token"
    starts_s: float = Field(ge=0)
    """When the first do: an offset from the start of the load."""
    stages: PositiveInt = 1
    """In how many equal shares of the instances."""
    every_s: float = Field(0.0, ge=0)
    """Between two stages."""

    def adopts_at_s(self, instance: int) -> float:
        """When an instance takes the new secret: an offset from the start of the load, in seconds."""
        return self.starts_s + instance % self.stages * self.every_s

    def lacks(self, roles: Roles, endpoints: Endpoints) -> str:
        return "" if roles.partners else _PARTNERS

    def sources(self) -> tuple[Source, ...]:
        asked = Source(flow="partner", endpoint="token", steady=True)
        return asked, Source(flow="partner", called=True, steady=True)

    def sender(self, scene: Scene) -> Sender:
        return Partner(scene, self)


class Leak(Flow):
    """Somebody else has a client's first secret."""

    name = "attacker"
    expected = "either"
    endpoint = "token"
    ways: tuple[Literal["mint", "refresh", "minted", "granted"], ...] = ("mint", "refresh", "minted", "granted")
    """What they do with it: :class:`Attacker`."""

    def lacks(self, roles: Roles, endpoints: Endpoints) -> str:
        return "" if roles.partners and endpoints.users else f"{_PARTNERS}, and a user"

    def sender(self, scene: Scene) -> Sender:
        return Attacker(scene, self)


class Partner(Sender):
    """Arrivals of the flow ``partner``: the rightful client."""

    def __init__(self, scene: Scene, plan: Rollout) -> None:
        clients = scene.roles.partners
        self._scene, self._plan, self._clients = scene, plan, clients
        self._renewed = tuple(client.model_copy(update={"client_secret": client.next_secret}) for client in clients)

    @property
    def kinds(self) -> int:
        return len(self._clients)

    def send(self, arrival: Arrival, due: float) -> None:
        """Ask for a token with the secret that it was told of, then call an API once."""
        scene = self._scene
        clients = self._renewed if arrival.due >= self._plan.adopts_at_s(arrival.session) else self._clients
        client = clients[arrival.kind % len(clients)]
        about = About(session=client.client_id, format=client.token_format)
        step, body = scene.idp.client_credentials(client)
        ended = scene.record_step("partner", step, due=due, token=about, scheduled=True)
        if not body or scene.stopping:
            return
        token = token_from(body, session=client.client_id, asked_at=scene.asked_at(step))
        scene.call("partner", token.bearer, token.about, due=ended, route=arrival.route, replica=arrival.replica)


@dataclass
class _Loot:
    """What the attacker has of one client, whose secret they know."""

    client: Client
    minted: Token
    granted: Token
    refresh: str = field(repr=False)
    lock: Any
    """Two refreshes at once would look like a theft, and betray one."""
    knocks: int = 0
    opened: set[Door] = field(default_factory=set)
    """Where the secret was once good."""


class Attacker(Sender):
    """Arrivals of the flow ``attacker``.

    ``mint``: client credentials with the stolen secret, and the secret shown in each other way and at each other
    endpoint that has ever taken it, in turn · ``refresh``: the secret and a stolen refresh token ·
    ``minted``, ``granted``: an API call with the latest access token of either.
    """

    def __init__(self, scene: Scene, plan: Leak) -> None:
        self._scene, self._clients = scene, scene.roles.partners
        self._loot: dict[str, _Loot] = {}
        self._doors: tuple[Door, ...] = ()
        self._drawn = [(way, client.client_id) for way in plan.ways for client in self._clients]

    def prepare(self) -> None:
        """Steal: a refresh token of a user of each client, and the tokens that the secret gives.

        Raises:
            LoadError: there is nothing to steal.
        """
        self._doors = doors(self._scene.idp, "token", "revoke", "par")
        for client in self._clients:
            step, body = self._scene.idp.client_credentials(client)
            observed = self._observe(step)
            granted_step, granted = self._scene.idp.login(client, self._scene.endpoints.users[0], self._observe)
            refresh = granted.get("refresh_token")
            if not observed or granted_step is None or not isinstance(refresh, str):
                raise LoadError(f"{client.client_id}: no tokens could be had that an attacker might steal")
            self._loot[client.client_id] = _Loot(
                client=client,
                minted=self._token("minted", client, body, step),
                granted=self._token("granted", client, granted, granted_step),
                refresh=refresh,
                lock=self._scene.lock(),
            )

    @property
    def kinds(self) -> int:
        return len(self._drawn)

    def send(self, arrival: Arrival, due: float) -> None:
        """One attempt, in the way that was drawn."""
        way, client_id = self._drawn[arrival.kind]
        loot = self._loot[client_id]
        if way == "mint":
            self._mint(loot, due)
        elif way == "refresh":
            self._refresh(loot, due)
        else:
            token = loot.minted if way == "minted" else loot.granted
            self._scene.call(
                "attacker",
                token.bearer,
                token.about,
                due=due,
                route=arrival.route,
                replica=arrival.replica,
                expected="either",
                scheduled=True,
            )

    def _mint(self, loot: _Loot, due: float) -> None:
        step, body = self._scene.idp.client_credentials(loot.client)
        self._record("mint", loot, step, due)
        if body:
            loot.minted = self._token("minted", loot.client, body, step)
        self._try_a_door(loot)

    def _try_a_door(self, loot: _Loot) -> None:
        """Each door in turn that the secret may open beside: one may be forgotten when the secret is replaced.

        One that it has never opened says nothing by staying shut.
        """
        scene = self._scene
        if not self._doors or scene.stopping:
            return
        door = self._doors[loot.knocks % len(self._doors)]
        loot.knocks += 1
        step = knock(scene.idp, loot.client, door)
        if step.decision == "accept":
            loot.opened.add(door)
        if door in loot.opened:
            self._record("mint", loot, step, scene.asked_at(step))
        else:
            scene.upkeep(step)

    def _refresh(self, loot: _Loot, due: float) -> None:
        with loot.lock:
            if self._scene.stopping:
                return
            step, body = self._scene.idp.refresh(loot.client, loot.refresh)
            self._record("refresh", loot, step, due)
            if body:
                loot.granted = self._token("granted", loot.client, body, step)
                loot.refresh = str(body.get("refresh_token", loot.refresh))

    def _record(self, way: str, loot: _Loot, step: Step, due: float) -> None:
        about = About(session="attacker", way=way, format=loot.client.token_format)
        self._scene.record_step("attacker", step, due=due, token=about, expected="either")

    def _token(self, way: str, client: Client, body: dict[str, object], step: Step) -> Token:
        token = token_from(body, session="attacker", way=way, asked_at=self._scene.asked_at(step))
        return replace(token, about=replace(token.about, format=client.token_format))

    def _observe(self, step: Step) -> bool:
        self._scene.upkeep(step)
        return step.decision == "accept"
