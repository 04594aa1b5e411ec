"""How what failed is mended, and which setting explains it: general advice by invariant, by error, by SLI. Pure.

Whose system it is decides the rest: each is one sentence to begin with, in the terms of the RFCs.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from idchaos.reasons import FOREIGN_ANSWER, Reason


@dataclass(frozen=True)
class Cause:
    """What an error says of its cause, how it is mended, and the settings that bear on it."""

    means: str
    mend: str = ""
    settings: tuple[str, ...] = ()


CLOCKS = "Synchronize clocks, and allow for their error"
CAUSES = {
    Reason.JWKS_UNAVAILABLE: Cause(
        "validators had no usable key left and could not fetch any",
        "Go on using known keys while the IdP can't be had, and fetch new ones before the old ones expire",
        ("gateway.jwks_stale_s", "gateway.jwks_cache_s"),
    ),
    Reason.KID_UNKNOWN: Cause(
        "validators did not know the key that signed the token",
        "Publish a key before it signs, and fetch again on an unknown kid",
        ("gateway.jwks_cooldown_s", "gateway.jwks_cache_s"),
    ),
    Reason.SIGNATURE_INVALID: Cause(
        "the signature did not fit the key that the token names",
        "Never publish another key under a kid that was used, and replace cached keys as a whole",
        ("gateway.jwks_cache_s",),
    ),
    Reason.TOKEN_EXPIRED: Cause(
        "tokens were beyond their end by the validator's clock",
        f"{CLOCKS}; refresh tokens well before their end",
        ("gateway.leeway_s", "tokens.access_ttl_s", "load.refresh_at"),
    ),
    Reason.TOKEN_NOT_YET_VALID: Cause("tokens were ahead of the validator's clock", CLOCKS, ("gateway.leeway_s",)),
    Reason.ISSUED_IN_FUTURE: Cause("tokens were ahead of the validator's clock", CLOCKS, ("gateway.leeway_s",)),
    Reason.TOKEN_REVOKED: Cause("tokens counted as revoked", "Find out who revoked them, or why they count as revoked"),
    Reason.TOKEN_INACTIVE: Cause(
        "introspection did not call the token active", "Find out why the IdP no longer knows tokens that it issued"
    ),
    Reason.INTROSPECTION_UNAVAILABLE: Cause(
        "validators could not ask the IdP about opaque tokens",
        "Keep good answers for a while, or use JWTs where that is too long for revocations",
        ("gateway.introspection_cache_s",),
    ),
    Reason.REVOCATIONS_UNAVAILABLE: Cause(
        "validators could not learn what was revoked",
        "Keep the list that is known, for as long as a late revocation is bearable",
        ("gateway.revocation_cache_s",),
    ),
    Reason.UPSTREAM_UNAVAILABLE: Cause(
        "the gateway reached no service behind it", "See to the service, and to the way from the gateway to it"
    ),
    Reason.UPSTREAM_TIMEOUT: Cause(
        "the service behind the gateway did not answer in time", "See to the service, and to what it waits for"
    ),
    "timeout": Cause(
        "no answer came in time",
        "Bound every call to the IdP by a time limit far below the client's, and let no request wait for it",
        ("gateway.jwks_timeout_s", "load.timeout_s"),
    ),
    "dropped": Cause(
        "so many requests hung that no more could be sent",
        "Bound every call to the IdP by a time limit, and let no request wait for it",
        ("gateway.jwks_timeout_s", "load.max_in_flight"),
    ),
    FOREIGN_ANSWER: Cause("the answer was another request's or another subject's"),
}
"""By error code of good requests."""


@functools.cache
def texts() -> Mapping[str, Mapping[str, str]]:
    """``templates/texts.toml``: sentences by name, in its tables ``invariants``, ``slis`` and ``glossary``."""
    text = resources.files("idchaos.report").joinpath("templates/texts.toml").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = tomllib.loads(text)
    return found


def of_invariant(name: str) -> str:
    """How a broken invariant is mended; empty where nothing is known of it."""
    return texts()["invariants"].get(name, "")


def of_sli(spelling: str) -> str:
    """How a missed objective is mended, by what it measures; empty where nothing general can be said."""
    found = texts()["slis"]
    fitting = [name for name in found if spelling.startswith(name)]
    return found[max(fitting, key=len)] if fitting else ""


def glossary() -> Mapping[str, str]:
    """Words that not everyone knows, each in a sentence or two."""
    return texts()["glossary"]


def slug(term: str) -> str:
    """Where a term of the glossary stands in the page: ``g-open-loop``."""
    return "g-" + "".join(letter if letter.isalnum() else "-" for letter in term.lower()).strip("-")
