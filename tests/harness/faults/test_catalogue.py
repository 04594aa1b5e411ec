"""Faults from the command line: what a name means, and what is said of one that means nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from idchaos.errors import UsageError
from idchaos.faults.catalogue import CATALOGUE, fault_of
from idchaos.faults.page import page
from idchaos.faults.transforms import CHANGES
from idchaos.fixtures.idp.faults import Transform as Known
from idchaos.targets.capabilities import Transform
from idchaos.topologies import TOPOLOGIES
from tests.harness.faults.conftest import FakeTarget

PAGE = Path(__file__).parents[3] / "docs" / "faults.md"
GRAPH = TOPOLOGIES["gateway"].graph


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_name_means_a_fault_by_itself(name: str) -> None:
    assert fault_of(name, GRAPH).title
    assert CATALOGUE[name].meaning
    assert all(field.description for field in CATALOGUE[name].settings.model_fields.values())


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("black_hole", "timeout on gateway-to-idp, service-to-idp"),
        ("black_hole:link=gateway-1-to-idp", "timeout on gateway-1-to-idp"),
        ("slow:link=gateway-to-idp+service-to-idp,latency_s=0.5", "slow 0.5 s on gateway-to-idp, service-to-idp"),
        ("partial:share=0.3", "partial 30% on gateway-to-idp, service-to-idp"),
        ("idp_error:endpoint=token,status=500,share=0.3", "500 for 30% from the IdP's token endpoint"),
        ("idp_late:endpoint=authorize+login,delay_s=2", "answers 2 s late from the IdP's authorize, login endpoints"),
        ("clock:component=gateway-1,offset_s=-120", "gateway-1's clock -120 s"),
        ("odd_jwks:transform=retry_after,retry_after_s=5", "retry_after from the IdP's jwks endpoint"),
        ("odd_discovery", "other_jwks_uri from the IdP's discovery endpoint"),
        ("odd_introspection", "fractional_exp from the IdP's introspect endpoint"),
        ("refused:link=service-to-idp,after_s=4", "refused on service-to-idp, after 4 s"),
        ("keys_empty:after_s=2", "an empty key set from the IdP's jwks endpoint, after 2 s"),
        ("pause", "pause idp"),
        ("restart:component=gateway-2", "restart gateway-2"),
    ],
)
def test_settings_are_given_by_key_and_value(text: str, title: str) -> None:
    assert fault_of(text, GRAPH).title == title


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("blackhole", "fault 'blackhole' is unknown; did you mean black_hole?"),
        ("slow:latency=3", "setting of slow 'latency' is unknown; did you mean latency_s?"),
        ("slow:link=gateway-to-ipd", "link 'gateway-to-ipd' is unknown; did you mean gateway-to-idp?"),
        ("kill:component=gateway-3", "component 'gateway-3' is unknown; did you mean gateway-"),
        ("idp_error:endpoint=tokens", "endpoint 'tokens' is unknown; did you mean token?"),
        ("odd_jwks:transform=enctwin", "transform 'enctwin' is unknown; did you mean enc_twin?"),
        ("odd_discovery:transform=gzip", "transform 'gzip' is unknown; there are other_jwks_uri, issuer_respelled"),
        ("slow:3", "'3' should be key=value"),
        ("slow:latency_s=long", "latency_s: "),
        ("slow:latency_s=0.01", "can't be told from none"),
        ("partial:share=0.99", "can't be told from all of them"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(text: str, says: str) -> None:
    with pytest.raises(UsageError) as refused:
        fault_of(text, GRAPH)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_harness_and_the_stand_in_name_the_same_changes_of_answers() -> None:
    assert set(CHANGES) == set(get_args(Transform)) == set(get_args(Known))


def test_the_page_of_faults_is_what_the_catalogue_says() -> None:
    assert PAGE.read_text() == page(), "python -m idchaos.faults.page > docs/faults.md"


def test_a_fault_that_nothing_at_a_target_could_show_is_known_beforehand() -> None:
    target: Any = FakeTarget()
    assert "no part of the target can tell" in fault_of("slow:link=client-to-gateway", GRAPH).unprovable(target)
    assert fault_of("slow", GRAPH).unprovable(target) == ""
    target = FakeTarget(graph=TOPOLOGIES["introspection"].graph)
    why = fault_of("odd_jwks", target.graph).unprovable(target)
    assert why == "no part of the target asks the IdP's jwks endpoint"
