"""Device codes that nobody has allowed, or that another device or an earlier use has had."""

from __future__ import annotations

from typing import NamedTuple

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.party import Party, read
from idchaos.load.decide import json_object
from idchaos.load.idp.client import Step
from idchaos.load.idp.provider import Asked
from idchaos.targets.endpoints import DEVICE, Client
from idchaos.targets.oidc import basic


class _Codes(NamedTuple):
    """RFC 8628 section 3.2."""

    device_code: str
    verification_uri: str
    user_code: str


def _devices(party: Party) -> list[Client]:
    """Those that prove who they are come first."""
    found = [each for each in party.scene.endpoints.clients if DEVICE in each.grants and not each.private_jwk]
    return sorted(found, key=lambda client: client.is_public)


def _begun(party: Party, client: Client) -> _Codes | None:
    form = (("scope", client.scope),)
    step = read(party.idp, Asked("device", form=form, headers=basic(client)))
    body = json_object(step.answer.body)
    told = [body.get(name) for name in ("device_code", "verification_uri", "user_code")]
    if not party.bench.observe(step) or not all(isinstance(each, str) for each in told):
        return None
    codes = _Codes(*(str(each) for each in told))
    party.idp.handed_out.add("device_code", codes.device_code)
    return codes


def _allowed(party: Party, client: Client, *, refuses: bool = False) -> _Codes | None:
    """A code that a user has allowed, or has been asked about and ``refuses``."""
    codes = _begun(party, client)
    if codes is None or party.user is None:
        return None
    step = party.idp.decide_on_device(codes.verification_uri, codes.user_code, party.user, refuses=refuses)
    return codes if party.bench.observe(step) else None


def _polled(party: Party, client: Client, code: str, *, proved: bool = True) -> Step:
    form = (("grant_type", DEVICE), ("device_code", code))
    if not proved or client.is_public:
        return read(party.idp, Asked("token", form=(*form, ("client_id", client.client_id))))
    step = read(party.idp, Asked("token", form=form, headers=basic(client)))
    party.idp.handed_out.add_response(json_object(step.answer.body))
    return step


def _not_allowed(party: Party) -> Step | None:
    client = next(iter(_devices(party)), None)
    codes = _begun(party, client) if client else None
    return _polled(party, client, codes.device_code) if client and codes else None


def _denied(party: Party) -> Step | None:
    client = next(iter(_devices(party)), None)
    codes = _allowed(party, client, refuses=True) if client else None
    return _polled(party, client, codes.device_code) if client and codes else None


def _by_another(party: Party) -> Step | None:
    devices = _devices(party)
    codes = _allowed(party, devices[0]) if len(devices) > 1 else None
    return _polled(party, devices[1], codes.device_code) if codes else None


def _twice(party: Party) -> Step | None:
    """By two polls at the same moment, of which one may be served; then once more."""
    client = next(iter(_devices(party)), None)
    codes = _allowed(party, client) if client else None
    if client is None or codes is None:
        return None
    polls: list[Step] = []
    party.scene.together([lambda: polls.append(_polled(party, client, codes.device_code))] * 2)
    served = [step for step in polls if step.decision == "accept"]
    for step in polls if len(served) < len(polls) else served[:1]:
        party.bench.observe(step)
    if len(served) == len(polls):
        return served[1]
    return _polled(party, client, codes.device_code) if served else None


def _no_secret(party: Party) -> Step | None:
    client = next(iter(_devices(party)), None)
    codes = _allowed(party, client) if client else None
    return _polled(party, client, codes.device_code, proved=False) if client and codes else None


class DeviceCodeUnfit(AskedKind):
    name = "device_code_unfit"
    invariant = "device_codes_checked"
    made = (
        "A device code that no user has allowed yet, and one that its user has refused; and allowed ones: by another "
        "client, a second time, by two polls at once, and without the client's secret."
    )
    bad = "From birth, or once it was used."
    why = "Whoever sees or guesses a device's code is the user who typed it, or needs no user at all."
    source = "RFC 8628 sections 3.4, 3.5 and 5.2"
    needs = ("users", "devices")
    says_nothing = frozenset({"unauthorized_client", "unsupported_grant_type"})
    asks = (
        Ask("not_allowed", _not_allowed, ("device",)),
        Ask("denied", _denied, ("device",)),
        Ask("by_another", _by_another, ("device",)),
        Ask("twice", _twice, ("device",)),
        Ask("no_secret", _no_secret, ("device",)),
    )
