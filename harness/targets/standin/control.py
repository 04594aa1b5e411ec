"""The stand-ins' control APIs as capabilities. Local and Docker targets share it: only addresses differ."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

import httpx

from idchaos.contract import OF_EVERYBODY, OF_IDPS, OF_VALIDATORS, Fact
from idchaos.errors import TargetError
from idchaos.graph import Graph, Role
from idchaos.record.observed import LinkObserved
from idchaos.targets.capabilities import (
    ControlsProcesses,
    EndpointError,
    FlushesCaches,
    Granted,
    InjectsErrors,
    KeepsLogs,
    KeyInfo,
    ProbeResult,
    ProbesUpstream,
    PublishesMetrics,
    ReportsState,
    RotatesKeys,
    RotatesSecrets,
    SignsUnpublished,
    SkewsClock,
)
from idchaos.targets.observer import ObservesLinks
from idchaos.targets.standin.observing import OBSERVER

STATE_TIMEOUT_S = 2.0
PROBE_TIMEOUT_S = 15.0


class ControlClient:
    """A client of all control APIs of one running stand-in system.

    Implements ``ReportsState``, ``KeepsLogs``, ``PublishesMetrics``, ``ProbesUpstream``, ``RotatesKeys``,
    ``RotatesSecrets``, ``SkewsClock``, ``InjectsErrors``, ``FlushesCaches`` and ``ObservesLinks``.
    """

    def __init__(
        self,
        control: Mapping[str, str],
        secret: str,
        graph: Graph,
        mute: frozenset[str] = frozenset(),
        untold: frozenset[Fact] = frozenset(),
    ) -> None:
        """``mute``: components of somebody else's making, which have no control API and tell nothing. ``untold``: what
        nobody tells of himself here.
        """
        self._untold = untold
        self._control = control
        self._mute = mute
        self._graph = graph
        self.sent: Counter[str] = Counter()
        self.unanswered: Counter[str] = Counter()
        # Control traffic is rare; keep-alive would only leave connections that a killed process resets.
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {secret}", "Connection": "close"},
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=False,
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # of no use to plain HTTP; to load the system's takes 0.1 s
        )

    def move(self, control: Mapping[str, str]) -> None:
        """From now on, components are at these control addresses."""
        self._control = control

    def close(self) -> None:
        """Release sockets."""
        self._http.close()

    def tells(self, component: str) -> frozenset[Fact]:
        """All that the contract knows of, by what a component is."""
        itself = self._graph.named(component)
        if component in self._mute:
            return frozenset()
        if itself.is_a(Role.IDP):
            return (OF_EVERYBODY | OF_IDPS) - self._untold
        told = OF_EVERYBODY | {Fact.REQUESTS, Fact.REASONS}
        told |= {Fact.PASSED_ON} if itself.is_a(Role.GATEWAY) else frozenset()
        # A stand-in tells of its caches also where it never fills one.
        return (told | OF_VALIDATORS) - self._untold

    def logged(self) -> tuple[str, ...]:
        """Every component writes a log."""
        return self._graph.parts

    def metrics(self) -> Mapping[str, str | None]:
        """``GET /metrics`` of each component."""
        pages: dict[str, str | None] = {}
        for component in self.logged():
            if component in self._control and component not in self._mute:
                pages[component] = None
                with contextlib.suppress(httpx.HTTPError):
                    page = self._http.get(f"http://{self._control[component]}/metrics", timeout=STATE_TIMEOUT_S)
                    pages[component] = page.text
        return pages

    def state(self, component: str) -> Mapping[str, Any]:
        """``GET /state`` of one component."""
        answer: Mapping[str, Any] = self._ask(component, "GET", "/state", timeout=STATE_TIMEOUT_S)
        return answer

    def observed(self) -> Mapping[str, LinkObserved]:
        """What has passed over the links to IdPs."""
        links = self._ask(OBSERVER, "GET", "/state", timeout=STATE_TIMEOUT_S)["links"]
        return {name: LinkObserved.model_validate(counts) for name, counts in links.items()}

    def probe(self, component: str, upstream: str, patience_s: float | None = None) -> ProbeResult:
        """One fresh request from a component to its upstream."""
        order = {"upstream": upstream, "timeout_s": patience_s}
        answer = self._ask(component, "POST", "/probe", order, timeout=PROBE_TIMEOUT_S + (patience_s or 0.0))
        return ProbeResult.model_validate({name: answer.get(name) for name in ProbeResult.model_fields})

    def asks_itself(self, component: str) -> bool:
        """A stand-in does."""
        return component not in self._mute

    def keys(self) -> tuple[KeyInfo, ...]:
        """All keys that the IdP knows."""
        return tuple(
            KeyInfo.model_validate({name: key[name] for name in KeyInfo.model_fields})
            for key in self._ask(self._graph.idp, "GET", "/keys")
        )

    def add_key(self, kid: str, alg: str, *, publish: bool, sign: bool) -> str:
        """Create a key; returns its kid."""
        self._ask(self._graph.idp, "POST", "/keys", {"kid": kid, "alg": alg, "publish": publish, "sign": sign})
        return kid

    def publish_key(self, kid: str) -> None:
        """Put a key into the JWKS."""
        self._ask(self._graph.idp, "POST", f"/keys/{kid}/publish")

    def sign_with(self, kid: str) -> None:
        """Sign new tokens with this key."""
        self._ask(self._graph.idp, "POST", f"/keys/{kid}/sign_with")

    def retire_key(self, kid: str) -> None:
        """Take a key out of the JWKS."""
        self._ask(self._graph.idp, "POST", f"/keys/{kid}/retire")

    def rotate_secret(self, client_id: str, new_secret: str, *, overlap_s: float, revoke_grants: bool) -> int:
        """Take a new client secret; returns how many of the client's grants were revoked."""
        order = {"new_secret": new_secret, "overlap_s": overlap_s, "revoke_grants": revoke_grants}
        return int(self._ask(self._graph.idp, "POST", f"/clients/{client_id}/rotate_secret", order)["grants_revoked"])

    def skew(self, component: str, offset_s: float, drift_ppm: float = 0.0) -> None:
        """Set a component's clock error."""
        self._ask(component, "PUT", "/clock", {"offset_s": offset_s, "drift_ppm": drift_ppm})

    def inject(self, endpoint: str, error: EndpointError) -> None:
        """Make an IdP endpoint answer with an error."""
        self._ask(self._graph.idp, "PUT", f"/errors/{endpoint}", error.model_dump(exclude_none=True))

    def clear(self, endpoint: str) -> None:
        """Make it answer normally."""
        self._ask(self._graph.idp, "DELETE", f"/errors/{endpoint}")

    def flush(self, component: str, cache: Literal["jwks", "revocations", "introspection", "all"]) -> None:
        """Empty a cache of a validator."""
        self._ask(component, "POST", "/flush", {"cache": cache})

    def wait_healthy(self, component: str, deadline: float) -> None:
        """Return when the component answers; ``deadline`` is in ``time.monotonic`` seconds.

        Raises:
            TargetError: when it doesn't in time.
        """
        while True:
            try:
                self.state(component)
            except TargetError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def _ask(self, component: str, method: str, path: str, body: Any = None, *, timeout: float = 5.0) -> Any:
        if component in self._mute:
            raise TargetError(f"{component} has no control API")
        url = f"http://{self._control[component]}{path}"
        try:
            response = self._http.request(method, url, json=body, timeout=timeout)
        except httpx.HTTPError as error:
            raise TargetError(f"{component}: {method} {path}: no answer ({type(error).__name__})") from error
        if response.is_error:
            raise TargetError(f"{component}: {method} {path}: {response.status_code} {_detail(response)}")
        return response.json() if response.content else None


def granted(control: ControlClient, processes: ControlsProcesses) -> Granted:
    """All that a stand-in system can do, and who does it."""
    does: dict[type, object] = dict.fromkeys(
        (
            ReportsState,
            KeepsLogs,
            PublishesMetrics,
            ProbesUpstream,
            RotatesKeys,
            SignsUnpublished,
            RotatesSecrets,
            SkewsClock,
            InjectsErrors,
            FlushesCaches,
            ObservesLinks,
        ),
        control,
    )
    return Granted({**does, ControlsProcesses: processes})


def _detail(response: httpx.Response) -> str:
    try:
        return str(response.json().get("detail", ""))[:200]
    except (ValueError, AttributeError):
        return response.text[:200]
