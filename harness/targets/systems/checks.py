"""What ``idchaos doctor`` tries at a system that stays, without harm: a handful of requests, and no fault."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from idchaos.errors import FaultError, IdchaosError
from idchaos.targets.capabilities import ProbesUpstream, required
from idchaos.targets.endpoints import Client, Endpoints, Gateway
from idchaos.targets.gateways.base import which
from idchaos.targets.gateways.checks import Finding, ask, decided, good_token
from idchaos.targets.oidc import OidcClient
from idchaos.targets.own_settings import OF_TOKENS
from idchaos.targets.side_by_side import Check, side_by_side, tried
from idchaos.targets.systems.acts import ROTATION, Act, Hook
from idchaos.targets.systems.clocks import looked_at, told_by
from idchaos.targets.systems.published import kid_of, part_of, published
from idchaos.targets.systems.replicas import accepts, address_of
from idchaos.trust import trusting

if TYPE_CHECKING:
    from idchaos.targets.systems.target import SystemTarget
    from idchaos.undo.ledger import Undo

FIRST_WITHIN_S, TOKENS_WITHIN_S, DECIDED_WITHIN_S = 2.5, 2.0, 3.0
"""A doctor's patience with what is asked first, with tokens and clocks, and with the rest: 10 s in all, with its start
and its end.
"""
FETCHES_WITHIN_S = 2.5
"""So long it waits for a key fetch."""
AT_ONCE_S, PROBED_WITHIN_S = 0.5, 1.0
LIFE_WITHIN = 0.1
"""Of what the file says, a token's life may differ by so much."""
ELSEWHERE = "a-kid-that-nobody-has"
ADVICE = {
    "untrusted_certificate": "what signed the certificate of what is behind it should be in system.ca",
    "tls_failed": "toxiproxy.tls should be false if what passes there is not encrypted",
}
"""By what a probe met."""


def decisions(endpoints: Endpoints, life_s: float) -> Iterator[Finding]:
    """How long a token lives, and what each gateway decides about it and about bad ones.

    Raises:
        TargetError: the IdP gives no token.
    """
    token = good_token(endpoints)
    yield life(token, life_s)
    for gateway in endpoints.gateways:
        yield from decided(endpoints, gateway, token, AT_ONCE_S)


def life(token: str, expected_s: float) -> Finding:
    """Whether a token lives as long as the file says. Pure."""
    claims = part_of(token, 1)
    try:
        found_s = float(claims["exp"]) - float(claims["iat"])
    except (KeyError, TypeError, ValueError):
        return Finding(ok=True, what="a token does not tell how long it lives")
    if abs(found_s - expected_s) <= max(1.0, LIFE_WITHIN * expected_s):
        return Finding(ok=True, what=f"a token lives for {found_s:g} s")
    what = f"a token lives for {found_s:g} s, and settings.access_ttl_s is {expected_s:g}"
    return Finding(ok=False, what=what, advice=f"it should be access_ttl_s = {found_s:g}")


def examined(target: SystemTarget, logs: Path, promise: Callable[[Iterable[Undo]], object]) -> Iterator[Finding]:
    """Everything that is tried, as it is: what hangs is told, and keeps nothing else from it. ``target`` is attached by
    it, once the undo of that is promised; whoever calls stops it.

    Raises:
        TargetError: somebody else is there; nothing was asked of it.
    """
    target.claim()
    endpoints, apart_s = target.endpoints, target.file.system.clocks_apart_s
    undos: list[Undo] = []
    yield from side_by_side(
        {
            "hooks": lambda: _of_hooks(target),
            "idp": lambda: [tried(lambda: target.metadata, f"idp: names itself {target.file.idp.issuer}")],
            "toxiproxy": lambda: _of_links(target, undos),
        },
        FIRST_WITHIN_S,
    )
    if not target.known:
        return
    if not undos:
        target.recorder = None  # nobody can look at proxies that are not as they should be; what they are was told
    promise(tuple(undos))
    attached = tried(lambda: target.attach(logs), "")
    if not attached.ok:
        yield attached
    tokens: dict[str, str] = {}
    clients = (*endpoints.clients, *filter(None, (endpoints.stranger,)))
    yield from side_by_side(
        {
            **{
                f"{name}'s clock": partial(looked_at, name, url, endpoints, apart_s)
                for name, url in told_by(endpoints).items()
            },
            **{f"client {each.client_id}": partial(_client, endpoints, each, tokens) for each in clients},
        },
        TOKENS_WITHIN_S,
    )
    yield from side_by_side(
        {
            "minting": lambda: _minting(target),
            **_decided(target, tokens.get(endpoints.clients[0].client_id, "")),
            "key fetches": lambda: _on_the_path(target),
            "probes": lambda: _probed(target),
        },
        DECIDED_WITHIN_S,
    )


def _decided(target: SystemTarget, token: str) -> dict[str, Check]:
    """What each gateway decides about a token, where there is one."""
    if not token:
        return {}
    endpoints, expected_s = target.endpoints, target.file.settings[OF_TOKENS]
    own = {each.name: partial(decided, endpoints, each, token, AT_ONCE_S) for each in endpoints.gateways}
    return {"token": lambda: [life(token, expected_s)], **own}


