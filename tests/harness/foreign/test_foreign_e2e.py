"""A target that is nobody's stand-in: a graph, and a gateway that tells nothing, judged by what can be seen of it."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from idchaos.contract import COUNTS, LOGS
from idchaos.experiment import (
    Bound,
    CanaryPlan,
    Invariant,
    LoadPlan,
    Objective,
    Phase,
    PhaseName,
    Plan,
    Stream,
    Verdict,
)
from idchaos.graph import Component, Graph, Link, Role, Route
from idchaos.load.canaries.catalogue import invariants
from idchaos.run.declared import seen_by
from idchaos.run.launch import Prepared, Request, assemble, new_run_id
from idchaos.run.scenario import Experiment, Scenario
from idchaos.settings import CommonSettings, TokenSettings
from idchaos.studies.single import conclude
from idchaos.targets.capabilities import Granted, Kind
from idchaos.targets.endpoints import Endpoints
from idchaos.targets.standin.addresses import own_address
from idchaos.targets.standin.guests import Guests
from idchaos.targets.standin.local import local_layout
from idchaos.targets.standin.parties import Credentials
from idchaos.targets.standin.processes import PYTHON_MODULE, Process
from idchaos.targets.standin.topology import endpoints, idp_settings, issuer
from idchaos.undo.ledger import Processes
from idchaos.undo.toxiproxy import Links
from idchaos.verdict.verdict import RunVerdict

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(170)]

GRAPH = Graph(
    components=(
        Component(name="client", roles=(Role.CLIENT,)),
        Component(name="idp", roles=(Role.IDP,), formats=("jwt",)),
        Component(name="edge", roles=(Role.GATEWAY, Role.VALIDATOR), trusts=("idp",), decides=True, keeps_keys=True),
        Component(name="orders", roles=(Role.SERVICE,)),
    ),
    links=(
        Link(name="client-to-idp", consumers=("client",), provider="idp"),
        Link(name="client-to-edge", consumers=("client",), provider="edge"),
        Link(name="edge-to-idp", consumers=("edge",), provider="idp"),
        Link(name="edge-to-orders", consumers=("edge",), provider="orders"),
    ),
    routes=(Route(path="/orders/1", service="orders", audience="orders", scope="orders:read"),),
)
FORGED = ("alg_none", "tampered", "hmac_public_key", "unknown_kid")
MINTED = ("expired", "wrong_audience", "wrong_issuer")
SETTINGS = CommonSettings(tokens=TokenSettings(access_ttl_s=3))
"""A token grows old while the run goes on."""


class ForeignTarget:
    """The stand-in IdP, and behind links a gateway and a service of which nothing is known."""

    name = "foreign"
    graph = GRAPH

    def __init__(self, run_id: str, *, mints: bool, defects: tuple[str, ...] = ()) -> None:
        self.sent: Counter[str] = Counter()
        self.unanswered: Counter[str] = Counter()
        self._run_id, self._mints, self._defects = run_id, mints, defects
        self._layout, self._credentials = local_layout(GRAPH, own_address(run_id)), Credentials.generate()
        self._processes: dict[str, Process] = {}
        self._granted = Granted()

    def capability(self, kind: type[Kind]) -> Kind | None:
        return self._granted.capability(kind)

    @property
    def endpoints(self) -> Endpoints:
        known = endpoints(self._layout, self._credentials, GRAPH)
        return known if self._mints else known.model_copy(update={"idp_control_url": None})

    @property
    def links(self) -> Links:
        return Links(self._layout.toxiproxy_api)

    def start(self, logs: Path) -> None:
        host, _, port = self._layout.toxiproxy_api.partition(":")
        proxy = [*PYTHON_MODULE, "idchaos.fixtures.toxiproxy", "--host", host, "--port", port]
        self._begin("toxiproxy", proxy, {}, logs)
        idp = {
            "IDCHAOS_SETTINGS": json.dumps(idp_settings(self._layout, SETTINGS, self._credentials)),
            "IDCHAOS_CONTROL_SECRET": self._credentials.control_secret,
        }
        for link in GRAPH.links:
            self.links.create(
                link.name, listen=self._layout.listen[link.name], upstream=self._layout.data[link.provider]
            )
        self._begin("idp", [*PYTHON_MODULE, "idchaos.fixtures.idp"], idp, logs)
        through = self._layout.through
        edge = {
            "issuer": issuer(self._layout, GRAPH, Guests()),
            "audience": "orders",
            "scope": "orders:read",
            "idp_url": f"http://{through['edge-to-idp']}",
            "upstream": f"http://{through['edge-to-orders']}",
            "cache_s": 5,
            "cooldown_s": 1,
            "defects": self._defects,
        }
        for name, settings in (("orders", {}), ("edge", edge)):
            told = json.dumps({"listen": self._layout.data[name], **settings})
            self._begin(name, [sys.executable, str(Path(__file__).with_name("validator.py"))], {"FOREIGN": told}, logs)

    def _begin(self, name: str, command: list[str], environment: dict[str, str], logs: Path) -> None:
        process = Process(name, command, environment, self._run_id, logs / f"{name}.log")
        self._processes[name] = process
        process.spawn()
        process.wait_ready()

    def stop(self) -> list[str]:
        for process in reversed(self._processes.values()):
            process.stop()
        return []

    def died(self) -> str | None:
        ended = [name for name, process in self._processes.items() if process.ended() is not None]
        return f"{ended[0]} ended by itself" if ended else None


def bound(name: str, sli: str, op: str, limit: float) -> Objective:
    return Objective.model_validate(
        {"name": name, "sli": sli, "phase": "recovery", "bound": Bound.model_validate({"op": op, "limit": limit})}
    )


def plan() -> Plan:
    """Users' requests and bad tokens; no fault."""
    kinds = (*FORGED, *MINTED, "retired_key")
    watched = {name: tuple(k for k in found if k in kinds) for name, found in invariants().items()}
    return Plan(
        scenario="foreign",
        variant="quiet",
        phases=(
            Phase(name=PhaseName.WARMUP, duration_s=3),
            Phase(name=PhaseName.BASELINE, duration_s=6),
            Phase(name=PhaseName.RECOVERY, duration_s=12),
        ),
        load=LoadPlan(
            streams=(Stream(flow="api", rate=60), Stream(flow="canary", rate=12)),
            sessions=10,
            canaries=CanaryPlan(kinds=kinds, clock_margin_s=4),
        ),
        objectives=(
            bound("users_served", "success_rate{flow=api}", ">=", 0.98),
            bound("key_fetches_bounded", "jwks_fetch_rate", "<=", 1.0),
            bound("refusals_are_4xx", "refusals_told_as_errors", "<=", 0),
        ),
        invariants=tuple(Invariant(name=name, canaries=found) for name, found in watched.items() if found),
    )


