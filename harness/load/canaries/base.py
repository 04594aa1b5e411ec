"""What a kind of canary says of itself, and what it is made of.

One kind a file, or one family; :mod:`idchaos.load.canaries.catalogue` finds them.

Each canary is bad in one way only: whoever accepts it lacks that one check.

Plans and the docs need no more than the words, so nothing that signs or sends is imported before it is used.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, NamedTuple

from idchaos.graph import TokenFormat

if TYPE_CHECKING:
    from idchaos.load.canaries.at_idp import Desk
    from idchaos.load.canaries.bench import Bench
    from idchaos.load.canaries.nobody import Nobody
    from idchaos.load.canaries.stock import Call, Reuse, Shelf

Need = Literal[
    "minting", "minted_opaque_tokens", "retired_key", "published_keys", "refresh_tokens", "users", "public_client",
    "two_clients", "assertions", "revocation", "registration", "opaque_tokens", "life_of_codes",
    "introspection", "write_scopes", "another_audience", "exchange", "devices", "two_users", "consent",
    "called_back", "jwts",
]  # fmt: skip
"""What a target must offer for a canary to be made: :func:`idchaos.load.canaries.catalogue.unmakeable`."""
LIFE_S: Final = 3_600.0
"""Of a forged token: long enough to be used while the IdP is away."""
SESSION: Final = "canary"
LONGEST_SUBJECT: Final = 255
"""Characters (OpenID Connect Core section 2)."""


class Kind(ABC):
    """One way in which a request is bad. The words are data: the page of canaries is made of them."""

    name: ClassVar[str]
    invariant: ClassVar[str]
    """The invariant that a breach of it breaks."""
    made: ClassVar[str]
    """How it is made."""
    bad: ClassVar[str]
    """What makes it surely bad, and from when."""
    why: ClassVar[str]
    """What whoever accepts it lets happen, in one line."""
    source: ClassVar[str]
    """An RFC's section, a CVE, an advisory."""
    sent: ClassVar[Literal["gateways", "IdP"]] = "gateways"
    needs: ClassVar[tuple[Need, ...]] = ()
    costs_a_login: ClassVar[bool] = False
    """Or as much: it comes less often than others."""
    rare: ClassVar[bool] = False
    """It costs even more, and comes less often still."""
    twice: ClassVar[bool] = False
    """It comes twice as often: some of it turn bad only in the course of a run, or it is bad in very many ways."""
    each_way: tuple[str, ...] = ()
    """The ways in which it is bad, where each is a flaw of its own: which of them were not decided is told."""
    everywhere: ClassVar[bool] = False
    """Whether it is sent to each service by each everyday method: not where the method is a part of what is bad."""
    once: ClassVar[bool] = False
    """One decided attempt in the whole run must do: it is only surely bad after something has happened, or sent to an
    IdP that a fault may keep out of reach for a whole phase."""


class TokenKind(Kind):
    """A request to gateways, mostly with a bad token. It is forged, made to order, or gained by requests."""

    everywhere = True

    makes: ClassVar[int] = 1
    """The stock holds so many times as many: some come in two makes, or of two keys."""
    ways: ClassVar[tuple[str, ...]] = ()
    """How one that is forged is bad, where there are several ways: they take turns."""
    reuse: ClassVar[Reuse] = "last"
    from_nothing: ClassVar[bool] = False
    """It is forged out of nothing: whether there is a good token to begin with is no matter."""
    bears_good: ClassVar[bool] = False
    """It holds the everyday token of its round, and shows something for as long as that is good."""
    secret: ClassVar[bool] = True
    """Whether it must not stand in a log: what is no token gives nothing away."""

    def forge(self, good: Good, number: int) -> str | None:
        """A bad token made from a good one, as a pure function; ``number``: how many of the kind were forged before.

        Returns ``None`` when there is none to be had this time.
        """

    def orders(self, moment: Moment) -> Iterable[Order]:
        """What to have signed by the IdP's key at this moment."""
        return ()

    def gain(self, bench: Bench, shelf: Shelf[Call]) -> None:
        """Fill its shelf by requests. Returns early when the IdP does not do its part."""


class IdpKind(Kind):
    """A request to the IdP. What was made there is used once: the attempt itself changes what the IdP knows of it."""

    sent = "IdP"
    once = True
    costs_a_login = True

    @abstractmethod
    def desk(self, bench: Bench) -> Desk:
        """Who prepares and sends it during one load."""


class Forged(NamedTuple):
    """Parts of a JWT that are still to be put together: header, claims."""

    header: dict[str, Any]
    claims: dict[str, Any]


