"""The stand-in system on local processes, with real gateways in the place of its own.

They tell nothing of themselves: what they do is seen by their answers, on the links behind them, and at the services.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from idchaos.dialects import known_as
from idchaos.errors import TargetError
from idchaos.graph import Graph
from idchaos.settings import CommonSettings
from idchaos.targets.base import ProcessState
from idchaos.targets.capabilities import (
    ControlsProcesses,
    Granted,
    InjectsErrors,
    KeepsLogs,
    LimitsPromises,
    ProbesUpstream,
    ReportsState,
    RotatesKeys,
    RotatesSecrets,
    SignsUnpublished,
    SkewsClock,
)
from idchaos.targets.endpoints import Endpoints
from idchaos.targets.gateways.base import OF_BINDING, Adapter, Address, Upstream, Wiring
from idchaos.targets.gateways.checks import check_before_load
from idchaos.targets.gateways.replica import Replica, listens
from idchaos.targets.gateways.witness import KeysAt, Witness
from idchaos.targets.idps.hosted import Hosted
from idchaos.targets.observer import ObservesLinks
from idchaos.targets.standin.guests import Guests
from idchaos.targets.standin.local import LocalTarget
from idchaos.targets.standin.processes import Runs
from idchaos.targets.standin.topology import Layout, issuer

JWKS_PATH = "/jwks"
"""Of the stand-in IdP."""


class GatewayTarget(LocalTarget):
    """Implements ``Target`` and ``ControlsProcesses``; what the stand-ins behind it can do, a control client does."""

    def __init__(
        self,
        adapter: Adapter,
        settings: CommonSettings,
        run_id: str,
        defects: Mapping[str, tuple[str, ...]] | None = None,
        guests: Guests | None = None,
        *,
        hosted: Hosted | None = None,
    ) -> None:
        self.adapter = adapter
        self._running = dict(zip(adapter.graph.gateways, adapter.urls, strict=False))
        """Gateways that run already, and where."""
        super().__init__(settings, run_id, defects, guests, _speaking(adapter), hosted=hosted)
        self.control = self._control(frozenset(self.graph.gateways))
        self.sent, self.unanswered = self.control.sent, self.control.unanswered
        keys = KeysAt(self._jwks_path)
        witness = Witness(self.control, self.graph, self, lambda link: self.layout.through[link], lambda: keys)
        of_stand_ins: tuple[type, ...] = (
            RotatesKeys, SignsUnpublished, RotatesSecrets, SkewsClock, InjectsErrors, ObservesLinks,
        )  # fmt: skip
        own: dict[type, object] = {
            **dict.fromkeys(of_stand_ins, self.control),
            ReportsState: witness,
            ProbesUpstream: witness,
            LimitsPromises: self,
            KeepsLogs: self,
            **({} if self._running else {ControlsProcesses: self}),
        }
        self._granted = Granted(self._with_guest(Granted(own)))

    @property
    def endpoints(self) -> Endpoints:
        """Where everything is; gateways with the dialect of their adapter."""
        known = super().endpoints
        gateways = tuple(each.model_copy(update={"dialect": self.adapter.dialect}) for each in known.gateways)
        return known.model_copy(update={"gateways": gateways, "gateway_secret": None})

    def logged(self) -> tuple[str, ...]:
        """Whoever is started here writes a log."""
        return tuple(name for name in self.graph.parts if name not in self._running)

    def unpromised(self) -> Mapping[str, str]:
        """What the adapters say; of tokens that are bound to a key, nothing unless they say otherwise."""
        return {**OF_BINDING, **super().unpromised(), **self.adapter.unpromised}

    @property
    def _jwks_path(self) -> str:
        """Where the keys are at the IdP, as a gateway is told."""
        return JWKS_PATH if self.hosted is None else f"{self.hosted.adapter.path}{self.hosted.adapter.jwks_path}"

    def start(self, logs: Path) -> None:
        """Start everything, and see that each replica does what a run takes for granted.

        Raises:
            TargetError: a part did not start, or a good token does not pass, or a bad one does.
            UndecidableError: a replica gets its keys by another way than its link.
        """
        self.bring_up(logs)
        check_before_load(self.endpoints, self.graph, self.control)

    def bring_up(self, logs: Path) -> None:
        """Start everything, and look no further.

        Raises:
            TargetError: a part did not start.
        """
        super().start(logs)

    def stop(self) -> list[str]:
        """Stop everything; returns what could not be stopped, or whose log is lost."""
        left = super().stop()
        replicas = [each for each in self._processes.values() if isinstance(each, Replica)]
        return [*left, *(problem for each in replicas for problem in each.problems)]

    def _components(self, logs: Path) -> dict[str, Runs]:
        return {
            **super()._components(logs),
            **{name: self._replica(name, logs) for name in self.graph.gateways if name not in self._running},
        }

    def _documents(self) -> dict[str, dict[str, Any]]:
        """Of the stand-ins that are left; services take the caller from whatever the gateways pass on."""
        documents = super()._documents()
        behind = {"caller": self.adapter.caller, "gateway_secret": None}
        return {
            name: document | (behind if name in self.graph.services else {})
            for name, document in documents.items()
            if name not in self.graph.gateways
        }

    def _replica(self, name: str, logs: Path) -> Replica:
        wiring = self.wiring(name, logs)
        return Replica(name, wiring.listen, wiring.folder, self.adapter.programs(wiring), self._run_id)

    def wiring(self, name: str, logs: Path) -> Wiring:
        """What one replica is told."""
        through = {
            provider: Address.of(self.layout.through[link.name])
            for provider in (self.graph.idp, *self.graph.services)
            if (link := self.graph.link_between(name, provider))
        }
        listen, spare = (Address.of(each) for each in self.layout.bind[name])
        return Wiring(
            name=name,
            listen=listen,
            spare=spare,
            issuer=issuer(self.layout, self.graph, self.credentials.guests),
            idp=through[self.graph.idp],
            jwks_path=self._jwks_path,
            services=tuple(
                Upstream(
                    name=route.service,
                    prefix=f"/{route.service}",
                    address=through[route.service],
                    audience=route.audience,
                    scope=route.scope,
                )
                for route in self.graph.routes
            ),
            knobs=self._settings.gateway,
            folder=logs / name,
        )

    def _laid_out(self) -> Layout:
        """Gateways that run already are where they are; what they were told beforehand is where they were told. No
        gateway has a control API.
        """
        layout = super()._laid_out()
        data = {**layout.data, **{name: str(address) for name, address in self._running.items()}}
        listen = {**layout.listen, **self.adapter.listens(self.graph)}
        control = {name: at for name, at in layout.control.items() if name not in self.graph.gateways}
        return replace(layout, data=data, control=control, listen=listen, through=listen)

    def process(self, component: str) -> ProcessState:
        """How its process is; one that ran before is taken to run."""
        if component in self._running:
            return ProcessState(status="running", incarnation="")
        return super().process(component)

    def _wait_healthy(self, name: str, deadline: float) -> None:
        """A gateway has no state to ask for: that it listens is all that it tells."""
        if name not in self.graph.gateways:
            super()._wait_healthy(name, deadline)
        elif name in self._running and not listens(self._running[name]):
            raise TargetError(f"{name}: nobody listens on {self._running[name]}: start it, and try again")


def _speaking(adapter: Adapter) -> Graph:
    """The adapter's graph, with its gateways' dialect."""
    graph, spoken = adapter.graph, known_as(adapter.dialect)
    changed: Mapping[str, str] = dict.fromkeys(graph.gateways, spoken)
    components = tuple(
        each.model_copy(update={"dialect": changed[each.name]}) if each.name in changed else each
        for each in graph.components
    )
    return graph.model_copy(update={"components": components})
