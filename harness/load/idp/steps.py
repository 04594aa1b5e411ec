"""What the IdP's clients are given: steps, codes, and clients that registered themselves."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Literal, get_args

from idchaos.load.engine.response import Response
from idchaos.record.samples import Decision, Expected
from idchaos.targets.endpoints import Client

NEVER_ARRIVED: Final = frozenset({"connect_refused", "connect_timeout"})
"""Failures of a request that surely did not reach anybody."""

Flaw = Literal["state_mismatch", "iss_mismatch", "nonce_mismatch"]
"""``state`` (RFC 6749 section 10.12), ``iss`` (RFC 9207) or ``nonce`` (OpenID Connect Core section 3.1.3.7) is not that
of the request, or missing.
"""


FLAWS: Final = frozenset(get_args(Flaw))


@dataclass(frozen=True, slots=True)
class Step:
    """One request at the IdP, and what came of it."""

    endpoint: str
    answer: Response
    decision: Decision
    code: str
    expected: Expected = "accept"
    """``deny``: the user made a mistake."""
    flaw: Flaw | Literal[""] = ""
    """Why a careful client would not take this answer for one to its own request."""

    def with_care(self) -> Step:
        """As a careful client takes it: an answer that is not bound to its request decides nothing."""
        if self.decision != "accept" or not self.flaw:
            return self
        return replace(self, decision="undecided", code=self.flaw)


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code with what its redemption must repeat and prove."""

    value: str = field(repr=False)
    redirect_uri: str
    verifier: str = field(repr=False)
    nonce: str = ""
    username: str = ""
    """Who logged in for it; empty: a browser's cookies did."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A client that registered itself, and what it is managed by (RFC 7591 section 3.2.1)."""

    client: Client
    uri: str
    access_token: str = field(repr=False)
