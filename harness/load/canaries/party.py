"""Clients, sessions and tokens that requests to an IdP are made with: good ones, each shown to be so."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import cycle
from typing import TYPE_CHECKING

from idchaos.load.canaries.base import SESSION
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.mints import TokenSpec
from idchaos.load.decide import at_refusal
from idchaos.load.idp.client import Code, Idp, Step
from idchaos.load.idp.journey import Cookies
from idchaos.load.idp.provider import Asked
from idchaos.load.idp.tokens import Token, token_from
from idchaos.targets.endpoints import EXCHANGE, Client, User

if TYPE_CHECKING:
    from idchaos.load.canaries.nobody import Nobody
    from idchaos.load.engine.scene import Scene

_REMEMBERED = 20
"""Access tokens that may come to their end during the load."""
_LIVED_S = 60.0
"""How long a token was good for that is made when it has expired."""
_KEPT_S = 4.0
"""How long a session serves for several requests, and no longer than for half of the life of its access token: one that
has ended is refused for that.
"""
_TRAVEL_S = 5.0
"""A life counts from when the IdP has issued the token, which is somewhat later than it was asked for."""


@dataclass(frozen=True)
class Held:
    """A session of a user, and what its client was given."""

    client: Client
    access_token: str = field(repr=False)
    scope: str
    refresh_token: str = field(repr=False)
    id_token: str = field(repr=False)
    cookies: Cookies = field(repr=False)
    """Of its browser."""


class Party:
    """Who may do what at the IdP of one load. Whatever is asked for here is counted, and is no sample."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.scene = bench, bench.scene
        self._given: deque[Token] = deque(maxlen=_REMEMBERED)
        self._owners: dict[str, Iterator[Client]] = {}
        self._kept: Held | None = None
        self._kept_until = 0.0
        self.exchanges = self.binds = self.pushes = False
        """Whether in this load a good token was exchanged, one was bound to a key, a pushed request served."""

    @classmethod
    def of(cls, bench: Bench) -> Party:
        """The one of a load."""
        return bench.scene.shared("party", lambda: cls(bench))

    @property
    def idp(self) -> Idp:
        """The IdP."""
        return self.scene.idp

    @cached_property
    def user(self) -> User | None:
        """Whose sessions they are."""
        return next(iter(self.scene.endpoints.users), None)

    @cached_property
    def confidential(self) -> Client | None:
        """A client with a secret whose users' sessions can be refreshed."""
        return next((each for each in self.bench.roles.refreshing if each.client_secret), None)

    @cached_property
    def other(self) -> Client | None:
        """Another client that proves who it is."""
        own = self.confidential
        found = (*self.bench.roles.sessions, *self.bench.machines)
        return next((each for each in found if each.client_secret and own and each.client_id != own.client_id), None)

    @property
    def machine(self) -> Client | None:
        """A client that acts for itself, by a secret."""
        return next((each for each in self.bench.machines if each.client_secret), None)

    @cached_property
    def sibling(self) -> Client | None:
        """Another client whose users' sessions can be refreshed."""
        own = self.confidential
        return next((each for each in self.bench.roles.refreshing if own and each.client_id != own.client_id), None)

    @cached_property
    def exchanging(self) -> Client | None:
        """A client that may exchange tokens of others, and proves who it is by a secret (RFC 8693)."""
        found = self.scene.endpoints.clients
        return next((each for each in found if EXCHANGE in each.grants and each.client_secret), None)

    @cached_property
    def public(self) -> Client | None:
        """A client that has nothing to prove itself by, and whose users' sessions can be refreshed."""
        return next((each for each in self.bench.roles.refreshing if each.is_public), None)

    @cached_property
    def stranger_keys(self) -> Nobody:
        """Other keys than the bench has."""
        from idchaos.load.canaries.nobody import Nobody

        return Nobody()

    def owner(self, way: str) -> Client | None:
        """At which client a user logs in whose token is exchanged: each in turn, and each way has its own turns."""
        found = [each for each in self.bench.roles.of_users if each != self.exchanging]
        return next(self._owners.setdefault(way, cycle(found)), None)

    @property
    def scope(self) -> tuple[str, ...]:
        """What the confidential client asks for every day."""
        return tuple(self.confidential.scope.split()) if self.confidential else ()

    def login(self, client: Client | None = None, scope: str = "", user: User | None = None) -> Held | None:
        """Log the user in at a client, the confidential one unless another is named; ``None`` without a session.

        ``scope``: other than what the client asks for every day. ``user``: somebody else.
        """
        client, user = client or self.confidential, user or self.user
        if client is None or user is None:
            return None
        if scope:
            client = client.model_copy(update={"scope": scope})
        cookies = Cookies()
        code = self.idp.code(client, user, self.bench.observe, cookies=cookies)
        return self.redeem(client, code, cookies) if code else None

    def kept(self) -> Held | None:
        """A session that serves for several requests, none of which ends it; then one at the next client."""
        over = self._kept is None or self.bench.now >= self._kept_until
        if over:
            self._kept = self.login(self.owner("kept"))
            life_s = self._given[-1].life_s if self._kept and self._given else _KEPT_S
            self._kept_until = self.bench.now + min(_KEPT_S, life_s / 2)
        return self._kept

    def code(self) -> tuple[Client, Code] | None:
        """A fresh code of the confidential client."""
        if self.confidential is None or self.user is None:
            return None
        code = self.idp.code(self.confidential, self.user, self.bench.observe)
        return (self.confidential, code) if code else None

    def redeem(self, client: Client, code: Code, cookies: Cookies | None = None) -> Held | None:
        """A session out of a code."""
        step, body = self.idp.redeem(client, code, code.verifier)
        told = {name: value for name, value in body.items() if isinstance(value, str)}
        if not self.bench.observe(step) or "access_token" not in told:
            return None
        self._given.append(token_from(body, session=SESSION, asked_at=self.scene.asked_at(step)))
        return Held(
            client,
            told["access_token"],
            told.get("scope", client.scope),
            told.get("refresh_token", ""),
            told.get("id_token", ""),
            cookies or Cookies(),
        )

    def follows(self, held: Held, client: Client) -> Held | None:
        """A session at another client by the cookies of one alone (single sign-on); ``None``: there is none."""
        step, code = self.idp.silent_code(client, held.cookies)
        return self.redeem(client, code, held.cookies) if self.bench.observe(step) and code else None

    def signed_in(self, held: Held) -> bool | None:
        """Whether the cookies of a session still log its user in; ``None``: it was not decided."""
        return self._decided(self.idp.silent_code(held.client, held.cookies)[0])

    def cookies_of(self, held: Held) -> dict[str, str]:
        """The header by which the browser of a session shows them to the IdP."""
        return held.cookies.header(self.scene.endpoints.idp_url)

    def expired(self) -> str | None:
        """An access token of an earlier session that has surely expired, or one made so; ``None``: none yet."""
        over = self.bench.now - self.bench.expired_after_s
        ended = next((each.value for each in self._given if each.obtained_at + each.life_s + _TRAVEL_S < over), None)
        # Of one that the IdP did not make itself a refusal may say no more than that it was never issued.
        made_there = bool(self.scene.endpoints.idp_control_url)
        if ended is None and made_there and self.user is not None and self.confidential is not None:
            lived = {"iat": int(over - _LIVED_S), "nbf": int(over - _LIVED_S), "exp": int(over - _TRAVEL_S)}
            claims = {"sub": self.user.username, "scope": self.confidential.scope} | lived
            (ended,) = self.bench.mint([TokenSpec(claims, client_id=self.confidential.client_id)])
        return ended

    def refreshes(self, held: Held) -> bool | None:
        """Whether a session can be refreshed by its own client; ``None``: it was not decided. Its token is then used
        up.
        """
        step, _ = self.idp.refresh(held.client, held.refresh_token)
        return self._decided(step)

    def knows(self, access_token: str) -> bool | None:
        """Whether ``userinfo`` answers an access token (OpenID Connect Core section 5.3.2); ``None``: not decided."""
        return self._decided(userinfo(self.idp, access_token))

    def _decided(self, step: Step) -> bool | None:
        self.bench.observe(step)
        return None if step.decision == "undecided" or self.scene.stopping else step.decision == "accept"


class LastStep:
    """Watches a login of which the last step may be the sample: it is then counted as that, and all before it here."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.last: Step | None = None

    def __call__(self, step: Step) -> bool:
        """One more step; whether to go on."""
        self.drop()
        self.last = step
        return step.decision == "accept" and not self._scene.stopping

    def drop(self) -> None:
        """The last one is no sample."""
        if self.last is not None:
            self._scene.upkeep(self.last)
        self.last = None


def userinfo(idp: Idp, token: str) -> Step:
    """Ask for a user's claims with whatever stands in the place of an access token."""
    return read(idp, Asked("userinfo", "GET", headers={"Authorization": f"Bearer {token}"}))


def read(idp: Idp, asked: Asked) -> Step:
    """Send a request that must be refused."""
    answer = idp.ask(asked)
    return Step(asked.endpoint, answer, *at_refusal(answer))
