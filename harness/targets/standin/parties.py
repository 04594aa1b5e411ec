"""Who there is in the stand-in system beside its components: clients, users, and what each of them knows."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from idchaos.graph import Graph
from idchaos.targets.endpoints import DEVICE, EXCHANGE, Client, Grant
from idchaos.targets.standin.guests import Guests
from idchaos.topologies import SERVICES

ASKING = ("asking", "asking-too")
"""Clients whose users are asked what they allow."""

PARTNERS = ("partner", "partner-opaque")
"""Clients that act for users and for themselves: their secrets are worth stealing, and may be rotated."""

INTROSPECTING = ("gateway", *SERVICES)
"""Clients that may introspect: who decides about tokens, in one topology or another."""

USERS = ("alice", "bob", "carol", "dave")
IN_MANY_GROUPS = "dave"
"""Somebody's tokens are long: limits of headers and buffers are met by few."""
GROUPS = [f"department-{number:02}-of-a-large-company" for number in range(64)]
SCOPES = " ".join(f"{service}:{act}" for service in SERVICES for act in ("read", "write"))
OF_PARTNERS = "partners:manage"
"""A scope that some clients have, and others must not get."""
USER_SCOPES = f"openid profile email offline_access {SCOPES}"


@dataclass(frozen=True)
class Credentials:
    """What one run's parties know. Made afresh for each run, never stored in its directory."""

    control_secret: str
    gateway_secret: str
    """Tells services that a gateway asks."""
    clients: Mapping[str, str]
    next_secrets: Mapping[str, str]
    users: Mapping[str, str]
    initial_access_token: str
    """Lets clients register themselves (RFC 7591)."""
    assertion_key: Mapping[str, str]
    """The private JWK of the client that signs assertions."""
    guests: Guests = field(default_factory=Guests)
    """Whoever brought their own."""

    @classmethod
    def generate(cls, guests: Guests | None = None) -> Credentials:
        """Random secrets for one run."""
        return cls(
            control_secret=secrets.token_urlsafe(24),
            gateway_secret=secrets.token_urlsafe(24),
            clients={
                name: secrets.token_urlsafe(24)
                for name in ("web", "web-opaque", "machine", "machine-opaque", *INTROSPECTING, *PARTNERS, *ASKING)
            },
            next_secrets={name: secrets.token_urlsafe(24) for name in PARTNERS},
            users={name: secrets.token_urlsafe(12) for name in USERS},
            initial_access_token=secrets.token_urlsafe(24),
            assertion_key=_assertion_key(),
            guests=guests or Guests(),
        )


def _assertion_key() -> Mapping[str, str]:
    """A private key as a JWK that says what libraries want to know of one: its algorithm and its name."""
    from joserfc.jwk import ECKey

    key = ECKey.generate_key("P-256", {"alg": "ES256", "use": "sig"}, auto_kid=True)
    return {name: str(value) for name, value in key.as_dict(private=True).items()}


REDIRECT_URI = "http://127.0.0.1/callback"


OWN_CLIENTS = (
    "web", "web-opaque", "spa", "machine", "machine-opaque", "signer", *INTROSPECTING, *PARTNERS, *ASKING,
)  # fmt: skip
"""The names of all clients that the stand-in system has by itself."""


def clients(credentials: Credentials, graph: Graph) -> tuple[Client, ...]:
    """The OAuth clients of the stand-in system."""
    secret = credentials.clients
    code: tuple[Grant, ...] = ("authorization_code", "refresh_token")
    on_devices: tuple[Grant, ...] = (*code, DEVICE)
    for_itself: tuple[Grant, ...] = ("client_credentials", EXCHANGE)
    found = (
        Client(
            client_id="web", client_secret=secret["web"], grants=on_devices,
            redirect_uri=REDIRECT_URI, scope=USER_SCOPES,
        ),
        Client(client_id="spa", grants=on_devices, redirect_uri=REDIRECT_URI, scope=USER_SCOPES),
        Client(
            client_id="web-opaque", client_secret=secret["web-opaque"], grants=on_devices,
            redirect_uri=REDIRECT_URI, scope=USER_SCOPES, token_format="opaque",
        ),
        Client(client_id="machine", client_secret=secret["machine"], grants=for_itself, scope=SCOPES),
        Client(
            client_id="machine-opaque", client_secret=secret["machine-opaque"], grants=for_itself,
            scope=SCOPES, token_format="opaque",
        ),
        Client(
            client_id="signer", private_jwk=dict(credentials.assertion_key), grants=("client_credentials",),
            scope=SCOPES,
        ),
        *(
            Client(
                client_id=name, client_secret=secret[name], next_secret=credentials.next_secrets[name],
                grants=(*code, "client_credentials"), redirect_uri=REDIRECT_URI, scope=f"{USER_SCOPES} {OF_PARTNERS}",
                token_format="opaque" if name.endswith("opaque") else "jwt",
            )
            for name in PARTNERS
        ),
    )  # fmt: skip
    return _issued(found, graph)


def asking_clients(credentials: Credentials, graph: Graph) -> tuple[Client, ...]:
    """Clients of the stand-in system that nobody has allowed anything yet."""
    found = (
        Client(
            client_id=name, client_secret=credentials.clients[name], grants=("authorization_code",),
            redirect_uri=REDIRECT_URI, scope=USER_SCOPES,
        )
        for name in ASKING
    )  # fmt: skip
    return _issued(tuple(found), graph)


def _issued(found: tuple[Client, ...], graph: Graph) -> tuple[Client, ...]:
    """Those whose tokens the system knows; where it knows opaque ones alone, all get such."""
    if "jwt" in graph.formats:
        return tuple(client for client in found if client.token_format in graph.formats)
    return tuple(client.model_copy(update={"token_format": "opaque"}) for client in found)
