"""Targets that are left running (``up``, ``down``), and runs that were killed (``recover``)."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from idchaos.errors import StoreError, UsageError
from idchaos.run.scenario import DEFAULT_PROFILE
from idchaos.run.signals import signals_ignored
from idchaos.settings import CommonSettings, fill
from idchaos.settings import profile as profile_named
from idchaos.targets.base import Target
from idchaos.targets.endpoints import Gateway
from idchaos.targets.standin.defects import by_part, known
from idchaos.targets.standin.guests import ISSUER_PATH, Guests, clients_of, uris_of, users_of
from idchaos.targets.standin.parties import OWN_CLIENTS, USERS
from idchaos.targets.standin.topology import Layout, shown_url
from idchaos.topologies import DEFAULT_TOPOLOGY, topology_named
from idchaos.undo.ledger import SUFFIX, Ledger, Owner, ledger_path, read, state_dir
from idchaos.undo.undo import Undone, carry_out, carry_out_all, left_of

UP_FILE = "up.json"
BEING_WRITTEN_S = 60.0
ANSWERS_WITHIN_S = 1.0
FOR_PEOPLE = {"tokens.access_ttl_s": 900, "tokens.refresh_ttl_s": 86_400, "tokens.code_ttl_s": 60}
"""Client libraries refresh up to a minute early: tokens of 20 s would never be used at all. And codes are pasted."""


@dataclass(frozen=True)
class Standing:
    """A target that was left running."""

    run_id: str
    target: Target
    topology: str
    defects: tuple[str, ...] = ()
    guests: Guests = field(default_factory=Guests)

    def _clients(self) -> list[dict[str, Any]]:
        """The clients that people may be, the one that introspects among them, and their own."""
        endpoints = self.target.endpoints
        found = [client.model_dump(exclude_none=True) for client in endpoints.clients]
        if endpoints.introspection_client is not None:
            found.append(endpoints.introspection_client.model_dump(exclude_none=True) | {"introspects": True})
        return found + [client.model_dump(exclude_none=True) for client in self.guests.clients]

    def document(self) -> dict[str, Any]:
        """Where everything is. Holds secrets: whoever asked for a target on this machine is their owner."""
        endpoints = self.target.endpoints
        layout: Layout = getattr(self.target, "layout")  # noqa: B009
        authority = getattr(self.target, "authority", None)

        def shown(gateway: Gateway) -> dict[str, Any]:
            return gateway.model_dump() | {"url": shown_url(layout, self.target.graph, gateway.name)}

        return {
            "run_id": self.run_id,
            "target": self.target.name,
            "topology": self.topology,
            "defects": list(self.defects),
            "issuer": endpoints.issuer,
            **({} if authority is None else {"ca": str(authority)}),
            "gateways": [shown(gateway) for gateway in endpoints.gateways],
            "services": [shown(service) for service in endpoints.services],
            "routes": [route.model_dump() for route in endpoints.routes],
            "toxiproxy": f"http://{self.target.links.api}",
            "control": {
                "secret": endpoints.control_secret,
                **{name: f"http://{address}" for name, address in layout.control.items()},
            },
            "clients": self._clients(),
            "users": [
                *(user.model_dump() for user in endpoints.users),
                *(user.model_dump() for user in self.guests.users),
            ],
            "initial_access_token": endpoints.initial_access_token,
        }


def guests_of(
    clients: Path | None,
    users: Path | None,
    redirect_uris: Sequence[str],
    logout_uris: Sequence[str],
    *,
    tls: bool = False,
    issuer_path: str = "",
) -> Guests:
    """What a person brings along to :func:`bring_up`.

    Raises:
        UsageError: a file can't be read or says something wrong, or a URI or path is none.
    """
    if re.fullmatch(ISSUER_PATH, issuer_path) is None:
        raise UsageError(f"--issuer-path: {issuer_path!r}: a path is expected, as /realms/demo")
    return Guests(
        clients=clients_of(clients, OWN_CLIENTS) if clients else (),
        users=users_of(users, USERS) if users else (),
        redirect_uris=uris_of("--redirect-uri", redirect_uris),
        post_logout_redirect_uris=uris_of("--post-logout-uri", logout_uris),
        tls=tls,
        issuer_path=issuer_path,
    )


def bring_up(
    overrides: Mapping[str, Any],
    *,
    target: str = "local",
    gateway: str = "standin",
    idp: str = "standin",
    topology: str = DEFAULT_TOPOLOGY,
    profile: str = DEFAULT_PROFILE,
    defects: Sequence[str] = (),
    guests: Guests | None = None,
) -> Standing:
    """Start a target, with defects and guests, and leave it running. Its tokens live as long as people need them,
    unless ``overrides`` say otherwise.

    Raises:
        UsageError: one is up already, or a name or setting is wrong.
        TargetError: it did not start; nothing of it is left.
    """
    from idchaos.run.launch import check_target, make_target, new_run_id, topology_for

    if idp != "standin":
        raise UsageError(f"--idp {idp}: what is left running has the stand-in IdP; idchaos run takes another one")
    check_target(target, gateway)
    if guests is not None and (guests.tls or guests.issuer_path) and (target, gateway) != ("local", "standin"):
        raise UsageError("--tls and --issuer-path need --target local and --gateway standin")
    chosen = known(defects)
    where = topology_named(topology_for(gateway, topology))
    by_part(chosen, where)
    note = state_dir() / UP_FILE
    if note.exists():
        raise UsageError(f"{_how_it_stands(note)}; stop it first: idchaos down")
    layer = {name: value for name, value in profile_named(profile).items() if not name.startswith("fault.")}
    settings = fill(CommonSettings, layer, FOR_PEOPLE, overrides).model_copy(update={"topology": where.name})
    run_id = new_run_id()
    started, undos = make_target(target, settings, run_id, chosen, guests, gateway=gateway)
    ledger = Ledger(run_id)
    for undo in undos:
        ledger.write(undo)
    logs = _logs(run_id)
    logs.mkdir(parents=True)
    standing = Standing(run_id, started, where.name, chosen, guests or Guests())
    try:
        started.start(logs)
        _write_private(note, json.dumps(standing.document(), indent=2))
    except BaseException:
        with signals_ignored():
            started.stop()
            ledger.close(clean=not left_of(carry_out(undo) for undo in undos))
        raise
    ledger.close(clean=False)
    return standing


def describe(standing: Standing) -> str:
    """Where everything is, for a person."""
    where = standing.document()
    lines = [
        f"{where['target']} target ({where['topology']}) is up; stop it with: idchaos down",
        f"  issuer     {where['issuer']}",
    ]
    lines += [f"  trust      {where['ca']}"] if "ca" in where else []
    lines += [f"  {gateway['name']:<10} {gateway['url']}" for gateway in where["gateways"]]
    lines += [f"  {service['name']:<10} {service['url']} (around the gateways)" for service in where["services"]]
    lines.append(f"  toxiproxy  {where['toxiproxy']}")
    lines += [f"  control    {name}: {url}" for name, url in where["control"].items() if name != "secret"]
    lines.append(f"  control secret  {where['control']['secret']}")
    for client in where["clients"]:
        may = ", ".join(client["grants"] or ()) or "introspection"
        lines.append(f"  client     {client['client_id']}  {_known_by(client)}  {may}")
    lines.append(f"  registration    with the initial access token {where['initial_access_token']}")
    if where["defects"]:
        lines.append(f"  defects    {', '.join(where['defects'])}: this system is wrong on purpose")
    lines += [f"  user       {user['username']}  password {user['password']}" for user in where["users"]]
    return "\n".join(lines)


def _known_by(client: Mapping[str, Any]) -> str:
    if "private_jwk" in client or "public_jwk" in client:
        return "a key for assertions"
    return f"secret {client['client_secret']}" if "client_secret" in client else "(public)"


def take_down() -> str:
    """Stop what ``up`` left running.

    Raises:
        UsageError: nothing is up.
        StoreError: something could not be stopped.
    """
    note = state_dir() / UP_FILE
    try:
        run_id = str(json.loads(note.read_text())["run_id"])
    except FileNotFoundError:
        raise UsageError("no target is up; start one: idchaos up") from None
    except (OSError, ValueError, KeyError):
        raise StoreError(f"{note}: cannot be read; idchaos recover stops what is left, then delete it") from None
    left = left_of(carry_out_all(ledger_path(run_id)))
    if left:
        raise StoreError(f"could not stop {'; '.join(left)}")
    note.unlink()
    shutil.rmtree(_logs(run_id), ignore_errors=True)
    return "target is down"


def _logs(run_id: str) -> Path:
    return state_dir() / f"{run_id}.logs"


def _how_it_stands(note: Path) -> str:
    """One line about the target that is up: that it is, or which of its parts does not answer."""
    try:
        control: dict[str, str] = json.loads(note.read_text())["control"]
    except (OSError, ValueError, KeyError):
        return f"a target is up already ({note})"
    silent = [name for name, url in control.items() if name != "secret" and not _answers(url)]
    if not silent:
        return f"a target is up already ({note})"
    return f"a target was brought up ({note}), and of it {', '.join(silent)} does not answer any more"


def _answers(url: str) -> bool:
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname or "", address.port or 80), ANSWERS_WITHIN_S).close()
    except OSError:
        return False
    return True


def recover_all() -> tuple[list[str], bool]:
    """Undo what every ledger without a living owner still promises.

    Returns what was done, one line each, and whether nothing is left. Runs that go on, and the target that ``up`` left
    running, are let alone.
    """
    directory = state_dir()
    standing = _standing_run_id(directory / UP_FILE)
    lines: list[str] = []
    clean = True
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        owner = read(path).owner
        if path.stem == standing or _being_written(path, owner):
            continue
        if owner is not None and owner.alive():
            lines.append(f"run {path.stem}: still running as process {owner.pid}; let alone")
            continue
        undone = carry_out_all(path)
        clean = clean and not left_of(undone)
        lines += [f"run {path.stem}: {_told(each, path)}" for each in undone] or [f"run {path.stem}: nothing was left"]
    return lines or ["nothing to recover"], clean


def _told(undone: Undone, ledger: Path) -> str:
    if not undone.left:
        return undone.what
    return f"could not undo: {'; '.join(undone.left)} (where that is undone by other means, delete {ledger})"


def _being_written(path: Path, owner: Owner | None) -> bool:
    """A ledger whose first line is not there yet belongs to a run that starts just now, unless it is old."""
    try:
        return owner is None and time.time() - path.stat().st_mtime < BEING_WRITTEN_S
    except OSError:
        return True


def _standing_run_id(note: Path) -> str | None:
    try:
        return str(json.loads(note.read_text())["run_id"])
    except (OSError, ValueError, KeyError):
        return None


def _write_private(path: Path, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror}") from None
