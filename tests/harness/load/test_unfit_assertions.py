"""Assertions that are wrong in one way each."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from idchaos.load.canaries.kinds.assertion_unfit import AssertionUnfit, _changed, _nameless_again
from idchaos.load.canaries.nobody import Nobody
from idchaos.load.canaries.party import Party
from idchaos.load.engine.response import Response
from idchaos.load.idp.assertion import assertion_claims
from idchaos.load.idp.client import Step
from idchaos.record.samples import Decision
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


@pytest.mark.parametrize(
    ("answers", "stopping", "said"),
    [
        (["deny"], False, "deny"),
        (["accept", "deny"], False, "deny"),
        (["accept", "accept"], False, "accept"),
        (["accept"], True, None),  # taken once is no breach, and there is no time for more
    ],
)
def test_a_nameless_assertion_counts_when_it_is_taken_twice(
    answers: list[Decision], stopping: bool, said: Decision | None
) -> None:
    steps = iter([Step("token", Response(200), each, "") for each in answers])
    signer = Client(client_id="signer", private_jwk=Nobody().private_jwk("ES256"))
    bench = SimpleNamespace(roles=SimpleNamespace(asserting=signer), now=10_000.0, observe=lambda _: not stopping)
    idp = SimpleNamespace(
        handed_out=SimpleNamespace(add=lambda *_: None), client_credentials=lambda *_: (next(steps), {})
    )
    scene = SimpleNamespace(endpoints=SimpleNamespace(issuer="https://idp"))
    step = _nameless_again(cast(Party, SimpleNamespace(bench=bench, idp=idp, scene=scene)))
    assert (step and step.decision) == said
    assert next(steps, None) is None
