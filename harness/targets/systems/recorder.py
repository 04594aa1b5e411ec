"""A recorder behind the proxies of a Toxiproxy that stays: for the time of a run they lead to it, and it leads on.

::

    gateway ──► their Toxiproxy ──► our recorder ──► IdP

What a gateway asks the IdP is then seen without its help. Where each proxy led is promised in the ledger before it is
changed; who restarts the run's machine in between says ``idchaos recover``.
"""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from idchaos.errors import FaultError, TargetError
from idchaos.hosts import is_loopback
from idchaos.targets.standin.addresses import SHARED, free_ports
from idchaos.targets.standin.observing import MODULE, OBSERVER
from idchaos.targets.standin.processes import PYTHON_MODULE, Process
from idchaos.undo.ledger import UpstreamBack
from idchaos.undo.toxiproxy import Links, ProxyState
from idchaos.undo.undo import carry_out, left_of

EVERYWHERE = "0.0.0.0"


class Recorder:
    """Of one run."""

    def __init__(self, api: str, proxies: Iterable[str], idp_url: str, observe_from: str, run_id: str) -> None:
        """``api``: of Toxiproxy, ``host:port``. ``idp_url``: where the IdP is, as this machine reaches it."""
        self._api, self._proxies, self._idp_url, self._run_id = api, tuple(proxies), idp_url, run_id
        self._seen_as = observe_from or SHARED
        ports = free_ports(2 + len(self._proxies))
        self._data, self.control = (f"{SHARED}:{port}" for port in ports[:2])
        self._ports = dict(zip(self._proxies, ports[2:], strict=True))
        self.secret = secrets.token_urlsafe(24)
        self._process: Process | None = None
        self._moved: tuple[UpstreamBack, ...] = ()
        self._before: Mapping[str, ProxyState] = {}

    @staticmethod
    def can_be_reached(api: str, observe_from: str) -> bool:
        """Whether Toxiproxy can lead to a process here: it runs here, or the file says how it reaches this machine."""
        return bool(observe_from) or is_loopback(api.rpartition(":")[0].strip("[]"))

    def undos(self) -> tuple[UpstreamBack, ...]:
        """Where each proxy leads before anything is changed.

        Raises:
            TargetError: Toxiproxy does not answer, or has no such proxy.
        """
        try:
            self._before = Links(self._api).state()
        except FaultError as error:
            raise TargetError(str(error)) from None
        missing = [name for name in self._proxies if name not in self._before]
        if missing:
            there = ", ".join(self._before) or "none"
            raise TargetError(f"toxiproxy at {self._api} has no proxy {', '.join(missing)}; there are {there}")
        self._moved = tuple(
            UpstreamBack(
                api=self._api,
                proxy=name,
                upstream=self._before[name].upstream,
                instead_of=f"{self._seen_as}:{self._ports[name]}",
            )
            for name in self._proxies
        )
        return self._moved

    def start(self, logs: Path, paths: Mapping[str, str]) -> None:
        """Start it, and let the proxies lead to it. ``paths``: the IdP's, and what the endpoints there are called.

        Raises:
            TargetError: it does not start, or a proxy can't be changed.
        """
        self._process = Process(
            name=OBSERVER,
            command=[*PYTHON_MODULE, MODULE],
            environment={
                "IDCHAOS_SETTINGS": json.dumps(self._settings(paths)),
                "IDCHAOS_CONTROL_SECRET": self.secret,
            },
            run_id=self._run_id,
            log_path=logs / f"{OBSERVER}.log",
        )
        self._process.spawn()
        self._process.wait_ready()
        links = Links(self._api)
        try:
            for each in self._moved:
                links.lead_to(each.proxy, each.instead_of)
        except FaultError as error:
            raise TargetError(str(error)) from None

    def stop(self) -> list[str]:
        """Let the proxies lead where they did, then end it; returns what is left."""
        left = left_of(carry_out(each) for each in self._moved)
        if self._process is not None:
            self._process.stop()
        return left

    def died(self) -> str | None:
        """One line when it ended by itself."""
        code = None if self._process is None else self._process.ended()
        return None if code is None else f"the recorder behind the proxies ended by itself (exit code {code})"

    def _settings(self, paths: Mapping[str, str]) -> dict[str, Any]:
        listens = SHARED if is_loopback(self._seen_as) else EVERYWHERE
        return {
            "name": OBSERVER,
            "listen": _address(self._data),
            "control": _address(self.control),
            "links": [
                {
                    "name": name,
                    "listen": {"host": listens, "port": self._ports[name]},
                    "upstream": _address(led_on(self._before[name].upstream, self._idp_url)),
                }
                for name in self._proxies
            ],
            "endpoints": dict(paths),
        }


def led_on(upstream: str, idp_url: str) -> str:
    """Where the recorder sends what comes over a proxy: where that led, or, if its name is only known where Toxiproxy
    runs, where the IdP is as this machine reaches it.
    """
    host = upstream.rpartition(":")[0].strip("[]")
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        parts = urlsplit(idp_url)
        return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    return upstream


def _address(text: str) -> dict[str, Any]:
    host, _, port = text.rpartition(":")
    return {"host": host.strip("[]"), "port": int(port)}
