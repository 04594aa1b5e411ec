"""What is tried of a key once somebody has taken it for the first time."""

from __future__ import annotations

import json

from idchaos.load.canaries.first_of_key import AFTER_S, WAY, FirstOfKey
from idchaos.load.engine.recorder import About
from idchaos.load.idp.tokens import b64, bearer_line
from tests.harness.load.conftest import samples


def call(scene, kid, replica=0):
    token = ".".join(b64(json.dumps(part).encode()) for part in ({"kid": kid}, {"sub": "alice"}, "signature"))
    scene.call("api", bearer_line(token), About(kid=kid), due=1_000.0, route=0, replica=replica)


def tried(scene):
    scene.background.join()
    return [row["replica"] for row in samples(scene) if row["canary"] == "tampered" and row["way"] == WAY]


def test_each_who_takes_a_key_for_the_first_time_is_tried_for_two_seconds(scene, monkeypatch):
    waited = []
    monkeypatch.setattr(type(scene), "rest", lambda _, seconds: waited.append(seconds) or True)
    scene.accepted = FirstOfKey(scene).accepted
    for replica in (0, 1, 0):
        call(scene, "k1", replica)
    assert sorted(tried(scene)) == ["gateway-1"] * len(AFTER_S) + ["gateway-2"] * len(AFTER_S)
    assert waited == [*AFTER_S, *AFTER_S]


def test_of_another_key_it_is_tried_again(scene, monkeypatch):
    monkeypatch.setattr(type(scene), "rest", lambda *_: True)
    scene.accepted = FirstOfKey(scene).accepted
    for kid in ("k1", "k1", "k2"):
        call(scene, kid)
    assert len(tried(scene)) == 2 * len(AFTER_S)


def test_who_refused_the_good_token_has_not_taken_the_key(world, scene):
    scene.accepted = FirstOfKey(scene).accepted
    world.refusing = {"gateway-1"}
    call(scene, "k1")
    assert tried(scene) == []
