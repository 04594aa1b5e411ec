"""All flows of a load put together, and the Locust user that sends them."""

from __future__ import annotations

from collections.abc import Callable

import gevent
from locust import FastHttpUser, task
from locust.env import Environment

from idchaos.clock import Clock
from idchaos.errors import LoadError
from idchaos.load.canaries.kinds.unknown_kid import UnknownKid
from idchaos.load.canaries.mints import ControlApi, Mints, SigningKey
from idchaos.load.canaries.upkeep import Canaries
from idchaos.load.engine.job import LoadJob, Roles, Withdrawn, check_hosts, check_roles
from idchaos.load.engine.pacing import sleeper
from idchaos.load.engine.recorder import Recorder
from idchaos.load.engine.response import Sends
from idchaos.load.engine.scene import Gate, Scene
from idchaos.load.engine.scheduler import Scheduler
from idchaos.load.engine.wire import Site, WirePool
from idchaos.load.flows.attack import Attacker, Partner
from idchaos.load.flows.machines import Machines
from idchaos.load.flows.parallel import KINDS, ParallelReplays
from idchaos.load.flows.races import Races
from idchaos.load.flows.registration import Registrations
from idchaos.load.flows.revocation import Probes, probe_formats
from idchaos.load.flows.sessions import Sessions
from idchaos.load.flows.theft import Thief
from idchaos.load.idp.client import Idp
from idchaos.planning.arrivals import Arrival, Choices, Schedule, schedule
from idchaos.record.samples import Expected

# Beyond the plan's bound: keepers, probes' polls and upkeep, which the bound is not about.
_SPARE_CONNECTIONS = 400
_IDP_NAMES = {
    "login": "authorize",
    "machine": "token",
    "revocation": "token",
    "two_tabs": "authorize",
    "lost_answer": "authorize",
    "native_login": "authorize",
    "parallel_replay": "token",
    "registration": "register",
    "partner": "token",
    "attacker": "token",
}
_EXPECTED: dict[str, Expected] = {
    "canary": "deny",
    "junk": "deny",
    "attacker": "either",
    "parallel_replay": "either",
    "thief": "either",
}

Handler = Callable[[Arrival, float], None]


