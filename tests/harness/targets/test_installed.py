"""What a machine must have is held to the names that there are: one that no adapter has would never be missed."""

from __future__ import annotations

import pytest

from idchaos.targets.gateways import catalogue as gateways
from idchaos.targets.idps import catalogue as idps
from tests.harness.targets import installed
from tests.harness.targets.installed import MUST_HAVE, skip_without

DOCUMENTED = {"haproxy"}
"""What pages show how to bring along, and no adapter is for."""


def test_all_that_a_machine_must_have_has_an_adapter_or_a_page() -> None:
    assert {*gateways.adapters(), *idps.adapters(), *DOCUMENTED} >= MUST_HAVE


def test_what_is_missing_is_skipped_and_fails_where_it_must_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "MUST_HAVE", frozenset({"envoy"}))
    skip_without("envoy", "")
    with pytest.raises(pytest.skip.Exception, match="no caddy"):
        skip_without("caddy", "no caddy")
    with pytest.raises(pytest.fail.Exception, match="no envoy"):
        skip_without("envoy", "no envoy")
