"""Canaries at the IdP: used refresh tokens, codes and assertions, codes without their proof, foreign redirect URIs.

What was made at the IdP is used once: the attempt itself changes what the IdP knows of it.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle

from idchaos.experiment import Canary, CanaryPlan
from idchaos.load.canaries.stock import Assertion, Redemption, Replay, Shelf
from idchaos.load.engine.job import Roles
from idchaos.load.engine.recorder import About
from idchaos.load.engine.scene import NEVER_ARRIVED, Scene
from idchaos.load.idp.client import Code, Downgrade, Step
from idchaos.planning.redirects import UNSAFE, tampered
from idchaos.targets.endpoints import Client

AT_IDP = frozenset(
    {
        Canary.REPLAYED,
        Canary.CODE_REPLAYED,
        Canary.ASSERTION_REPLAYED,
        Canary.PKCE_MISMATCH,
        Canary.PKCE_DOWNGRADED,
        Canary.REDIRECT_TAMPERED,
        Canary.REGISTRATION_UNAUTHORIZED,
        Canary.REGISTRATION_UNSAFE,
    }
)
_WRONG = "wrong_request"
"""What the ``session`` of a canary says when its request was wrong besides."""
_CODE_LIFE_S = 30.0
"""No longer than any IdP's: a code refused because it has expired says nothing."""
_ASSERTION_LIFE_S = 30.0
"""Half of :data:`idchaos.load.idp.assertion.LIFE_S`, for the same reason and clocks that differ."""
_NOT_OF_GRANT = frozenset({"invalid_client", "unauthorized_client", "unsupported_grant_type"})
"""Refusals of the client itself: they say nothing about what it presented."""


