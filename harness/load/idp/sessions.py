"""Sessions of users: they log in, hold tokens, refresh on time, and log out.

Each slot of the pool has a keeper, a greenlet that refreshes its session or logs in anew. A refresh is due at a moment
fixed when the token was issued, whatever else goes on.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import gevent
from gevent.event import Event
from gevent.lock import BoundedSemaphore
from gevent.pool import Pool

from idchaos.errors import LoadError
from idchaos.load.engine.job import Roles
from idchaos.load.engine.recorder import About
from idchaos.load.engine.scene import Scene
from idchaos.load.idp.client import NEVER_ARRIVED, Step
from idchaos.load.idp.login import log_in
from idchaos.load.idp.tokens import Token, token_from
from idchaos.planning.arrivals import Arrival
from idchaos.planning.turns import turns
from idchaos.record.samples import Expected
from idchaos.targets.endpoints import Client, User

POSTS_EVERY = 5
"""Of calls of APIs that take it, so many are one POST."""
LATE_EVERY, LATE_S = 10, 0.03
"""Of those, so many are one whose body comes late: whatever a gateway keeps of a request, others come in between."""
_POKE_EVERY_S = 1.0
_LOGIN_ATTEMPTS = 3
"""Before the load: one login in some dozens may fail at an IdP that is not well, and that is for the load to show."""
_LOGINS_AT_ONCE = 8
_LIMIT_SLACK_S = 0.5
_DATED_BY_S = 1.0
"""An IdP that dates its logins by whole seconds ends them by so much earlier."""


@dataclass
class Session:
    """A user who is logged in through a client."""

    name: str
    client: Client
    user: User
    token: Token
    born: float
    in_flight: int = 0


@dataclass
class Slot:
    """A place in the pool; its session changes, its client and user too when a login replaces it."""

    index: int
    client: Client
    user: User
    rng: random.Random
    session: Session | None = None
    generation: int = 0
    due: float = 0.0
    """When the keeper acts next, in Unix time."""
    attempt: int = 0
    poked_at: float = 0.0
    wake: Event = field(default_factory=Event)
    lock: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(1))

    def next_name(self) -> str:
        """A session's name: slot and generation."""
        self.generation += 1
        return f"s{self.index}.{self.generation}"