class Generator:
    """One load: prepared, then run once. ``recorder`` belongs to the caller.

    Raises:
        UsageError: a host that load may not be sent to, or a flow that the target's clients cannot carry out.
    """

    def __init__(self, job: LoadJob, recorder: Recorder, clock: Clock) -> None:
        check_hosts(job)
        self._roles = Roles.of(job.endpoints.clients)
        check_roles(job, self._roles)
        self.job, self._recorder, self._clock = job, recorder, clock
        plan, endpoints = job.plan, job.endpoints
        self._pool = WirePool(concurrency=plan.max_in_flight + _SPARE_CONNECTIONS, timeout_s=plan.timeout_s)
        self._sites: dict[str, Site] = {}
        self.scene = Scene(
            plan=plan,
            endpoints=endpoints,
            seed=job.seed,
            clock=clock,
            recorder=recorder,
            idp=Idp(endpoints, self._site, job.allow_hosts),
            gates=tuple(Gate.of(g.name, Site(self._pool, g.url), endpoints.routes) for g in endpoints.gateways),
            around={s.name: Gate.of(s.name, Site(self._pool, s.url), endpoints.routes) for s in endpoints.services},
        )
        self._sessions = Sessions(self.scene, self._roles)
        self._machines = Machines(self.scene, self._roles)
        self._canaries = self._make_canaries()
        self._probe_formats = probe_formats(plan.revocations, self._roles) if plan.revocations else ()
        self._probes = Probes(self.scene, plan.revocations, self._probe_formats) if plan.revocations else None
        self._races = Races(self.scene, plan.races, self._roles.refreshing) if plan.races else None
        self._parallel = ParallelReplays(self.scene, plan.parallel, self._roles) if plan.parallel else None
        self._registrations = Registrations(self.scene, plan.registration) if plan.registration else None
        self._thief = Thief(self.scene, plan.theft, self._roles) if plan.theft else None
        self._partner = Partner(self.scene, plan.rollout, self._roles.partners) if plan.rollout else None
        self._attacker = Attacker(self.scene, plan.leak, self._roles.partners) if plan.leak else None
        self.schedule = self._schedule()
        self._handlers = [self._handler(stream.flow) for stream in plan.streams]
        self._scheduler: Scheduler | None = None
        self.failure: BaseException | None = None
        self.prepared: dict[str, int] = {}
        """Requests of the preparation, by IdP endpoint."""

    def _site(self, url: str) -> Sends:
        if url not in self._sites:
            self._sites[url] = Site(self._pool, url)
        return self._sites[url]

    def _make_canaries(self) -> Canaries | None:
        plan = self.job.plan.canaries
        rate = sum(stream.rate for stream in self.job.plan.streams if stream.flow == "canary")
        if plan is None or not plan.kinds or not rate:
            return None
        return Canaries(
            self.scene,
            plan,
            self._roles,
            mints=self._mints(),
            retired_kid=self.job.retired_kid,
            rate=rate,
        )

    def _mints(self) -> Mints | None:
        """How tokens can be made to order here, if they can."""
        endpoints = self.job.endpoints
        if endpoints.idp_control_url:
            return ControlApi(self._site(endpoints.idp_control_url), endpoints.control_secret or "")
        if endpoints.signing_jwk:
            return SigningKey(endpoints.signing_jwk, self._everyday_token)
        return None

    def _everyday_token(self) -> str | None:
        token = self._canaries.bench.round_token if self._canaries else None
        return token.value if token else None

    def _schedule(self) -> Schedule:
        plan, endpoints = self.job.plan, self.job.endpoints
        kinds = {
            "canary": len(plan.canaries.kinds) if plan.canaries else 1,
            "revocation": len(self._probe_formats),
            "login": len(self._roles.sessions),
            "two_tabs": len(self._roles.refreshing),
            "lost_answer": len(self._roles.refreshing),
            "native_login": len(self._roles.native),
            "parallel_replay": len(KINDS),
            "thief": len(self._thief.loot) if self._thief else 1,
            "partner": len(self._roles.partners),
            "attacker": len(self._attacker.kinds) if self._attacker else 1,
        }
        choices = Choices(
            sessions=plan.sessions,
            routes=len(endpoints.routes),
            replicas=len(endpoints.gateways),
            kinds=tuple(max(1, kinds.get(stream.flow, 1)) for stream in plan.streams),
        )
        return schedule(plan, self.job.seed, self.job.duration_s, choices)

    def _handler(self, flow: str) -> Handler:
        if flow == "opaque":
            return self._sessions.opaque_call if self._sessions.opaque else self._machines.opaque_call
        handlers: dict[str, Handler | None] = {
            "api": self._sessions.api,
            "login": self._sessions.login,
            "native_login": self._sessions.native_login,
            "parallel_replay": self._parallel.replay if self._parallel else None,
            "machine": self._machines.machine,
            "canary": self._canaries.canary if self._canaries else None,
            "junk": self._canaries.junk if self._canaries else None,
            "revocation": self._probes.probe if self._probes and self._probe_formats else None,
            "two_tabs": self._races.two_tabs if self._races else None,
            "lost_answer": self._races.lost_answer if self._races else None,
            "registration": self._registrations.register if self._registrations else None,
            "thief": self._thief.use if self._thief else None,
            "partner": self._partner.partner if self._partner else None,
            "attacker": self._attacker.attack if self._attacker else None,
        }
        handler = handlers[flow]
        if handler is None:
            raise LoadError(f"the plan has arrivals of the flow {flow}, but not how they are made")
        return handler

    # --- the life of a load ---

    def prepare(self) -> None:
        """Discover the IdP's endpoints, log the sessions in, make the first canaries.

        Raises:
            LoadError: the IdP gave no proper answer.
        """
        self.scene.idp.discover()
        self._sessions.prepare()
        if "opaque" in {s.flow for s in self.job.plan.streams} and not self._sessions.opaque:
            self._machines.start()
        if self._attacker:
            self._attacker.prepare()
        if self._canaries:
            self._canaries.start()
        # Counts that are compared with the IdP's begin when the load generator is ready.
        self.prepared = dict(self._recorder.unsampled)
        self._recorder.unsampled.clear()
        self._recorder.unsampled_unsure.clear()

    def run(self, start: float) -> None:
        """Generate the load from ``start`` (Unix time) on, inside one Locust user; returns when all is sent and
        answered, or ``timeout_s`` after the end.

        Raises:
            Exception: whatever went wrong in the schedule, which is a defect.
        """
        environment = Environment(user_classes=[self._user_class(start)], catch_exceptions=False)
        runner = environment.create_local_runner()
        runner.start(1, spawn_rate=1, wait=True)
        self._sessions.start()
        runner.greenlet.join()
        if self.failure is not None:
            raise self.failure
        give_up = self._clock.now() + self.job.plan.timeout_s
        self.scene.stop()
        self._sessions.stop()
        # A request of a keeper is a sample too: without its record the counts would not agree.
        keepers = [
            *self._sessions.keepers,
            *self._machines.keepers,
            *(self._canaries.keepers if self._canaries else ()),
        ]
        while self._busy(keepers) and self._clock.now() < give_up:
            gevent.sleep(0.01)

    def _busy(self, keepers: list[gevent.Greenlet]) -> bool:
        polling = self._probes.polling if self._probes else 0
        return bool(self.in_flight or polling or not all(keeper.dead for keeper in keepers))

    def withdrawn(self, key: Withdrawn) -> None:
        """From ``key.forgotten_from`` on, nobody may accept this key."""
        if self._canaries:
            self._canaries.withdrawn(key)

    def stop(self) -> None:
        """Send nothing any more."""
        self.scene.stop()
        if self._scheduler:
            self._scheduler.stopped = True

    @property
    def in_flight(self) -> int:
        """Arrivals that were started and are not over."""
        return self._scheduler.in_flight if self._scheduler else 0

    def _user_class(self, start: float) -> type[FastHttpUser]:
        generator = self

        class OpenLoop(FastHttpUser):
            """The one user: its task is the whole schedule."""

            host = generator.job.endpoints.idp_url
            client_pool = generator._pool
            network_timeout = generator.job.plan.timeout_s
            connection_timeout = generator.job.plan.timeout_s

            @task
            def send(self) -> None:
                try:
                    generator._send(start)
                except Exception as error:  # handed to run(), which raises it
                    generator.failure = error
                self.environment.runner.quit()

        return OpenLoop

    def _send(self, start: float) -> None:
        offset = self._clock.offset
        sleep_until = sleeper()
        self._scheduler = Scheduler(
            now=self._clock.now,
            sleep_until=lambda moment: sleep_until(moment - offset),
            spawn=gevent.spawn_raw,
            give_way=lambda: gevent.sleep(0),
            handle=self._handle,
            drop=self._drop,
            limit=self.job.plan.max_in_flight,
        )
        self._scheduler.run(self.schedule, start)
        end = start + self.job.duration_s
        while not self.scene.stopping and self._clock.now() < end:
            gevent.sleep(min(0.05, max(end - self._clock.now(), 0.0)))

    def _handle(self, arrival: Arrival, due: float) -> None:
        if not self.scene.stopping:
            self._handlers[arrival.stream](arrival, due)

    def _drop(self, arrival: Arrival, due: float) -> None:
        """An arrival was due while the bound of requests were in flight: recorded, never forgotten."""
        flow = self.job.plan.streams[arrival.stream].flow
        route, gate = self.job.endpoints.routes[arrival.route], self.scene.gates[arrival.replica]
        at_idp = _IDP_NAMES.get(flow)
        kinds = self.job.plan.canaries.kinds if self.job.plan.canaries else ()
        self._recorder.dropped += 1
        self._recorder.unsent(
            due=due,
            flow=flow,
            endpoint=at_idp or route.path,
            error_code="dropped",
            expected=_EXPECTED.get(flow, "accept"),
            canary=kinds[arrival.kind] if flow == "canary" else UnknownKid.name if flow == "junk" else "",
            replica="" if at_idp else gate.name,
            service="" if at_idp else route.service,
        )
