"""A stock of canaries: filled in the background while the IdP answers, used up slowly while it does not."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import cycle
from typing import Any

import gevent
from cryptography.hazmat.primitives.asymmetric import ec

from idchaos.experiment import Canary, CanaryPlan
from idchaos.load.canaries import kinds as canaries
from idchaos.load.canaries.at_idp import AT_IDP, IdpCanaries
from idchaos.load.canaries.stock import Call, Shelf
from idchaos.load.decide import at_gateway, identity_seen, json_object
from idchaos.load.engine.job import Roles, Withdrawn
from idchaos.load.engine.recorder import About
from idchaos.load.engine.scene import Scene
from idchaos.load.engine.wire import Sends
from idchaos.load.idp.client import Step
from idchaos.load.idp.tokens import Token, about, bearer_line, peek, token_from
from idchaos.planning.arrivals import Arrival
from idchaos.record.samples import NOT_OF_REVOCATION

_PERIOD_S = 4.0
_SESSION = "canary"
_MOST_OF_A_LIFE = 0.9
_PRESENT_ATTEMPTS, _PRESENT_AGAIN_S = 10, 0.5


class Canaries:
    """Arrivals of the flow ``canary``, and the greenlet that keeps them in stock."""

    def __init__(
        self,
        scene: Scene,
        plan: CanaryPlan,
        roles: Roles,
        *,
        control: Sends | None,
        retired_kid: str | None,
        rate: float,
    ) -> None:
        assert roles.machine is not None
        self._scene, self._plan, self._machine, self._control = scene, plan, roles.machine, control
        self._retired_kid = retired_kid
        self._never_known: set[str] = set()
        self._withdrawn: dict[str, float] = {}
        """Keys that are no longer published, and from when each must be forgotten."""
        depth = max(2, int(rate * _PERIOD_S / len(plan.kinds)) + 2)
        self._at_idp = IdpCanaries(scene, plan, roles, depth)
        self._forms, self._paths = cycle(canaries.HMAC_KEYS), cycle(canaries.KID_PATHS)
        self._stock = {kind: _shelf(kind, depth) for kind in plan.kinds if kind not in AT_IDP}
        self._outlived: Shelf[Call] = Shelf(max(_OUTLIVED, depth), "always")
        """Opaque tokens that have expired since they were shown. Every second ``expired`` is one, if there is one."""
        self._outliving = roles.machine.token_format == "opaque" and Canary.EXPIRED in plan.kinds
        self._outlived_next = False
        self._logging_in = cycle(roles.sessions)
        self._own_key = ec.generate_private_key(ec.SECP256R1())
        self._jwks: list[dict[str, Any]] = []
        self.keepers: list[gevent.Greenlet] = []
        self._secret = scene.endpoints.control_secret or ""
        self._depth = depth
        audiences = sorted({route.audience for route in scene.endpoints.routes})
        self._foreign = cycle(canaries.foreign_audiences(audiences))
        self._made: Counter[tuple[Canary, str]] = Counter()
        """How many of each make were sent, of the kinds that also go around the gateways."""
        self._pattern: str | None = None
        """A good token, which those of a flood are made from."""
        self._under_load = False

    # --- arrivals ---

    def canary(self, arrival: Arrival, due: float) -> None:
        """Send one canary of the drawn kind; if there is none that is surely bad by now, count that instead."""
        kind = self._plan.kinds[arrival.kind]
        if not (self._at_idp.send(kind, due) if kind in AT_IDP else self._send(kind, arrival, due)):
            self._scene.recorder.skipped[kind] += 1

    def _send(self, kind: Canary, arrival: Arrival, due: float) -> bool:
        item = self._take(kind)
        if item is None:
            return False
        replica, known_at = arrival.replica, item.known_at
        bad_at = self._routes_beside(item.good_for)
        route = bad_at[arrival.route % len(bad_at)]
        decider = self._scene.decider(route, replica)
        around = kind in self._plan.around and self._is_turn_around(kind, item.about.session, route)
        decide = partial(identity_seen, forged=item.forged, with_token=item.with_token) if item.forged else at_gateway
        decision, code = self._scene.call(
            "canary",
            item.lines,
            item.about,
            due=due,
            route=route,
            replica=replica,
            expected="deny" if known_at is None or decider in known_at else "either",
            canary=kind,
            scheduled=True,
            around=around,
            decide=decide,
        )
        if known_at is not None and decision == "deny" and code not in NOT_OF_REVOCATION:
            known_at.add(decider)
        return True

    def _routes_beside(self, audience: str) -> list[int]:
        return [number for number, route in enumerate(self._scene.endpoints.routes) if route.audience != audience]

    def _take(self, kind: Canary) -> Call | None:
        now = self._scene.clock.now()
        if kind is Canary.EXPIRED and self._outliving:
            self._outlived_next = not self._outlived_next
            if self._outlived_next and (item := self._outlived.take(now)):
                return item
        return self._stock[kind].take(now)

    def _is_turn_around(self, kind: Canary, make: str, route: int) -> bool:
        """Every second one of a make, so that each make goes both ways."""
        self._made[kind, make] += 1
        return self._made[kind, make] % 2 == 0 and self._scene.endpoints.routes[route].service in self._scene.around

    def junk(self, arrival: Arrival, due: float) -> None:
        """One token of a flood: well made, and of a key name that was never used before."""
        if self._pattern is None:
            self._scene.recorder.skipped[Canary.UNKNOWN_KID] += 1
            return
        value = canaries.unknown_kid(self._pattern, _jti(), f"junk-{secrets.token_hex(8)}", self._own_key)
        header, claims = peek(value)
        self._scene.call(
            "junk",
            bearer_line(value),
            about(header, claims, session=_SESSION, obtained_at=self._scene.clock.now()),
            due=due,
            route=arrival.route,
            replica=arrival.replica,
            expected="deny",
            canary=Canary.UNKNOWN_KID,
            scheduled=True,
        )

    # --- the stock ---

    def start(self) -> None:
        """Fill the stock, then keep it filled. A key that will be retired is presented everywhere first."""
        if Canary.RETIRED_KEY in self._stock and self._retired_kid and not self._present(self._retired_kid):
            # Whoever never knew the key need not forget it: a refusal would show nothing.
            self._never_known.add(self._retired_kid)
        self._fill()
        self._under_load = True
        self.keepers = [gevent.spawn(self._keep)]

    def withdrawn(self, key: Withdrawn) -> None:
        """A key is no longer published: tokens of it are canaries from ``key.forgotten_from`` on."""
        if Canary.RETIRED_KEY in self._stock and key.kid not in self._never_known:
            self._withdrawn[key.kid] = key.forgotten_from
            self.keepers.append(gevent.spawn(self._fill_minted))

    def _present(self, kid: str) -> bool:
        """Show a token of this key to every replica at every route; whether all accepted it."""
        client = {"client_id": self._machine.client_id, "kid": kid}
        scene, made = self._scene, self._mint([client])
        if not made:
            return False
        left = [(gate, head) for gate in scene.gates for head in gate.heads]
        for _ in range(_PRESENT_ATTEMPTS):
            refused = []
            for gate, head in left:
                decision, _ = at_gateway(gate.site.send(head + bearer_line(made[0])))
                if decision != "accept":
                    refused.append((gate, head))
            left = refused
            if not left or not scene.rest(_PRESENT_AGAIN_S):
                break
        return not left

    def _keep(self) -> None:
        while self._scene.rest(_PERIOD_S):
            self._fill()

    def _fill(self) -> None:
        fills = [self._fill_forged, self._fill_minted, *self._at_idp.fills()]
        if Canary.ID_TOKEN in self._stock:
            fills.append(self._fill_id_tokens)
        if Canary.REVOKED in self._stock and self._scene.idp.has("revoke"):
            fills.append(self._fill_revoked)
        gevent.joinall([gevent.spawn(fill) for fill in fills])

    def _put(self, order: canaries.MintOrder, value: str) -> None:
        self._scene.idp.handed_out.add("canary", value)
        header, claims = peek(value)
        session = f"{_SESSION}:{order.way}" if order.way else _SESSION
        shown = about(header, claims, session=session, obtained_at=self._scene.clock.now())
        shelf = self._outlived if order.spec.get("opaque") else self._stock[order.kind]
        shelf.put(
            Call(
                lines=bearer_line(value),
                about=shown,
                bad_from=order.bad_from,
                bad_until=order.bad_until,
                good_for=order.good_for,
            )
        )

    def _machine_token(self) -> Token | None:
        step, body = self._scene.idp.client_credentials(self._machine)
        self._scene.upkeep(step)
        return token_from(body, session=_SESSION, asked_at=self._scene.asked_at(step)) if body else None

    def _fill_forged(self) -> None:
        token = self._machine_token()
        if token is None:
            return
        if Canary.IDENTITY_HEADERS in self._stock:
            self._fill_identities(token)
        minted = self._control is not None
        # Where the IdP issues no JWTs, one made to order shows how they would look.
        made = [token.value] if token.about.format == "jwt" else self._mint([{"client_id": self._machine.client_id}])
        if not made:
            return
        (pattern,) = made
        jwk = self._public_key(str(peek(pattern)[0].get("kid", "")))
        self._pattern = pattern
        forge: dict[Canary, Callable[[int], str | None]] = {
            Canary.UNKNOWN_OPAQUE: lambda _: secrets.token_urlsafe(32),
            Canary.ALG_NONE: lambda _: canaries.alg_none(pattern, _jti()),
            Canary.HMAC_PUBLIC_KEY: lambda _: (
                canaries.hmac_with_public_key(pattern, _jti(), jwk, next(self._forms)) if jwk else None
            ),
            Canary.KID_PATH: lambda _: canaries.kid_path(pattern, _jti(), next(self._paths)),
            Canary.TAMPERED: lambda number: (
                canaries.tampered_payload(pattern, _jti()) if number % 2 else canaries.tampered_signature(pattern)
            ),
            # Where the stand-in can mint, half of these are signed by a real key: see mint_orders.
            Canary.UNKNOWN_KID: lambda number: (
                None
                if minted and number % 2
                else canaries.unknown_kid(pattern, _jti(), f"unknown-{_jti()}", self._own_key)
            ),
        }
        for kind, make in forge.items():
            if kind in self._stock:
                for number in range(self._depth):
                    if value := make(number):
                        self._put(canaries.MintOrder(kind, {}), value)

    def _fill_id_tokens(self) -> None:
        """The ID token of a login of its own (RFC 9068 section 4; OpenID Connect Core section 2)."""
        scene, shelf = self._scene, self._stock[Canary.ID_TOKEN]
        if not scene.endpoints.users or shelf.lasting(scene.clock.now() + _PERIOD_S) >= self._depth:
            return

        def observe(step: Step) -> bool:
            scene.upkeep(step)
            return step.decision == "accept" and not scene.stopping

        client = next(self._logging_in, None)
        step, body = scene.idp.login(client, scene.endpoints.users[0], observe) if client else (None, {})
        value = body.get("id_token")
        header, claims = peek(value) if isinstance(value, str) else ({}, {})
        if step is None or not isinstance(value, str) or not claims:
            return
        now = scene.clock.now()
        shown = about(header, claims, session=_SESSION, obtained_at=now)
        # Once it has expired, a refusal says nothing of its kind.
        until = scene.asked_at(step) + (shown.exp - shown.iat) * _MOST_OF_A_LIFE
        shelf.put(Call(lines=bearer_line(value), about=shown, bad_until=until))

    def _fill_identities(self, token: Token) -> None:
        """Another caller's name in headers: beside a good token, and, which works without an IdP, beside none."""
        shelf = self._stock[Canary.IDENTITY_HEADERS]
        for _ in range(self._depth):
            forged = _jti()
            shown = About(session=f"{_SESSION}:with_token", jti=token.about.jti, format=token.about.format)
            lines = token.bearer + canaries.identity_lines(forged)
            until = token.obtained_at + token.life_s * _MOST_OF_A_LIFE
            shelf.put(Call(about=shown, lines=lines, forged=forged, bad_until=until))
            shown = About(session=f"{_SESSION}:without_token")
            shelf.put(Call(about=shown, lines=canaries.identity_lines(forged), forged=forged, with_token=False))

    def _public_key(self, kid: str) -> dict[str, Any] | None:
        def known() -> dict[str, Any] | None:
            return next((key for key in self._jwks if key.get("kid") == kid), None)

        if Canary.HMAC_PUBLIC_KEY in self._stock and known() is None:
            self._jwks = self._scene.idp.jwks() or self._jwks
        return known() or (self._jwks[0] if self._jwks else None)

    def _fill_minted(self) -> None:
        """Ask the stand-in IdP's control API, directly: this path has no link and is never faulted."""
        now = self._scene.clock.now()
        orders = [
            order
            for number in range(self._depth - 1)
            for order in canaries.mint_orders(
                self._plan.kinds,
                client_id=self._machine.client_id,
                now=now,
                margin_s=self._plan.clock_margin_s,
                unknown=f"unknown-{_jti()}",
                withdrawn=self._withdrawn,
                foreign=next(self._foreign),
                opaque=self._outliving and number == 0,
            )
        ]
        for order, token in zip(orders, self._mint([order.spec for order in orders]), strict=False):
            # Who has never seen an opaque token knows nothing of it that could be out of date.
            if not order.spec.get("opaque") or self._show(token):
                self._put(order, token)

    def _show(self, value: str) -> bool:
        """Use a good token once wherever it is decided; whether all accepted it. Under load it counts as asked there,
        and as no traffic of users.
        """
        scene, route = self._scene, 0
        shown = about({}, {}, session=_SESSION, obtained_at=scene.clock.now())
        for replica, gate in enumerate(scene.gates):
            if self._under_load:
                now = scene.clock.now()
                decision, _ = scene.call("canary", bearer_line(value), shown, due=now, route=route, replica=replica)
            else:
                decision, _ = at_gateway(gate.site.send(gate.heads[route] + bearer_line(value)))
            if decision != "accept" or scene.stopping:
                return False
        return True

    def _mint(self, specs: list[dict[str, Any]]) -> list[str]:
        """Tokens made to order, as many as were asked for or none."""
        if self._control is None or not specs:
            return []
        head = self._control.head(
            "POST", "/mint", {"Authorization": f"Bearer {self._secret}", "Content-Type": "application/json"}
        )
        answer = self._control.send(head, json.dumps({"tokens": specs}).encode())
        made = json_object(answer.body).get("tokens") if answer.status in (200, 201) else None
        tokens = [minted.get("token") for minted in made if isinstance(minted, dict)] if isinstance(made, list) else []
        whole = [token for token in tokens if isinstance(token, str)]
        return whole if len(whole) == len(specs) else []

    def _fill_revoked(self) -> None:
        """JWTs revoked now (RFC 7009), to be sent when no cache may still accept them."""
        scene, after = self._scene, self._plan.revoked_after_s
        # Those that will have expired by the time a new one is ripe don't count.
        lasting = scene.clock.now() + after + _PERIOD_S
        stock = self._stock[Canary.REVOKED]
        for _ in range(self._depth - stock.lasting(lasting)):
            token = self._machine_token()
            if token is None:
                return
            if token.about.format == "opaque" and not self._show(token.value):
                return
            step = scene.idp.revoke(self._machine, token.value, "access_token")
            scene.upkeep(step)
            if step.decision != "accept":
                return
            # Once it has expired, a refusal says nothing about revocation: it is no breach, but no attempt either.
            bad_until = token.obtained_at + token.life_s * _MOST_OF_A_LIFE
            known_at: set[str] | None = set() if self._under_load else None
            bad_from = scene.clock.now() + after
            stock.put(
                Call(lines=token.bearer, about=token.about, bad_from=bad_from, bad_until=bad_until, known_at=known_at)
            )


_IN_TWO_MAKES = frozenset(
    {
        Canary.NOT_YET_VALID,
        Canary.UNKNOWN_KID,
        Canary.REVOKED,
        Canary.RETIRED_KEY,
        Canary.IDENTITY_HEADERS,
    }
)
_OUTLIVED = 8
"""One is made every :data:`_PERIOD_S` seconds, and takes several of these to expire."""
_RIPEN = frozenset({Canary.REVOKED, Canary.ID_TOKEN})
"""What costs more to make than one request: it is used again and again."""


def _shelf(kind: Canary, depth: int) -> Shelf[Call]:
    """Some kinds come in two makes or of two keys, and revoked tokens overlap while new ones ripen."""
    return Shelf(2 * depth if kind in _IN_TWO_MAKES else depth, "always" if kind in _RIPEN else "last")


def _jti() -> str:
    return f"canary-{secrets.token_hex(8)}"