@dataclass(frozen=True)
class Good:
    """A good token and the published key that it is signed by: what forgeries are made from."""

    token: str = field(repr=False)
    jwk: dict[str, Any] | None
    """``None``: it could not be had."""
    nobody: Nobody = field(repr=False)
    """Who signs with keys that nobody published."""
    mints: bool = False
    """Whether tokens can be had that are signed by the IdP's key."""
    published: Sequence[dict[str, Any]] = ()
    """The IdP's key set."""
    padding: int = 0
    """By how many letters what is forged is longer than it need be."""

    def parts(self, **header: Any) -> Forged:
        """Header and claims of the good token, with other values in the header, under a name of its own, and valid for
        :data:`LIFE_S` longer.
        """
        from idchaos.load.idp.tokens import peek

        found, claims = peek(self.token)
        times_and_name = {"jti": new_name(), "exp": int(claims.get("exp", 0) + LIFE_S)}
        return Forged(found | header, claims | times_and_name | padded(self.padding))

    def lasting(self) -> str:
        """The same claims for :data:`LIFE_S` longer, under the old signature, which is not theirs any more."""
        from idchaos.load.canaries.forging import signing_input

        return f"{signing_input(self.parts())}.{self.token.rpartition('.')[2]}"


@dataclass(frozen=True)
class ForeignAudience:
    """An ``aud`` claim (RFC 7519 section 4.1.3) that is not the service's which a token is sent to."""

    way: str
    """How it was made."""
    claim: str | list[str] | None
    """``None``: there is no such claim."""
    good_for: str = ""
    """The one audience that it does name: such a token is never sent there."""
    resembles: str = ""
    """The one audience that it could be taken for: such a token is sent there alone."""


@dataclass(frozen=True)
class Moment:
    """When tokens are made to order, and what is known then."""

    now: float
    """True time, in Unix seconds."""
    margin_s: float
    """How far beyond their bound time claims must lie, for as long as the canary is used."""
    number: int
    """Orders come in rounds: kinds of several ways take one a round."""
    withdrawn: dict[str, float] = field(default_factory=dict)
    """Keys that are no longer published, and from when (Unix time) each must be forgotten."""
    audiences: Sequence[str] = ()
    """Of all routes."""
    scopes: Sequence[str] = ()
    """Of all routes."""
    issuer: str = ""
    published: Sequence[dict[str, Any]] = ()
    """The IdP's key set."""
    typ: str = ""
    """What everyday tokens say in their header that they are."""
    signing_kid: str = ""
    """The key that everyday tokens are signed by."""
    shows: tuple[TokenFormat, ...] = ()
    """Formats of which one token is wanted now that is shown while good: those that the IdP issues."""
    expired_after_s: float = 0.0
    """How long after its end a token is surely expired for everybody."""
    subject: str = ""
    """Of what is shown: somebody whose name a user has too, in other letters."""
    early_margin_s: float | None = None
    """The margin of time claims that are still to come, if it is another one."""

    @property
    def ahead_s(self) -> float:
        """How far ahead of now time claims that are still to come must lie, for as long as the canary is used."""
        return self.margin_s if self.early_margin_s is None else self.early_margin_s

    def good(self, **claims: Any) -> dict[str, Any]:
        """Claims of a token that is good for :data:`LIFE_S`, but for ``claims``."""
        return {"iat": int(self.now), "nbf": int(self.now), "exp": int(self.now + LIFE_S), **claims}


@dataclass(frozen=True)
class Order:
    """A token to be made, and when it is surely bad (Unix time)."""

    claims: dict[str, Any]
    header: dict[str, Any] = field(default_factory=dict)
    kid: str = ""
    """The key to sign it by; empty: the one in use."""
    opaque: bool = False
    shown: bool = False
    """Good at first, or good somewhere: it is shown there, wherever that is decided, before it is used."""
    bad_from: float = 0.0
    bad_until: float = float("inf")
    way: str = ""
    """How it is bad, where a kind has several ways."""
    good_for: str = ""
    """The audience of routes at which it would be a good one."""
    resembles: str = ""
    """The audience of the only routes at which it could be taken for a good one; empty: all of them."""
    method: str = "GET"
    """By which it is used. It is shown by GET."""
    overridden: bool = False
    """Whether it is also used by that method under headers that name the method by which it is shown."""


def padded(letters: int) -> dict[str, str]:
    """A claim that nobody reads and that makes a token so much longer; none for 0."""
    return {"padding": "x" * letters} if letters else {}


def original_url(path: str) -> bytes:
    """Header lines that name another path than that of the request line."""
    names = ("X-Original-URL", "X-Rewrite-URL", "X-Original-URI", "X-Forwarded-Uri")
    return "".join(f"{name}: {path}\r\n" for name in names).encode()


def overridden(method: str) -> bytes:
    """Header lines that name another method than that of the request line."""
    names = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Forwarded-Method", "X-Original-Method")
    return "".join(f"{name}: {method}\r\n" for name in names).encode()


def respelled(name: str, number: int) -> str:
    """Somebody else, whom whoever folds or cuts names takes for the one of that ``name``: RFC 7519 section 4.1.2
    compares subjects letter by letter. With a dot at the end, continued until it is as long as a subject may be, or in
    capitals, in turn. Beyond ASCII it is not agreed how headers carry a name (RFC 9110 section 5.5), so what differs
    there would say nothing.
    """
    return (f"{name}.", name.ljust(LONGEST_SUBJECT, "x"), name.upper())[number % 3]


def new_name() -> str:
    """A ``jti`` of its own."""
    return f"canary-{secrets.token_hex(8)}"
