"""Every good answer is that request's and that subject's."""

import json
from types import SimpleNamespace

import pytest

from idchaos.load.engine.isolation import ECHO, whose
from idchaos.load.engine.recorder import About
from idchaos.load.engine.response import Response
from idchaos.load.engine.scene import Gate
from idchaos.record.samples import COLUMNS, read_stream
from idchaos.run.load_process import silent_services


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"echo": "e1", "subject": "alice"}, "own"),
        ({"echo": "e1"}, "own"),
        ({"echo": "e2", "subject": "alice"}, "foreign"),
        ({"echo": "e1", "subject": "bob"}, "foreign"),
        ({"echo": None, "subject": "bob"}, "untold"),
        ({"subject": "bob"}, "untold"),
        (["e1"], "untold"),
    ],
)
def test_whose_answer_it_is(said, expected):
    assert whose(json.dumps(said).encode(), "e1", "alice") == expected


@pytest.mark.parametrize(("seen", "expected"), [("web", "own"), ("", "own"), (None, "own"), ("spa", "foreign")])
def test_it_is_that_client_s_too(seen, expected):
    body = json.dumps({"echo": "e1", "subject": "alice", "client": seen}).encode()
    assert whose(body, "e1", "alice", "web") == expected
    assert whose(body, "e1", "alice", "") == "own"


def test_where_the_subject_is_not_known_the_echo_decides():
    assert whose(b'{"echo": "e1", "subject": "bob"}', "e1", "") == "own"


@pytest.mark.parametrize("body", [b"", b"not JSON", b"[" * 100_000])
def test_what_is_no_object_tells_nothing(body):
    assert whose(body, "e1", "alice") == "untold"


@pytest.fixture
def called(scene):
    """Calls an API whose service says what it is told to; the sample's outcome and code."""

    def call(say, **more):
        def send(head, body=b"", *, replayable=True):
            (echo,) = [line[len(ECHO) + 2 :] for line in head.decode().split("\r\n") if line.startswith(f"{ECHO}: ")]
            return Response(status=200, body=json.dumps(say(echo)).encode(), sent=scene.clock.now(), ended=1_000.0)

        site = SimpleNamespace(base="", head=lambda *_: b"", send=send)
        scene.gates = (Gate.of("gateway-1", site, scene.endpoints.routes),)
        scene.call("api", b"", About(subject="alice"), due=1_000.0, route=0, replica=0, **more)
        scene.recorder.write(scene.recorder.take())
        *_, row = (dict(zip(COLUMNS, row, strict=True)) for row in read_stream(scene.recorder._path))
        return row["outcome"], row["error_code"]

    return call


def test_an_answer_of_one_s_own_is_counted_as_such(scene, called):
    assert called(lambda echo: {"echo": echo, "subject": "alice"}) == ("ok", "")
    assert called(lambda echo: {"subject": "alice"}) == ("ok", "")
    assert (scene.recorder.echoed, scene.recorder.unechoed) == ({"orders": 1}, {"orders": 1})


def test_each_request_has_an_echo_of_its_own(called):
    echoes = []
    for _ in range(3):
        called(lambda echo: echoes.append(echo) or {"echo": echo})
    assert len(set(echoes)) == 3
    assert min(map(len, echoes)) >= 16


@pytest.mark.parametrize("said", [{"echo": "another's"}, {"echo": "", "subject": "alice"}])
def test_another_s_answer_was_accepted_for_somebody_else(called, said):
    assert called(lambda _: said) == ("wrongly_accepted", "foreign_answer")


def test_another_subject_was_accepted_for_somebody_else(called):
    assert called(lambda echo: {"echo": echo, "subject": "bob"}) == ("wrongly_accepted", "foreign_answer")


def test_a_canary_that_is_accepted_stays_a_breach_of_its_kind(called):
    assert called(lambda _: {"echo": "x"}, expected="deny", canary="expired") == ("wrongly_accepted", "")


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        ({"echoed": {"orders": 3}, "unechoed": {"orders": 1, "accounts": 4}}, "accounts"),
        ({"echoed": {}, "unechoed": {"orders": 1, "accounts": 4}}, "accounts, orders"),
        ({"echoed": {"orders": 3}}, ""),
        ({}, ""),
    ],
)
def test_services_that_never_say_whose_an_answer_is_are_named(summary, said):
    assert silent_services(summary) == said


def test_services_tell_what_they_served_that_was_refused(scene):
    """A gateway that says no to a bad token, and a service that had it before."""
    seen = []

    def send(head, body=b"", *, replayable=True):
        (echo,) = [line[len(ECHO) + 2 :] for line in head.decode().split("\r\n") if line.startswith(f"{ECHO}: ")]
        said = {"echo": echo, "served": list(seen)}
        seen.append(echo)
        status = 401 if b"bad" in head else 200
        headers = {"Idchaos-Reason": "token_expired"} if status == 401 else {}
        return Response(status, "", headers, json.dumps(said).encode(), sent=scene.clock.now(), ended=1_000.0)

    scene.gates = (
        Gate.of("gateway-1", SimpleNamespace(base="", head=lambda *_: b"", send=send), scene.endpoints.routes),
    )
    bad = About(way="forged")
    scene.call("canary", b"bad", bad, due=1_000.0, route=0, replica=0, expected="deny", canary="expired")
    scene.call("api", b"", About(), due=1_000.0, route=0, replica=0)
    (found,) = scene.reached.counts().values()
    assert found == {
        "looked": 1,
        "broken": 1,
        "first": "orders served expired forged that gateway-1 had refused",
    }
