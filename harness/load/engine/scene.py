"""What every flow needs: the clock, the recorder, the gateways, the IdP. And the call of an API."""

from __future__ import annotations

import math
import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from http import HTTPStatus
from typing import Any, TypeVar

import gevent
from gevent.event import Event
from gevent.lock import BoundedSemaphore
from gevent.pool import Group

from idchaos.clock import Clock
from idchaos.dialects import STAND_IN, Answered, Dialect
from idchaos.experiment import LoadPlan
from idchaos.graph import Route
from idchaos.load.canaries.mints import Mints
from idchaos.load.engine.isolation import ECHO, whose
from idchaos.load.engine.job import Roles
from idchaos.load.engine.once import Once
from idchaos.load.engine.quotes import bearers_in, secrets_in
from idchaos.load.engine.reached import Reached, served_lately
from idchaos.load.engine.recorder import NOTHING, About, Recorder
from idchaos.load.engine.response import Response, Sends, cookies_in
from idchaos.load.idp.client import NEVER_ARRIVED, Idp, Step
from idchaos.planning.arrivals import Arrival
from idchaos.reasons import FOREIGN_ANSWER
from idchaos.record.samples import AROUND, Decision, Expected, by_method
from idchaos.targets.endpoints import Endpoints

_ECHO = ECHO.encode()
_ACCEPT = {"Accept": "application/json"}
_JSON = {"Content-Type": "application/json"}
Shared = TypeVar("Shared")


@dataclass(frozen=True)
class Gate:
    """A gateway replica with the request heads of all routes put together beforehand."""

    name: str
    site: Sends
    heads: tuple[bytes, ...]
    dialect: Dialect = STAND_IN
    """How it says why it refuses."""
    posted: tuple[bytes, ...] = ()
    """The same of POST."""

    def head(self, route: Route, method: str, suffix: str = "", path: str = "") -> bytes:
        """The head of another request at a route than the prepared one; ``path``: or at no route at all."""
        return self.site.head(method, path or route.path + suffix, _ACCEPT)

    def everyday(self, route: int, method: str, token: About) -> tuple[bytes, About]:
        """The head of an everyday request by that method, and what its sample says."""
        if method == "GET":
            return self.heads[route], token
        return self.posted[route], replace(token, way=by_method(method, token.way))

    @classmethod
    def of(cls, name: str, site: Sends, routes: tuple[Route, ...], dialect: Dialect = STAND_IN) -> Gate:
        """Prepare the heads."""
        heads = tuple(site.head("GET", r.path, _ACCEPT) for r in routes)
        posted = tuple(site.head("POST", r.path, _ACCEPT | (_JSON if r.body else {})) for r in routes)
        return cls(name, site, heads, dialect, posted)


