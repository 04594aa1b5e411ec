"""All flows of a load put together, and the Locust user that sends them."""

from __future__ import annotations

import gevent
from locust import FastHttpUser, task
from locust.env import Environment

from idchaos.clock import Clock
from idchaos.load.canaries.mints import ControlApi, Mints, SigningKey
from idchaos.load.engine.job import LoadJob, Withdrawn, check_hosts
from idchaos.load.engine.pacing import sleeper
from idchaos.load.engine.recorder import Recorder
from idchaos.load.engine.response import Sends
from idchaos.load.engine.scene import Gate, Scene
from idchaos.load.engine.scheduler import Scheduler
from idchaos.load.engine.wire import Site, WirePool
from idchaos.load.flows.catalogue import flows_of
from idchaos.load.idp.client import Idp
from idchaos.load.idp.unasked import Clocks
from idchaos.planning.arrivals import Arrival, Choices, Schedule, schedule

# Beyond the plan's bound: keepers, probes' polls and upkeep, which the bound is not about.
_SPARE_CONNECTIONS = 400


class Generator:
    """One load: prepared, then run once. ``recorder`` belongs to the caller.

    Raises:
        UsageError: a host that load may not be sent to, or a flow that the target's clients cannot carry out.
    """

    def __init__(self, job: LoadJob, recorder: Recorder, clock: Clock) -> None:
        check_hosts(job)
        self.job, self._recorder, self._clock = job, recorder, clock
        plan, endpoints = job.plan, job.endpoints
        self._pool = WirePool(
            concurrency=plan.max_in_flight + _SPARE_CONNECTIONS, timeout_s=plan.timeout_s, ca_file=endpoints.ca_file
        )
        self._sites: dict[str, Site] = {}
        self.scene = Scene(
            plan=plan,
            endpoints=endpoints,
            seed=job.seed,
            clock=clock,
            recorder=recorder,
            idp=Idp(endpoints, self._site, job.allow_hosts),
            gates=tuple(
                Gate.of(g.name, Site(self._pool, g.url), endpoints.routes, g.dialect) for g in endpoints.gateways
            ),
            around={
                s.name: Gate.of(s.name, Site(self._pool, s.url), endpoints.routes, s.dialect)
                for s in endpoints.services
            },
            lasting_s=job.duration_s,
            mints=self._mints(),
            retired_kid=job.retired_kid,
        )
        if plan.canaries is not None:
            self.scene.idp.unasked.clocks = Clocks(clock.offset, plan.canaries.clock_margin_s)
        self._flows = flows_of(plan, endpoints, self.scene.roles)
        self._senders = {name: flow.sender(self.scene) for name, flow in self._flows.items()}
        self.schedule = self._schedule()
        self._scheduler: Scheduler | None = None
        self.failure: BaseException | None = None
        self.prepared: dict[str, int] = {}
        """Requests of the preparation, by IdP endpoint."""

    def _site(self, url: str) -> Sends:
        if url not in self._sites:
            self._sites[url] = Site(self._pool, url)
        return self._sites[url]

    def _mints(self) -> Mints | None:
        """How tokens can be made to order here, if they can."""
        endpoints = self.job.endpoints
        if endpoints.idp_control_url:
            return ControlApi(self._site(endpoints.idp_control_url), endpoints.control_secret or "")
        if endpoints.signing_jwk:
            return SigningKey(endpoints.signing_jwk, lambda: self.scene.example, further=endpoints.further_jwks)
        return None

    def _schedule(self) -> Schedule:
        plan, endpoints = self.job.plan, self.job.endpoints
        choices = Choices(
            sessions=plan.sessions,
            routes=len(endpoints.routes),
            replicas=len(endpoints.gateways),
            kinds=tuple(max(1, self._senders[stream.flow].kinds) for stream in plan.streams),
        )
        return schedule(plan, self.job.seed, self.job.duration_s, choices)

    # --- the life of a load ---

    def prepare(self) -> None:
        """Discover the IdP's endpoints, log the sessions in, make the first canaries.

        Raises:
            LoadError: the IdP gave no proper answer.
        """
        self.scene.idp.discover()
        for sender in self._senders.values():
            sender.prepare()
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
        for sender in self._senders.values():
            sender.begin()
        runner.greenlet.join()
        if self.failure is not None:
            raise self.failure
        give_up = self._clock.now() + self.job.plan.timeout_s
        self.scene.stop()
        for sender in self._senders.values():
            sender.end()
        # A request of a keeper is a sample too: without its record the counts would not agree.
        while (self.in_flight or len(self.scene.background)) and self._clock.now() < give_up:
            gevent.sleep(0.01)

    def withdrawn(self, key: Withdrawn) -> None:
        """From ``key.forgotten_from`` on, nobody may accept this key."""
        for sender in self._senders.values():
            sender.withdrawn(key)

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
            self._senders[self.job.plan.streams[arrival.stream].flow].send(arrival, due)

    def _drop(self, arrival: Arrival, due: float) -> None:
        """An arrival was due while the bound of requests were in flight: recorded, never forgotten."""
        name = self.job.plan.streams[arrival.stream].flow
        flow, route, gate = (
            self._flows[name],
            self.job.endpoints.routes[arrival.route],
            self.scene.gates[arrival.replica],
        )
        self._recorder.dropped += 1
        self._recorder.unsent(
            due=due,
            flow=name,
            endpoint=flow.endpoint or route.path,
            error_code="dropped",
            expected=flow.expected,
            canary=self._senders[name].canary(arrival),
            replica="" if flow.endpoint else gate.name,
            service="" if flow.endpoint else route.service,
        )
