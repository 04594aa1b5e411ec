"""Tokens of machine clients: for API calls where nobody can log in."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest

from idchaos.errors import LoadError
from idchaos.load.engine.response import Response
from idchaos.load.idp.client import Step
from idchaos.load.idp.pooled import Pooled
from idchaos.targets.endpoints import Client

BATCH = Client(client_id="batch", client_secret="s", grants=("client_credentials",))
LIFE_S = 100.0


class Scene:
    """A load at an IdP that gives a token for each question, as long as it is willing; the time is what a test says."""

    def __init__(self) -> None:
        self.now, self.willing, self.decision = 0.0, True, "accept"
        self.given: list[str] = []
        self.called: list[tuple[str, bytes]] = []
        self.untold: list[str] = []
        self.stopping = False
        self.clock = SimpleNamespace(now=lambda: self.now)
        self.plan = SimpleNamespace(refresh_at=0.8, refresh_jitter=0.0)
        self.idp = SimpleNamespace(client_credentials=self._token)
        self.endpoints = SimpleNamespace(routes=(SimpleNamespace(methods=("GET",)),))
        self.gates = (SimpleNamespace(everyday=lambda route, method, about: (method.encode(), about)),)

    def _token(self, client: Client) -> tuple[Step, dict[str, Any]]:
        answer = Response(status=200 if self.willing else 503, sent=self.now, ended=self.now)
        if not self.willing:
            return Step("token", answer, "undecided", "http_503"), {}
        self.given.append(f"{client.client_id}-{len(self.given)}")
        return Step("token", answer, "accept", ""), {"access_token": self.given[-1], "expires_in": LIFE_S}

    def rng(self, *names: object) -> random.Random:
        return random.Random(str(names))

    def upkeep(self, step: Step) -> None:
        """Counted elsewhere."""

    def asked_at(self, step: Step) -> float:
        return step.answer.sent

    def call(self, flow: str, bearer: bytes, *_: object, **__: object) -> tuple[str, str]:
        self.called.append((flow, bearer))
        return self.decision, ""

    def no_token(self, flow: str, arrival: object, due: float, code: str, session: str) -> None:
        self.untold.append(session)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def pool_of(scene: Scene, size: int = 2) -> Pooled:
    return Pooled(scene, "api", BATCH, size)  # type: ignore[arg-type]


def send(pool: Pooled, session: int) -> None:
    pool.send(SimpleNamespace(session=session, route=0, replica=0), 0.0)  # type: ignore[arg-type]


def test_each_place_has_a_token_of_its_own(scene: Scene) -> None:
    pool = pool_of(scene)
    pool.prepare()
    for session in range(3):
        send(pool, session)
    assert scene.given == ["batch-0", "batch-1"]
    assert [bearer for _, bearer in scene.called] == [
        f"Authorization: Bearer batch-{number}\r\n".encode() for number in (0, 1, 0)
    ]


def test_without_a_token_there_is_no_load(scene: Scene) -> None:
    scene.willing = False
    with pytest.raises(LoadError, match="batch got no token: token answered http_503"):
        pool_of(scene).prepare()


def test_what_is_due_with_a_token_that_is_over_is_counted(scene: Scene) -> None:
    pool = pool_of(scene)
    pool.prepare()
    scene.now = LIFE_S
    send(pool, 1)
    assert (scene.called, scene.untold) == ([], ["machine-1"])


def test_a_token_that_is_refused_is_renewed_but_not_in_a_storm(scene: Scene) -> None:
    pool = pool_of(scene, size=1)
    pool.prepare()
    (held,) = pool._pool
    assert held.due == 0.8 * LIFE_S
    scene.decision = "deny"
    scene.now = 0.5
    send(pool, 0)
    assert held.due == 0.8 * LIFE_S
    scene.now = 5.0
    send(pool, 0)
    assert held.due == 5.0
