"""A stock of canaries: filled in the background while the IdP answers, used up slowly while it does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import cycle
from math import inf

import gevent

from idchaos.experiment import AT_HOME_AGAIN, SHOWN, CanaryPlan
from idchaos.graph import TokenFormat
from idchaos.load.canaries.at_idp import Desk
from idchaos.load.canaries.base import (
    LIFE_S,
    SESSION,
    IdpKind,
    Kind,
    Moment,
    Order,
    TokenKind,
    original_url,
    overridden,
    padded,
)
from idchaos.load.canaries.bench import PERIOD_S, Bench
from idchaos.load.canaries.catalogue import kind_named
from idchaos.load.canaries.first_of_key import FirstOfKey
from idchaos.load.canaries.kinds.tampered import Tampered
from idchaos.load.canaries.kinds.unknown_kid import UnknownKid, junk
from idchaos.load.canaries.mints import TokenSpec
from idchaos.load.canaries.rota import Place, Rota
from idchaos.load.canaries.stock import Call, Decide, Shelf, spelled
from idchaos.load.decide import at_odd_request, at_other_service, at_overridden, decides_no_refusal, identity_seen
from idchaos.load.engine.job import Withdrawn
from idchaos.load.engine.recorder import About
from idchaos.load.engine.scene import Scene
from idchaos.load.idp.tokens import about, bearer_line, peek
from idchaos.planning.arrivals import Arrival
from idchaos.reasons import NOT_OF_REVOCATION

_PRESENT_ATTEMPTS, _PRESENT_AGAIN_S = 10, 0.5
_SHOWN = 8
"""Of tokens that are shown while good, one is made every :data:`PERIOD_S` seconds, and takes several of these to turn
bad."""
_AGAIN = 3
"""Every third canary of a kind is sent twice, and every opaque token: what was remembered of the first answer is asked
of the second."""
_TOGETHER = (1, 2)
"""Of four that are sent twice these are so at the same moment, and the others in a row: who waits for what is decided
of the one must hear it for the other. Two that follow each other, so that all replicas have their share. An opaque
token comes once more after that."""
_PADDING = (0, 2_000, 0, 5_000)
"""Letters by which tokens that are made are longer than everyday ones, in turn: who reads long ones otherwise judges
them otherwise. With all else they stay below the 8 KiB that servers take for a header's line."""
_RETIRED = "retired_key"
COOKIE = f"{SHOWN}+cookie"
"""Not the token that was shown, but what came as a cookie with an answer to it."""


