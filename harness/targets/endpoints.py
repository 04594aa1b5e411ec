"""Where the parts of a running target are: what clients may know of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import Field

from idchaos.dialects import GENERIC, Dialect
from idchaos.graph import Route
from idchaos.values import Value


class Gateway(Value):
    """One replica. ``url`` leads through the link ``client-to-gateway``."""

    name: str
    url: str
    dialect: Dialect = GENERIC
    """How it says why it refuses."""


EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
"""RFC 8693 section 2.1."""
DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"
"""RFC 8628 section 3.4."""
Grant = Literal[
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:token-exchange",
]
"""What a client may ask tokens for."""


class Client(Value):
    """An OAuth client registered at the IdP (RFC 6749 section 2)."""

    client_id: str
    client_secret: str | None = None
    next_secret: str | None = None
    """The secret that follows when this one is rotated, where that may happen during a run."""
    private_jwk: dict[str, str] | None = Field(None, repr=False)
    """The key that signs its assertions (RFC 7523), instead of a secret."""
    grants: tuple[Grant, ...] = ()
    redirect_uri: str | None = None
    scope: str = ""
    token_format: Literal["jwt", "opaque"] = "jwt"
    audiences: tuple[str, ...] = ()
    """Of the tokens that it gets for itself, where they are known beforehand (RFC 7519 section 4.1.3)."""
    parameters: Mapping[str, str] = Field(default_factory=dict)
    """What it says besides when it asks for a token for itself, or a user to log in: ``audience``, ``resource`` ..."""

    @property
    def is_public(self) -> bool:
        """Whether it has nothing to authenticate by (RFC 6749 section 2.1)."""
        return self.client_secret is None and self.private_jwk is None


class User(Value):
    """Someone who can log in."""

    username: str
    password: str

    def double(self, number: int) -> User:
        """One who differs by name alone."""
        return self.model_copy(update={"username": f"{self.username}-{number}"})


class RevocationCall(Value):
    """How a token is revoked where that is not done at the IdP's own endpoint (RFC 7009): a request, with the places
    ``{token}`` and ``{jti}``.
    """

    method: str
    url: str
    body: str = ""
    secret: str = Field("", repr=False)
    """Sent as a bearer token (RFC 6750)."""


class Endpoints(Value):
    """Everything a client of the target needs. Holds secrets: never printed, kept in files of mode 0600."""

    issuer: str
    idp_url: str
    """Through the link ``client-to-idp``; discovery is at ``/.well-known/openid-configuration``."""
    gateways: tuple[Gateway, ...]
    services: tuple[Gateway, ...] = ()
    """The ways around the gateways, through the link ``client-to-service``, where the target has them."""
    routes: tuple[Route, ...]
    services_decide: bool = False
    """Gateways pass everything on: which of them a request goes through has no bearing on what becomes of it."""
    clients: tuple[Client, ...]
    users: tuple[User, ...]
    follows_settings: bool = False
    """Tokens and codes live as long as the run's settings say, at an IdP of somebody else's making too."""
    scopes_known: bool = True
    """A client may have the scopes that it asks for, and no others. Else it may have more of those that there are."""
    doubles: int = 0
    """So many more users there are of each, ``alice-1`` and so on, with the same password: each login is then another
    one's, for an IdP whose revocation of one session's token ends all that the user has at the client. 0: none.
    """
    asking_clients: tuple[Client, ...] = ()
    """Clients whose users are asked what they allow (OpenID Connect Core section 3.1.2.4) and have allowed nothing yet.
    Nobody logs in there but to try that.
    """
    inner_clients: tuple[Client, ...] = ()
    """Clients that parts of the target are, of no use to anybody else."""
    gateway_secret: str | None = None
    """What tells services of the target that a gateway asks, where something does."""
    stranger: Client | None = None
    """A client that gets tokens for none of the routes: what they are for is somebody else's."""
    introspection_client: Client | None = None
    """A client that may introspect (RFC 7662), where the target offers one."""
    idp_calls_back: bool = False
    """Whether the IdP surely reaches what listens on loopback where the load comes from."""
    idp_control_url: str | None = None
    """The stand-in IdP's control API, for minting bad tokens; ``None`` where the target has none."""
    control_secret: str | None = None
    signing_jwk: dict[str, str] | None = Field(None, repr=False)
    """A private key that the harness holds and the IdP was given to sign by (RFC 7517, with ``kid`` and ``alg``)."""
    further_jwks: tuple[dict[str, str], ...] = Field((), repr=False)
    """Other such keys, which the IdP has or will be given: which of them sign is a matter of the moment."""
    revocation: RevocationCall | None = None
    """What revokes an access token here, where it is not the IdP's revocation endpoint."""
    initial_access_token: str | None = None
    """Lets a client register itself (RFC 7591 section 3), where the target's IdP asks for it."""
    allow_hosts: tuple[str, ...] = ()
    """Hosts beyond loopback that anything may be sent to."""
    clocks_within_s: float = 0.0
    """So far the clocks of whoever issues and decides may be from that of who sends the load."""
    ca_file: str | None = None
    """Certificates (PEM) that are trusted instead of the usual ones."""
