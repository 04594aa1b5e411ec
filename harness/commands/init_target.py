"""``idchaos init target``: the file that describes a whole system, by asking it what it says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import click

from idchaos.commands.new import written
from idchaos.commands.schema import put_beside
from idchaos.errors import FaultError, IdchaosError, StoreError, TargetError, UsageError
from idchaos.hosts import check_host, is_loopback
from idchaos.targets.tables import SUFFIX

if TYPE_CHECKING:
    from idchaos.targets.endpoints import Endpoints
    from idchaos.targets.systems.acts import Secret
    from idchaos.targets.systems.discovery import Metadata

UNKNOWN_LIFE_S = 300
OF_A_LOGIN: Final = ("redirect_uri", "user", "password_env")
FILE: Final = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command("target")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default=Path("target.toml"))
@click.option("--name", default="mine", show_default=True, help="What it is called in reports.")
@click.option("--issuer", help="The IdP's issuer: its discovery document is read.")
@click.option("--client", help="A client that may use client_credentials.")
@click.option("--secret-env", help="The environment variable that holds its secret; its value is not written down.")
@click.option("--secret-file", type=FILE, help="Or the file that holds it.")
@click.option("--scope", help="What it asks for; else what its token says.")
@click.option("--login", help="A client that users log in at, by authorization code and PKCE.")
@click.option("--login-secret-env", help="The environment variable that holds its secret; none: it is public.")
@click.option("--redirect-uri", help="Where its users come back: as the IdP has it.")
@click.option("--user", help="Who logs in there.")
@click.option("--password-env", help="The environment variable that holds that user's password.")
@click.option("--ca", type=FILE, help="Certificates (PEM) that are trusted instead of the usual ones.")
@click.option("--url", "urls", multiple=True, help="Where the gateway is; once for each replica.")
@click.option("--path", default="/", show_default=True, help="An API behind it that answers GET.")
@click.option("--toxiproxy", help="Where Toxiproxy's API is, if there is one: http://127.0.0.1:8474.")
@click.option("--allow-host", "hosts", multiple=True, help="A host that is not this machine and may be contacted.")
def target(*, file: Path, hosts: tuple[str, ...], **given: Any) -> None:
    """Write FILE (target.toml), with a comment on everything that can stand in it, and the schema by which editors
    complete and check it. Asks for what no option says, and reads the rest from the IdP's discovery document, a token,
    and Toxiproxy. Nothing is changed there.

    Next: idchaos doctor FILE; idchaos run jwks_outage --target FILE.
    """
    if file.suffix != SUFFIX:
        raise UsageError(f"init: {file} should be called *{SUFFIX}")
    if file.exists():
        raise UsageError(f"init: {file} is there already")
    if given["secret_env"] and given["secret_file"]:
        raise UsageError("init: --secret-env or --secret-file, not both")
    missing = [f"--{name.replace('_', '-')}" for name in OF_A_LOGIN if given["login"] and not given[name]]
    if missing:
        raise UsageError(f"init: --login needs {', '.join(missing)}")
    words = _words(file, _asked(given), hosts)
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(written("target.toml.tmpl", words))
    except OSError as error:
        raise StoreError(f"{file}: cannot be written: {error.strerror}") from None
    shown = file if "/" in str(file) else f"./{file}"
    print(
        f"{file}\n{put_beside(file, 'target')}\nnext: idchaos doctor {file}; idchaos run jwks_outage --target {shown}"
    )


def _asked(given: dict[str, Any]) -> dict[str, Any]:
    """What no option says, asked for."""
    issuer = given["issuer"] or click.prompt("What is the IdP's issuer? (http://HOST:PORT/...)")
    client = given["client"] or click.prompt("Which client gets tokens for itself? (client_id)")
    secret = given["secret_env"]
    if not secret and not given["secret_file"]:
        secret = click.prompt("Which environment variable holds its secret?")
    urls = given["urls"] or tuple(
        click.prompt("Where is the gateway? (http://HOST:PORT of each replica, a space between)").split()
    )
    return given | {"issuer": issuer, "client": client, "secret_env": secret, "urls": urls}


def _words(file: Path, asked: dict[str, Any], hosts: tuple[str, ...]) -> dict[str, str]:
    from idchaos.targets.endpoints import Client, Endpoints
    from idchaos.targets.systems.acts import Secret
    from idchaos.targets.systems.discovery import discovered

    issuer: str = asked["issuer"]
    for url in (issuer, *asked["urls"], *filter(None, (asked["toxiproxy"],))):
        check_host(url, hosts)
    env, in_file, ca = asked["secret_env"], asked["secret_file"], asked["ca"]
    secret = Secret(file=_from(file, in_file)) if in_file else Secret(env=env)
    client = Client(
        client_id=asked["client"],
        client_secret=_if_there(secret, file.parent),
        grants=("client_credentials",),
        scope=asked["scope"] or "",
    )
    endpoints = Endpoints(
        issuer=issuer,
        idp_url=issuer.rstrip("/"),
        gateways=(),
        routes=(),
        clients=(client,),
        users=(),
        allow_hosts=hosts,
        ca_file=str(ca.absolute()) if ca else None,
    )
    metadata = discovered(endpoints)
    scope, audience, life = _of_a_token(endpoints)
    return {
        "name": asked["name"],
        "hosts": json.dumps(list(hosts)),
        "ca": f"ca = {json.dumps(_from(file, ca))}" if ca else '# ca = "ca.pem"',
        "issuer": issuer,
        "told": _told(metadata),
        "client": client.client_id,
        "secret": f"{{ {'file' if in_file else 'env'} = {json.dumps(secret.file or secret.env)} }}",
        "scope": asked["scope"] or scope,
        "gateways": json.dumps(list(asked["urls"])),
        "path": asked["path"],
        "audience": audience,
        "life": life,
        "toxiproxy": _toxiproxy(asked["toxiproxy"], issuer, len(asked["urls"])),
        "logins": _logins(asked, asked["scope"] or scope, metadata.grants),
    }


def _logins(asked: dict[str, Any], scope: str, grants: tuple[str, ...]) -> str:
    """The tables about logins: as they were told, or as an example."""
    said = asked["login"]
    secret = asked["login_secret_env"] if said else "WEB_SECRET"
    refreshes = json.dumps("refresh_token" in grants) if said else "true"
    tables = [
        "[[client]]",
        f"id = {json.dumps(said or 'web')}",
        *([f"secret = {{ env = {json.dumps(secret)} }}"] if secret else []),
        f"redirect_uri = {json.dumps(asked['redirect_uri'] if said else 'https://shop.example/callback')}",
        f"refreshes = {refreshes}   # whether it gets refresh tokens",
        f"scope = {json.dumps(' '.join(['openid', *(each for each in scope.split() if each != 'openid')]))}",
        "",
        "[[user]]",
        f"name = {json.dumps(asked['user'] if said else 'alice')}",
        f"password = {{ env = {json.dumps(asked['password_env'] if said else 'ALICE_PASSWORD')} }}",
    ]
    about = (
        "# A client that users log in at, by authorization code and PKCE; without a secret it is public. And users:\n"
        "# they type a name and a password into the IdP's own form.\n"
    )
    return about + "".join(f"{'' if said else '# '}{line}".rstrip() + "\n" for line in tables)


def _from(file: Path, other: Path) -> str:
    """Another file as it is written down in this one: from its folder on, where it is below that."""
    there, folder = other.absolute(), file.absolute().parent
    return str(there.relative_to(folder)) if there.is_relative_to(folder) else str(there)


def _if_there(secret: Secret, beside: Path) -> str | None:
    try:
        return secret.read(beside)
    except UsageError as error:
        click.echo(str(error), err=True)
        return None


def _told(metadata: Metadata) -> str:
    """What discovery says, as comments: to be compared with."""
    lines = [f"#   {name}: {url}" for name, url in metadata.urls.items()]
    grants = ", ".join(metadata.grants) or "not told"
    return "\n".join(["# Its discovery document names:", *lines, f"#   grants: {grants}", ""])


def _of_a_token(endpoints: Endpoints) -> tuple[str, str, str]:
    """Scope, audience and life of a token, where one can be had; else what has to be filled in."""
    from idchaos.targets.gateways.checks import good_token
    from idchaos.targets.systems.published import part_of

    try:
        claims = part_of(good_token(endpoints), 1)
    except IdchaosError as error:
        click.echo(f"no token could be looked at ({error}): say audience, scope and access_ttl_s yourself", err=True)
        claims = {}
    named = claims.get("aud")
    audience = named if isinstance(named, str) else (named or ["api"])[0]
    ends, begins = claims.get("exp"), claims.get("iat")
    life = ends - begins if isinstance(ends, int) and isinstance(begins, int) else UNKNOWN_LIFE_S
    scope = claims.get("scope")
    return scope if isinstance(scope, str) else "", str(audience), f"{life:g}"


def _toxiproxy(api: str | None, issuer: str, replicas: int) -> str:
    """The table about Toxiproxy, with the proxies that there are."""
    example = (
        "# Toxiproxy, where one stands between the gateways and the IdP: faults are made there, and its other proxies\n"
        "# are let alone. One proxy for each replica, so that each can be seen and hit alone, or one for all.\n"
    )
    if not api:
        return example + (
            '# [toxiproxy]\n# api = "http://127.0.0.1:8474"\n# gateway_to_idp = ["keys-1", "keys-2"]\n'
            '# client_to_idp = "login"'
        )
    from idchaos.undo.toxiproxy import Links

    try:
        states = Links(urlsplit(api).netloc).state()
    except FaultError as error:
        raise TargetError(str(error)) from None
    port = urlsplit(issuer).port
    to_idp = [name for name, state in states.items() if port and state.upstream.endswith(f":{port}")]
    there = "".join(f"# There is {name}: {state.listen} -> {state.upstream}\n" for name, state in states.items())
    chosen = to_idp[:replicas] if len(to_idp) >= replicas else to_idp[:1]
    elsewhere = (
        "" if is_loopback(urlsplit(api).hostname or "") else 'observe_from = ""   # this machine, as it sees it\n'
    )
    return f'{example}{there}[toxiproxy]\napi = "{api}"\ngateway_to_idp = {json.dumps(chosen)}\n{elsewhere}'.rstrip()
