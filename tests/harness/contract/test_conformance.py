"""What docs/component-contract.md asks of a component that tells of itself, held against every stand-in.

One of your own is held against it as well where the environment names it::

    IDCHAOS_COMPONENT=http://127.0.0.1:9001 IDCHAOS_COMPONENT_DATA=http://127.0.0.1:9000 \\
        python -m pytest -m e2e tests/harness/contract
"""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from idchaos.contract import VERSION, ComponentDocument, Fact
from tests.harness.contract.component import Component

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]


def test_its_document_keeps_the_contract(component: Component) -> None:
    assert component.told().contract == VERSION


def test_it_tells_all_that_it_promises(component: Component) -> None:
    """What is promised and not told would be missing data, which withholds every PASS."""
    told = component.told().facts()
    assert component.promised <= told, sorted(component.promised - told)


def test_whoever_does_not_know_the_secret_learns_nothing(component: Component) -> None:
    if not component.secret:
        pytest.skip("it has no secret")
    for guess in ("guess", component.secret[:-1]):
        answer = component.ask(secret=guess)
        assert answer.status_code in (401, 403)
        assert b"instance" not in answer.content


def test_it_is_the_same_instance_until_it_is_started_again(component: Component) -> None:
    first, second = component.told(), component.told()
    if first.instance is None:
        pytest.skip(f"it does not tell of its {Fact.INCARNATION}")
    assert first.instance
    assert first.instance == second.instance


def test_its_clock_goes_forward_in_unix_seconds(component: Component) -> None:
    before = component.told()
    if before.time is None or before.clock is None:
        pytest.skip(f"it does not tell of its {Fact.CLOCK}")
    after = component.told()
    assert before.time <= after.time
    assert abs(after.time - after.clock.offset_s - time.time()) < 5


def test_counters_never_go_back(component: Component) -> None:
    before = _counters(component.told().model_dump())
    _request(component, 3)
    after = _counters(component.told().model_dump())
    assert {name: (before[name], after.get(name)) for name in before if after.get(name, -1) < before[name]} == {}


def test_each_request_is_counted_once(component: Component) -> None:
    """Whatever becomes of it: refused, served, or not known to anybody."""
    before = component.told()
    if component.data is None or Fact.REQUESTS not in before.facts():
        pytest.skip(f"it does not tell of its {Fact.REQUESTS}, or nobody says where it takes them")
    _request(component, 5)
    after = component.told()
    assert after.requests.total - before.requests.total == 5
    if after.requests.by_reason is not None:
        assert sum(after.requests.by_reason.values()) <= after.requests.total


def test_fetches_are_numbered_from_one_and_those_that_failed_are_some_of_them(component: Component) -> None:
    told = component.told()
    if not isinstance(told, ComponentDocument) or Fact.EACH_KEY_FETCH not in told.facts():
        pytest.skip(f"it does not tell of {Fact.EACH_KEY_FETCH}")
    assert told.jwks is not None
    numbers = [fetch.number for fetch in told.jwks.recent_fetches or ()]
    assert numbers == sorted(set(numbers))
    assert all(1 <= number <= (told.jwks.fetches or 0) for number in numbers)
    assert (told.jwks.fetch_failures or 0) <= (told.jwks.fetches or 0)


def _request(component: Component, times: int) -> None:
    """Requests without a token: anybody may send them, and nobody lets them through."""
    if component.data is None:
        return
    for _ in range(times):
        assert httpx.get(f"{component.data}/orders/1", timeout=5, trust_env=False).status_code >= 400


def _counters(document: Any, path: str = "") -> dict[str, int]:
    """Whole numbers by where they stand; not those of a fetch, of which only the last ones are told."""
    if isinstance(document, dict):
        found: dict[str, int] = {}
        for name, value in document.items():
            if name not in ("recent_fetches", "settings", "size", "contract"):
                found |= _counters(value, f"{path}.{name}")
        return found
    return {path: document} if isinstance(document, int) and not isinstance(document, bool) else {}
