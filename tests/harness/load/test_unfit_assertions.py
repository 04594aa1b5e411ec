"""Assertions that are wrong in one way each."""

from __future__ import annotations

import pytest

from idchaos.load.canaries.kinds.assertion_unfit import AssertionUnfit, _changed
from idchaos.load.idp.assertion import assertion_claims
from idchaos.targets.endpoints import Client

CLAIMS = assertion_claims(Client(client_id="signer"), "https://idp", 10_000.0)


@pytest.mark.parametrize(
    ("way", "differs"),
    [
        ("audience", {"aud"}),
        ("no_audience", {"aud"}),
        ("expired", {"iat", "exp"}),
        ("no_exp", {"exp"}),
        ("not_yet", {"nbf", "exp"}),
        ("issuer", {"iss"}),
        ("subject", {"sub"}),
        ("other_key", set()),
        ("unsigned", set()),
    ],
)
def test_each_is_wrong_in_one_way(way: str, differs: set[str]) -> None:
    changed = _changed(way, dict(CLAIMS))
    assert {name for name in {*changed, *CLAIMS} if changed.get(name) != CLAIMS.get(name)} == differs
    assert way in AssertionUnfit().each_way
