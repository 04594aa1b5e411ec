"""What clients may know of a system of one's own, as its file says it; secrets are read from where they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from idchaos.errors import UsageError
from idchaos.graph import Route
from idchaos.targets.endpoints import Client, Endpoints, Gateway, Grant, RevocationCall, User
from idchaos.targets.systems.clocks import CLOCKS_WITHIN_S
from idchaos.targets.systems.file import TargetFile
from idchaos.targets.systems.parties import ClientTable
from idchaos.targets.systems.shape import gateways_of

FOR_ITSELF: Final[tuple[Grant, ...]] = ("client_credentials",)


def endpoints_of(file: TargetFile, path: Path, routes: tuple[Route, ...], ca_file: str | None) -> Endpoints:
    """All of it. ``path``: of the file, whence other files are looked for.

    Raises:
        UsageError: a secret or a key is not there, or is none.
    """
    beside = path.parent
    return Endpoints(
        issuer=file.idp.issuer,
        idp_url=file.idp.base,
        gateways=tuple(
            Gateway(name=name, url=url.rstrip("/"), dialect=file.spoken())
            for name, url in zip(gateways_of(file), file.gateway.url, strict=True)
        ),
        routes=routes,
        clients=(
            *(_machine(each, file, beside) for each in file.machines),
            *(_asserting(each, file, path) for each in file.asserting),
            *(_of_users(each, file, beside) for each in file.of_users),
        ),
        stranger=_machine(file.stranger, file, beside) if file.stranger else None,
        introspection_client=_introspecting(file.introspecting, beside) if file.introspecting else None,
        users=tuple(User(username=each.name, password=each.password.read(beside)) for each in file.user),
        scopes_known=False,
        doubles=file.idp.doubles,
        follows_settings="code_ttl_s" in file.settings,
        signing_jwk=_signing_jwk(file, path),
        revocation=_revocation(file, beside),
        allow_hosts=file.system.allow_hosts,
        clocks_within_s=CLOCKS_WITHIN_S + file.system.clocks_apart_s,
        ca_file=ca_file,
    )


def _machine(told: ClientTable, file: TargetFile, beside: Path) -> Client:
    return Client(
        client_id=told.id,
        client_secret=told.secret.read(beside) if told.secret is not None else None,
        grants=FOR_ITSELF,
        scope=told.scope,
        token_format=file.idp.tokens,
        audiences=file.audiences if told.purpose == "everyday" else (),
        parameters=told.parameters,
    )


def _introspecting(told: ClientTable, beside: Path) -> Client:
    return Client(client_id=told.id, client_secret=told.secret.read(beside) if told.secret is not None else None)


def _asserting(told: ClientTable, file: TargetFile, path: Path) -> Client:
    return Client(
        client_id=told.id,
        private_jwk=_asserting_jwk(told, path),
        grants=FOR_ITSELF,
        scope=told.scope,
        token_format=file.idp.tokens,
        parameters=told.parameters,
    )


def _of_users(told: ClientTable, file: TargetFile, beside: Path) -> Client:
    return Client(
        client_id=told.id,
        client_secret=told.secret.read(beside) if told.secret is not None else None,
        grants=("authorization_code", "refresh_token") if told.refreshes else ("authorization_code",),
        redirect_uri=told.redirect_uri,
        scope=told.scope,
        token_format=file.idp.tokens,
        parameters=told.parameters,
    )


def _revocation(file: TargetFile, beside: Path) -> RevocationCall | None:
    hook = file.hooks.revoke
    if hook is None:
        return None
    secret = hook.secret.read(beside) if hook.secret is not None else ""
    return RevocationCall(method=hook.method, url=hook.url, body=hook.body or "", secret=secret)


def _signing_jwk(file: TargetFile, path: Path) -> dict[str, str] | None:
    if file.minting is None:
        return None
    jwk = _jwk(path.parent / file.minting.key)
    if not {"kty", "kid", "alg"} <= jwk.keys() or not {"d", "k"} & jwk.keys():
        should = f"{path.parent / file.minting.key} should be a private JWK with kid and alg"
        raise UsageError(f"--target {path}: minting.key: {should}")
    return jwk


def _asserting_jwk(told: ClientTable, path: Path) -> dict[str, str]:
    jwk = _jwk(path.parent / told.key)
    if (jwk.get("kty"), jwk.get("crv")) != ("EC", "P-256") or "d" not in jwk:
        should = f"{path.parent / told.key} should be a private JWK of kty EC and crv P-256: assertions are ES256's"
        raise UsageError(f"--target {path}: client.key ({told.id}): {should}")
    return jwk


def _jwk(file: Path) -> dict[str, str]:
    """What of a file is text by names; nothing where it is no such document."""
    try:
        jwk = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {name: value for name, value in jwk.items() if isinstance(value, str)} if isinstance(jwk, dict) else {}
