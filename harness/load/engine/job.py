"""What the load generator is asked to do, and the words it answers with."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import PositiveFloat

from idchaos.experiment import LoadPlan
from idchaos.hosts import check_host
from idchaos.targets.endpoints import Client, Endpoints
from idchaos.values import Value


class LoadJob(Value):
    """The one line that the child process reads first. Holds secrets: never printed, never an argument."""

    plan: LoadPlan
    endpoints: Endpoints
    seed: int
    duration_s: PositiveFloat
    samples_path: Path
    """Where the stream of samples is made; the file must not exist yet."""
    allow_hosts: tuple[str, ...] = ()
    """Hosts beyond loopback that load may be sent to."""
    retired_kid: str | None = None
    """A key that will be withdrawn between the preparation and the load. Its tokens are presented in the preparation:
    only a validator that has known a key can fail to forget it."""


class Withdrawn(Value):
    """Any line after the start: a signing key was withdrawn from the key set."""

    kid: str
    forgotten_from: float
    """From when (Unix time) no validator may accept it any more."""


class Start(Value):
    """The second line: the load's first moment, in Unix time."""

    start: float
    withdrawn: tuple[Withdrawn, ...] = ()
    """Keys that were withdrawn since the preparation."""


EventName = Literal["ready", "progress", "secrets", "done", "failed"]


def event(name: EventName, **members: Any) -> dict[str, Any]:
    """One line of the child's standard output."""
    return {"event": name, **members}


def check_hosts(job: LoadJob) -> None:
    """Refuse a job that would send anything to a host that nobody allowed.

    Raises:
        UsageError: see :func:`idchaos.hosts.check_host`.
    """
    endpoints = job.endpoints
    urls = [endpoints.idp_url, *(each.url for each in (*endpoints.gateways, *endpoints.services))]
    if endpoints.idp_control_url:
        urls.append(endpoints.idp_control_url)
    for url in urls:
        check_host(url, job.allow_hosts)


class Roles(Value):
    """Which registered client does what. Found by what a client may do, not by its name."""

    sessions: tuple[Client, ...] = ()
    """Of everyday users. They have JWTs, unless the target issues none."""
    opaque_sessions: tuple[Client, ...] = ()
    machine: Client | None = None
    machine_opaque: Client | None = None
    asserting: Client | None = None
    """Authenticates by assertions (RFC 7523)."""
    partners: tuple[Client, ...] = ()
    """Act both for users and for themselves; beside them, nobody else plays these roles."""

    @property
    def of_users(self) -> tuple[Client, ...]:
        """All clients that users log in at, whatever tokens these get: an IdP may check less for some of them."""
        return tuple({client.client_id: client for client in (*self.sessions, *self.opaque_sessions)}.values())

    @property
    def going_on(self) -> tuple[Client, ...]:
        """Clients of :attr:`of_users` that can go on without a new login."""
        return tuple(client for client in self.of_users if "refresh_token" in client.grants)

    @property
    def refreshing(self) -> tuple[Client, ...]:
        """Clients of ``sessions`` that can go on without a new login."""
        return tuple(client for client in self.sessions if "refresh_token" in client.grants)

    @property
    def native(self) -> tuple[Client, ...]:
        """Clients of ``sessions`` that may be apps on a user's own machine: they come back at any port (RFC 8252
        section 7.3).
        """
        return tuple(
            client
            for client in self.sessions
            if client.is_public and (client.redirect_uri or "").startswith(("http://127.0.0.1", "http://[::1]"))
        )

    @classmethod
    def of(cls, clients: tuple[Client, ...]) -> Roles:
        """Sort clients into roles; the first that fits wins where one is enough."""

        both = tuple(c for c in clients if {"authorization_code", "client_credentials"} <= set(c.grants))

        def with_grant(grant: str, token_format: str) -> tuple[Client, ...]:
            return tuple(
                c
                for c in clients
                if grant in c.grants and c.token_format == token_format and c not in both and not c.private_jwk
            )

        def first(found: tuple[Client, ...]) -> Client | None:
            return found[0] if found else None

        everyday = "jwt" if any(client.token_format == "jwt" for client in clients) else "opaque"
        return cls(
            sessions=with_grant("authorization_code", everyday),
            opaque_sessions=with_grant("authorization_code", "opaque"),
            machine=first(with_grant("client_credentials", everyday)),
            machine_opaque=first(with_grant("client_credentials", "opaque")),
            asserting=first(tuple(c for c in clients if c.private_jwk and "client_credentials" in c.grants)),
            partners=both,
        )
