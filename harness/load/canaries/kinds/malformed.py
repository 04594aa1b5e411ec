"""What is no token at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from idchaos.load.canaries.base import Good, TokenKind
from idchaos.load.canaries.forging import part
from idchaos.load.idp.tokens import b64, peek

_DEEP = 3_000


@lru_cache(maxsize=2)
def shapes(good: str) -> Mapping[str, str]:
    """Malformed tokens by what is wrong with them, made of a good one. All at once, and seldom: while load goes on."""
    header, payload, signature = good.split(".")
    head = peek(good)[0]
    return {
        "dots": "..",
        "one_part": header,
        "two_parts": f"{header}.{payload}",
        "four_parts": f"{good}.{signature}",
        "empty_header": f".{payload}.{signature}",
        "no_base64": f"{header}.!!!.{signature}",
        "header_no_json": f"{b64(b'no json')}.{payload}.{signature}",
        "header_list": f"{b64(b'[]')}.{payload}.{signature}",
        "header_null": f"{b64(b'null')}.{payload}.{signature}",
        "kid_number": f"{part(head | {'kid': 7})}.{payload}.{signature}",
        "kid_list": f"{part(head | {'kid': ['k']})}.{payload}.{signature}",
        "alg_number": f"{part(head | {'alg': 256})}.{payload}.{signature}",
        "no_alg": f"{part({'typ': 'at+jwt'})}.{payload}.{signature}",
        "payload_list": f"{header}.{b64(b'[]')}.{signature}",
        "payload_nested": f"{header}.{b64(b'[' * _DEEP)}.{signature}",
        "not_utf8": f"{b64(bytes([0xFF, 0xFE]))}.{b64(bytes([0xFF]))}.{signature}",
        "nul": f"{b64(bytes(8))}.{payload}.{signature}",
        "long_number": f"{header}.{b64(json.dumps({'exp': 1}).replace('1', '9' * 4_000).encode())}.{signature}",
        "long": "A" * 5_000,
        "many_dots": "." * 5_000,
    }


WAYS: Final = (
    "many_dots", "dots", "one_part", "two_parts", "four_parts", "empty_header", "no_base64", "header_no_json",
    "header_list", "header_null", "kid_number", "kid_list", "alg_number", "no_alg", "payload_list", "payload_nested",
    "not_utf8", "nul", "long_number", "long",
)  # fmt: skip


class Malformed(TokenKind):
    name = "malformed"
    invariant = "malformed_tokens_refused"
    made = "Strings that are no JWT: parts missing, no JSON, wrong types, deep nesting, numbers without end, dots."
    bad = "From birth: there is nothing to verify."
    why = "What can't be read is let in; or it is answered with an error that wakes people up, and hides real outages."
    source = "RFC 7519 section 7.2, RFC 6750 section 3.1"
    needs = ("jwts",)
    makes = 2
    twice = True
    secret = False
    ways = WAYS

    def forge(self, good: Good, number: int) -> str:
        return shapes(good.token)[WAYS[number % len(WAYS)]]
