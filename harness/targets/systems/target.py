"""A system that was there before the run and stays, as a target: its graph and what it can do come from its file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from idchaos.errors import FaultError, TargetError
from idchaos.hosts import is_loopback
from idchaos.record.observed import LinkObserved
from idchaos.targets.capabilities import (
    BlastRadius,
    ControlsProcesses,
    Granted,
    Kind,
    LimitsBlast,
    LimitsPromises,
    OutlivesRun,
    ProbesUpstream,
    ReportsState,
    RotatesKeys,
    SignsUnpublished,
)
from idchaos.targets.endpoints import Endpoints
from idchaos.targets.gateways.base import OF_BINDING, OF_REVOCATION
from idchaos.targets.gateways.checks import insist_on
from idchaos.targets.gateways.witness import KeysAt, Witness
from idchaos.targets.observer import ObservesLinks
from idchaos.targets.own_settings import OF_TOKENS
from idchaos.targets.restoring import KeyPublished, KeySigns, ProcessRuns, Wanted
from idchaos.targets.standin.control import ControlClient
from idchaos.targets.standin.observing import OBSERVER
from idchaos.targets.systems.acts import Hook
from idchaos.targets.systems.checks import decisions
from idchaos.targets.systems.clocks import clocks
from idchaos.targets.systems.discovery import Metadata, discovered
from idchaos.targets.systems.file import TargetFile, read
from idchaos.targets.systems.hooks import Around
from idchaos.targets.systems.keys import PUBLISHED_WITHIN_S, HookedKeys
from idchaos.targets.systems.known import endpoints_of
from idchaos.targets.systems.paths import ways
from idchaos.targets.systems.published import published, signs
from idchaos.targets.systems.recorder import Recorder
from idchaos.targets.systems.replicas import ENDED_WITHIN_S, STARTED_WITHIN_S, Replicas, address_of, listens
from idchaos.targets.systems.shape import gateways_of, graph_of
from idchaos.undo.claim import Claim
from idchaos.undo.ledger import Undo
from idchaos.undo.toxiproxy import Links

WAITS_S = max(ENDED_WITHIN_S + STARTED_WITHIN_S, PUBLISHED_WITHIN_S)
"""For what a hook and its undo bring about."""
NEITHER = "the file names no Toxiproxy: no link can be faulted"


class SystemTarget:
    """Implements ``Target``, ``OutlivesRun``, ``LimitsPromises`` and ``LimitsBlast``; all else, its parts do."""

    def __init__(self, path: Path, run_id: str) -> None:
        """As the file says; nothing is contacted.

        Raises:
            UsageError: what is wrong with it, or which secret is not there.
        """
        self.file: TargetFile = read(path)
        self.beside, self._path, self._run_id = path.parent, path, run_id
        self.name = self.file.system.name
        self.graph = graph_of(self.file)
        self.recorder = self._recorder()
        control = {OBSERVER: self.recorder.control} if self.recorder else {}
        secret = self.recorder.secret if self.recorder else ""
        self._observed = ControlClient(control, secret, self.graph, frozenset(self.graph.parts))
        self.sent: Counter[str] = Counter()
        self.unanswered: Counter[str] = Counter()
        self._metadata: Metadata | None = None
        proxies = (link.name for link in self.graph.links)
        self._claim = Claim(_server(self.file), proxies)
        self._granted = Granted(self._grants())

    def capability(self, kind: type[Kind]) -> Kind | None:
        """Whoever was granted it."""
        return self._granted.capability(kind)

    @cached_property
    def endpoints(self) -> Endpoints:
        """Where everything is, as the file says."""
        return endpoints_of(self.file, self._path, self.graph.routes, self._around.ca_file)

    @property
    def links(self) -> Links:
        """The Toxiproxy links.

        Raises:
            FaultError: the file names none.
        """
        if self.file.toxiproxy is None:
            raise FaultError(NEITHER)
        return Links(_api(self.file.toxiproxy.api))

    # --- the life of a run ---

    def claim(self) -> None:
        """Be the only one there until ``stop``: what others change meanwhile could not be told from how it was.

        Raises:
            TargetError: another run is there, or what one changed was not put back.
        """
        self._claim.take()

    def undos_of_start(self) -> tuple[Undo, ...]:
        """Where each proxy leads that will lead to the recorder. The system is claimed before it is looked at."""
        self.claim()
        return self.recorder.undos() if self.recorder else ()

    def start(self, logs: Path) -> None:
        """Attach: see that everything is there and as a run needs it, and put the recorder behind the proxies.

        Raises:
            TargetError: the first thing that is not.
            UndecidableError: a run would go on and mean nothing.
        """
        self.attach(logs)
        insist_on(ways(self.file, self.metadata))
        insist_on(clocks(self.endpoints, self.file.system.clocks_apart_s))
        insist_on(decisions(self.endpoints, self.file.settings[OF_TOKENS]))

    def attach(self, logs: Path) -> None:
        """The same, and look no further than that the IdP and Toxiproxy answer."""
        paths = self.metadata.paths
        if self.recorder is not None:
            self.recorder.start(logs, paths)

    def stop(self) -> list[str]:
        """Leave it as it was; returns what could not be."""
        left = self.recorder.stop() if self.recorder else []
        self._observed.close()
        self._claim.release()
        return left

    def died(self) -> str | None:
        """Only the recorder is ours."""
        return self.recorder.died() if self.recorder else None

    # --- what is known of it ---

    def unpromised(self) -> Mapping[str, str]:
        """What its file says; of revocation, what follows from how a token ends here; of bound tokens, nothing."""
        by_expiry = {} if self.file.gateway.hears_of_revocations else OF_REVOCATION
        return {**OF_BINDING, **by_expiry, **self.file.unpromised}

    def blast_radius(self) -> BlastRadius:
        """What its file allows. Nothing takes longer than a hook and its undo, with the waiting for both."""
        hooks = (each for each in self.file.hooks.given.values() if isinstance(each, Hook))
        acts_s = max((each.timeout_s + each.undo.timeout_s + WAITS_S for each in hooks), default=0.0)
        return BlastRadius(**self.file.blast_radius.model_dump(), acts_s=acts_s)

    def undo_to(self, wanted: Wanted) -> Undo:
        """By the hook that undoes it.

        Raises:
            FaultError: the file says none.
        """
        hooks = self.file.hooks
        match wanted:
            case KeySigns(kid=kid):
                return self._keys.undo(hooks.sign_with, kid)
            case KeyPublished(kid=kid):
                return self._keys.undo(hooks.retire_key, kid)
            case ProcessRuns(component=component, after=after):
                return self._replicas.undo(component, after)
        raise FaultError(f"{self._path} says no way to undo that ({type(wanted).__name__})")

    def _grants(self) -> dict[type, object]:
        found: dict[type, object] = {OutlivesRun: self, LimitsPromises: self, LimitsBlast: self}
        if self.recorder is not None:
            witness = Witness(
                self._observed, self.graph, self._replicas, self._reached, self._keys_at, tls=self.file.passes_tls
            )
            found |= {ObservesLinks: self._observed, ReportsState: witness, ProbesUpstream: witness}
        if self.file.hooks.stop is not None:
            found[ControlsProcesses] = self._replicas
        if self.file.hooks.rotate:
            found |= {RotatesKeys: self._keys, SignsUnpublished: self._keys}
        return found

    def observed(self) -> Mapping[str, LinkObserved]:
        """What has passed over the proxies to the IdP; nothing where nobody looks."""
        return self._observed.observed() if self.recorder else {}

    @cached_property
    def _around(self) -> Around:
        ca = self.file.system.ca
        return Around(self.beside, str((self.beside / ca).absolute()) if ca else None)

    @cached_property
    def _replicas(self) -> Replicas:
        urls = dict(zip(gateways_of(self.file), self.file.gateway.url, strict=True))
        return Replicas(self.file.hooks.stop, self._around, urls, listens)

    @cached_property
    def _keys(self) -> HookedKeys:
        return HookedKeys(
            self.file.hooks,
            self._around,
            published=lambda: published(self.endpoints, self.metadata.urls["jwks"]),
            signing=lambda: signs(self.endpoints, self.sent, self.unanswered),
        )

    @property
    def known(self) -> bool:
        """Whether the IdP has said what it is."""
        return self._metadata is not None

    @property
    def metadata(self) -> Metadata:
        """What the IdP says of itself.

        Raises:
            TargetError: it says nothing, or nothing that can be believed.
        """
        if self._metadata is None:
            self._metadata = discovered(self.endpoints)
        return self._metadata

    def _recorder(self) -> Recorder | None:
        proxies = self.file.toxiproxy
        if proxies is None or not proxies.gateway_to_idp:
            return None
        api = _api(proxies.api)
        if not Recorder.can_be_reached(api, proxies.observe_from):
            return None
        return Recorder(api, proxies.gateway_to_idp, self.file.idp.base, proxies.observe_from, self._run_id)

    def _keys_at(self) -> KeysAt:
        """Where the IdP's keys are behind the proxies."""
        at = self.metadata.jwks
        return KeysAt(at.path, at.netloc if self.file.passes_tls else "", self._around.ca_file)

    def _reached(self, link: str) -> str:
        """Where a probe reaches a proxy: it may say only that it listens everywhere."""
        state = self.links.state().get(link)
        if state is None:
            raise TargetError(f"toxiproxy has no proxy {link}")
        return reached(state.listen, self.links.api)


def reached(listen: str, api: str) -> str:
    """Where a proxy that listens at ``listen`` is, as whoever reaches Toxiproxy's API does. Pure."""
    host, _, port = listen.rpartition(":")
    server = api.rpartition(":")[0]
    here = is_loopback(host.strip("[]")) and is_loopback(server.strip("[]"))
    return listen if here else f"{server}:{port}"


def _server(file: TargetFile) -> str:
    """``host:port`` that a system is known by: of its Toxiproxy, since faults are made there, else of its IdP."""
    if file.toxiproxy is not None:
        return _api(file.toxiproxy.api)
    host, port = address_of(file.idp.base)
    return f"{host}:{port}"


def _api(url: str) -> str:
    return urlsplit(url).netloc