class Canaries:
    """Arrivals of the flow ``canary``, and the greenlets that keep them in stock.

    Raises:
        UsageError: the plan names a kind that there is not.
    """

    def __init__(
        self,
        scene: Scene,
        plan: CanaryPlan,
        rate: float,
    ) -> None:
        self._scene, self._plan, self._retired_kid = scene, plan, scene.retired_kid
        depth = max(2, int(rate * PERIOD_S / len(plan.slots)) + 2)
        self.bench = Bench(scene, plan, scene.roles, depth, scene.mints)
        kinds: list[Kind] = [kind_named(name) for name in plan.kinds]
        self._tokens = {kind.name: kind for kind in kinds if isinstance(kind, TokenKind)}
        self._desks: dict[str, Desk] = {kind.name: kind.desk(self.bench) for kind in kinds if isinstance(kind, IdpKind)}
        self.stock: dict[str, Shelf[Call]] = {
            kind.name: Shelf(depth * kind.makes, kind.reuse) for kind in self._tokens.values()
        }
        self._shown: dict[str, Shelf[Call]] = {name: Shelf(max(_SHOWN, depth), "always") for name in self._tokens}
        """Tokens that have turned bad since they were shown, or were shown where they are good."""
        self._never_known: set[str] = set()
        self._presented: dict[str, str] = {}
        """Tokens that everybody has accepted, by their key."""
        self._rounds = 0
        self._ordered: Counter[str] = Counter()
        self._slots = [cycle(slot) for slot in plan.slots]
        self._rota = Rota(scene.endpoints, len(scene.gates), plan.around)
        self._sent: Counter[tuple[str, str]] = Counter()
        """By kind and format: where both come in turn, each must have its own turns."""
        self.keepers: list[gevent.Greenlet] = []

    @classmethod
    def of(cls, scene: Scene) -> Canaries:
        """The one stock of a load."""
        assert scene.plan.canaries is not None
        rate = sum(stream.rate for stream in scene.plan.streams if stream.flow == "canary")
        return cls(scene, scene.plan.canaries, rate)

    @property
    def slots(self) -> tuple[tuple[str, ...], ...]:
        """A round of kinds: see :attr:`~idchaos.experiment.CanaryPlan.slots`."""
        return self._plan.slots

    # --- arrivals ---

    def canary(self, arrival: Arrival, due: float) -> None:
        """Send one canary of the drawn kind; if there is none that is surely bad by now, count that instead."""
        name = next(self._slots[arrival.kind])
        desk = self._desks.get(name)
        if not (desk.send(due) if desk else self._send(name, due)):
            self._scene.recorder.skipped[name] += 1

    def _send(self, name: str, due: float) -> bool:
        item = self._rota.take(name, (self._shown[name], self.stock[name]), self.bench.now)
        if item is None:
            return False
        place = self._rota.place(name, item)
        if item.uses and not self._used_first(item, place):
            item = replace(item, decide=decides_no_refusal)
        is_opaque = item.about.format == "opaque"
        self._sent[name, item.about.format] += 1
        times, left = divmod(self._sent[name, item.about.format], 1 if is_opaque else _AGAIN)
        again = not left
        if again and times % 4 in _TOGETHER:
            self._scene.together([partial(self._ask, name, item, place, due, first=first) for first in (True, False)])
            # Of two at once neither meets what was remembered of the other.
            again = is_opaque
        else:
            self._ask(name, item, place, due, first=True)
        if again and not self._scene.stopping:
            self._ask(name, item, place, self.bench.now, first=False)
        return True

    def _used_first(self, item: Call, place: Place) -> bool:
        """Use the good token that a canary resembles, where the canary will be sent; whether all went well."""
        good = About(session=SESSION, way=item.about.way)
        for _ in range(item.uses):
            now, route, replica = self.bench.now, place.route, place.replica
            decision, _ = self._scene.call("canary", item.before, good, due=now, route=route, replica=replica)
            if decision != "accept":
                return False
        return True

    def _ask(self, name: str, item: Call, place: Place, due: float, *, first: bool) -> None:
        replica, route, method, around = place
        known_at, decider = item.known_at, self._scene.decider(route, replica)
        decide = partial(identity_seen, forged=item.forged, with_token=item.with_token) if item.forged else item.decide
        where = self._scene.endpoints.routes[route]
        around = around and where.service in self._scene.around
        gate = self._scene.around[where.service] if around else self._scene.gates[replica]
        if item.is_everyday:
            head, shown = gate.everyday(route, method, item.about)
        else:
            head, shown = gate.head(where, method, item.suffix, item.path), item.about
            head = spelled(head, item.form, gate.site.base)
        decision, code = self._scene.call(
            "canary",
            item.lines,
            shown,
            due=due,
            route=route,
            replica=replica,
            expected="deny" if known_at is None or decider in known_at else "either",
            canary=name,
            scheduled=first,
            around=around,
            head=head,
            body=item.body,
            decide=decide,
        )
        if known_at is not None and decision == "deny" and code not in NOT_OF_REVOCATION:
            known_at.add(decider)
        if decision == "deny" and first and item.good_for and item.lot == SHOWN and item.decide is None:
            self._at_home_again(item, replica)

    def _at_home_again(self, item: Call, replica: int) -> None:
        """Use a token where it was good, now that the same gateway has refused it elsewhere: it is good as before."""
        routes = self._scene.endpoints.routes
        home = next((number for number, route in enumerate(routes) if route.audience == item.good_for), None)
        if home is None:
            return
        told = replace(item.about, way=AT_HOME_AGAIN)
        self._scene.call("canary", item.lines, told, due=self.bench.now, route=home, replica=replica)

    def junk(self, arrival: Arrival, due: float) -> None:
        """One token of a flood: well made, and of a key name that was never used before."""
        if self.bench.good is None:
            self._scene.recorder.skipped[UnknownKid.name] += 1
            return
        value = junk(self.bench.good)
        self._scene.call(
            "junk",
            bearer_line(value),
            about(value, session=SESSION, obtained_at=self.bench.now),
            due=due,
            route=arrival.route,
            replica=arrival.replica,
            expected="deny",
            canary=UnknownKid.name,
            scheduled=True,
        )

    # --- the stock ---

    def start(self) -> None:
        """Fill the stock, then keep it filled. A key that will be retired is presented everywhere first. Once."""
        if self.keepers:
            return
        if self._retired_kid and self._scene.example is None:
            self.bench.renew_token()  # where made tokens are made like it
        if _RETIRED in self._tokens and self._retired_kid and not self._present(self._retired_kid):
            # Whoever never knew the key need not forget it: a refusal would show nothing.
            self._never_known.add(self._retired_kid)
        self.fill()
        self.bench.under_load = True
        if Tampered.name in self._tokens:
            self._scene.accepted = FirstOfKey(self._scene).accepted
        self.keepers = [self._scene.spawn(self._keep)]

    def withdrawn(self, key: Withdrawn) -> None:
        """A key is no longer published: tokens of it are canaries from ``key.forgotten_from`` on."""
        if _RETIRED in self._tokens and key.kid not in self._never_known:
            self.bench.withdrawn[key.kid] = key.forgotten_from
            if value := self._presented.get(key.kid):  # a verdict that was remembered of it is out of date as well
                self.bench.put(self._shown[_RETIRED], value, way=SHOWN, lot=SHOWN, bad_from=key.forgotten_from)
            self.keepers.append(self._scene.spawn(self._fill_ordered))

    @property
    def _signing_kid(self) -> str:
        return str(peek(self.bench.good.token)[0].get("kid", "")) if self.bench.good else ""

    @property
    def _typ(self) -> str:
        return str(peek(self.bench.good.token)[0].get("typ", "")) if self.bench.good else ""

    def _present(self, kid: str) -> bool:
        """Show a token of this key to every replica at every route; whether all accepted it."""
        (value,) = self.bench.mint([TokenSpec({"exp": int(self.bench.now + LIFE_S)}, kid=kid)])
        if value is None or not self.bench.present(value, _PRESENT_AGAIN_S, _PRESENT_ATTEMPTS):
            return False
        self._presented[kid] = value
        return True

    def _keep(self) -> None:
        due = self.bench.now + PERIOD_S
        while self._scene.rest(self._next(due) - self.bench.now):
            began = self.bench.now
            if began < due:
                self._freshen()
            else:
                self.fill()
                due = max(began + PERIOD_S, self.bench.now + PERIOD_S / 4)

    def _next(self, due: float) -> float:
        """When something is to be made again: a round, or, if it comes first, what lives as long as a good token."""
        token = self.bench.round_token
        if token is None:
            return due
        half = token.obtained_at + (self.bench.until(token) - token.obtained_at) / 2
        return min(due, max(half, self.bench.now + PERIOD_S / 8))

    def _freshen(self) -> None:
        """Between two rounds, another everyday token for what is bad only while the token in it is good."""
        self.bench.renew_token()
        for name, kind in self._tokens.items():
            if kind.bears_good:
                kind.gain(self.bench, self.stock[name])

    def fill(self) -> None:
        """One round of making: each kind as far as the IdP does its part. Under load they begin one after the other:
        what is asked for at one moment makes everyday requests late, and is nothing that users do.
        """
        bench, forging = self.bench, self.bench.renew()
        # First what is bad only for as long as the token of this round is good.
        gaining = sorted(self._tokens.values(), key=lambda kind: not kind.bears_good)
        works: list[Callable[[], None]] = [
            *(partial(kind.gain, bench, self.stock[kind.name]) for kind in gaining),
            self._fill_ordered,
            *(desk.fill for desk in self._desks.values()),
            *(partial(self._fill_forged, kind) for kind in gaining if forging or kind.from_nothing),
        ]
        between_s = self._round_s() / len(works) if bench.under_load else 0.0
        begun = []
        for work in works:
            begun.append(gevent.spawn(work))
            if between_s and not self._scene.rest(between_s):
                break
        gevent.joinall(begun)

    def _round_s(self) -> float:
        """Over how long the beginnings of a round are spread: it must be over when its token is to be renewed."""
        token = self.bench.round_token
        left_s = self.bench.until(token) - self.bench.now if token else PERIOD_S
        return max(0.0, min(PERIOD_S / 2, left_s / 4))

    def _fill_forged(self, kind: TokenKind) -> None:
        bench, name = self.bench, kind.name
        for _ in range(bench.depth):
            number = bench.forged[name]
            bench.forged[name] += 1
            gevent.sleep(0)  # making takes its time, and load must not wait for it
            # Those without ways of their own may still have two makes.
            ways = len(kind.ways) or 2
            good = replace(bench.to_forge(number, ways), padding=_PADDING[number // ways % len(_PADDING)])
            if value := kind.forge(good, number):
                way = kind.ways[number % len(kind.ways)] if kind.ways else ""
                bench.put(self.stock[name], value, way=way, secret=kind.secret)

    def _fill_ordered(self) -> None:
        orders: list[tuple[str, Order]] = []
        for number in range(self.bench.depth - 1):
            moment = Moment(
                now=self.bench.now,
                margin_s=self._plan.clock_margin_s,
                early_margin_s=self._plan.early_margin_s,
                number=self._rounds,
                withdrawn=self.bench.withdrawn,
                audiences=self.bench.audiences,
                scopes=self.bench.scopes,
                issuer=self._scene.endpoints.issuer,
                published=self.bench.published,
                signing_kid=self._signing_kid,
                typ=self._typ,
                shows=self._formats if number == 0 else (),
                expired_after_s=self.bench.expired_after_s,
                subject=self.bench.namesake() if number == 0 else "",
            )
            self._rounds += 1
            orders += [(name, order) for name, kind in self._tokens.items() for order in kind.orders(moment)]
        made = self.bench.mint([self._spec(name, order) for name, order in orders])
        for (name, order), value in zip(orders, made, strict=True):
            gevent.sleep(0)
            if value is None:
                continue
            if not order.shown:
                self._put_ordered(name, order, value, self.stock)
            elif self.bench.under_load:  # whoever answers late must not keep the others from being made
                self._scene.spawn(self._show_ordered, name, order, value)
            else:
                self._show_ordered(name, order, value)

    def _spec(self, name: str, order: Order) -> TokenSpec:
        make = f"{name}:{order.way}:{order.shown}"
        padding = 0 if order.opaque else _PADDING[self._ordered[make] % len(_PADDING)]
        self._ordered[make] += 1
        spec = TokenSpec(order.claims | padded(padding), order.header, order.kid, order.opaque)
        return self.bench.in_turn(make, spec)

    @property
    def _formats(self) -> tuple[TokenFormat, ...]:
        return tuple(client.token_format for client in self.bench.machines)

    def _show_ordered(self, name: str, order: Order, value: str) -> None:
        """What is another audience's is bad here, shown or not; what is good everywhere must have been seen."""
        until = float(order.claims.get("exp", inf))
        subject, posted = str(order.claims.get("sub", "")), order.method == "GET"
        if self.bench.show(value, audience=order.good_for, until=until, subject=subject, posted=posted):
            self._put_ordered(name, order, value, self._shown)
        elif order.good_for:
            self._put_ordered(name, order, value, self.stock)

    def _put_ordered(self, name: str, order: Order, value: str, shelves: Mapping[str, Shelf[Call]]) -> None:
        decide = None if order.method == "GET" else at_odd_request
        ways: dict[str, tuple[bytes, Decide | None]] = {order.way: (b"", decide)}
        if order.overridden:
            ways[f"{order.way}+overridden"] = (overridden("GET"), at_overridden)
        home = [route for route in self._scene.endpoints.routes if order.good_for and route.audience == order.good_for]
        if home and shelves is self._shown:
            of_home = partial(at_other_service, home={route.service for route in home})
            ways[f"{order.way}+original_url"] = (original_url(f"{home[0].path}/1"), of_home)
        cookies = self._scene.cookies.pop(bearer_line(value), b"")
        if cookies and order.way == SHOWN:
            # What came of a token ends with it.
            call = Call(lines=cookies, about=About(session=SESSION, way=COOKIE), lot=COOKIE, bad_from=order.bad_from)
            shelves[name].put(call)
        for way, (lines, how) in ways.items():
            self.bench.put(
                shelves[name],
                value,
                way=way,
                also=lines,
                lot=SHOWN if shelves is self._shown else order.kid,
                bad_from=order.bad_from,
                bad_until=order.bad_until,
                good_for=order.good_for,
                resembles=order.resembles,
                method=order.method,
                decide=how,
            )
