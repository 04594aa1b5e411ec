"""What is seen of gateways that tell nothing: by the recorder behind their links, and by the system they run on.

It is told in the words of the contract (:mod:`idchaos.contract`), as far as it goes: which key fetches arrived, how
each ended there, and which keys it was given last. What did not arrive nobody saw, so failed fetches are not counted.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx

from idchaos.contract import Fact
from idchaos.errors import TargetError
from idchaos.graph import Graph
from idchaos.record.observed import EndpointCounts, Exchange
from idchaos.targets.capabilities import PROBE_HEADER, ControlsProcesses, ProbeResult
from idchaos.targets.oidc import failure_code
from idchaos.targets.standin.control import ControlClient
from idchaos.trust import of_probes

SEEN = frozenset({Fact.INCARNATION, Fact.KEYS_HELD, Fact.EACH_KEY_FETCH, Fact.KEY_FETCHES_SEEN})
"""What can be told of a gateway that keeps keys, without its help."""
GAVE_UP_S = 0.5
"""Who ends a connection after having waited for so long has given up; sooner, it was cut off."""
PROBE_PATIENCE_S = 3.0
_OF_NO_USE = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""To plain HTTP; to load the usual certificates takes as long as a short delay."""


class KeysAt(NamedTuple):
    """Where an IdP's keys are behind a link."""

    path: str
    authority: str = ""
    """Where it is asked by TLS: ``host[:port]`` that it is called by, and its certificate holds. Empty: in clear."""
    ca_file: str | None = None
    """What signed that, if it is not one of the usual ones."""

    @property
    def host(self) -> str:
        """The host of ``authority``."""
        return urlsplit(f"//{self.authority}").hostname or ""

    def named(self, name: str) -> str:
        """What a request to a host of that name says in its ``Host``."""
        return self.authority if name == self.host else name


class Witness:
    """Implements ``ReportsState`` and ``ProbesUpstream`` of a whole target: stand-ins tell of themselves."""

    def __init__(
        self,
        control: ControlClient,
        graph: Graph,
        processes: ControlsProcesses,
        address: Callable[[str], str],
        keys: Callable[[], KeysAt] = lambda: KeysAt("/jwks"),
        *,
        tls: bool = False,
    ) -> None:
        """``address``: of a link, where its consumer reaches it. ``keys``: where the IdP's are behind it. ``tls``: what
        passes is encrypted, so that requests can't be told.
        """
        self._control, self._graph, self._processes, self._address = control, graph, processes, address
        self._keys, self._tls = keys, tls

    def tells(self, component: str) -> frozenset[Fact]:
        """What is told of a component, by itself or by others."""
        if component not in self._graph.gateways:
            return self._control.tells(component)
        of_keys = component in self._graph.keepers_of_keys and not self._tls
        return SEEN if of_keys else frozenset({Fact.INCARNATION})

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
        seen = self._control.observed()[link.name]
        # Of fetches that may be among what could not be read, nothing is told: fewer than there were would pass.
        return told if seen.tls else {**told, "jwks": _seen(seen.of("jwks"))}

    def probe(self, component: str, upstream: str, patience_s: float | None = None) -> ProbeResult:
        """One fresh request of the harness's own over a component's link: what such a request meets, and no evidence
        that the component has met it.
        """
        link = self._graph.link_between(component, upstream)
        if link is None:
            raise TargetError(f"{component} has no link to {upstream}")
        keys = self._keys() if upstream in self._graph.idps else KeysAt("/healthz")
        name = (self._asked_for(link.name) or keys.host) if keys.authority else ""
        verify = of_probes(keys.ca_file) if keys.authority else _OF_NO_USE
        url = f"{'https' if keys.authority else 'http'}://{self._address(link.name)}{keys.path}"
        headers = {**PROBE_HEADER, "Connection": "close", **({"Host": keys.named(name)} if name else {})}
        with httpx.Client(verify=verify, timeout=patience_s or PROBE_PATIENCE_S, trust_env=False) as http:
            began = time.monotonic()
            try:
                answer = http.get(url, headers=headers, extensions={"sni_hostname": name} if name else {})
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

    def _asked_for(self, link: str) -> str:
        """The server that consumers of a link ask for by name: whose certificate it is that they look at."""
        passages = self._control.observed()[link].passages
        return next((each.server_name for each in reversed(passages) if each.server_name and not each.probe), "")

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
