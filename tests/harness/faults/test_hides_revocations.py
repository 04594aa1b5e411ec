"""Which faults excuse a validator: that has not heard of a revocation, or that refuses a good token."""

from __future__ import annotations

import pytest

from idchaos.faults.base import Fault
from idchaos.faults.clock import ClockSkew
from idchaos.faults.idp_errors import EMPTY, ERROR_5XX, EndpointFault
from idchaos.faults.key_removal import KeyRemoval
from idchaos.faults.network import LinkFault
from idchaos.faults.odd_answers import OddAnswers
from idchaos.faults.process import ProcessFault
from idchaos.faults.revocation import Revocations
from idchaos.reasons import OF_KEYS, OF_REVOCATION, Reason
from idchaos.topologies import TOPOLOGIES


@pytest.mark.parametrize(
    ("fault", "hides"),
    [
        (LinkFault(links=("gateway-to-idp",), mode="refused"), True),
        (LinkFault(links=("client-to-idp",), mode="refused"), False),
        (EndpointFault(endpoints=("revocations",), error=ERROR_5XX, label="503"), True),
        (EndpointFault(endpoints=("jwks",), error=ERROR_5XX, label="503"), False),
        (ProcessFault(component="idp", how="kill"), True),
        (Revocations(), False),
    ],
)
def test_only_what_stands_between_the_news_and_a_validator_hides_it(fault: Fault, hides: bool) -> None:
    assert fault.hides_revocations(TOPOLOGIES["gateway"].graph) is hides


def test_answers_end_in_an_outage_and_may_outlast_their_life_by_a_wrong_clock_or_a_halt() -> None:
    assert not LinkFault(links=("gateway-to-idp",), mode="refused").stretches_caches()
    assert not EndpointFault(endpoints=("introspect",), error=ERROR_5XX, label="503").stretches_caches()
    assert ProcessFault(component="gateway-1", how="pause").stretches_caches()


@pytest.mark.parametrize(
    ("fault", "reasons"),
    [
        (KeyRemoval(), OF_KEYS),
        (OddAnswers.of("new_material"), OF_KEYS),
        (EndpointFault(endpoints=("jwks",), error=EMPTY, label="no keys"), OF_KEYS),
        (ClockSkew(component="idp", offsets_s=(30.0,)), OF_REVOCATION),
        (EndpointFault(endpoints=("jwks",), error=ERROR_5XX, label="503"), frozenset()),
        (EndpointFault(endpoints=("introspect",), error=ERROR_5XX, label="503"), frozenset()),
        (LinkFault(links=("gateway-to-idp",), mode="refused"), frozenset()),
        (ProcessFault(component="idp", how="kill"), frozenset()),
    ],
)
def test_who_only_can_not_ask_calls_no_good_token_bad(fault: Fault, reasons: frozenset[Reason]) -> None:
    assert fault.may_refuse_for() == reasons
