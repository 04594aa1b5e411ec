"""Requests for tokens that are bound to a key, by proofs of possession that prove nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Any, Final

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.base import Forged
from idchaos.load.canaries.forging import hs256, unsigned
from idchaos.load.canaries.given import Form, code_form
from idchaos.load.canaries.nobody import Nobody
from idchaos.load.canaries.party import Party, read
from idchaos.load.decide import json_object
from idchaos.load.idp.client import Step
from idchaos.load.idp.possession import ALG, proof_claims, proof_header
from idchaos.load.idp.provider import Asked
from idchaos.load.idp.tokens import b64, peek
from idchaos.targets.endpoints import Client
from idchaos.targets.oidc import basic

_TOLD: Final = "dpop_signing_alg_values_supported"
_AGO_S: Final = 86_400
"""Further back, and further ahead, than any window and any clock."""
_SECRET: Final = b"no key of a pair, but a secret that both sides would know"


def _unfit(way: str, good: Forged, mine: Nobody, others: Nobody) -> str:
    """A proof that is wrong in one way: RFC 9449 section 4.3."""
    header, claims = good
    changes: dict[str, dict[str, Any]] = {
        "other_method": {"htm": "GET"},
        "other_url": {"htu": "https://nobody.invalid/token"},
        "old": {"iat": claims["iat"] - _AGO_S},
        "future": {"iat": claims["iat"] + _AGO_S},
        "no_time": {"iat": None},
        "no_name": {"jti": None},
    }
    claims = {name: value for name, value in (claims | changes.get(way, {})).items() if value is not None}
    if way == "other_key":
        return others.sign(Forged(header, claims))
    if way == "unsigned":
        return unsigned(Forged(header | {"alg": "none"}, claims))
    if way == "shared_secret":
        return hs256(Forged(header | {"alg": "HS256", "jwk": {"kty": "oct", "k": b64(_SECRET)}}, claims), _SECRET)
    if way == "private_key":
        return mine.sign(Forged(header | {"jwk": mine.private_jwk(ALG)}, claims))
    return mine.sign(Forged(header | ({"typ": "JWT"} if way == "other_type" else {}), claims))


def _good(party: Party, nobody: Nobody) -> Forged:
    claims = proof_claims("POST", party.idp.url_of("token"), party.bench.now)
    return Forged(proof_header(nobody.jwk(ALG)), claims)


def _token(party: Party, client: Client, form: Form, proof: str) -> Step:
    """It counts when the token is said to be bound, or names a key: others owe the proof nothing."""
    named = {} if client.client_secret is None else basic(client)
    form = form if named else (*form, ("client_id", client.client_id))
    step = read(party.idp, Asked("token", form=form, headers=named | {"DPoP": proof}))
    body = json_object(step.answer.body)
    party.idp.handed_out.add_response(body)
    token = body.get("access_token")
    bound = str(body.get("token_type")).lower() == "dpop" or (
        isinstance(token, str) and token.count(".") == 2 and "cnf" in peek(token)[1]
    )
    return step if bound or step.decision != "accept" else replace(step, decision="undecided", code="not_bound")


def _asked(party: Party, way: str) -> Step | None:
    client, mine = party.machine, party.bench.nobody
    if client is None:
        return None
    form: Form = (("grant_type", "client_credentials"), ("scope", client.scope))
    if not party.binds:
        step = _token(party, client, form, mine.sign(_good(party, mine)))
        party.binds = party.bench.observe(step)
    if not party.binds:
        return None
    return _token(party, client, form, _unfit(way, _good(party, mine), mine, party.stranger_keys))


def _refreshed(party: Party, proof: Callable[[], str] | None) -> Step | None:
    """Of a public client, whose refresh tokens are bound to the key that they were asked for with (section 5)."""
    mine, client = party.bench.nobody, party.public
    code = party.idp.code(client, party.user, party.bench.observe) if client and party.user else None
    if client is None or code is None:
        return None
    step = _token(party, client, code_form(code, code.verifier), mine.sign(_good(party, mine)))
    refresh = json_object(step.answer.body).get("refresh_token")
    if not party.bench.observe(step) or not isinstance(refresh, str):
        return None
    again = (("grant_type", "refresh_token"), ("refresh_token", refresh), ("client_id", client.client_id))
    # Whatever it gives: the refresh token itself is bound.
    step = read(party.idp, Asked("token", form=again, headers={} if proof is None else {"DPoP": proof()}))
    party.idp.handed_out.add_response(json_object(step.answer.body))
    return step


def _redeemed(party: Party) -> Step | None:
    """A code that was asked for together with the name of one key (section 10), with a proof of another."""
    mine, others, client = party.bench.nobody, party.stranger_keys, party.public
    if client is None or party.user is None:
        return None
    code = party.idp.code(client, party.user, party.bench.observe, further={"dpop_jkt": mine.thumbprint(ALG)})
    return _token(party, client, code_form(code, code.verifier), others.sign(_good(party, others))) if code else None


def _by_other_key(party: Party) -> Step | None:
    others = party.stranger_keys
    return _refreshed(party, lambda: others.sign(_good(party, others)))


def _without_proof(party: Party) -> Step | None:
    return _refreshed(party, None)


def _bound(party: Party) -> str | None:
    """A user's access token that is bound to the bench's key."""
    mine, client = party.bench.nobody, party.public or party.confidential
    code = party.idp.code(client, party.user, party.bench.observe) if client and party.user else None
    if client is None or code is None:
        return None
    step = _token(party, client, code_form(code, code.verifier), mine.sign(_good(party, mine)))
    token = json_object(step.answer.body).get("access_token")
    return token if party.bench.observe(step) and isinstance(token, str) else None


def _shown(party: Party, token: str, keys: Nobody | None, *, scheme: str = "DPoP", proved: str = "") -> Step:
    """The token at userinfo, with a proof by ``keys`` that it is for the token ``proved``, its own unless one is named
    (section 4.2, ``ath``); ``None``: without a proof.
    """
    headers = {"Authorization": f"{scheme} {token}"}
    if keys is not None:
        claims = proof_claims("GET", party.idp.url_of("userinfo"), party.bench.now)
        claims["ath"] = b64(sha256((proved or token).encode()).digest())
        headers["DPoP"] = keys.sign(Forged(proof_header(keys.jwk(ALG)), claims))
    return read(party.idp, Asked("userinfo", "GET", headers=headers))


def _used(party: Party, way: str) -> Step | None:
    """Shown before: that the token is taken with its proof."""
    mine, token = party.bench.nobody, _bound(party)
    if token is None or not party.bench.observe(_shown(party, token, mine)):
        return None
    if way == "as_bearer":
        return _shown(party, token, None, scheme="Bearer")
    if way == "use_of_other_token":
        return _shown(party, token, mine, proved=f"{token}~")
    return _shown(party, token, party.stranger_keys if way == "use_by_other_key" else None)


class PossessionUnproved(AskedKind):
    name = "possession_unproved"
    invariant = "possession_is_proved"
    made = (
        "A token that is to be bound to a key (DPoP), asked for with a proof for another method or URL, a day old or "
        "ahead, without a time or a name, of another type, signed by another key, by a secret, not at all, or with the "
        "private key in it; a code that was asked for with `dpop_jkt`, redeemed with another key's proof; a public "
        "client's bound refresh token, used with another key's proof or with none; and a bound access token at "
        "userinfo, as a bearer token, without a proof, with another key's, or with one for another token. Shown "
        "before: that a good proof binds, and serves."
    )
    bad = "From birth. Of a token that is given, it counts when it says that it is bound."
    why = "Proofs seen once serve for ever, or anybody makes them: bound tokens are as good to thieves as others."
    source = "RFC 9449 sections 4.3, 5, 7.1, 7.2, 10 and 11.1"
    needs = ("revocation",)
    says_nothing = frozenset()
    """That a good proof is taken was shown."""
    asks = (
        *(
            Ask(way, partial(_asked, way=way), told=_TOLD)
            for way in ("other_key", "unsigned", "old", "other_url", "other_method")
        ),
        *(
            Ask(way, partial(_used, way=way), ("userinfo",), told=_TOLD)
            for way in ("as_bearer", "use_by_other_key", "use_without_proof", "use_of_other_token")
        ),
        Ask("refresh_by_other_key", _by_other_key, told=_TOLD),
        Ask("code_by_other_key", _redeemed, told=_TOLD),
        Ask("refresh_without_proof", _without_proof, told=_TOLD),
        *(
            Ask(way, partial(_asked, way=way), told=_TOLD)
            for way in ("shared_secret", "private_key", "future", "no_time", "no_name", "other_type")
        ),
    )
