"""A token that says: whoever does not understand this must refuse me."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from idchaos.load.canaries.base import Moment, Order, TokenKind

HEADERS: Final[dict[str, dict[str, Any]]] = {
    "unknown": {"crit": ["urn:idchaos:unknown"], "urn:idchaos:unknown": True},
    "b64": {"crit": ["b64"], "b64": False},
    "absent": {"crit": ["urn:idchaos:absent"]},
    "empty": {"crit": []},
}


class CriticalHeader(TokenKind):
    name = "critical_header"
    invariant = "critical_headers_refused"
    made = "A token of the IdP's key whose `crit` names what nobody knows, what is not there, `b64`, or nothing."
    bad = "From birth: an access token has no critical extensions, and a list of none is malformed."
    why = "Restrictions that an issuer marks as binding (a bound key, a payload that is not encoded) are passed over."
    source = "RFC 7515 section 4.1.11, RFC 7797 section 6, CVE-2026-32597, CVE-2025-59420"
    needs = ("minting",)

    def orders(self, moment: Moment) -> Iterable[Order]:
        way = tuple(HEADERS)[moment.number % len(HEADERS)]
        yield Order(moment.good(), header=HEADERS[way], way=way)
