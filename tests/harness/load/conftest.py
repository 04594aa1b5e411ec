"""A world of plain objects for flows: an IdP that can be away, gateways that lag, a clock that moves when told."""

import itertools
import json
import re
from collections import Counter
from types import SimpleNamespace

import pytest

from idchaos.experiment import CanaryPlan, LoadPlan, Stream
from idchaos.graph import Route
from idchaos.load.canaries.mints import ControlApi
from idchaos.load.canaries.upkeep import Canaries
from idchaos.load.engine.quotes import Quotes
from idchaos.load.engine.recorder import Recorder
from idchaos.load.engine.response import Response
from idchaos.load.engine.scene import Clock, Gate, Scene
from idchaos.load.idp.client import Code, Step
from idchaos.load.idp.handed_out import HandedOut
from idchaos.load.idp.tokens import b64
from idchaos.load.idp.unasked import Unasked
from idchaos.planning.arrivals import Arrival
from idchaos.record.samples import COLUMNS, read_stream
from idchaos.targets.endpoints import Client, Endpoints, Gateway, User

WEB = Client(
    client_id="web",
    client_secret="s",
    grants=("authorization_code", "refresh_token"),
    redirect_uri="http://127.0.0.1/callback",
    scope="openid",
)
MARGIN_S = 6.0
"""By which canaries are bad, beyond what clocks and caches do."""
MACHINE = Client(client_id="machine", client_secret="s", grants=("client_credentials",), scope="read")


class World:
    """An IdP that can be away, and gateways that lag by some polls; its clock only moves when told."""

    def __init__(self):
        self.handed_out = HandedOut()
        self.quotes, self.answers, self.unasked = Quotes(), Quotes(), Unasked()
        self.now = 1_000.0
        self.away = False
        self.revoked = {}  # in order
        self.used_refresh_tokens = set()
        self.refreshed, self.given = [], []
        self.grace = self.family_revoked = False
        self.used_codes, self.redemptions, self.tampered = set(), [], []
        self.refuses_with = "invalid_grant"
        self.believes_clients = False
        self.numbers = itertools.count(1)
        self.lag_polls = {}
        self.unaware = set()
        self.refusing = set()
        self.forged = set()
        self.presented = Counter()

    def _step(self, endpoint, decision="accept", code=""):
        if self.away:
            return Step(endpoint, Response(error="connect_refused", sent=self.now, ended=self.now), "undecided", "x")
        return Step(endpoint, Response(status=200, sent=self.now, ended=self.now), decision, code)

    def client_credentials(self, client):
        claims = {"jti": f"j{next(self.numbers)}", "iat": int(self.now), "exp": int(self.now + 600)}
        parts = [b64(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "k1"}, claims)]
        body = {"access_token": ".".join([*parts, b64(b"signature")]), "expires_in": 600}
        return self._step("token"), {} if self.away else body

    def login(self, client, user, observe, *, typo=False, cookies=None):
        step = self._step("token")
        observe(step)
        return step, {} if self.away else {"access_token": "a", "refresh_token": f"r{next(self.numbers)}"}

    def refresh(self, client, refresh_token):
        self.refreshed.append(refresh_token)
        replayed = refresh_token in self.used_refresh_tokens and not self.grace
        self.family_revoked |= replayed
        if replayed or self.family_revoked:
            return self._step("token", "deny", "invalid_grant"), {}
        self.used_refresh_tokens.add(refresh_token)
        self.given.append(f"r{next(self.numbers)}")
        return self._step("token"), {} if self.away else {"access_token": "a", "refresh_token": self.given[-1]}

    def revoke(self, client, token, hint):
        if not self.away:
            self.revoked[token] = True
        return self._step("revoke")

    def code(self, client, user, observe, *, cookies=None):
        observe(self._step("login"))
        return None if self.away else Code(f"c{next(self.numbers)}", client.redirect_uri, "verifier")

    def redeem(self, client, code, verifier):
        self.redemptions.append((client.client_id, code.value, verifier))
        refused = code.value in self.used_codes or verifier != code.verifier
        self.used_codes.add(code.value)
        decision = ("deny", self.refuses_with) if refused else ("accept", "")
        return self._step("token", *decision), {}

    def tampered_login(self, client, user, redirect_uri, observe, *, further=None, cookies=None):
        self.tampered.append(redirect_uri)
        return self._step("authorize", "deny", "http_400")

    revocation = None

    def has(self, endpoint):
        return True

    def lists(self, member, value):
        return False

    def jwks(self):
        return None if self.away else []

    def control(self):
        """The control API, which mints what it is asked for."""

        def send(head, body=b"", *, replayable=True):
            made = []
            for order in json.loads(body)["tokens"]:
                parts = [{"alg": "RS256", "kid": order.get("kid", "k1")}, order.get("claims", {})]
                made.append({"token": ".".join(b64(json.dumps(part).encode()) for part in [*parts, "signature"])})
            return Response(status=200, sent=self.now, ended=self.now, body=json.dumps({"tokens": made}).encode())

        return SimpleNamespace(base="", head=lambda *_: b"", send=send)

    def gateway(self, name):
        def send(head, body=b"", *, replayable=True):
            token = head.decode().partition("Bearer ")[2].partition("\r\n")[0]
            self.presented[name] += 1
            status = 401 if name in self.refusing else 200
            # However its signature is spelled.
            known = {each.rpartition(".")[0] or each for each in self.revoked}
            if (token.rpartition(".")[0] or token) in known and name not in self.unaware:
                self.lag_polls[name] = self.lag_polls.get(name, 0) - 1
                status = 200 if self.lag_polls[name] >= 0 else 401
            if token in self.forged:
                status = 401
            named = re.search(r"Idchaos-Subject: (\S+)", head.decode())
            subject = named[1] if named and self.believes_clients else "alice"
            if named and not token and not self.believes_clients:
                status = 401
            body = json.dumps({"subject": subject}).encode()
            return Response(status=status, body=body, sent=self.now, ended=self.now)

        return SimpleNamespace(base="", head=lambda *_: b"", send=send)


