"""What is seen of gateways that tell nothing: by the recorder behind their links, and by the system they run on.

It is told in the words of the contract (:mod:`idchaos.contract`), as far as it goes: which key fetches arrived, how
each ended there, and which keys it was given last. What did not arrive nobody saw, so failed fetches are not counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from idchaos.contract import Fact
from idchaos.errors import TargetError
from idchaos.graph import Graph
from idchaos.record.observed import EndpointCounts, Exchange
from idchaos.targets.capabilities import PROBE_HEADER, ControlsProcesses, ProbeResult
from idchaos.targets.oidc import failure_code
from idchaos.targets.standin.control import ControlClient

SEEN = frozenset({Fact.INCARNATION, Fact.KEYS_HELD, Fact.EACH_KEY_FETCH, Fact.KEY_FETCHES_SEEN})
"""What can be told of a gateway that keeps keys, without its help."""
GAVE_UP_S = 0.5
"""Who ends a connection after having waited for so long has given up; sooner, it was cut off."""
PROBE_PATIENCE_S = 3.0


class Witness:
    """Implements ``ReportsState`` and ``ProbesUpstream`` of a whole target: stand-ins tell of themselves."""

    def __init__(
        self,
        control: ControlClient,
        graph: Graph,
        processes: ControlsProcesses,
        address: Callable[[str], str],
        jwks_path: Callable[[], str] = lambda: "/jwks",
    ) -> None:
        """``address``: of a link, where its consumer reaches it. ``jwks_path``: where the IdP's keys are there."""
        self._control, self._graph, self._processes, self._address = control, graph, processes, address
        self._jwks_path = jwks_path

    def tells(self, component: str) -> frozenset[Fact]:
        """What is told of a component, by itself or by others."""
        if component not in self._graph.gateways:
            return self._control.tells(component)
        return SEEN if component in self._graph.keepers_of_keys else frozenset({Fact.INCARNATION})

    def state(self, component: str) -> Mapping[str, Any]:
        """What a stand-in tells; of a gateway, what is seen.

        Raises:
            TargetError: it does not answer, or does not run.
        """
        if component not in self._graph.gateways:
            return self._control.state(component)
        process = self._processes.process(component)
        if process.status != "running":
            raise TargetError(f"{component} is {process.status}")
        told: dict[str, Any] = {"contract": 1, "name": component, "instance": process.incarnation}
        if process.cpu_s is not None:
            told["cpu_s"] = process.cpu_s
        link = self._graph.link_between(component, self._graph.idp)
        if link is None or component not in self._graph.keepers_of_keys:
            return told
        return {**told, "jwks": _seen(self._control.observed()[link.name].of("jwks"))}

    def probe(self, component: str, upstream: str, patience_s: float | None = None) -> ProbeResult:
        """One fresh request of the harness's own over a component's link: what such a request meets, and no evidence
        that the component has met it.
        """
        link = self._graph.link_between(component, upstream)
        if link is None:
            raise TargetError(f"{component} has no link to {upstream}")
        path = self._jwks_path() if upstream in self._graph.idps else "/healthz"
        began = time.monotonic()
        try:
            answer = httpx.get(
                f"http://{self._address(link.name)}{path}",
                headers={**PROBE_HEADER, "Connection": "close"},
                timeout=patience_s or PROBE_PATIENCE_S,
                trust_env=False,
            )
        except httpx.HTTPError as error:
            return ProbeResult(ok=False, error=failure_code(error), elapsed_s=time.monotonic() - began)
        elapsed_s = time.monotonic() - began
        kids = _kids(answer) if upstream in self._graph.idps else None
        failed = f"http_{answer.status_code}" if answer.is_error else None
        if failed is None and upstream in self._graph.idps and not kids:
            failed = "bad_jwks"
        return ProbeResult(
            ok=failed is None,
            status=answer.status_code,
            error=failed,
            elapsed_s=elapsed_s,
            size_bytes=len(answer.content),
            kids=kids,
        )

    def asks_itself(self, component: str) -> bool:
        """Whether a probe is a component's own request."""
        return False


def _kids(answer: httpx.Response) -> tuple[str, ...] | None:
    try:
        return tuple(str(key["kid"]) for key in answer.json()["keys"] if "kid" in key)
    except (ValueError, LookupError, TypeError):
        return None


def _seen(counts: EndpointCounts) -> dict[str, Any]:
    return {
        "kids": list(counts.kids or ()),
        "kids_served": dict(counts.kids_served),
        "fetches": counts.requests,
        "recent_fetches": [
            {
                "number": each.number,
                "at": each.at,
                "took_s": each.took_s,
                "size_bytes": 0,
                "error": _error(each),
            }
            for each in counts.recent
        ],
    }


def _error(exchange: Exchange) -> str | None:
    if exchange.error == "no_keys":
        return "bad_jwks"
    if exchange.status:
        return None if exchange.status == 200 else f"http_{exchange.status}"
    if exchange.error == "closed" and exchange.took_s >= GAVE_UP_S:
        return "timeout"
    return {"closed": "connection_closed", "reset": "connection_reset"}.get(exchange.error, exchange.error or None)
