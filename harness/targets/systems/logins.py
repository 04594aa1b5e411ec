"""What a doctor tries of logins: each user, at each client that users log in at, and one refresh of each client."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

from idchaos.errors import IdchaosError
from idchaos.targets.endpoints import Client, Endpoints, User
from idchaos.targets.gateways.checks import Finding
from idchaos.targets.side_by_side import Check

OF_ROTATION: Final = ("family_reused", "older_replayed", "replayed")
"""Canaries that can't be made where a refresh gives no other refresh token."""


@dataclass(frozen=True)
class Tokens:
    """What a login, or a refresh, gave."""

    access: str = field(repr=False)
    refresh: str = field(default="", repr=False)


class LogsIn(Protocol):
    """A browser, and the client behind it, as the load plays them."""

    def log_in(self, client: Client, user: User) -> Tokens:
        """By authorization code and PKCE, through the IdP's own pages.

        Raises:
            IdchaosError: which step failed, and how.
        """

    def refresh(self, client: Client, token: str) -> Tokens:
        """By a refresh token.

        Raises:
            IdchaosError: it is refused, or not answered.
        """

    def close(self) -> None:
        """Release sockets."""


def logins(
    endpoints: Endpoints, visit: Callable[[], LogsIn], unpromised: Mapping[str, str], tokens: dict[str, str]
) -> dict[str, Check]:
    """A check for each user at the first client that users log in at, and for the first user at every other one.

    ``visit``: another browser. ``tokens``: where an access token of each client's is put, by whose it is.
    """
    users = tuple(_somebody(each, endpoints.doubles) for each in endpoints.users)
    clients = tuple(each for each in endpoints.clients if "authorization_code" in each.grants)
    first = clients[:1]
    pairs = [(client, user) for client in first for user in users] + [(client, users[0]) for client in clients[1:]]
    return {
        f"client {client.client_id}: {user.username}'s login": partial(
            _tried, client, user, visit, unpromised, tokens if user is users[0] else None
        )
        for client, user in pairs
    }


def _somebody(user: User, doubles: int) -> User:
    """Where there are doubles, the last one: if that is there, so are the others."""
    return user.double(doubles - 1) if doubles else user


def _tried(
    client: Client,
    user: User,
    visit: Callable[[], LogsIn],
    unpromised: Mapping[str, str],
    tokens: dict[str, str] | None,
) -> Iterator[Finding]:
    who = f"client {client.client_id}: {user.username}"
    with closing(visit()) as browser:
        try:
            given = browser.log_in(client, user)
        except IdchaosError as error:
            advice = "name, password, redirect_uri and scope should be as the IdP has them, and its page a form"
            yield Finding(ok=False, what=f"{who} can't log in: {error}", advice=advice)
            return
        yield Finding(ok=True, what=f"{who} logs in")
        if tokens is None:
            return
        tokens[f"{user.username} at {client.client_id}"] = given.access
        if "refresh_token" in client.grants:
            yield _refreshed(client, given, browser, unpromised)


def _refreshed(client: Client, given: Tokens, browser: LogsIn, unpromised: Mapping[str, str]) -> Finding:
    who = f"client {client.client_id}"
    if not given.refresh:
        advice = "ask for it by scope (offline_access), or take refreshes out of the file"
        return Finding(ok=False, what=f"{who}: a login gives no refresh token", advice=advice)
    try:
        again = browser.refresh(client, given.refresh)
    except IdchaosError as error:
        advice = "it may have to be allowed to use refresh tokens; else take refreshes out of the file"
        return Finding(ok=False, what=f"{who}: a refresh fails: {error}", advice=advice)
    if again.refresh not in ("", given.refresh):
        return Finding(ok=True, what=f"{who}: refreshes, and its refresh tokens are good once")
    missing = [name for name in OF_ROTATION if name not in unpromised]
    what = f"{who}: refreshes, and keeps its refresh token"
    if not missing:
        return Finding(ok=True, what=what)
    advice = f"of a token that is good for ever nobody notices the theft; say why in [unpromised]: {', '.join(missing)}"
    return Finding(ok=False, what=what, advice=advice)
