"""How a gateway says why: dialects, as data. Pure.

A rule tells one thing that a gateway says, by status, header, body, or where it redirects to, and what that means. The
first rule that fits holds. What no rule fits has no reason but its status; a gateway that says nothing speaks
:data:`GENERIC`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal, Protocol

from pydantic import Field, field_validator

from idchaos.errors import UsageError
from idchaos.reasons import REFUSALS, UNDECIDED_REASONS, Reason
from idchaos.values import Value

Said = Literal["accept", "deny", "undecided"]
REFUSING: Final = (401, 403)
"""RFC 6750 section 3.1."""
MOST_OF_A_BODY: Final = 4096
"""Bytes of a body that are looked at."""
_CHALLENGE: Final = re.compile(r'error="([a-z_]{1,64})"')
_CODE: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class Answered(Protocol):
    """What is looked at of an answer."""

    status: int
    error: str
    body: bytes

    def header(self, name: str) -> str:
        """A header's value; empty where it is absent."""


class Rule(Value):
    """One thing that a gateway says. Every part that is given must fit; of a text, a regular expression anywhere in
    it.
    """

    reason: Reason
    status: tuple[int, ...] = ()
    """Empty: any but 2xx. An answer that lets somebody in is only taken for another by a rule that names its status."""
    header: str = ""
    """The header that ``says`` is looked for in; without it, ``says`` is looked for in the body."""
    says: str = ""
    redirects_to: str = ""
    """Looked for in ``Location``, of a 3xx."""

    @field_validator("says", "redirects_to")
    @classmethod
    def _is_a_pattern(cls, text: str) -> str:
        try:
            re.compile(text)
        except re.error as error:
            raise ValueError(f"{text!r} is no regular expression: {error}") from None
        return text

    def fits(self, answer: Answered) -> bool:
        """Whether the answer says that."""
        accepts = 200 <= answer.status < 300
        if answer.status not in self.status if self.status else accepts:
            return False
        if self.redirects_to and not self._redirects(answer):
            return False
        text = answer.header(self.header) if self.header else answer.body[:MOST_OF_A_BODY].decode(errors="replace")
        return re.search(self.says, text) is not None

    def _redirects(self, answer: Answered) -> bool:
        return 300 <= answer.status < 400 and re.search(self.redirects_to, answer.header("Location")) is not None


class Dialect(Value):
    """All that one kind of gateway says."""

    name: str
    code_header: str = ""
    """A header that holds the reason's code, where there is one."""
    codes: Mapping[str, Reason] = Field(default_factory=dict)
    """What codes of that header mean that are not of our vocabulary."""
    rules: tuple[Rule, ...] = ()
    tells_reasons: bool = False
    """Whether refusals and outages can be told apart by what it says, and not by the status alone."""

    def read(self, answer: Answered) -> tuple[Said, str]:
        """The decision about a request, and its reason (empty when accepted).

        A reason that means an outage is no refusal, whatever status it comes with, and one that means a refusal is none
        with a status that says otherwise. Without a reason, 401 and 403 refuse, and all but 2xx decide nothing.
        """
        if answer.status == 0:
            return "undecided", answer.error
        ruled = next((rule for rule in self.rules if rule.fits(answer)), None)
        if ruled is not None:
            redirected = 200 <= answer.status < 400
            refuses = ruled.reason in REFUSALS and (answer.status in REFUSING or redirected)
            return ("deny" if refuses else "undecided"), str(ruled.reason)
        if 200 <= answer.status < 300:
            return "accept", ""
        code = self._code(answer) or challenge(answer) or f"http_{answer.status}"
        return ("deny" if answer.status in REFUSING and code not in UNDECIDED_REASONS else "undecided"), code

    def _code(self, answer: Answered) -> str:
        if not self.code_header:
            return ""
        code = answer.header(self.code_header)
        return str(self.codes.get(code, code)) if _CODE.fullmatch(code) else ""


def challenge(answer: Answered) -> str:
    """The ``error`` of a Bearer challenge (RFC 6750 section 3); empty where there is none."""
    found = _CHALLENGE.search(answer.header("WWW-Authenticate"))
    return found.group(1) if found else ""


GENERIC: Final = Dialect(name="generic")
"""Of a gateway of which nothing is known: its status is all that it says, and the challenge that comes with it."""

STAND_IN: Final = Dialect(name="stand-in", code_header="Idchaos-Reason", tells_reasons=True)
"""The stand-ins say our own codes."""

ENVOY: Final = Dialect(
    name="envoy",
    tells_reasons=True,
    rules=(
        # It answers 401 when it could not fetch the keys: that decides nothing.
        Rule(reason=Reason.JWKS_UNAVAILABLE, status=(401,), says="Jwks remote fetch is failed"),
        Rule(reason=Reason.TOKEN_MISSING, status=(401,), says="Jwt is missing"),
        Rule(reason=Reason.TOKEN_EXPIRED, status=(401,), says="Jwt is expired"),
        Rule(reason=Reason.TOKEN_NOT_YET_VALID, status=(401,), says="Jwt not yet valid"),
        Rule(reason=Reason.SIGNATURE_INVALID, status=(401,), says="Jwt verification fails"),
        Rule(reason=Reason.KID_UNKNOWN, status=(401,), says="Jwks doesn't have key to match kid or alg"),
        Rule(reason=Reason.ISSUER_MISMATCH, status=(401,), says="Jwt issuer is not configured"),
        Rule(reason=Reason.TOKEN_MALFORMED, status=(401,), says="Jwt is not in the form of"),
        Rule(reason=Reason.AUDIENCE_MISMATCH, status=(401, 403), says="Audiences in Jwt are not allowed"),
        Rule(reason=Reason.UPSTREAM_TIMEOUT, status=(504,), says="upstream request timeout"),
        Rule(reason=Reason.UPSTREAM_UNAVAILABLE, status=(503,), says="upstream connect error|no healthy upstream"),
    ),
)
"""Envoy's ``jwt_authn`` filter, and what its router says of services behind it."""

DESCRIBED: Final = Dialect(name="described", tells_reasons=True)
"""Of a gateway whose adapter or file says how it tells reasons: those rules go with its address."""

DIALECTS: Final[Mapping[str, Dialect]] = {dialect.name: dialect for dialect in (GENERIC, STAND_IN, ENVOY, DESCRIBED)}
"""Every dialect by name."""


def known_as(dialect: Dialect) -> str:
    """The name in :data:`DIALECTS` by which a graph tells of a dialect."""
    return (
        dialect.name
        if DIALECTS.get(dialect.name) == dialect
        else (DESCRIBED if dialect.tells_reasons else GENERIC).name
    )


def dialect_named(name: str) -> Dialect:
    """The dialect of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in DIALECTS:
        raise UsageError(f"dialect: {name!r} is unknown; there are {', '.join(DIALECTS)}")
    return DIALECTS[name]
