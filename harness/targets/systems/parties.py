"""Who is known at the IdP of a system of one's own: its clients, and users who log in at them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from idchaos.errors import UsageError
from idchaos.hosts import host_of
from idchaos.targets.systems.acts import Placed
from idchaos.targets.tables import Table, Url, either

OPENID: Final = "openid"
"""The scope that makes an authorization request a login (OpenID Connect Core section 3.1.2.1)."""


class ClientTable(Table):
    """One of ``[[client]]``. Without a ``redirect_uri`` it gets tokens for itself (RFC 6749 section 4.4), by its secret
    or by assertions; with one, users log in at it.
    """

    model_config = ConfigDict(json_schema_extra=either(("secret", "key", "redirect_uri")))

    id: str = Field(min_length=1)
    secret: Placed | None = None
    """A client that users log in at may have none: it is public then (RFC 6749 section 2.1)."""
    key: str = ""
    """A file with a private JWK (EC, P-256) that signs its assertions (RFC 7523), instead of a secret."""
    redirect_uri: Url = ""
    """Users log in at it, by authorization code and PKCE (RFC 7636), and come back there. It is never asked."""
    refreshes: bool = False
    """Of one that users log in at: whether it gets refresh tokens."""
    scope: str = ""
    purpose: Literal["everyday", "other_audience", "introspection"] = "everyday"
    """``other_audience``: its tokens are for none of the routes, and must be refused there · ``introspection``: it may
    ask the IdP about the tokens of others (RFC 7662).
    """
    parameters: dict[str, str] = Field(default_factory=dict)
    """What it says besides when it asks for a token, or for a login: ``audience``, ``resource`` ..."""

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if self.key and self.secret is not None:
            raise ValueError(f"{self.id}: should have secret or key, not both")
        if self.redirect_uri:
            try:
                host_of(self.redirect_uri)
            except UsageError as error:
                raise ValueError(f"{self.id}: redirect_uri: {error}") from None
            if self.key:
                raise ValueError(f"{self.id}: key is of clients that get tokens for themselves, without redirect_uri")
            if self.purpose != "everyday":
                raise ValueError(f"{self.id}: with purpose {self.purpose} it should have no redirect_uri")
            if OPENID not in self.scope.split():
                raise ValueError(f"{self.id}: scope should have {OPENID}, for users log in at redirect_uri")
            return self
        if self.refreshes:
            raise ValueError(f"{self.id}: refreshes is of clients that users log in at, by redirect_uri")
        if self.secret is None and (not self.key or self.purpose != "everyday"):
            raise ValueError(f"{self.id}: should have a secret, or redirect_uri where users log in at it")
        return self


class UserTable(Table):
    """One of ``[[user]]``: somebody who can log in, by a form that asks for a name and a password."""

    name: str = Field(min_length=1)
    password: Placed


def fitting(clients: Iterable[ClientTable], users: Iterable[UserTable], doubles: int) -> None:
    """See that there is a client for what has to be done, and a user wherever users log in.

    Raises:
        ValueError: says what is missing, or there twice.
    """
    clients, users = tuple(clients), tuple(users)
    if not any(gets_tokens(each) for each in clients):
        raise ValueError(
            "client: one of purpose everyday is needed that gets tokens for itself, good at every route, by a secret"
            " and without redirect_uri"
        )
    at = [each.id for each in clients if each.redirect_uri]
    if at and not users:
        raise ValueError(f"user: users log in at the client {at[0]}, so there should be a [[user]]")
    if users and not at:
        raise ValueError("user: nobody can log in: a [[client]] should have a redirect_uri")
    if doubles and not users:
        raise ValueError("idp.doubles: of whom? There should be a [[user]]")
    machines = [each.id for each in clients if gets_tokens(each)]
    for what, names in (("client", at), ("client", machines), ("user", [each.name for each in users])):
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise ValueError(f"{what}: {twice[0]} is there twice")


def gets_tokens(client: ClientTable) -> bool:
    """Whether it gets tokens for itself by its secret, and these are good at every route."""
    return client.purpose == "everyday" and not client.redirect_uri and client.secret is not None