@dataclass
class Scene:
    """Shared by all flows of one load."""

    plan: LoadPlan
    endpoints: Endpoints
    seed: int
    clock: Clock
    recorder: Recorder
    idp: Idp
    gates: tuple[Gate, ...]
    around: Mapping[str, Gate] = field(default_factory=dict)
    """The ways around the gateways, by service."""
    lasting_s: float = math.inf
    """How long the load lasts."""
    stopping: bool = False
    """No new request is sent any more; those under way may end."""
    mints: Mints | None = None
    """How tokens can be made to order here; ``None``: they can't."""
    example: str | None = field(default=None, repr=False)
    """A good everyday token, once one was had."""
    retired_kid: str | None = None
    """A key that will be withdrawn between the preparation and the load."""
    reached: Reached = field(default_factory=Reached)
    """Which requests services served that their gateways had refused."""
    once: Once = field(default_factory=Once)
    """Which POSTs services served more than once."""
    cookies: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    """What came with good answers to tokens that were shown: the header line to send back, by the token's own."""
    accepted: Callable[[bytes, str, int, int], None] | None = None
    """Hears of each good token that was accepted: the header line that carries it, its key, route and replica."""
    background: Group = field(default_factory=Group)
    """What runs beside arrivals: keepers, polls. A load ends when they have."""
    _shared: dict[str, Any] = field(default_factory=dict)
    _stopped: Event = field(default_factory=Event)

    def stop(self) -> None:
        """From now on no new request is sent."""
        self.stopping = True
        self._stopped.set()

    def rest(self, seconds: float) -> bool:
        """Sleep for ``seconds``, or until the load ends if that comes first. Returns whether it still lasts."""
        return not self._stopped.wait(max(seconds, 0.0))

    def pause(self, seconds: float) -> None:
        """Sleep for ``seconds``, whatever happens."""
        gevent.sleep(seconds)

    def spawn(self, work: Callable[..., object], *args: object) -> gevent.Greenlet:
        """Run ``work`` beside arrivals; the load's end waits for it."""
        return self.background.spawn(work, *args)

    def together(self, works: Sequence[Callable[[], object]]) -> None:
        """Run all at the same moment. Returns when the last is done, or raises what one of them raised."""
        gevent.joinall([gevent.spawn(work) for work in works], raise_error=True)

    def lock(self) -> BoundedSemaphore:
        """A lock that one holds at a time (``with scene.lock() as ...``)."""
        return BoundedSemaphore(1)

    def shared(self, key: str, make: Callable[[], Shared]) -> Shared:
        """What several flows of a load use together: made for the first that asks."""
        if key not in self._shared:
            self._shared[key] = make()
        found: Shared = self._shared[key]
        return found

    @cached_property
    def roles(self) -> Roles:
        """Which of the target's clients does what."""
        return Roles.of(self.endpoints.clients)

    def rng(self, *names: object) -> random.Random:
        """Randomness of one purpose, from the seed."""
        return random.Random(":".join(map(str, (self.seed, *names))))

    def call(
        self,
        flow: str,
        bearer: bytes,
        token: About,
        *,
        due: float,
        route: int,
        replica: int,
        expected: Expected = "accept",
        canary: str = "",
        scheduled: bool = False,
        around: bool = False,
        head: bytes = b"",
        body: bytes = b"",
        late_s: float = 0.0,
        decide: Callable[[Answered, Dialect], tuple[Decision, str]] | None = None,
    ) -> tuple[Decision, str]:
        """Call an API through a gateway and record the sample; what was decided, and the error code.

        ``bearer``: the header lines that say who calls. ``around``: not through a gateway, but at the service itself.
        ``head``: of :meth:`Gate.head`, where it is not the route's own. ``late_s``: how long after it the body comes.
        """
        gate = self.around[self.endpoints.routes[route].service] if around else self.gates[replica]
        echo = secrets.token_hex(8)
        asked = b"%s%s: %s\r\n%s" % (head or gate.heads[route], _ECHO, echo.encode(), bearer)
        answer = gate.site.send(asked, body, late_s=late_s) if late_s else gate.site.send(asked, body)
        decision, code = decide(answer, gate.dialect) if decide else gate.dialect.read(answer)
        offset = self.clock.offset
        where = self.endpoints.routes[route]
        self._look_through(gate.name, answer, head, bearer, body)
        self.idp.unasked.refused(answer, tells=self.recorder.echoed[where.service] > 0)
        if expected == "deny" and not around and gate.dialect.read(answer)[0] == "deny":
            self.reached.refused(echo, where.service, f"{canary or flow} {token.way} that {gate.name} had refused")
        if decision == "accept" and not canary and expected != "deny":
            if flow == "canary" and (cookies := cookies_in(answer)):
                self.cookies[bearer] = cookies
            posted = f"a POST that {gate.name} had passed on" if head.startswith(b"POST ") else ""
            if self._is_foreign(answer, where.service, echo, token, posted):
                # It was accepted, for somebody else.
                expected, code = "deny", FOREIGN_ANSWER
            elif self.accepted and not around:
                self.accepted(bearer, token.kid, route, replica)
        self.recorder.add(
            due=due,
            sent=answer.sent + offset,
            ended=answer.ended + offset,
            flow=flow,
            endpoint=f"{AROUND}{where.path}" if around else where.path,
            status=answer.status,
            decision=decision,
            expected=expected,
            error_code=code,
            canary=canary,
            replica=answer.header("Idchaos-Replica") or gate.name,
            service=where.service,
            retry=answer.retry,
            token=token,
            scheduled=scheduled,
        )
        return decision, code

    @cached_property
    def _inner_secrets(self) -> tuple[bytes, ...]:
        """What components of the target prove to each other, and no client ever sees."""
        told = (self.endpoints.gateway_secret, *(client.client_secret for client in self.endpoints.inner_clients))
        return tuple(secret.encode() for secret in told if secret)

    def _is_foreign(self, answer: Response, service: str, echo: str, token: About, posted: str) -> bool:
        """Read what a good answer tells besides: who may keep it, and what its service has served. Whether it is an
        answer to another request, or about another subject or client. ``posted``: what it is an answer to, where that
        may change something.
        """
        self.idp.unasked.shared(answer)
        if (served := served_lately(answer.body)) is not None:
            self.reached.told(service, served)
            self.once.told(service, (*served, echo))
            if posted and not answer.retry:
                self.once.posted(echo, posted)
        told = whose(answer.body, echo, token.subject, token.client)
        (self.recorder.unechoed if told == "untold" else self.recorder.echoed)[service] += 1
        return told == "foreign"

    def _look_through(self, who: str, answer: Response, head: bytes, bearer: bytes, body: bytes) -> None:
        """No answer gives a secret away. Of bodies of good ones only those that say our echo: other services may be
        made to show whatever reaches them. What a client puts into a URL itself comes back with it.
        """
        if answer.status >= HTTPStatus.BAD_REQUEST:
            self.idp.quotes.look(who, answer, [*secrets_in(bearer, body), *self._inner_secrets])
            self.idp.unasked.put_off(answer)
            self.idp.unasked.failed(answer)
            return
        tokens = bearers_in(bearer)
        sent = [] if any(token in head for token in tokens) else tokens
        handed_out = self.idp.handed_out.kind_of if sent else None
        self.idp.answers.look(
            who, answer, [*sent, *self._inner_secrets], body=b'"echo"' in answer.body, handed_out=handed_out
        )

    def record_step(
        self,
        flow: str,
        step: Step,
        *,
        due: float,
        token: About = NOTHING,
        attempt: int = 0,
        expected: Expected = "accept",
        canary: str = "",
        scheduled: bool = False,
    ) -> float:
        """Record one request at the IdP; when it ended, in Unix time."""
        answer, offset = step.answer, self.clock.offset
        if answer.retry:
            self.recorder.resent[step.endpoint] += answer.retry
        self.recorder.add(
            due=due,
            sent=answer.sent + offset,
            ended=answer.ended + offset,
            flow=flow,
            endpoint=step.endpoint,
            status=answer.status,
            decision=step.decision,
            expected=expected,
            error_code=step.code,
            canary=canary,
            retry=attempt + answer.retry,
            token=token,
            scheduled=scheduled,
        )
        return answer.ended + offset

    def upkeep(self, step: Step) -> None:
        """Count a request at the IdP that serves the load generator itself and is no sample."""
        answer, recorder = step.answer, self.recorder
        if answer.retry:  # the attempts before may have arrived as well
            recorder.resent[step.endpoint] += answer.retry
        if answer.status:
            recorder.unsampled[step.endpoint] += 1
        elif answer.error not in NEVER_ARRIVED:
            recorder.unsampled_unsure[step.endpoint] += 1

    def asked_at(self, step: Step) -> float:
        """When a request was sent, in Unix time."""
        return step.answer.sent + self.clock.offset

    def decider(self, route: int, replica: int) -> str:
        """Who decides about a request on that route through that gateway."""
        return self.endpoints.routes[route].service if self.endpoints.services_decide else self.gates[replica].name

    def no_token(self, flow: str, arrival: Arrival, due: float, error_code: str, session: str) -> None:
        """Record an API call that was due when there was nothing to call with."""
        where = self.endpoints.routes[arrival.route]
        self.recorder.unsent(
            due=due,
            flow=flow,
            endpoint=where.path,
            error_code=error_code,
            replica=self.gates[arrival.replica].name,
            service=where.service,
            token=About(session=session) if session else NOTHING,
        )
