"""Answers that are changed, at a real IdP: each is told from all others, and proved by who met it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from idchaos.faults.base import Evidence
from idchaos.faults.odd_answers import OddAnswers
from idchaos.faults.transforms import CHANGES, LIMIT, Look, changes_at, is_well
from idchaos.targets.base import EndpointError, InjectsErrors
from idchaos.targets.capabilities import Transform, required
from idchaos.targets.oidc import OidcClient, Seen
from idchaos.targets.standin.local import LocalTarget
from tests.harness.faults.test_faults_e2e import proved, started, traffic, until_felt

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTarget]:
    with started(tmp_path_factory.mktemp("logs"), gateway__jwks_timeout_s=0.5) as running:
        yield running


def looked(target: LocalTarget, endpoint: str) -> Seen:
    client = OidcClient(target.endpoints, target.sent, target.unanswered)
    try:
        return client.look(endpoint, 0.5, 2 * LIMIT)
    finally:
        client.close()


def load(target: LocalTarget) -> None:
    """JWTs everywhere, and an opaque token at the gateways that ask the IdP about it."""
    traffic(target)
    opaque = next(each for each in target.endpoints.clients if each.client_id == "machine-opaque")
    client = OidcClient(target.endpoints, target.sent, target.unanswered, headers={})
    try:
        token = client.token(opaque)
        for gateway in target.endpoints.gateways:
            client.call(gateway, target.endpoints.routes[0], token)
    finally:
        client.close()


def felt(fault: OddAnswers, target: LocalTarget) -> list[Evidence]:
    before = fault.snapshot(target)
    applied = fault.apply(target, 0)
    return [*fault.check_applied(target, before, applied), *until_felt(fault, target, before, load, applied)]


@pytest.mark.parametrize("transform", CHANGES)
def test_what_is_on_the_wire_is_told_from_every_other_change(transform: Transform, target: LocalTarget) -> None:
    endpoint, error = CHANGES[transform].endpoint, EndpointError(transform=transform)
    before = looked(target, endpoint)
    assert is_well(Look(before, before, error))
    errors = required(target, InjectsErrors)
    errors.inject(endpoint, error)
    look = Look(looked(target, endpoint), before, error)
    errors.clear(endpoint)
    assert {name for name, change in changes_at(endpoint).items() if change.told(look)} == {transform}
    assert not is_well(look)


@pytest.mark.parametrize("transform", CHANGES)
def test_a_change_is_proved_by_those_who_met_it_and_its_end_by_the_answer(
    transform: Transform, target: LocalTarget
) -> None:
    fault = OddAnswers.of(transform)
    assert proved(fault.check_before(target))
    before = fault.snapshot(target)
    time.sleep(0.7)
    assert not proved(fault.check_applied(target, before)), "it was not applied"
    assert not proved(fault.check_held(target, before)), "it was not applied"
    try:
        assert proved(evidence := felt(fault, target)), evidence
    finally:
        fault.heal(target)
    assert proved(healed := fault.check_healed(target)), healed


def test_looking_at_it_ourselves_is_no_evidence(target: LocalTarget) -> None:
    fault = OddAnswers.of("fractional_exp")
    before = fault.snapshot(target)
    applied = fault.apply(target, 0)
    for _ in range(3):
        fault.check_applied(target, before, applied)
    held = fault.check_held(target, before, applied)
    fault.heal(target)
    assert [item.ok for item in held] == [False, False, False]
