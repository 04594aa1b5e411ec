"""What a target can't show is taken out of the plan and declared; the rest stays as it was."""

from typing import Any

import pytest

from idchaos.contract import ASKED, CALLED_BAD, COUNTS, LOGS, POSTED, Fact
from idchaos.experiment import Bound, Canary, CanaryPlan, Invariant, Objective, Plan
from idchaos.graph import Component, Graph, Link, Role, Route
from idchaos.planning.observability import Sight, observable
from idchaos.run.launch import Request, prepare
from idchaos.topologies import TOPOLOGIES

FOREIGN = Graph(
    components=(
        Component(name="users", roles=(Role.CLIENT,)),
        Component(name="idp", roles=(Role.IDP,), formats=("jwt",)),
        Component(name="edge", roles=(Role.GATEWAY, Role.VALIDATOR), trusts=("idp",), decides=True, keeps_keys=True),
        Component(name="api", roles=(Role.SERVICE,)),
    ),
    links=(
        Link(name="users-to-idp", consumers=("users",), provider="idp"),
        Link(name="users-to-edge", consumers=("users",), provider="edge"),
        Link(name="edge-to-idp", consumers=("edge",), provider="idp"),
        Link(name="edge-to-api", consumers=("edge",), provider="api"),
    ),
    routes=(Route(path="/", service="api", audience="api", scope="", posts=True),),
)
NO_MINT = "no way to have tokens signed by the IdP's key"
BLIND = Sight(unmade={"expired": NO_MINT})
ALL_SEEING = Sight(
    tells={name: frozenset(Fact) for name in FOREIGN.parts},
    logged=frozenset(FOREIGN.parts),
)


def objective(name: str, sli: str) -> Objective:
    return Objective(name=name, sli=sli, phase="all", bound=Bound(op="<=", limit=1))


@pytest.fixture
def plan(make_plan: Any) -> Plan:
    made: Plan = make_plan()
    canaries = CanaryPlan(kinds=(Canary.EXPIRED, Canary.TAMPERED, Canary.ALG_NONE), clock_margin_s=2)
    return made.model_copy(
        update={
            "load": made.load.model_copy(update={"canaries": canaries}),
            "objectives": (
                objective("success", "success_rate{flow=api}"),
                objective("key_fetches_bounded", "jwks_fetch_rate"),
                objective("refusals_are_4xx", "refusals_told_as_errors"),
            ),
            "invariants": (
                Invariant(name="never_expired", canaries=(Canary.EXPIRED,)),
                Invariant(name="signatures", canaries=(Canary.TAMPERED, Canary.ALG_NONE)),
                Invariant(name="mixed", canaries=(Canary.EXPIRED, Canary.TAMPERED)),
            ),
        }
    )


def test_of_a_target_that_tells_nothing_what_needs_its_word_is_declared(plan: Plan) -> None:
    left, declared = observable(plan, FOREIGN, BLIND)
    assert {each.name: each.why for each in declared} == {
        "key_fetches_bounded": "edge does not tell of key fetches",
        "refusals_are_4xx": "edge does not say why a request is refused",
        "never_expired": f"expired: there is {NO_MINT}",
        "mixed (expired)": f"expired: there is {NO_MINT}",
        COUNTS: "edge, api, idp do not count requests",
        CALLED_BAD: "edge does not say why a request is refused",
        LOGS: "the logs of idp, edge, api can't be read",
    }
    assert [each.name for each in left.objectives] == ["success"]
    assert [(each.name, each.canaries) for each in left.invariants] == [
        ("signatures", (Canary.TAMPERED, Canary.ALG_NONE)),
        ("mixed", (Canary.TAMPERED,)),
    ]
    assert left.load.canaries is not None
    assert left.load.canaries.kinds == (Canary.TAMPERED, Canary.ALG_NONE)


def test_of_one_that_tells_all_but_reasons_only_these_are_declared(plan: Plan) -> None:
    left, declared = observable(plan, FOREIGN, ALL_SEEING)
    assert [each.name for each in declared] == ["refusals_are_4xx", CALLED_BAD]
    assert left.invariants == plan.invariants


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_the_stand_ins_show_all_that_a_scenario_asks_for(topology: str) -> None:
    assert (
        prepare(Request("idp_outage" if topology == "library" else "revocation_lag", topology=topology)).not_observed
        == ()
    )


def test_where_nobody_posts_it_is_declared_that_bad_tokens_are_not_posted_either(plan: Plan) -> None:
    reading = FOREIGN.model_copy(
        update={"routes": tuple(r.model_copy(update={"posts": False}) for r in FOREIGN.routes)}
    )
    assert POSTED not in {each.name for each in observable(plan, FOREIGN, ALL_SEEING)[1]}
    assert POSTED in {each.name for each in observable(plan, reading, ALL_SEEING)[1]}


def test_where_nobody_says_why_it_is_declared_that_good_tokens_may_be_called_bad(plan: Plan) -> None:
    telling = FOREIGN.model_copy(
        update={
            "components": tuple(
                each.model_copy(update={"dialect": "described"}) if each.name == "edge" else each
                for each in FOREIGN.components
            )
        }
    )
    assert CALLED_BAD in {each.name for each in observable(plan, FOREIGN, ALL_SEEING)[1]}
    assert CALLED_BAD not in {each.name for each in observable(plan, telling, ALL_SEEING)[1]}


def test_where_no_way_leads_around_the_gateways_nobody_looks_for_what_would_come_by_it(plan: Plan) -> None:
    around = objective("nor_around", "audience_confusion_around")
    asked = plan.model_copy(update={"objectives": (*plan.objectives, around)})
    kept, hidden = observable(asked, FOREIGN, ALL_SEEING)
    assert around not in kept.objectives
    (why,) = (each.why for each in hidden if each.name == "nor_around")
    assert why == "clients reach no service around the gateways"
    open_graph = TOPOLOGIES["gateway"].graph
    seeing = Sight(tells={name: frozenset(Fact) for name in open_graph.parts}, logged=frozenset(open_graph.parts))
    assert around in observable(asked, open_graph, seeing)[0].objectives


def test_what_gateways_ask_an_idp_by_tls_is_declared_where_only_connections_are_seen(plan: Plan) -> None:
    tells = {**ALL_SEEING.tells, "edge": frozenset({Fact.INCARNATION})}
    left, hidden = observable(plan, FOREIGN, Sight(tells=tells, logged=ALL_SEEING.logged, recorded=True))
    told = {each.name: each.why for each in hidden}
    assert told[ASKED] == "TLS passes between edge and the IdP: connections are seen, and not what is asked over them"
    assert told["key_fetches_bounded"] == "edge does not tell of key fetches"
    assert "key_fetches_bounded" not in {each.name for each in left.objectives}
    assert ASKED not in {each.name for each in observable(plan, FOREIGN, Sight(tells=tells))[1]}, "nobody looks at all"