def _client(endpoints: Endpoints, client: Client, tokens: dict[str, str]) -> Iterator[Finding]:
    """Whether a client gets tokens; the one that it got is put into ``tokens``, by its ID."""
    oidc = OidcClient(endpoints, Counter(), Counter())
    try:
        token = oidc.token(client)
    except IdchaosError as error:
        advice = "its id, its secret, and that it may use client_credentials should be as the IdP has them"
        yield Finding(ok=False, what=f"client {client.client_id}: {error}", advice=advice)
        return
    finally:
        oidc.close()
    if not kid_of(token):
        advice = "gateways that check tokens by keys need JWTs (RFC 9068)"
        yield Finding(ok=False, what=f"client {client.client_id}: its token is no JWT with a kid", advice=advice)
        return
    tokens[client.client_id] = token
    yield Finding(ok=True, what=f"client {client.client_id}: gets tokens")


def _minting(target: SystemTarget) -> Iterator[Finding]:
    jwk = target.endpoints.signing_jwk
    if jwk is None:
        return
    kids = published(target.endpoints, target.metadata.urls["jwks"])
    if jwk["kid"] in kids:
        yield Finding(ok=True, what=f"minting: the key {jwk['kid']} is published")
        return
    what = f"minting: the key {jwk['kid']} is not in the key set, which has {', '.join(kids) or 'no keys'}"
    yield Finding(ok=False, what=what, advice="bad tokens would be refused for their key alone, which shows nothing")


def _of_links(target: SystemTarget, undos: list[Undo]) -> Iterator[Finding]:
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


def _on_the_path(target: SystemTarget) -> Iterator[Finding]:
    """Whether keys are fetched over the proxies. A token under an unknown key name makes most gateways look."""
    proxies = target.file.toxiproxy
    if target.recorder is None:
        if proxies is not None and proxies.gateway_to_idp:
            what = "the proxies to the IdP are not observed: a fault on them can't be proved, so no such run passes"
            advice = "all of them should be there, and toxiproxy.observe_from be this machine as Toxiproxy reaches it"
            yield Finding(ok=False, what=what, advice=advice)
        return
    for gateway in target.endpoints.gateways:
        threading.Thread(target=_ask_for_a_key, args=(target.endpoints, gateway), daemon=True).start()
    deadline = time.monotonic() + FETCHES_WITHIN_S
    while True:
        seen = target.observed()
        if all(each.of("jwks").requests or each.tls for each in seen.values()) or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    cache_s = target.file.settings.get("jwks_cache_s")
    for name, link in seen.items():
        fetches = link.of("jwks").requests
        if link.tls and not target.file.passes_tls:
            yield Finding(ok=False, what=f"{name}: what passes there is TLS", advice="toxiproxy.tls should be true")
        elif link.tls or fetches:
            what = f"TLS connections were seen ({link.tls})" if link.tls else f"key fetches were seen ({fetches})"
            yield Finding(ok=True, what=f"{name} is on the path: {what}")
        elif cache_s is not None and cache_s > FETCHES_WITHIN_S:
            what = f"{name}: no key fetch within {FETCHES_WITHIN_S:g} s, and keys are kept for {cache_s:g} s"
            yield Finding(ok=True, what=f"{what}: whether it is on the path shows in the run")
        else:
            advice = "the gateway should get its keys there; if it keeps them for longer, say settings.jwks_cache_s"
            yield Finding(ok=False, what=f"{name}: no key fetch was seen there", advice=advice, misleading=True)


def _probed(target: SystemTarget) -> Iterator[Finding]:
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


def _of_hooks(target: SystemTarget) -> Iterator[Finding]:
    hooks = target.file.hooks
    given = hooks.given
    missing = [name for name in ROTATION if name not in given]
    if 0 < len(missing) < len(ROTATION):
        what = f"hooks: {', '.join(missing)} is missing"
        yield Finding(ok=False, what=what, advice=f"keys are rotated by all of {', '.join(ROTATION)}")
    for name, hook in given.items():
        acts = {name: hook} | ({f"{name}.undo": hook.undo} if isinstance(hook, Hook) else {})
        lacking = [why for each, act in acts.items() if (why := _not_there(target, each, act))]
        if lacking:
            yield Finding(ok=False, what="; ".join(lacking), advice="it is not called by the doctor, only looked for")
        else:
            yield Finding(ok=True, what=f"hooks.{name}: is there{', and its undo' if isinstance(hook, Hook) else ''}")


def _not_there(target: SystemTarget, name: str, act: Act) -> str:
    if act.secret is not None:
        try:
            act.secret.read(target.beside)
        except IdchaosError as error:
            return f"hooks.{name}: {error}"
    if not act.command:
        address = address_of(act.url)
        return "" if accepts(address) else f"hooks.{name}: nobody listens at {address[0]}:{address[1]}"
    program = act.command[0]
    found = which(program) if "/" not in program else which(str((target.beside / program).absolute()))
    return "" if found else f"hooks.{name}: there is no program {program}"
