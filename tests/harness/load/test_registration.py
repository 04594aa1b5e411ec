"""Clients that register themselves: how often they try, how long they wait, and that none is left behind."""

import gevent
import pytest

from idchaos.load.decide import at_registration
from idchaos.load.engine.response import Response
from idchaos.load.flows.registration import Registration
from idchaos.load.idp.client import Registered, Step
from idchaos.planning.arrivals import Arrival
from idchaos.record.samples import COLUMNS, read_stream
from tests.harness.load.conftest import MACHINE


class Registry:
    """An IdP that answers registrations from a list, and with success once it is empty."""

    def __init__(self, world, answers=()):
        self.world, self.answers, self.removed = world, list(answers), []

    def register(self):
        answer = (
            self.answers.pop(0) if self.answers else Response(status=201, sent=self.world.now, ended=self.world.now)
        )
        decision, code = at_registration(answer)
        made = Registered(MACHINE, "http://127.0.0.1:1/register/x", "t") if decision == "accept" else None
        return Step("register", answer, decision, code), made

    def unregister(self, made):
        self.removed.append(made)
        return self.world._step("unregister")


@pytest.fixture
def run(world, scene, monkeypatch):
    """Registers one client; the samples, and how long it waited in between."""
    waits = []
    monkeypatch.setattr(scene, "rest", lambda seconds: waits.append(seconds) or True)

    def run(*answers, **plan):
        registry = Registry(world, answers)
        world.register, world.unregister = registry.register, registry.unregister
        registrations = Registration(**plan).sender(scene)
        gevent.spawn(registrations.send, Arrival(0.0, 0, 0, 0, 0, 0), scene.clock.now()).join()
        scene.recorder.write(scene.recorder.take())
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in read_stream(scene.recorder._path)]
        assert {row["flow"] for row in rows} == {"registration"}
        return [(row["endpoint"], row["outcome"], row["error_code"]) for row in rows], waits, registry

    return run


def limited(*, told="3"):
    return Response(status=429, headers={"Retry-After": told} if told else {}, sent=1_000.0, ended=1_000.0)


DOWN = Response(status=503, sent=1_000.0, ended=1_000.0)


def test_a_client_registers_is_used_and_is_taken_back(run):
    rows, waits, registry = run()
    assert rows == [("register", "ok", ""), ("token", "ok", ""), ("unregister", "ok", "")]
    assert (waits, len(registry.removed)) == ([], 1)


def test_it_comes_back_no_sooner_than_it_was_asked_to(run):
    rows, waits, _ = run(limited(), limited(told="1"))
    assert [row for row in rows if row[0] == "register"] == [
        ("register", "unavailable", "rate_limited"),
        ("register", "unavailable", "rate_limited"),
        ("register", "ok", ""),
    ]
    assert 3 <= waits[0] <= 6
    assert 1 <= waits[1] <= 2


def test_where_it_is_not_told_it_waits_twice_as_long_each_time(run):
    rows, waits, _ = run(limited(told=""), DOWN, DOWN, retry_s=0.5)
    assert [code for endpoint, _, code in rows if endpoint == "register"] == [
        "rate_limit_untold", "http_503", "http_503", "",
    ]  # fmt: skip
    assert [low <= wait <= 2 * low for wait, low in zip(waits, (0.5, 1, 2), strict=True)] == [True] * 3


def test_one_that_does_not_care_comes_back_at_once_and_gives_up_soon(run):
    rows, waits, registry = run(*[limited()] * 9, attempts=4, honours_retry_after=False)
    assert [endpoint for endpoint, _, _ in rows] == ["register"] * 4
    assert max(waits) < 0.1
    assert registry.removed == []


def test_a_refusal_is_final(run):
    rows, waits, _ = run(Response(status=400, body=b'{"error": "invalid_client_metadata"}', sent=1.0, ended=1.0))
    assert rows == [("register", "wrongly_denied", "invalid_client_metadata")]
    assert waits == []