def judged(reports: Path, *, mints: bool, defects: tuple[str, ...] = ()) -> tuple[RunVerdict, str]:
    """A whole run at the foreign target: its verdict, and what is stored of it."""
    scenario = Scenario(
        name="foreign",
        summary="Somebody else's gateway.",
        covers=(),
        settings=CommonSettings,
        variants={"quiet": {}},
        variant_of=lambda _: "quiet",
        design=lambda _: Experiment(plan(), {}),
    )
    run_id = new_run_id()
    target = ForeignTarget(run_id, mints=mints, defects=defects)
    experiment, hidden = seen_by(Experiment(plan(), {}), target)
    request = Request("foreign", reports=reports, command=("pytest",))
    prepared = Prepared(request, scenario, CommonSettings(), experiment, target.graph, 7, (), hidden)
    execution, directory = assemble(prepared, at=(target, (Processes(run_id=run_id),)))
    execution.execute()
    return conclude(directory.path), (directory.path / "verdict.json").read_text()


def test_a_sound_gateway_that_tells_nothing_passes_by_what_can_be_seen_and_the_rest_is_declared(tmp_path: Path) -> None:
    verdict, stored = judged(tmp_path, mints=True)
    assert verdict.verdict is Verdict.PASS, verdict.reasons
    assert {each.name for each in verdict.objectives} == {"users_served"}
    hidden = {each.name: each.why for each in verdict.not_observed}
    assert hidden["key_fetches_bounded"] == "edge does not tell of key fetches"
    assert hidden["refusals_are_4xx"] == "edge does not say why a request is refused"
    assert {COUNTS, LOGS} <= set(hidden)
    assert any("retired_key" in why for why in hidden.values())
    tried = {str(row["canary"]) for each in verdict.invariants for row in each.by_canary if row["attempts"]}
    assert tried == {*FORGED, *MINTED}
    assert all(name in stored for name in hidden)


def test_without_a_way_to_make_tokens_everyday_ones_grow_old_and_the_others_are_declared(tmp_path: Path) -> None:
    verdict, _ = judged(tmp_path, mints=False)
    assert verdict.verdict is Verdict.PASS, verdict.reasons
    hidden = " ".join(f"{each.name} {each.why}" for each in verdict.not_observed)
    assert all(kind in hidden for kind in ("wrong_audience", "wrong_issuer"))
    expired = [row for each in verdict.invariants for row in each.by_canary if row["canary"] == "expired"]
    assert sum(row["attempts"] for row in expired) > 0


def test_one_that_skips_the_expiry_fails_by_the_tokens_that_it_takes(tmp_path: Path) -> None:
    verdict, _ = judged(tmp_path, mints=True, defects=("skips_exp",))
    assert verdict.verdict is Verdict.FAIL
    assert any("expired" in reason for reason in verdict.reasons)
