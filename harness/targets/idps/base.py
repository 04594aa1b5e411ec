"""What an adapter says of its IdP: how it is had, started, filled and understood, and what it promises.

An adapter is a file or package of its own beside this one: a subclass of :class:`Adapter`, which describes, and one of
:class:`Idp`, which is that IdP during one run. :mod:`idchaos.targets.idps.catalogue` finds it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from idchaos.settings import CommonSettings, IdpSettings, TokenSettings
from idchaos.targets.endpoints import DEVICE, EXCHANGE, Client, Endpoints, User
from idchaos.targets.gateways.base import Address
from idchaos.targets.standin.processes import Runs
from idchaos.values import Value

NO_FEED = "the IdP offers no list of revoked tokens, and the gateways ask nobody about a JWT that its keys vouch for"
OF_REVOCATION: Mapping[str, str] = dict.fromkeys(("revoked", "grant_revoked"), NO_FEED)
"""Canaries that no gateway promises to refuse where revocations are told to nobody."""

_LEFT_OUT: Final = "offline_access"
"""A scope that asks for another kind of session than a login's, and for the user's consent each time."""


class Site(Value):
    """All that an IdP is told of a run: where it listens, how it is reached, and whom it is to know."""

    listen: Address
    spare: Address
    """Another free port of its own, for an administrator's page."""
    url: str
    """How its clients reach it, through their link: what its issuer begins with."""
    folder: Path
    """Its own, to write files into; gone after the run. Nothing secret belongs there."""
    log: Path
    run_id: str
    clients: tuple[Client, ...]
    introspecting: Client
    users: tuple[User, ...]
    audiences: tuple[str, ...]
    """Of the tokens of every client."""
    scopes: tuple[str, ...]
    """Of the services' APIs."""


class Idp(ABC):
    """That IdP during one run. What it is asked before :meth:`begin` needs no network."""

    @abstractmethod
    def begin(self, site: Site) -> Runs:
        """What runs as it; nothing is started yet. Asked again where its ports had to be chosen again."""

    @abstractmethod
    def provision(self) -> None:
        """It serves: make it know whom it is to know, and give it its keys. Done again after each start.

        Raises:
            TargetError: it refuses; says what, and why.
        """

    @abstractmethod
    def serves(self) -> bool:
        """Whether it answers now."""

    @abstractmethod
    def grants(self) -> Mapping[type, object]:
        """Capabilities by protocol (:mod:`idchaos.targets.capabilities`), and who does what each says."""

    @abstractmethod
    def endpoints(self, known: Endpoints) -> Endpoints:
        """What clients need to know of it, where that differs from the stand-in IdP's. What there is, is known before
        the start.
        """

    @abstractmethod
    def close(self) -> None:
        """Release sockets."""


class Adapter(ABC):
    """One IdP."""

    name: str
    known_as: str
    """As its makers write it."""
    meaning: str
    """One sentence: what it is, and how it is configured."""
    install: str
    """The one command that installs it."""
    path: str
    """Of its issuer, below its URL: ``/realms/idchaos``; empty: none."""
    jwks_path: str
    """Where its keys are, below ``path``."""
    paths: Mapping[str, str]
    """Paths of its endpoints, below ``path``, and what the harness calls them; ``*`` at the end: any name."""
    profile: str = "rfc9068"
    """Whose access tokens its own look like, by the names of ``tokens.profile``."""
    token_types: tuple[str, ...] = ("at+jwt", "application/at+jwt")
    """What its access tokens say in their header that they are (``typ``), in lower case."""
    keys_may_be_kept: bool = True
    """Whether its key set may be kept for a while, by its own word (``Cache-Control``). If not, the stand-in gateways
    keep it all the same, for as long as their settings say: otherwise they would ask for it all the time."""
    unpromised: Mapping[str, str] = {}
    """Kinds of canaries that nobody promises to refuse with this IdP, and why not. They are sent all the same, and what
    became of them is told; all others are invariants."""

    def __str__(self) -> str:
        return self.name

    @abstractmethod
    def missing(self) -> str:
        """What it needs and is not here, or not as it should be, in a few words; empty: nothing."""

    @abstractmethod
    def version(self) -> str:
        """Of what is installed; empty where that can't be told."""

    def why_not(self, settings: CommonSettings) -> str:
        """What these settings ask for and it can't do, in one line; empty: nothing. What few IdPs can: limits on
        registrations, a time of grace for refresh tokens that were rotated, parts of seconds, tokens like another's;
        and keys that are no RSA's are given to none.
        """
        tokens, who = settings.tokens, self.known_as
        if settings.idp != IdpSettings():
            told = f"idp.registrations_per_s={settings.idp.registrations_per_s:g}"
            return f"{told}: {who} does not limit how often clients may register"
        if tokens.signing_alg != "RS256":
            return f"tokens.signing_alg={tokens.signing_alg}: the keys that {who} is given are RS256's alone"
        if tokens.profile != TokenSettings().profile:
            return f"tokens.profile={tokens.profile}: its tokens are {who}'s own"
        if tokens.refresh_grace_s:
            return f"tokens.refresh_grace_s={tokens.refresh_grace_s:g}: a refresh token has no time of grace in {who}"
        for name in ("access_ttl_s", "refresh_ttl_s", "session_max_s", "code_ttl_s"):
            if (told_s := getattr(tokens, name)) % 1:
                return f"tokens.{name}={told_s:g}: {who} counts in whole seconds"
        return ""

    @abstractmethod
    def idp(self, settings: CommonSettings) -> Idp:
        """The IdP of one run with these settings; nothing is started."""


def at_another(client: Client) -> Client:
    """A client of the stand-in IdP as it asks another one: without the scope that means something else there, without a
    second secret, and without grants that it is not given there.
    """
    grants = tuple(each for each in client.grants if each not in (DEVICE, EXCHANGE))
    scope = " ".join(each for each in client.scope.split() if each != _LEFT_OUT)
    return client.model_copy(update={"scope": scope, "next_secret": None, "grants": grants})
