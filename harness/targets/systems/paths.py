"""What a doctor sees of the ways to the IdP: how the proxies are, and whether gateways and clients go by them."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx

from idchaos.errors import FaultError
from idchaos.targets.capabilities import ProbesUpstream, required
from idchaos.targets.endpoints import Endpoints, Gateway
from idchaos.targets.gateways.checks import Finding, ask
from idchaos.targets.systems.discovery import Metadata
from idchaos.targets.systems.file import TargetFile
from idchaos.trust import trusting

if TYPE_CHECKING:
    from idchaos.targets.systems.target import SystemTarget
    from idchaos.undo.ledger import Undo

ASKED_WITHIN_S = 2.5
"""So long it waits for a gateway to ask."""
PROBED_WITHIN_S = 1.0
ADVICE = {
    "untrusted_certificate": "what signed the certificate of what is behind it should be in system.ca",
    "tls_failed": "toxiproxy.tls should be false if what passes there is not encrypted",
}
"""By what a probe met."""
OF_KEYS = "jwks_cache_s"
ELSEWHERE = "a-kid-that-nobody-has"


def ways(file: TargetFile, metadata: Metadata) -> Iterator[Finding]:
    """Whether clients ask the IdP by the proxy that is there for them, wherever its metadata lead."""
    proxy = file.toxiproxy.client_to_idp if file.toxiproxy is not None else ""
    for name in metadata.elsewhere(file.idp.base) if proxy else ():
        what = f"{proxy}: the IdP's {name} endpoint, {metadata.urls[name]}, is not at {file.idp.base}"
        advice = "a fault on that proxy would not be felt there: let its metadata lead through it, or take it out"
        yield Finding(ok=False, what=what, advice=advice, misleading=True)


def of_links(target: SystemTarget, undos: list[Undo]) -> Iterator[Finding]:
    """How the proxies are. How what a run changes at them is undone is put into ``undos``, where they are all there."""
    proxies = target.file.toxiproxy
    if proxies is None:
        yield Finding(ok=True, what="toxiproxy: none is named, so no link can be faulted")
        return
    try:
        states, version = target.links.state(), target.links.version()
    except FaultError as error:
        yield Finding(ok=False, what=str(error), advice="start it, or take [toxiproxy] out of the file")
        return
    yield Finding(ok=True, what=f"toxiproxy {version} at {proxies.api}")
    if all(link.name in states for link in target.graph.links):
        undos.extend(target.undos_of_start())
    for link in target.graph.links:
        state = states.get(link.name)
        if state is None:
            there = ", ".join(states) or "none"
            yield Finding(ok=False, what=f"toxiproxy has no proxy {link.name}", advice=f"there are {there}")
        elif not state.enabled or any(toxic.ours for toxic in state.toxics):
            yield Finding(ok=False, what=f"{link.name} is {state}", advice="idchaos recover, or switch it on")
        else:
            yield Finding(ok=True, what=f"{link.name} is {state}")


def on_the_path(target: SystemTarget) -> Iterator[Finding]:
    """Whether gateways ask over the proxies. A token under an unknown key name makes most of those look that go by
    keys, and all that introspect.
    """
    proxies = target.file.toxiproxy
    if target.recorder is None:
        if proxies is not None and proxies.gateway_to_idp:
            what = "the proxies to the IdP are not observed: a fault on them can't be proved, so no such run passes"
            advice = "all of them should be there, and toxiproxy.observe_from be this machine as Toxiproxy reaches it"
            yield Finding(ok=False, what=what, advice=advice)
        return
    for gateway in target.endpoints.gateways:
        threading.Thread(target=_ask_for_a_key, args=(target.endpoints, gateway), daemon=True).start()
    keys = bool(target.graph.keepers_of_keys)
    endpoint, asks = ("jwks", "key fetches") if keys else ("introspect", "introspections")
    deadline = time.monotonic() + ASKED_WITHIN_S
    while True:
        seen = target.observed()
        if all(each.of(endpoint).requests or each.tls for each in seen.values()) or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    # Of what was made up just now there is no answer that could have been kept.
    cache_s = target.file.settings.get(OF_KEYS, 0.0) if keys else 0.0
    for name, link in seen.items():
        count = link.of(endpoint).requests
        if link.tls and not target.file.passes_tls:
            yield Finding(ok=False, what=f"{name}: what passes there is TLS", advice="toxiproxy.tls should be true")
        elif link.tls or count:
            what = f"TLS connections were seen ({link.tls})" if link.tls else f"{asks} were seen ({count})"
            yield Finding(ok=True, what=f"{name} is on the path: {what}")
        elif cache_s > ASKED_WITHIN_S:
            what = f"{name}: no {asks} within {ASKED_WITHIN_S:g} s, and keys are kept for {cache_s:g} s"
            yield Finding(ok=True, what=f"{what}: whether it is on the path shows in the run")
        else:
            advice = "the gateway should ask the IdP there"
            advice += f"; if it keeps keys for longer, say settings.{OF_KEYS}" if keys else ""
            yield Finding(ok=False, what=f"{name}: no {asks} were seen there", advice=advice, misleading=True)


def probed(target: SystemTarget) -> Iterator[Finding]:
    """What the harness's own requests meet on the way of the gateways, where it is not what they should."""
    if target.recorder is None:
        return
    probes = required(target, ProbesUpstream)
    for name, probers in target.graph.probers.items():
        met = probes.probe(*probers[0], PROBED_WITHIN_S)
        if not met.ok:
            what = f"{name}: a request for the keys by the doctor itself meets {met.status or met.error} there"
            yield Finding(ok=False, what=what, advice=ADVICE.get(met.error or "", "faults are proved by such requests"))


def _ask_for_a_key(endpoints: Endpoints, gateway: Gateway) -> None:
    claims = {"iss": endpoints.issuer, "aud": endpoints.routes[0].audience, "exp": int(time.time()) + 60}
    head = {"alg": "RS256", "typ": "JWT", "kid": ELSEWHERE}
    token = ".".join(_part(json.dumps(each)) for each in (head, claims, "nobody signed this"))
    with httpx.Client(timeout=2.0, trust_env=False, verify=trusting(endpoints.ca_file)) as http:
        ask(http, gateway, endpoints.routes[0], token)


def _part(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