@pytest.fixture
def world():
    return World()


@pytest.fixture
def scene(world, tmp_path):
    endpoints = Endpoints(
        issuer="http://127.0.0.1:1",
        idp_url="http://127.0.0.1:1",
        gateways=(
            Gateway(name="gateway-1", url="http://127.0.0.1:2"),
            Gateway(name="gateway-2", url="http://127.0.0.1:3"),
        ),
        routes=(Route(path="/orders", service="orders", audience="orders", scope="read"),),
        clients=(WEB, MACHINE),
        users=(User(username="alice", password="p"),),
    )
    clock = Clock(monotonic=lambda: world.now, offset=0.0)
    recorder = Recorder(tmp_path / "samples.jsonl", clock.now)
    gates = tuple(Gate.of(g.name, world.gateway(g.name), endpoints.routes) for g in endpoints.gateways)
    plan = LoadPlan(streams=(Stream(flow="canary", rate=1),))
    yield Scene(plan, endpoints, 7, clock, recorder, world, gates)
    recorder.close()


@pytest.fixture
def time_passes(world, monkeypatch):
    """Sleeping moves the world's clock instead."""

    def sleep(seconds=0):
        world.now += seconds

    monkeypatch.setattr("idchaos.load.engine.scene.gevent.sleep", sleep)


def samples(scene):
    scene.recorder.write(scene.recorder.take())
    return [dict(zip(COLUMNS, row, strict=True)) for row in read_stream(scene.recorder._path)]


def arrival(kind=0, replica=0):
    return Arrival(0.0, 0, 0, 0, replica, kind)


def stock(scene, *kinds, control=None, retired_kid=None, **plan):
    scene.mints, scene.retired_kid = ControlApi(control, "secret") if control else None, retired_kid
    made = Canaries(scene, CanaryPlan(kinds=kinds, clock_margin_s=MARGIN_S, **plan), rate=1.0)
    made.fill()
    return made
