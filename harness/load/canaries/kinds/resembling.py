"""Tokens that resemble one which is in use: is what was decided of the one believed of the other?"""

from __future__ import annotations

import re
import secrets
from typing import Final

from idchaos.load.canaries.base import SESSION, Forged, Good, TokenKind, new_name
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.forging import part
from idchaos.load.canaries.kinds.tampered import other_signature
from idchaos.load.canaries.nobody import alg_of
from idchaos.load.canaries.stock import Call, Shelf
from idchaos.load.engine.recorder import About
from idchaos.load.idp.tokens import Token, bearer_line, peek

USES: Final = 5
"""Who remembers only what comes often has met it by then."""
_VICTIM: Final = "canary"
_HEXADECIMAL: Final = re.compile("[0-9A-Fa-f-]*")


class Resembling(TokenKind):
    """Sent right after the token that it resembles, where that was just accepted several times."""

    name = "resembling"
    invariant = "known_tokens_are_known_whole"
    made = (
        f"A token that shares its `jti`, its `sub` and `sid`, its signature, its claims, its beginning or its end with "
        f"an everyday one that the same replica has just accepted {USES} times. Or, of an opaque one, its beginning, "
        "its end, all of it in the other case, or all of it and one letter more."
    )
    bad = "From birth: the signature is not that of these claims."
    why = "A cache that knows tokens by a part of them lets in whoever has seen one: as another user, or for ever."
    source = "RFC 8725 section 3.3, CVE-2021-32701, CWE-639"
    needs = ("jwts",)
    bears_good = True
    reuse = "always"
    makes = 10

    def gain(self, bench: Bench, shelf: Shelf[Call]) -> None:
        """Of an everyday token of each format that the IdP issues."""
        known = bench.round_token
        others = (bench.machine_token(client) for client in bench.machines[1:])
        for token in (each for each in (known, *others) if each is not None and bench.good is not None):
            for way, value in _resembling(token, bench.good).items():
                bench.scene.idp.handed_out.add("canary", value)
                shelf.put(
                    Call(
                        lines=bearer_line(value), about=_about(value, way, token.about.format),
                        bad_until=bench.until(token), before=token.bearer, uses=USES,
                    )
                )  # fmt: skip


def _resembling(token: Token, good: Good | None) -> dict[str, str]:
    if token.about.format == "opaque":
        return resembling_opaque(token.value)
    return resembling(token.value, good) if good is not None else {}


def _about(value: str, way: str, format: str) -> About:
    if format == "opaque":
        return About(session=SESSION, way=way, format=format)
    header, claims = peek(value)
    return About(
        session=SESSION, way=way, format=format, jti=str(claims.get("jti", "")), kid=str(header.get("kid", ""))
    )


def resembling_opaque(token: str) -> dict[str, str]:
    """Tokens that nobody issued, by what each has in common with one that was."""
    half, other = len(token) // 2, secrets.token_urlsafe(len(token))
    found = {
        "opaque_beginning": token[:half] + other[half : len(token)],
        "opaque_end": other[:half] + token[half:],
        "opaque_longer": f"{token}A",
    }
    # What is a number in hexadecimal digits may be read as one.
    return found if _HEXADECIMAL.fullmatch(token) else found | {"opaque_case": token.swapcase()}


def resembling(token: str, good: Good) -> dict[str, str]:
    """Bad tokens, by what each has in common with the good one."""
    header, payload, signature = token.split(".")
    found, claims = peek(token)
    of_another = part(claims | {"sub": _VICTIM})
    own = Forged(found | {"alg": alg_of(found)}, claims | {"sub": _VICTIM})
    longer = part(claims | {"exp": int(claims.get("exp", 0)) + 3600, "jti": new_name()})
    return {
        "jti": f"{header}.{of_another}.{signature[::-1]}",
        "jti_other_key": good.nobody.sign(own),
        "signature": f"{header}.{longer}.{signature}",
        "claims": other_signature(token),
        "beginning": f"{header}.{payload}.{signature[: len(signature) // 2]}{signature[: -(len(signature) // 2)]}",
        "end": f"{part(found | {'cty': 'x'})}.{payload}.{signature}",
    }
