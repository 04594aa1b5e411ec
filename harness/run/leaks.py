"""Secrets in logs: raw tokens, passwords, codes, whole or in long parts. Pure; nothing here shows a secret.

A JWT's payload and signature are secret, its header is not: it says the same of every token. Everything else is secret
as a whole. A part counts from :data:`LONG` characters in a row; what is shorter than that counts only whole.

To find parts of any place in any of many secrets, every secret is cut into blocks of :data:`BLOCK` characters, which
are looked up at each position of a log's runs of token characters: whatever holds ``2 * BLOCK - 1`` characters of a
secret in a row holds one of its blocks whole.

Base64 and hexadecimal hide nothing from whoever reads a log, so what a run says in these is looked through as well.
"""

from __future__ import annotations

import hashlib
import re
from binascii import a2b_base64
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from idchaos.targets.endpoints import Endpoints
from idchaos.targets.oidc import basic_credentials

BLOCK = 16
LONG = 32
SHORTEST = BLOCK
"""What is shorter than this would be found by chance, and is not searched for."""
MOST_OWNERS = 32
"""Tokens begin alike: of so many secrets that share a block, the one that fits best is named."""
_RUN = re.compile(rf"[A-Za-z0-9._~+/=-]{{{BLOCK},}}")
_BASE64 = re.compile(rf"[A-Za-z0-9+/_-]{{{LONG * 4 // 3},}}")
_HEX = re.compile(rf"[0-9A-Fa-f]{{{LONG * 2},}}")


class Secret(NamedTuple):
    """Something that must not be in a log. Has no readable form."""

    kind: str
    """``access_token``, ``password of alice``."""
    value: str

    def __repr__(self) -> str:
        return f"Secret({self.kind!r})"


class Hit(NamedTuple):
    """A secret, or a long part of it, in a line."""

    kind: str
    length: int
    """How many characters of it in a row."""
    hash: str
    """The first 12 digits of the SHA-256 of the whole secret, where that helps to find it and helps nobody to guess
    it: of tokens. Empty for what people choose."""


class Searcher:
    """Finds any of many secrets in lines of text."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._parts: list[tuple[Secret, str]] = []
        self._owners: dict[str, list[tuple[int, int]]] = {}
        self.searched: dict[str, int] = {}
        """How many secrets of each kind are looked for."""
        self.too_short = 0
        """Secrets that are not looked for, see :data:`SHORTEST`."""
        for secret in dict.fromkeys(secrets):
            parts = [part for part in _parts(secret.value) if len(part) >= SHORTEST]
            if not parts:
                self.too_short += 1
                continue
            kind = secret.kind.partition(" of ")[0]
            self.searched[kind] = self.searched.get(kind, 0) + 1
            for part in parts:
                self._add(secret, part)

    def _add(self, secret: Secret, part: str) -> None:
        self._parts.append((secret, part))
        for start in range(0, len(part) - BLOCK + 1, BLOCK):
            owners = self._owners.setdefault(part[start : start + BLOCK], [])
            if len(owners) < MOST_OWNERS:
                owners.append((len(self._parts) - 1, start))

    def find(self, line: str) -> Iterator[Hit]:
        """The longest hit of each run of token characters in a line, as it stands or decoded."""
        for run in _RUN.finditer(line):
            best = self._best(run.group()) or self._best(*decoded(run.group()))
            if best is not None:
                yield best

    def _best(self, *runs: str) -> Hit | None:
        hits = (hit for run in runs for hit in self._hits(run))
        return max(hits, default=None, key=lambda hit: hit.length)

    def _hits(self, run: str) -> Iterator[Hit]:
        at = 0
        while at <= len(run) - BLOCK:
            owners = self._owners.get(run[at : at + BLOCK], ())
            begin, end, number = max(
                ((*_grown(run, at, self._parts[number][1], start), number) for number, start in owners),
                default=(at, at, 0),
                key=lambda span: span[1] - span[0],
            )
            secret, part = self._parts[number] if owners else (Secret("", ""), run)
            if end - begin >= min(LONG, len(part)):
                yield Hit(secret.kind, end - begin, _hash(secret))
                at = end
            else:
                at += 1


def decoded(run: str) -> Iterator[str]:
    """What a run of token characters says in hexadecimal and in base64 (RFC 4648 sections 4, 5 and 8), where that holds
    runs of token characters again. Base64 may begin at any of four places: what stands before it may look like a part.
    """
    texts = [bytes.fromhex(found[: len(found) // 2 * 2]) for found in _HEX.findall(run)]
    for found in _BASE64.findall(run):
        plain = found.replace("-", "+").replace("_", "/")
        texts += [a2b_base64(plain[at : at + (len(plain) - at) // 4 * 4]) for at in range(4)]
    for text in texts:
        yield from _RUN.findall(text.decode("latin-1"))


def _grown(run: str, at: int, part: str, start: int) -> tuple[int, int]:
    """The span of ``run`` around a common block that goes on being the same as ``part``."""
    begin, end, left, right = at, at + BLOCK, start, start + BLOCK
    while begin > 0 and left > 0 and run[begin - 1] == part[left - 1]:
        begin, left = begin - 1, left - 1
    while end < len(run) and right < len(part) and run[end] == part[right]:
        end, right = end + 1, right + 1
    return begin, end


def _parts(value: str) -> list[str]:
    """What of a secret must not be shown: of a JWT (RFC 7519, three parts) all but its header."""
    parts = value.split(".")
    return parts[1:] if len(parts) == 3 and value.startswith("eyJ") else [value]


def _hash(secret: Secret) -> str:
    return "" if " of " in secret.kind else hashlib.sha256(secret.value.encode()).hexdigest()[:12]


def credentials(endpoints: Endpoints) -> Iterator[Secret]:
    """What a target's parties know, in each form in which it is sent."""
    if endpoints.control_secret:
        yield Secret("control_secret of the target", endpoints.control_secret)
    if endpoints.initial_access_token:
        yield Secret("initial access token of the target", endpoints.initial_access_token)
    if endpoints.gateway_secret:
        yield Secret("gateway_secret of the target", endpoints.gateway_secret)
    known = [*endpoints.clients, *endpoints.asking_clients, *endpoints.inner_clients]
    if endpoints.introspection_client and endpoints.introspection_client not in known:
        known.append(endpoints.introspection_client)
    for client in known:
        if client.client_secret:
            yield Secret(f"client_secret of {client.client_id}", client.client_secret)
            yield Secret(f"basic_credentials of {client.client_id}", _basic(client.client_id, client.client_secret))
        if client.private_jwk:
            yield Secret(f"private key of {client.client_id}", client.private_jwk["d"])
        if client.next_secret:
            yield Secret(f"next client_secret of {client.client_id}", client.next_secret)
            yield Secret(f"next basic_credentials of {client.client_id}", _basic(client.client_id, client.next_secret))
    for jwk in filter(None, (endpoints.signing_jwk, *endpoints.further_jwks)):
        if "d" in jwk:
            yield Secret(f"signing key {jwk['kid']} of the target", jwk["d"])
    for user in endpoints.users:
        yield Secret(f"password of {user.username}", user.password)


def _basic(client_id: str, secret: str) -> str:
    """As it is sent; what is quoted may lack the padding."""
    return basic_credentials(client_id, secret).rstrip("=")