class Sessions:
    """The pool of sessions for ``api`` and ``opaque`` arrivals."""

    def __init__(self, scene: Scene, roles: Roles) -> None:
        self._scene, self.roles = scene, roles
        flows = {stream.flow for stream in scene.plan.streams}
        wants_everyday = bool(flows & {"api", "login"}) and bool(roles.sessions)
        wants_opaque = "opaque" in flows and bool(roles.opaque_sessions)
        total = scene.plan.sessions if scene.endpoints.users else 0
        opaque = (max(1, total // 4) if wants_everyday else total) if wants_opaque else 0
        everyday = max(1, total - opaque) if wants_everyday and total else 0
        self.everyday = self._slots(0, everyday, roles.sessions)
        self.opaque = self._slots(everyday, opaque, roles.opaque_sessions)
        self.keepers: list[gevent.Greenlet] = []
        self._prepared = False
        self._calls, self._posts = count(), count()

    def _slots(self, first: int, wanted: int, clients: tuple[Client, ...]) -> list[Slot]:
        users = self._scene.endpoints.users
        whose = turns(len(clients), len(users))
        return [
            Slot(i, clients[client], users[user], self._scene.rng("session", i))
            for i, (client, user) in zip(range(first, first + wanted), whose, strict=False)
        ]

    @classmethod
    def of(cls, scene: Scene) -> Sessions:
        """The one pool of a load, which all flows share."""
        return scene.shared("sessions", lambda: cls(scene, scene.roles))

    @property
    def slots(self) -> Iterable[Slot]:
        """All of them."""
        return [*self.everyday, *self.opaque]

    # --- before the load ---

    def prepare(self) -> None:
        """Log every session in, once.

        Raises:
            LoadError: a login failed; says which step and why.
        """
        if self._prepared:
            return
        self._prepared = True
        failures: list[Step] = []

        def log_in(slot: Slot) -> None:
            failed: list[Step] = []

            def observe(step: Step) -> bool:
                self._scene.upkeep(step)
                if step.decision != "accept":
                    failed.append(step)
                return step.decision == "accept"

            for _ in range(_LOGIN_ATTEMPTS):
                if failures:
                    return
                step, body = self._scene.idp.login(slot.client, slot.user, observe)
                if step is not None and body:
                    asked = self._scene.asked_at(step)
                    self._install(slot, slot.client, slot.user, body, asked=asked, name=slot.next_name())
                    return
            failures.extend(failed[-1:])

        Pool(_LOGINS_AT_ONCE).map(log_in, list(self.slots))
        if failures:
            step = failures[0]
            raise LoadError(f"a session could not log in: {step.endpoint} answered {step.code or step.decision}")

    def start(self) -> None:
        """Start the keepers, once."""
        if not self.keepers:
            self.keepers = [self._scene.spawn(self._keep, slot) for slot in self.slots]

    def stop(self) -> None:
        """Stop the keepers; a request of theirs that is under way ends by itself."""
        for slot in self.slots:
            slot.wake.set()

    # --- arrivals ---

    def api(self, arrival: Arrival, due: float) -> None:
        """Call an API with a session's JWT."""
        self._call("api", self.everyday[arrival.session % len(self.everyday)], arrival, due)

    def opaque_call(self, arrival: Arrival, due: float) -> None:
        """Call an API with a session's opaque token."""
        self._call("opaque", self.opaque[arrival.session % len(self.opaque)], arrival, due)

    def _call(self, flow: str, slot: Slot, arrival: Arrival, due: float) -> None:
        scene, session = self._scene, slot.session
        if session is None:
            scene.no_token(flow, arrival, due, "no_session", "")
            return
        token = session.token
        if not token.usable(scene.clock.now()):
            scene.no_token(flow, arrival, due, "no_token", session.name)
            return
        session.in_flight += 1
        methods = scene.endpoints.routes[arrival.route].methods
        posts = not next(self._calls) % POSTS_EVERY and "POST" in methods
        head, about = scene.gates[arrival.replica].everyday(arrival.route, "POST" if posts else "GET", token.about)
        try:
            decision, _ = scene.call(
                flow,
                token.bearer,
                about,
                due=due,
                route=arrival.route,
                replica=arrival.replica,
                scheduled=True,
                head=head,
                body=scene.endpoints.routes[arrival.route].body.encode() if posts else b"",
                late_s=LATE_S if posts and not next(self._posts) % LATE_EVERY else 0.0,
            )
        finally:
            session.in_flight -= 1
        if decision == "deny" and slot.session is session:
            self._poke(slot)

    def _poke(self, slot: Slot) -> None:
        """A good token was refused: refresh at once, but not in a storm."""
        now = self._scene.clock.now()
        if now - slot.poked_at >= _POKE_EVERY_S:
            slot.poked_at = slot.due = now
            slot.wake.set()

    def login(self, arrival: Arrival, due: float) -> None:
        """A user logs in; the pool's oldest session makes room and logs out."""
        users, clients = self._scene.endpoints.users, self.roles.sessions
        user, client = users[arrival.session % len(users)], clients[arrival.kind % len(clients)]
        slot = min(self.everyday, key=lambda s: s.session.born if s.session else 0.0)
        name = slot.next_name()
        typo = self._scene.rng("typo", arrival.due, arrival.session).random() < self._scene.plan.typo_share
        body, asked = log_in(self._scene, client, user, name, due, scheduled=True, typo=typo)
        if not body:
            return
        with slot.lock:
            before = slot.session
            self._install(slot, client, user, body, asked=asked, name=name)
            slot.wake.set()
        if before is not None:
            self._log_out(before)

    # --- the life of a session ---

    def _install(
        self,
        slot: Slot,
        client: Client,
        user: User,
        body: dict[str, Any],
        *,
        asked: float,
        name: str,
    ) -> None:
        token = token_from(body, session=name, asked_at=asked)
        slot.client, slot.user = client, user
        slot.session = Session(name, client, user, token, born=asked)
        self._issued(slot, token)

    def _issued(self, slot: Slot, token: Token) -> None:
        """A token was issued: this fixes when its refresh is due."""
        plan = self._scene.plan
        share = plan.refresh_at - plan.refresh_jitter * slot.rng.random()
        slot.due = token.obtained_at + token.life_s * max(share, 0.05)
        slot.attempt = 0

    def _keep(self, slot: Slot) -> None:
        scene = self._scene
        while not scene.stopping:
            wait = slot.due - scene.clock.now()
            if wait > 0:
                slot.wake.wait(wait)
                slot.wake.clear()
                continue
            with slot.lock:
                if slot.due <= scene.clock.now():
                    self._act(slot)

    def _act(self, slot: Slot) -> None:
        """Refresh, or log in anew; afterwards ``slot.due`` says when to act next."""
        session = slot.session
        if session is not None and session.token.refresh:
            self._refresh(slot, session, session.token.refresh)
            return
        name = slot.next_name()
        body, asked = log_in(self._scene, slot.client, slot.user, name, slot.due, attempt=slot.attempt)
        if body:
            self._install(slot, slot.client, slot.user, body, asked=asked, name=name)
        else:
            self._try_later(slot)

    def _refresh(self, slot: Slot, session: Session, refresh_token: str) -> None:
        scene, due = self._scene, slot.due
        step, body = scene.idp.refresh(session.client, refresh_token)
        expected = _expected(scene.asked_at(step) - session.born, scene.plan.session_max_s)
        about = About(session=session.name)
        scene.record_step("refresh", step, due=due, token=about, attempt=slot.attempt, expected=expected)
        if step.decision == "accept":
            # RFC 6749 section 6: without a new refresh token, the old one stays good.
            body = {"refresh_token": refresh_token, "id_token": session.token.id_token} | body
            session.token = token_from(body, session=session.name, asked_at=scene.asked_at(step))
            self._issued(slot, session.token)
        elif step.decision == "deny" and expected == "accept":
            slot.session, slot.due = None, scene.clock.now()
        elif step.decision == "deny":
            # The session is over, and nothing else: its access token goes on until the user has logged in again.
            session.token = _without_refresh(session.token)
            slot.due = scene.clock.now()
        elif step.code in NEVER_ARRIVED or step.answer.status:
            # The request never left, or was answered: the refresh token was surely not used up.
            self._try_later(slot)
        else:
            # The answer was lost: the token may have been rotated, and using it again may end the whole family
            # (RFC 9700 section 4.14.2). The access token is used to its end, then the user logs in again.
            session.token = _without_refresh(session.token)
            slot.due = scene.clock.now()

    def _try_later(self, slot: Slot) -> None:
        slot.attempt += 1
        slot.due = self._scene.clock.now() + self._scene.plan.retry_s * (0.5 + slot.rng.random())

    def _log_out(self, session: Session) -> None:
        """RP-initiated logout, then revoke the refresh token; not while a request of the session is under way."""
        scene, about = self._scene, About(session=session.name)
        scene.idp.unasked.ends(session.token.value)
        give_up = scene.clock.now() + scene.plan.timeout_s
        while session.in_flight and scene.clock.now() < give_up:
            gevent.sleep(0.01)
        due = scene.clock.now()
        if scene.idp.has("end_session") and session.token.id_token and not scene.stopping:
            step = scene.idp.end_session(session.client, session.token.id_token)
            due = scene.record_step("logout", step, due=due, token=about)
        if scene.idp.has("revoke") and session.token.refresh and not scene.stopping:
            step = scene.idp.revoke(session.client, session.token.refresh, "refresh_token")
            scene.record_step("logout", step, due=due, token=about)


def _expected(age_s: float, most_s: float | None) -> Expected:
    """What a refresh of a session of that age must meet. Around the limit it may be either: the login is the IdP's to
    date, the request travels.
    """
    if most_s is None or age_s < most_s - _LIMIT_SLACK_S - _DATED_BY_S:
        return "accept"
    return "deny" if age_s > most_s + _LIMIT_SLACK_S else "either"


def _without_refresh(token: Token) -> Token:
    return Token(token.value, token.bearer, token.life_s, token.obtained_at, token.about, id_token=token.id_token)
