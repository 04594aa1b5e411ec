"""Settings: defaults, profiles, ``--set``; whatever doesn't fit is one clear line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idchaos.errors import UsageError
from idchaos.run.scenarios import all_scenarios, scenario_named
from idchaos.settings import PROFILES, CommonSettings, differing, fill, names, parse_assignments

OUTAGE = scenario_named("jwks_outage").settings


def test_later_layers_win() -> None:
    settings = fill(CommonSettings, {"gateway.leeway_s": 10, "load.rate": 50}, {"gateway.leeway_s": 60})
    assert (settings.gateway.leeway_s, settings.load.rate) == (60, 50)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("load.rate=50", 50),
        ("fault.mode=timeout", "timeout"),
        ("tokens.signing_alg=ES256", "ES256"),
        ("a.b=1e3", 1000.0),
    ],
)
def test_values_are_json_where_they_parse_as_such(text: str, value: object) -> None:
    assert list(parse_assignments([text]).values()) == [value]


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("gateway.jwks_cach_s=3", "did you mean gateway.jwks_cache_s"),
        ("nothing.at_all=3", "groups: gateway, tokens, idp, load, phases, slo, fault"),
        ("gateway=3", "setting 'gateway' is unknown"),
        ("gateway.leeway_s=-1", "gateway.leeway_s=-1: should be greater than or equal to 0"),
        ("gateway.leeway_s=NaN", "gateway.leeway_s"),
        ("gateway.leeway_s=soon", 'gateway.leeway_s="soon": should be a number'),
        ("gateway.leeway_s=1e999", "gateway.leeway_s"),
        ("fault.mode=sulk", "should be 'refused', 'timeout', 'reset', 'slow', 'error_5xx', 'garbage' or 'empty'"),
        ("load.rate=0", "load.rate=0: should be greater than 0"),
        ("load.sessions=1.5", "load.sessions=1.5"),
        ("no equals sign", "is not of the form key=value"),
        ("=3", "is not of the form key=value"),
    ],
)
def test_what_does_not_fit_is_named_with_what_would(assignment: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        fill(OUTAGE, parse_assignments([assignment]))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_accepted_or_refused_in_one_line(text: str) -> None:
    try:
        fill(OUTAGE, parse_assignments([text]))
    except UsageError as error:
        assert str(error)


@given(st.sampled_from(sorted(names(OUTAGE))), st.text(max_size=30) | st.floats().map(str) | st.integers().map(str))
def test_any_value_of_any_setting_is_accepted_or_refused(name: str, value: str) -> None:
    try:
        fill(OUTAGE, parse_assignments([f"{name}={value}"]))
    except UsageError as error:
        assert name in str(error)


def test_every_setting_says_what_it_means() -> None:
    for scenario in all_scenarios().values():
        assert [name for name, description in names(scenario.settings).items() if not description] == []


def test_only_what_differs_from_the_defaults_is_listed() -> None:
    assert differing(fill(CommonSettings, {"gateway.leeway_s": 60, "load.rate": 250})) == {"gateway.leeway_s": 60}


@pytest.mark.parametrize("profile", PROFILES)
def test_every_cache_expires_within_the_fault_of_its_profile(profile: str) -> None:
    settings = scenario_named("jwks_outage").fill(profile)
    assert settings.gateway.jwks_cache_s * 2 < settings.fault.duration_s  # type: ignore[attr-defined]
