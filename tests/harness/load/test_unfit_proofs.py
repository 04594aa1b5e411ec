"""Proofs of possession that are wrong in one way each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idchaos.load.canaries.base import Forged
from idchaos.load.canaries.kinds.possession_unproved import PossessionUnproved, _unfit
from idchaos.load.canaries.nobody import Nobody
from idchaos.load.idp.possession import proof_claims, proof_header
from idchaos.load.idp.tokens import peek, unb64

MINE, OTHERS = Nobody(), Nobody()
GOOD = Forged(proof_header(MINE.jwk("ES256")), proof_claims("POST", "https://idp/token", 1_000_000.0))


def verifies(proof: str, jwk: dict[str, Any]) -> bool:
    from joserfc import jws
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey

    try:
        jws.deserialize_compact(proof, ECKey.import_key(jwk))
    except (JoseError, ValueError):
        return False
    return True


@pytest.mark.parametrize(
    ("way", "differs"),
    [
        ("other_method", {"htm"}),
        ("other_url", {"htu"}),
        ("old", {"iat"}),
        ("future", {"iat"}),
        ("no_time", {"iat"}),
        ("no_name", {"jti"}),
        ("other_type", {"typ"}),
        ("private_key", {"jwk"}),
        ("other_key", set()),
        ("unsigned", {"alg"}),
        ("shared_secret", {"alg", "jwk"}),
    ],
)
def test_each_is_wrong_in_one_way(way: str, differs: set[str]) -> None:
    proof = _unfit(way, GOOD, MINE, OTHERS)
    header, claims = peek(proof)
    found, good = header | claims, GOOD.header | GOOD.claims
    assert {name for name in {*found, *good} if found.get(name) != good.get(name)} == differs
    assert verifies(proof, MINE.jwk("ES256")) == (way not in ("other_key", "unsigned", "shared_secret"))
    assert way in PossessionUnproved().each_way


def test_what_a_private_key_in_a_proof_is() -> None:
    header = json.loads(unb64(_unfit("private_key", GOOD, MINE, OTHERS).split(".")[0]))
    assert header["jwk"]["d"]
