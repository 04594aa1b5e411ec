"""Where canaries are made during one load: what kinds may ask for, and what a round of making has gained so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, Any

from idchaos.experiment import CanaryPlan
from idchaos.load.canaries.base import SESSION, Good, new_name, respelled
from idchaos.load.canaries.mints import Mints, TokenSpec
from idchaos.load.canaries.stock import Call, Shelf
from idchaos.load.engine.job import Roles
from idchaos.load.idp.client import Step
from idchaos.load.idp.tokens import Token, about, bearer_line, peek, token_from
from idchaos.planning.turns import Combination, turn, turns
from idchaos.targets.endpoints import Client

if TYPE_CHECKING:
    from idchaos.load.canaries.listener import Listener
    from idchaos.load.canaries.nobody import Nobody
    from idchaos.load.canaries.receiver import Receiver
    from idchaos.load.engine.scene import Scene

PERIOD_S = 4.0
"""From one round of making to the next."""
USERS = 8
"""So many of a target's users log in for canaries."""
_WHOSE = "whose:"
MOST_OF_A_LIFE = 0.9
"""A token refused because it has expired says nothing of what else is wrong with it."""
JUMP_S = 3.0
"""Claims are whole seconds, and requests travel: by so much a clock may seem to have been set."""


@dataclass
class Bench:
    """Shared by all kinds of one load."""

    scene: Scene
    plan: CanaryPlan
    roles: Roles
    depth: int
    """How many of each kind are kept in stock."""
    mints: Mints | None = None
    """``None``: no token can be had that is signed by the IdP's key and not one that it would issue."""
    under_load: bool = False
    round_token: Token | None = None
    """An everyday machine token of this round; ``None``: the IdP gave none."""
    good: Good | None = None
    """What forgeries are made from; that of an earlier round where this one gained none."""
    others: tuple[Good, ...] = ()
    """Beside it, one that looks like each other client's: some check less of one client, or of one kind of user."""
    turns: dict[str, Iterator[Combination]] = field(default_factory=dict)
    """Kinds of several ways take them in turn."""
    namesakes: int = 0
    """How many were named by :meth:`namesake`."""
    forged: Counter[str] = field(default_factory=Counter)
    revoked_unseen: int = 0
    """Tokens that were revoked only to be revoked: some are not the only ones, wherever that is remembered."""
    withdrawn: dict[str, float] = field(default_factory=dict)
    """Keys that are no longer published, and from when each must be forgotten."""
    published: list[dict[str, Any]] = field(default_factory=list)
    """The IdP's key set, as it was when a key was last looked for in it."""

    @cached_property
    def machine(self) -> Client:
        """The client that gets everyday tokens for itself."""
        assert self.roles.machine is not None
        return self.roles.machine

    @cached_property
    def machines(self) -> tuple[Client, ...]:
        """Clients that get tokens for themselves: one a format that the IdP issues, the everyday one first."""
        opaque = self.roles.machine_opaque
        return (self.machine,) if opaque is None or opaque == self.machine else (self.machine, opaque)

    @property
    def stranger(self) -> Client | None:
        """A client whose tokens are for none of the routes."""
        return self.scene.endpoints.stranger

    @property
    def expired_after_s(self) -> float:
        """How long after its end a token is surely expired for everybody."""
        told = self.plan.expired_after_s
        return self.plan.clock_margin_s if told is None else told

    @cached_property
    def audiences(self) -> tuple[str, ...]:
        """Of all routes, in order."""
        return tuple(sorted({route.audience for route in self.scene.endpoints.routes}))

    @cached_property
    def scopes(self) -> tuple[str, ...]:
        """Of all routes, in order."""
        return tuple(sorted({route.scope for route in self.scene.endpoints.routes}))

    @cached_property
    def nobody(self) -> Nobody:
        """Who signs with keys that nobody published."""
        from idchaos.load.canaries.nobody import Nobody

        return Nobody()

    @cached_property
    def listener(self) -> Listener:
        """A site that nobody may ask, with those keys."""
        from idchaos.load.canaries.listener import Listener

        return Listener(self.nobody)

    @cached_property
    def receiver(self) -> Receiver:
        """Where clients are told of logouts."""
        from idchaos.load.canaries.receiver import Receiver

        return Receiver()

    @property
    def now(self) -> float:
        """Unix time."""
        return self.scene.clock.now()

    def renew(self) -> bool:
        """Begin a round: get an everyday token, and what forgeries are made from. Returns whether they can be made."""
        token = self.renew_token()
        if token is None:
            return False
        # Where the IdP issues no JWTs, one made to order shows how they would look.
        made = token.value if token.about.format == "jwt" else self.mint([TokenSpec()])[0]
        if made is None:
            return False
        jwk = self._public_key(str(peek(made)[0].get("kid", "")))
        self.good = Good(made, jwk, self.nobody, mints=self.mints is not None, published=tuple(self.published))
        self.others = tuple(replace(self.good, token=value) for value in self._of_others() if _kid(value) == _kid(made))
        return True

    def _of_others(self) -> list[str]:
        """A good token of each client but the machine, where they can be had."""
        specs = [self.in_turn("good", TokenSpec()) for _ in range(1 + len(self.roles.sessions))]
        return [value for value in self.mint([spec for spec in specs if spec.client_id]) if value]

    def to_forge(self, number: int, ways: int) -> Good:
        """What the forgery of that number is made from, of a kind of so many ways: each client's token in turn; where
        there is none, nothing.
        """
        if self.good is None:
            return Good("", None, self.nobody)
        goods = (self.good, *self.others)
        return goods[turn(number, ways, len(goods))[1]]

    def renew_token(self) -> Token | None:
        """Get an everyday token for this round; ``None`` when the IdP gave none."""
        self.round_token = self.machine_token()
        if self.round_token is not None:
            self.scene.example = self.round_token.value
        return self.round_token

    def mint(self, specs: list[TokenSpec]) -> list[str | None]:
        """Tokens made to order, one for each spec; ``None`` for each that can't be had."""
        if self.mints is None or not specs:
            return [None] * len(specs)
        return self.mints.mint(self.machine.client_id, specs)

    def in_turn(self, make: str, spec: TokenSpec) -> TokenSpec:
        """The spec of a token as somebody has one: the everyday machine, or another client for one of its users. Each
        ``make`` of canaries takes its own turns, and begins with another client.
        """
        clients, users = self.roles.sessions, self.scene.endpoints.users[:USERS]
        if self.mints is None or not self.mints.of_any_client or not users:
            return spec
        begin = sum(name.startswith(_WHOSE) for name in self.turns)
        whose = self.turns.setdefault(f"{_WHOSE}{make}", turns(1 + len(clients), len(users), begin=begin))
        client, user = next(whose)
        if not client:
            return spec
        claims = {"sub": users[user].username} | spec.claims
        return replace(spec, client_id=clients[client - 1].client_id, claims=claims)

    def namesake(self) -> str:
        """Somebody whose name is that of a user but for the spelling: of the users in turn, or of nobody's."""
        users, number = self.scene.endpoints.users[:USERS], self.namesakes
        self.namesakes += 1
        return respelled(users[number % len(users)].username if users else new_name(), number)

    def machine_token(self, client: Client | None = None) -> Token | None:
        """A token of a client for itself, the everyday one if none is named; ``None`` when the IdP gave none."""
        step, body = self.scene.idp.client_credentials(client or self.machine)
        self.scene.upkeep(step)
        return token_from(body, session=SESSION, asked_at=self.scene.asked_at(step)) if body else None

    def clock_jumped(self, token: Token) -> bool:
        """Whether the IdP's clock was set since it issued a JWT, in a run in which that may end a token before its
        time: what has ended by its own clock no IdP need revoke, nor remember. A fresh token tells.
        """
        if token.about.format != "jwt" or self.expired_after_s < token.life_s / 2:
            return False
        fresh = self.machine_token()
        return fresh is None or abs(_ahead_s(fresh) - _ahead_s(token)) > JUMP_S

    def until(self, token: Token) -> float:
        """Until when (Unix time) the token has surely not expired."""
        return token.obtained_at + token.life_s * MOST_OF_A_LIFE

    def observe(self, step: Step) -> bool:
        """Count a request at the IdP that is no sample. Returns whether it was served and the load still lasts."""
        self.scene.upkeep(step)
        return step.decision == "accept" and not self.scene.stopping

    def put(
        self, shelf: Shelf[Call], value: str, *, way: str = "", also: bytes = b"", secret: bool = True, **when: Any
    ) -> None:
        """Put a token on a shelf; ``also``: header lines beside it; ``when``: further fields of
        :class:`~idchaos.load.canaries.stock.Call`.
        """
        if secret:
            self.scene.idp.handed_out.add("canary", value)
        service = str(when.get("good_for", ""))
        shown = about(value, session=SESSION, obtained_at=self.now, way=way, subject_service=service)
        shelf.put(Call(lines=bearer_line(value) + also, about=shown, **when))

    def show(
        self, value: str, *, audience: str = "", until: float = inf, subject: str = "", posted: bool = True
    ) -> bool:
        """Use a good token once at every route (of ``audience``, if one is named) through every gateway: wherever it is
        decided, in whatever way that is remembered; and, if it may be ``posted``, by every everyday method. Returns
        whether all accepted it, before ``until`` (Unix time). Under load it counts as asked there, and as no traffic of
        users. ``subject``: whose it is, where it does not say so itself.

        Who has never seen a token knows nothing of it that could be out of date.
        """
        routes = self.scene.endpoints.routes
        here = [number for number, route in enumerate(routes) if audience in ("", route.audience)]
        return all(
            self.now < until and self._accepted(value, route, replica, method, subject)
            for replica in range(len(self.scene.gates))
            for route in here
            for method in (routes[route].methods if posted else ("GET",))
        )

    def heat(self, value: str, uses: int, turn: int, *, until: float) -> None:
        """Use a good token so often at one route, another each turn, through every gateway: what is used often may be
        remembered in another way than the rest. It ends where it is refused, and at ``until`` (Unix time).
        """
        route = turn % len(self.scene.endpoints.routes)
        for replica in range(len(self.scene.gates)):
            for _ in range(uses):
                if self.now >= until or not self._accepted(value, route, replica, "GET", ""):
                    return

    def _accepted(self, value: str, route: int, replica: int, method: str, subject: str) -> bool:
        scene, gate = self.scene, self.scene.gates[replica]
        told = about(value, session=SESSION, obtained_at=self.now)
        head, shown = gate.everyday(route, method, replace(told, subject=told.subject or subject))
        if self.under_load:
            line = bearer_line(value)
            decision, _ = scene.call("canary", line, shown, due=self.now, route=route, replica=replica, head=head)
        else:
            decision, _ = gate.dialect.read(gate.site.send(head + bearer_line(value)))
        return decision == "accept" and not scene.stopping

    def present(self, value: str, again_s: float, attempts: int) -> bool:
        """Show a good token to every replica at every route. Returns whether all accepted it in the end."""
        scene = self.scene
        left = [(gate, head) for gate in scene.gates for head in gate.heads]
        for _ in range(attempts):
            left = [
                (gate, head)
                for gate, head in left
                if gate.dialect.read(gate.site.send(head + bearer_line(value)))[0] != "accept"
            ]
            if not left or not scene.rest(again_s):
                break
        return not left

    def _public_key(self, kid: str) -> dict[str, Any] | None:
        def known() -> dict[str, Any] | None:
            return next((key for key in self.published if key.get("kid") == kid), None)

        if known() is None:
            self.published = self.scene.idp.jwks() or self.published
        return known() or (self.published[0] if self.published else None)


def _kid(token: str) -> str:
    return str(peek(token)[0].get("kid", ""))


def _ahead_s(token: Token) -> float:
    """By how much the clock that a token was issued by was ahead; NaN where it does not tell."""
    return token.about.iat - token.obtained_at
