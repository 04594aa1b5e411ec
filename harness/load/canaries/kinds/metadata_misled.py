"""Requests for metadata whose headers say that they were made to another host."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.party import Party
from idchaos.load.idp.client import Step
from idchaos.load.idp.provider import Asked

_HOST: Final = "nobody.invalid"


def _next_one(party: Party) -> Step | None:
    """Under that name they may name it, as to whom it is a name of the IdP's: but not to the next, who uses the right
    one.
    """
    first = _metadata(party, {}, host=_HOST)
    if first.decision != "accept":
        return first
    party.bench.observe(first)
    return _metadata(party, {})


def _metadata(party: Party, headers: Mapping[str, str], host: str = "") -> Step:
    """It counts when the metadata send clients there."""
    url = party.scene.endpoints.idp_url.rstrip("/") + "/.well-known/openid-configuration"
    answer = party.idp.ask(Asked("discovery", "GET", headers=headers, url=url, host=host))
    if host and 400 <= answer.status < 500:
        return Step("discovery", answer, "deny", "not_served_there")
    if answer.status != 200:
        return Step("discovery", answer, "undecided", answer.error or f"http_{answer.status}")
    led = _HOST.encode() in answer.body
    return Step("discovery", answer, "accept" if led else "deny", "" if led else "own_addresses")


class MetadataMisled(AskedKind):
    name = "metadata_misled"
    invariant = "metadata_are_its_own"
    made = (
        f"A request for the metadata that says it was made to `{_HOST}`: `X-Forwarded-Host`, `Forwarded`, `X-Host`; "
        "and one that follows another which was made to it."
    )
    bad = "From birth: nobody has made that host the IdP's. It counts when the metadata name it."
    why = "Whoever gets the answer out of a cache sends codes and secrets to the attacker, and takes their keys."
    source = "RFC 7239 section 8.1, OpenID Connect Discovery section 7.2, CWE-644"
    asks = (
        Ask("x_forwarded_host", partial(_metadata, headers={"X-Forwarded-Host": _HOST, "X-Forwarded-Proto": "https"})),
        Ask("forwarded", partial(_metadata, headers={"Forwarded": f"host={_HOST};proto=https"})),
        Ask("next_one", _next_one),
        Ask("x_host", partial(_metadata, headers={"X-Host": _HOST, "X-Original-Host": _HOST})),
    )
