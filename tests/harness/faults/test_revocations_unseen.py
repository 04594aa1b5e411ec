"""That revoking is felt, where gateways don't say why they refuse and the IdP counts nothing: their answers tell it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from idchaos.errors import Unsuited
from idchaos.experiment import PhaseName, Plan
from idchaos.faults import revocation
from idchaos.faults.revocation import Revocations
from idchaos.run.limits import check_capabilities
from idchaos.run.scenario import Experiment
from idchaos.targets.capabilities import LimitsPromises
from idchaos.targets.endpoints import Client, Endpoints, Gateway
from idchaos.topologies import TOPOLOGIES

GRAPH = TOPOLOGIES["edge"].graph
BATCH = Client(client_id="batch", client_secret="s", grants=("client_credentials",))
EDGE = Client(client_id="edge", client_secret="s")


class System:
    """Two gateways of somebody else's. ``deaf``: they take a token whatever became of it. ``shut``: who takes none."""

    name, graph = "shop", GRAPH

    def __init__(self, *, deaf: tuple[str, ...] = (), shut: str = "", asks: bool = False, unpromised: str = "") -> None:
        self.sent, self.unanswered = Counter[str](), Counter[str]()
        self.deaf, self.shut, self._unpromised = deaf, shut, unpromised
        self.issued, self.revoked = 0, set[str]()
        url = "http://127.0.0.1:1"
        self.endpoints = Endpoints(
            issuer=url, idp_url=url, routes=GRAPH.routes, clients=(BATCH,), users=(),
            gateways=tuple(Gateway(name=name, url=url) for name in GRAPH.gateways),
            introspection_client=EDGE if asks else None,
        )  # fmt: skip

    def capability(self, kind: type) -> Any:
        return self if kind is LimitsPromises else None

    def unpromised(self) -> dict[str, str]:
        return {"revoked": self._unpromised} if self._unpromised else {}

    # --- the harness's own client there ---

    def token(self, _: Client) -> str:
        self.issued += 1
        return f"token-{self.issued}"

    def revoke(self, _: Client, token: str) -> None:
        self.revoked.add(token)

    def active(self, token: str) -> bool:
        return token not in self.revoked

    def call(self, gateway: Gateway, _: object, token: str) -> int:
        refused = gateway.name == self.shut or (token in self.revoked and gateway.name not in self.deaf)
        return 401 if refused else 200

    def close(self) -> None:
        """Nothing is open."""


def proved(system: System, monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    monkeypatch.setattr(revocation, "OidcClient", lambda *_: system)
    fault = Revocations(within_s=0.2)
    target: Any = system
    evidence = (*fault.check_applied(target, fault.snapshot(target)), *fault.check_held(target, {}))
    assert {each.source for each in evidence} == {"control", "probe", "target"}
    return {each.what: each.ok for each in evidence}


@pytest.mark.parametrize("asks", [True, False], ids=["with a client that introspects", "without one"])
def test_a_gateway_that_refuses_what_was_revoked_and_nothing_else_has_felt_it(
    asks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = proved(System(asks=asks), monkeypatch)
    assert all(found.values())
    assert found["gateway-2 refused it when it was revoked, within 0.2 s"]
    assert any("active=True before revoking, active=False after" in what for what in found) is asks


@pytest.mark.parametrize(
    ("deaf", "asks", "shown"),
    [
        (("gateway-2",), False, True),  # the other one shows that it was revoked
        (GRAPH.gateways, True, True),  # the IdP says so
        (GRAPH.gateways, False, False),
    ],
)
def test_one_that_takes_it_all_the_same_is_what_is_looked_for(
    deaf: tuple[str, ...], asks: bool, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = proved(System(deaf=deaf, asks=asks), monkeypatch)
    assert found["gateway-2 did not refuse it when it was revoked, within 0.2 s"] is shown
    assert all(found.values()) is shown


def test_one_that_refuses_everything_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = proved(System(shut="gateway-1"), monkeypatch)
    what = "gateway-1: a token of batch did not pass before, another one does not pass still"
    assert [each for each, ok in found.items() if not ok] == [what]


def test_where_revoked_tokens_go_on_it_makes_no_sense() -> None:
    plan = Plan.model_construct()
    target: Any = System(unpromised="it asks nobody")
    with pytest.raises(Unsuited, match="shop: tokens revoked under load: it asks nobody"):
        check_capabilities(Experiment(plan=plan, faults={PhaseName.FAULT: (Revocations(),)}), target)
