"""How a live answer can be changed, and what tells each change from the others, on the wire. Pure."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from idchaos.targets.capabilities import EndpointError, Transform
from idchaos.targets.oidc import Seen

LIMIT = 256 * 1024
"""A reader of keys that takes more than this takes anything."""
GZIP = 16 + zlib.MAX_WBITS
KNOWN_TYPES = frozenset({"RSA", "EC", "OKP", "oct"})
KNOWN_CURVES = frozenset({"P-256", "P-384", "P-521", "Ed25519", "Ed448", "X25519", "X448"})


class Look(NamedTuple):
    """An answer, and what it is compared with."""

    now: Seen
    before: Seen
    """What the endpoint answered when it was well."""
    error: EndpointError


class Change(NamedTuple):
    """One way to change an answer."""

    meaning: str
    """In a few words."""
    endpoint: str
    legitimate: bool
    """Whether a sound reader goes by such an answer. If not, it goes on with what it has."""
    told: Callable[[Look], bool]
    """Whether an answer was changed in just this way."""
    source: str
    """Where it is said what a sound reader does."""


def keys_of(seen: Seen) -> list[dict[str, Any]]:
    """The keys of a JWK set that came whole and plain; none of anything else."""
    keys = document_of(seen).get("keys")
    return [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []


def document_of(seen: Seen) -> dict[str, Any]:
    """The JSON object that came whole and plain; an empty one of anything else."""
    if seen.status != 200 or not seen.whole or "content-encoding" in seen.headers:
        return {}
    try:
        document = json.loads(seen.body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def is_well(look: Look) -> bool:
    """Whether an answer is what it was before: whole, plain, and changed in no way that is known."""
    return bool(document_of(look.now)) and not any(change.told(look) for change in CHANGES.values())


def thumbprints(seen: Seen) -> Mapping[str, str]:
    """What tells a key's material from another's, by kid."""
    return {
        str(key.get("kid")): hashlib.sha256(
            json.dumps({name: key.get(name) for name in ("kty", "crv", "n", "e", "x", "y")}).encode()
        ).hexdigest()
        for key in keys_of(seen)
    }


def _any_key(wanted: Callable[[dict[str, Any]], bool]) -> Callable[[Look], bool]:
    return lambda look: any(map(wanted, keys_of(look.now)))


def _duplicate_kid(look: Look) -> bool:
    kids = Counter(key["kid"] for key in keys_of(look.now) if "kid" in key)
    return any(count > 1 for count in kids.values())


def _new_material(look: Look) -> bool:
    now, before = thumbprints(look.now), thumbprints(look.before)
    return now.keys() == before.keys() and now != before


def _unfinished(look: Look, *, broken: bool) -> bool:
    promised = int(look.now.headers.get("content-length", 0))
    return look.now.status == 200 and 0 < len(look.now.body) < promised and bool(look.now.error) is broken


def _inflated(seen: Seen) -> int:
    """How large it is without its compression, up to one byte beyond the limit; -1: it is not compressed."""
    if seen.status != 200 or seen.headers.get("content-encoding") != "gzip":
        return -1
    try:
        return len(zlib.decompressobj(GZIP).decompress(seen.body, LIMIT + 1))
    except zlib.error:
        return -1


def _retry_after(look: Look) -> bool:
    wanted = str(look.error.retry_after_s)
    return look.now.status == (look.error.status or 429) and look.now.headers.get("retry-after") == wanted


def _fractional(look: Look) -> bool:
    expires = document_of(look.now).get("exp")
    return isinstance(expires, float) and expires % 1 != 0


def _unreadable(look: Look) -> bool:
    """Where a verdict was, there is none."""
    now, before = (document_of(seen).get("active") for seen in (look.now, look.before))
    return isinstance(before, bool) and not isinstance(now, bool)


def _member_differs(name: str) -> Callable[[Look], bool]:
    def told(look: Look) -> bool:
        now, before = document_of(look.now), document_of(look.before)
        return name in now and now.get(name) != before.get(name)

    return told


JWK, HTTP, DISCOVERY = "RFC 7517 section ", "RFC 9110 section ", "OpenID Connect Discovery 1.0 section "
CHANGES: Mapping[Transform, Change] = {
    "unknown_kty": Change(
        "a key of a type that nobody knows yet comes first, and all have certificates and say things that nobody knows",
        "jwks", True,
        _any_key(lambda key: key.get("kty") not in KNOWN_TYPES), f"{JWK}4 and 5",
    ),
    "unknown_curve": Change(
        "a key on a curve that is not in use here comes first", "jwks", True,
        _any_key(lambda key: key.get("crv") not in (None, *KNOWN_CURVES)), f"{JWK}5",
    ),
    "enc_twin": Change(
        "a key for encryption stands beside the others", "jwks", True,
        _any_key(lambda key: key.get("use") == "enc"), f"{JWK}4.2",
    ),
    "duplicate_kid": Change(
        "another key has the kid of the one that signs, and comes first", "jwks", True, _duplicate_kid, f"{JWK}4.5"
    ),
    "no_kid": Change(
        "a key without a kid comes first, and none says what it is for", "jwks", True,
        _any_key(lambda key: "kid" not in key), f"{JWK}4.2, 4.4 and 4.5",
    ),
    "new_material": Change(
        "the kid that signs names another key from now on, for good", "jwks", True, _new_material, f"{JWK}4.5"
    ),
    "hundred_keys": Change(
        "a hundred other keys come first", "jwks", True, lambda look: len(keys_of(look.now)) > 100, f"{JWK}5.1"
    ),
    "cache_control": Change(
        "the answer says how long it may be kept", "jwks", True,
        lambda look: look.now.headers.get("cache-control") == f"max-age={look.error.max_age_s}"
        and bool(document_of(look.now)),
        "RFC 9111 section 5.2.2",
    ),
    "gzip": Change(
        "the answer is compressed", "jwks", True, lambda look: 0 <= _inflated(look.now) <= LIMIT, f"{HTTP}8.4.1"
    ),
    "gzip_bomb": Change(
        "the answer is small, and inflates to far more than anyone should read", "jwks", False,
        lambda look: _inflated(look.now) > LIMIT, "CWE-409",
    ),
    "oversized": Change(
        "the answer is longer than a reader should take", "jwks", False,
        lambda look: look.now.status == 200 and len(look.now.body) > LIMIT, "CWE-770",
    ),
    "redirect": Change(
        "the answer leads to somebody else's keys", "jwks", False,
        lambda look: look.now.status == 302 and bool(look.now.headers.get("location")), f"{HTTP}15.4",
    ),
    "retry_after": Change(
        "too many requests: the endpoint asks to be left alone for a while", "jwks", False, _retry_after,
        f"{HTTP}10.2.3",
    ),
    "drip": Change(
        "the answer comes byte by byte", "jwks", False, lambda look: _unfinished(look, broken=False), "CWE-400"
    ),
    "short_body": Change(
        "the connection ends before the answer has", "jwks", False, lambda look: _unfinished(look, broken=True),
        "RFC 9112 section 8",
    ),
    "other_jwks_uri": Change(
        "the keys are at another place", "discovery", True,
        lambda look: not _member_differs("issuer")(look) and _member_differs("jwks_uri")(look),
        f"{DISCOVERY}4",
    ),
    "issuer_respelled": Change(
        "the issuer ends with a slash, and its keys are somebody else's", "discovery", False,
        _member_differs("issuer"), f"{DISCOVERY}4.3; RFC 8414 section 3.3",
    ),
    "fractional_exp": Change(
        "exp has fractions of a second", "introspect", True, _fractional, "RFC 7519 section 2 (NumericDate)"
    ),
    "unreadable": Change(
        "no answer says whether a token is good, each in another way", "introspect", False, _unreadable,
        "RFC 7662 section 2.2; CWE-636",
    ),
}  # fmt: skip
"""Every change of a live answer."""


def changes_at(endpoint: str) -> Mapping[str, Change]:
    """Those of an endpoint, by name."""
    return {name: change for name, change in CHANGES.items() if change.endpoint == endpoint}
