"""What ``idchaos doctor`` tries at a system that stays, without harm: a handful of requests, and no fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from idchaos.errors import IdchaosError
from idchaos.targets.endpoints import Client, Endpoints
from idchaos.targets.gateways.base import which
from idchaos.targets.gateways.checks import Finding, ask, decided, good_token
from idchaos.targets.oidc import OidcClient
from idchaos.targets.own_settings import OF_TOKENS
from idchaos.targets.side_by_side import Check, side_by_side, tried
from idchaos.targets.systems.acts import ROTATION, Act, Hook
from idchaos.targets.systems.clocks import looked_at, told_by
from idchaos.targets.systems.logins import LogsIn, logins
from idchaos.targets.systems.paths import of_links, on_the_path, probed, ways
from idchaos.targets.systems.published import kid_of, part_of, published
from idchaos.targets.systems.replicas import accepts, address_of
from idchaos.trust import trusting

if TYPE_CHECKING:
    from idchaos.targets.systems.target import SystemTarget
    from idchaos.undo.ledger import Undo

FIRST_WITHIN_S, TOKENS_WITHIN_S, LOGINS_WITHIN_S, DECIDED_WITHIN_S = 2.5, 2.0, 3.5, 3.0
"""A doctor's patience with what is asked first, with tokens and clocks, or these and logins, and with the rest: 10 s in
all, with its start and its end.
"""
AT_ONCE_S = 0.5
LIFE_WITHIN = 0.1
"""Of what the file says, a token's life may differ by so much."""


def decisions(endpoints: Endpoints, life_s: float) -> Iterator[Finding]:
    """How long a token lives, and what each gateway decides about it and about bad ones.

    Raises:
        TargetError: the IdP gives no token.
    """
    token = good_token(endpoints)
    yield life(token, life_s)
    for gateway in endpoints.gateways:
        yield from decided(endpoints, gateway, token, AT_ONCE_S)


def life(token: str, expected_s: float, who: str = "a token") -> Finding:
    """Whether a token lives as long as the file says. Pure."""
    claims = part_of(token, 1)
    try:
        found_s = float(claims["exp"]) - float(claims["iat"])
    except (KeyError, TypeError, ValueError):
        return Finding(ok=True, what=f"{who} does not tell how long it lives")
    if abs(found_s - expected_s) <= max(1.0, LIFE_WITHIN * expected_s):
        return Finding(ok=True, what=f"{who} lives for {found_s:g} s")
    what = f"{who} lives for {found_s:g} s, and settings.access_ttl_s is {expected_s:g}"
    return Finding(ok=False, what=what, advice=f"it should be access_ttl_s = {found_s:g}")


def examined(
    target: SystemTarget,
    logs: Path,
    promise: Callable[[Iterable[Undo]], object],
    visit: Callable[[Endpoints], LogsIn],
) -> Iterator[Finding]:
    """Everything that is tried, as it is: what hangs is told, and keeps nothing else from it. ``target`` is attached by
    it, once the undo of that is promised; whoever calls stops it. ``visit``: a browser, for users to log in by.

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
            "toxiproxy": lambda: of_links(target, undos),
        },
        FIRST_WITHIN_S,
    )
    if not target.known:
        return
    yield from ways(target.file, target.metadata)
    if not undos:
        target.recorder = None  # nobody can look at proxies that are not as they should be; what they are was told
    promise(tuple(undos))
    attached = tried(lambda: target.attach(logs), "")
    if not attached.ok:
        yield attached
    tokens: dict[str, str] = {}
    of_users: dict[str, str] = {}
    machines = (each for each in endpoints.clients if "client_credentials" in each.grants and each.client_secret)
    clients = (*machines, *filter(None, (endpoints.stranger,)))
    yield from side_by_side(
        {
            **{
                f"{name}'s clock": partial(looked_at, name, url, endpoints, apart_s)
                for name, url in told_by(endpoints).items()
            },
            **{f"client {each.client_id}": partial(_client, target, each, tokens) for each in clients},
            **logins(endpoints, lambda: visit(endpoints), target.file.unpromised, of_users),
        },
        LOGINS_WITHIN_S if endpoints.users else TOKENS_WITHIN_S,
    )
    yield from side_by_side(
        {
            "minting": lambda: _minting(target),
            **_decided(target, tokens.get(endpoints.clients[0].client_id, "")),
            **{f"tokens of {who}": partial(_of_user, target, who, token) for who, token in of_users.items()},
            "the path": lambda: on_the_path(target),
            "probes": lambda: probed(target),
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


def _of_user(target: SystemTarget, who: str, token: str) -> Iterator[Finding]:
    """Whether the token of a user who has logged in is as the file says, and good at every route."""
    endpoints = target.endpoints
    lives = life(token, target.file.settings[OF_TOKENS], f"a token of {who}")
    if not lives.ok:
        yield lives
    with httpx.Client(timeout=AT_ONCE_S, trust_env=False, verify=trusting(endpoints.ca_file)) as http:
        for gateway in endpoints.gateways:
            answers = {route.path: ask(http, gateway, route, token) for route in endpoints.routes}
            refused = {path: each for path, each in answers.items() if gateway.dialect.read(each)[0] != "accept"}
            for path, answer in refused.items():
                what = f"{gateway.name}: a token of {who} for {path} does not pass: {answer.told}"
                yield Finding(ok=False, what=what, advice="its scope and audience should be those of the route")
            if not refused:
                yield Finding(ok=True, what=f"{gateway.name}: a token of {who} passes")


def _client(target: SystemTarget, client: Client, tokens: dict[str, str]) -> Iterator[Finding]:
    """Whether a client gets tokens; the one that it got is put into ``tokens``, by its ID."""
    oidc = OidcClient(target.endpoints, Counter(), Counter())
    try:
        token = oidc.token(client)
    except IdchaosError as error:
        advice = "its id, its secret, and that it may use client_credentials should be as the IdP has them"
        yield Finding(ok=False, what=f"client {client.client_id}: {error}", advice=advice)
        return
    finally:
        oidc.close()
    if target.graph.keepers_of_keys and not kid_of(token):
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
