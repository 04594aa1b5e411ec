"""A flood is proved by what the gateways count; without a flood there is no proof."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from idchaos.contract import Fact
from idchaos.faults import base, junk
from idchaos.faults.junk import JunkKids, junk_token
from idchaos.load.idp.tokens import peek
from idchaos.targets.capabilities import Kind
from idchaos.topologies import GATEWAYS, TOPOLOGIES

FLOOD = JunkKids(rate=100)


class Flooded:
    """A target whose gateways refuse so many unknown kids each time that its clock moves on by a second."""

    def __init__(self, per_s: float) -> None:
        self.per_s, self.now = per_s, 0.0
        self.name, self.graph = "flooded", TOPOLOGIES["gateway"].graph

    def capability(self, kind: type[Kind]) -> Kind | None:
        return self if isinstance(self, kind) else None

    def tells(self, component: str) -> frozenset[Fact]:
        return frozenset({Fact.REASONS, Fact.KEY_FETCHES})

    def state(self, component: str) -> dict[str, Any]:
        return {
            "requests": {"by_reason": {"kid_unknown": int(self.per_s * self.now), "token_expired": 1000}},
            "jwks": {"fetches": int(self.now)},
        }


@pytest.fixture
def flooded(monkeypatch: pytest.MonkeyPatch) -> Flooded:
    target = Flooded(per_s=50)

    def sleep(seconds: float) -> None:
        target.now += seconds

    for module in (base, junk):
        monkeypatch.setattr(module.time, "sleep", sleep)
        monkeypatch.setattr(module.time, "monotonic", lambda: target.now)
        monkeypatch.setattr(module.time, "time", lambda: target.now)
    monkeypatch.setattr(junk, "_probe", lambda _: ())
    return target


def test_a_flood_is_counted_by_every_gateway(flooded: Any) -> None:
    before = FLOOD.snapshot(flooded)
    assert [item.ok for item in FLOOD.check_applied(flooded, before)] == [True, True]
    flooded.now += 12
    assert [item.ok for item in FLOOD.check_held(flooded, before)] == [True, True]
    assert not any(item.ok for item in FLOOD.check_healed(flooded))


def test_everyday_canaries_are_no_flood(flooded: Any) -> None:
    flooded.per_s = 1
    before = FLOOD.snapshot(flooded)
    flooded.now += 12
    assert not any(item.ok for item in FLOOD.check_applied(flooded, before))
    assert not any(item.ok for item in FLOOD.check_held(flooded, before))
    assert all(item.ok for item in FLOOD.check_healed(flooded))


def test_no_two_junk_tokens_name_the_same_key() -> None:
    kids = Counter(peek(junk_token())[0]["kid"] for _ in range(100))
    assert kids.most_common(1)[0][1] == 1
    assert len(GATEWAYS) == 2
