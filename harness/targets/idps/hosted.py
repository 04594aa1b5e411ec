"""A system of the stand-ins with an IdP of somebody else's making in the place of theirs: what changes for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from idchaos.contract import Fact
from idchaos.errors import TargetError
from idchaos.graph import Graph, Role
from idchaos.settings import CommonSettings
from idchaos.targets.capabilities import ControlsProcesses, ReportsState
from idchaos.targets.endpoints import Endpoints
from idchaos.targets.gateways.base import Address
from idchaos.targets.idps.base import Adapter, Idp, Site
from idchaos.targets.standin.processes import Runs
from idchaos.targets.standin.topology import Layout

UNTOLD = frozenset({Fact.REVOCATIONS})
"""Of what stand-ins tell otherwise: where nobody offers a list of revocations they keep none."""


@dataclass
class Hosted:
    """An adapter, and its IdP of one run."""

    adapter: Adapter
    settings: CommonSettings
    idp: Idp = field(init=False)

    def __post_init__(self) -> None:
        self.idp = self.adapter.idp(self.settings)

    def documents(self, documents: Mapping[str, dict[str, Any]], graph: Graph) -> dict[str, dict[str, Any]]:
        """The settings of the stand-ins that are left: they poll no list, and probe the keys where these are."""
        adapter = self.adapter
        here = {
            "revocation_feed": False,
            "jwks_path": adapter.jwks_path,
            "token_types": list(adapter.token_types),
            "jwks_heed_max_age": adapter.keys_may_be_kept,
        }
        return {
            name: document | (here if "jwks_cache_s" in document else {})
            for name, document in documents.items()
            if name not in graph.idps
        }

    def paths(self) -> dict[str, str]:
        """What the observer calls the IdP's endpoints, by their whole paths."""
        return {f"{self.adapter.path}{path}": name for path, name in self.adapter.paths.items()}

    def runs(self, layout: Layout, graph: Graph, endpoints: Endpoints, logs: Path, run_id: str) -> Runs:
        """What runs as the IdP; nothing is started."""
        name = graph.idp
        listen, spare = (Address.of(each) for each in layout.bind[name])
        if endpoints.introspection_client is None:
            raise TargetError("the system has no client that introspects")
        site = Site(
            listen=listen,
            spare=spare,
            url=endpoints.issuer.removesuffix(self.adapter.path),
            folder=logs / f"{name}-home",
            log=logs / f"{name}.log",
            run_id=run_id,
            clients=endpoints.clients,
            introspecting=endpoints.introspection_client,
            users=endpoints.users,
            audiences=tuple(dict.fromkeys(route.audience for route in endpoints.routes)),
            scopes=tuple(dict.fromkeys(scope for route in endpoints.routes for scope in (route.scope, route.writes))),
        )
        return self.idp.begin(site)


class Seen:
    """Implements ``ReportsState``: of an IdP that tells nothing of itself, the system tells which process it is."""

    def __init__(self, others: ReportsState, graph: Graph, processes: ControlsProcesses, idp: Idp) -> None:
        self._others, self._graph, self._processes, self._idp = others, graph, processes, idp

    def tells(self, component: str) -> frozenset[Fact]:
        """What is told of a component, by itself or by the system."""
        if self._graph.named(component).is_a(Role.IDP):
            return frozenset({Fact.INCARNATION})
        return self._others.tells(component)

    def state(self, component: str) -> Mapping[str, Any]:
        """What it tells; of the IdP, which process it is while it serves.

        Raises:
            TargetError: it does not run, or does not answer.
        """
        if not self._graph.named(component).is_a(Role.IDP):
            return self._others.state(component)
        process = self._processes.process(component)
        if process.status != "running" or not self._idp.serves():
            raise TargetError(f"{component} is {process.status}, and does not answer")
        used = {} if process.cpu_s is None else {"cpu_s": process.cpu_s}
        return {"contract": 1, "name": component, "instance": process.incarnation, **used}