class IdpCanaries:
    """A stock of them, and how they are sent."""

    def __init__(self, scene: Scene, plan: CanaryPlan, roles: Roles, depth: int) -> None:
        self._scene, self._plan, self._depth = scene, plan, depth
        clients = roles.sessions
        self._users = scene.endpoints.users[:1] if clients else ()
        self._clients = cycle(clients)
        self._refreshing = cycle(roles.refreshing)
        self._replays: Shelf[Replay] = Shelf(depth, "never")
        self._redemptions: dict[Canary, Shelf[Redemption]] = {
            kind: Shelf(depth, "never") for kind in (Canary.CODE_REPLAYED, Canary.PKCE_MISMATCH)
        }
        self._proofs = cycle(("other_verifier", "no_verifier"))
        self._intruders = cycle(("no_token", "made_up_token"))
        self._unsafe = cycle(UNSAFE.items())
        self._redirects = cycle(_redirects(clients))
        self._asserting = roles.asserting
        self._assertions: Shelf[Assertion] = Shelf(depth, "never")
        # Clients that can't keep a secret have nothing but PKCE (RFC 9700 section 2.1.1).
        ways: tuple[Downgrade, ...] = ("no_challenge", "late_verifier", "plain")
        self._downgrades = cycle([(client, way) for way in ways for client in clients if client.is_public])

    # --- arrivals ---

    def send(self, kind: Canary, due: float) -> bool:
        """Send one; false if there is none that is surely bad by now."""
        if kind is Canary.REDIRECT_TAMPERED:
            return self._ask_elsewhere(due)
        if kind in (Canary.REGISTRATION_UNAUTHORIZED, Canary.REGISTRATION_UNSAFE):
            return self._register(kind, due)
        if kind is Canary.PKCE_DOWNGRADED:
            return self._ask_without_proof(due)
        if kind is Canary.ASSERTION_REPLAYED:
            return self._assert_again(due)
        if kind is Canary.REPLAYED:
            return self._replay(due)
        return self._redeem(kind, due)

    def _replay(self, due: float) -> bool:
        """Use a refresh token that was used before (RFC 9700 section 4.14.2)."""
        item = self._replays.take(self._scene.clock.now())
        if item is None:
            return False
        step, _ = self._scene.idp.refresh(item.client, item.token)
        if step.answer.error in NEVER_ARRIVED:
            self._replays.put_back(item)
        self._record(Canary.REPLAYED, step, item.about, due)
        return True

    def _redeem(self, kind: Canary, due: float) -> bool:
        """Redeem a code for the second time (RFC 6749 section 4.1.2), or without the right verifier (RFC 7636
        section 4.6; none at all: the downgrade of RFC 9700 section 4.8).
        """
        shelf = self._redemptions[kind]
        item = shelf.take(self._scene.clock.now())
        if item is None:
            return False
        step, _ = self._scene.idp.redeem(item.client, item.code, item.verifier)
        if step.answer.error in NEVER_ARRIVED:
            shelf.put_back(item)
        self._record(kind, step, item.about, due)
        return True

    def _ask_elsewhere(self, due: float) -> bool:
        if not self._users:
            return False
        found = next(self._redirects, None)
        if found is None:
            return False
        client, way, uri, also_wrong = found
        step = self._scene.idp.tampered_login(client, self._users[0], uri, self._observe, also_wrong=also_wrong)
        self._record(Canary.REDIRECT_TAMPERED, step, _about(f"{way}+{_WRONG}" if also_wrong else way), due)
        return True

    def _ask_without_proof(self, due: float) -> bool:
        found = next(self._downgrades, None)
        if found is None or not self._users:
            return False
        client, way = found
        step = self._scene.idp.downgraded_login(client, self._users[0], way, self._observe)
        self._record(Canary.PKCE_DOWNGRADED, step, _about(way), due)
        return True

    def _register(self, kind: Canary, due: float) -> bool:
        """Register a client without leave (RFC 7591 section 3), or with a redirect URI that is not safe (RFC 9700
        section 2.1). What was registered all the same is taken back.
        """
        idp = self._scene.idp
        if not idp.has("register"):
            return False
        if kind is Canary.REGISTRATION_UNAUTHORIZED:
            way = next(self._intruders)
            step, found = idp.register({"no_token": "", "made_up_token": secrets.token_urlsafe(24)}[way])
        else:
            way, uri = next(self._unsafe)
            step, found = idp.register(redirect_uris=(uri,))
        self._record(kind, step, _about(way), due)
        if found is not None and not self._scene.stopping:
            self._scene.upkeep(idp.unregister(found))
        return True

    def _assert_again(self, due: float) -> bool:
        """Use an assertion for the second time (RFC 7523 section 3, on ``jti``)."""
        item = self._assertions.take(self._scene.clock.now())
        if item is None:
            return False
        step, _ = self._scene.idp.client_credentials(item.client, item.value)
        if step.answer.error in NEVER_ARRIVED:
            self._assertions.put_back(item)
        self._record(Canary.ASSERTION_REPLAYED, step, item.about, due)
        return True

    def _record(self, kind: Canary, step: Step, about: About, due: float) -> None:
        # A used assertion is refused as what it is: the client's proof of itself.
        of_client = step.code in _NOT_OF_GRANT and kind is not Canary.ASSERTION_REPLAYED
        if step.decision == "deny" and of_client:
            step = replace(step, decision="undecided")
        self._scene.record_step("canary", step, due=due, token=about, expected="deny", canary=kind, scheduled=True)

    # --- the stock ---

    def fills(self) -> list[Callable[[], None]]:
        """What fills the stock of each planned kind; each returns early when the IdP does not do its part."""
        fills: dict[Canary, Callable[[], None]] = {
            Canary.REPLAYED: self._fill_replays,
            Canary.CODE_REPLAYED: self._fill_used_codes,
            Canary.PKCE_MISMATCH: self._fill_unproved_codes,
        }
        made = [fill for kind, fill in fills.items() if kind in self._plan.kinds and self._users]
        return [*made, self._fill_assertions] if Canary.ASSERTION_REPLAYED in self._plan.kinds else made

    def _observe(self, step: Step) -> bool:
        self._scene.upkeep(step)
        return step.decision == "accept" and not self._scene.stopping

    def _fill_replays(self) -> None:
        """A session of its own, refreshed once: its first refresh token is now a used one."""
        scene = self._scene
        while self._replays.lasting(scene.clock.now()) < self._depth:
            client = next(self._refreshing, None)
            if client is None:
                return
            _, body = scene.idp.login(client, self._users[0], self._observe)
            first = body.get("refresh_token")
            if not isinstance(first, str) or scene.stopping:
                return
            step, again = scene.idp.refresh(client, first)
            self._observe(step)
            if not again or again.get("refresh_token") in (None, first):
                return  # no answer, or an IdP that does not rotate: there is nothing to replay
            now = scene.clock.now()
            self._replays.put(
                Replay(
                    about=replace(_about("refresh"), obtained_at=now),
                    bad_from=now + self._plan.replayed_after_s,
                    client=client,
                    token=first,
                )
            )

    def _fill_used_codes(self) -> None:
        """Codes of sessions of their own, redeemed as they should be, once."""
        shelf = self._redemptions[Canary.CODE_REPLAYED]
        while found := self._code(shelf):
            client, code, bad_until = found
            step, _ = self._scene.idp.redeem(client, code, code.verifier)
            if not self._observe(step):
                return
            about = _about("used_code")
            shelf.put(Redemption(about=about, bad_until=bad_until, client=client, code=code, verifier=code.verifier))

    def _fill_assertions(self) -> None:
        """Assertions that were accepted, once."""
        scene, client, shelf = self._scene, self._asserting, self._assertions
        while client is not None and not scene.stopping and shelf.lasting(scene.clock.now()) < self._depth:
            made_at = scene.clock.now()
            value = scene.idp.assertion(client)
            step, _ = scene.idp.client_credentials(client, value)
            if not self._observe(step):
                return
            about = replace(_about("assertion"), obtained_at=made_at)
            shelf.put(Assertion(about=about, bad_until=made_at + _ASSERTION_LIFE_S, client=client, value=value))

    def _fill_unproved_codes(self) -> None:
        """Good codes, in turn with another verifier and with none."""
        shelf = self._redemptions[Canary.PKCE_MISMATCH]
        while found := self._code(shelf):
            client, code, bad_until = found
            way = next(self._proofs)
            verifier = None if way == "no_verifier" else secrets.token_urlsafe(32)
            shelf.put(Redemption(about=_about(way), bad_until=bad_until, client=client, code=code, verifier=verifier))

    def _code(self, shelf: Shelf[Redemption]) -> tuple[Client, Code, float] | None:
        """A fresh code for the shelf, and until when it surely lives; ``None``: no room, or no code."""
        scene = self._scene
        asked_at = scene.clock.now()
        if shelf.lasting(asked_at) >= self._depth or scene.stopping:
            return None
        client = next(self._clients)
        code = scene.idp.code(client, self._users[0], self._observe)
        return (client, code, asked_at + _CODE_LIFE_S) if code else None


def _redirects(clients: tuple[Client, ...]) -> list[tuple[Client, str, str, bool]]:
    """Client, manipulation, URI, and whether the request is wrong besides, in an order in which every manipulation
    comes once before any comes again.
    """
    made: list[tuple[Client, str, str, bool]] = []
    for turn in range(2):
        for number, client in enumerate(clients):
            with contextlib.suppress(ValueError):  # nothing to tamper with
                ways = tampered(client.redirect_uri or "", native=client.is_public)
                made += [
                    (client, way, uri, bool((place + turn + number) % 2))
                    for place, (way, uri) in enumerate(ways.items())
                ]
    return made


def _about(way: str) -> About:
    """Says in the sample's ``session`` how a canary was made."""
    return About(session=f"canary:{way}")
