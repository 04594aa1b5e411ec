"""Flows are found by their name, or in the file that a plan says; what a plan says is data."""

import subprocess
import sys

import pytest

from idchaos.errors import UsageError
from idchaos.experiment import FlowPlan, LoadPlan, Stream
from idchaos.load.engine.job import Roles
from idchaos.load.flows.catalogue import flow_of, flows, flows_of, planned
from idchaos.load.flows.revocation import Revocation
from tests.harness.load.conftest import MACHINE

OWN = """
from __future__ import annotations

from idchaos.load.flows.base import Flow, Sender


class Nightly(Flow):
    name = "nightly"
    calls: int = 2

    def lacks(self, roles, endpoints):
        return "" if roles.machine else "a machine"

    def sender(self, scene):
        return Sender()
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "nightly_jobs.py"
    path.write_text(OWN)
    return FlowPlan(name="nightly", module=str(path), settings={"calls": 5})


def test_a_flow_is_itself_again_after_it_was_a_plan():
    flow = Revocation(formats=("jwt",), confirm_denials=5)
    plan = FlowPlan.model_validate_json(flow.plan().model_dump_json())
    assert flow_of(plan) == flow
    assert plan.module == "idchaos.load.flows.revocation"


@pytest.mark.parametrize("name", flows())
def test_every_flow_says_what_it_leaves_and_whether_it_is_good_traffic(name):
    kind = flows()[name]
    assert kind.name == name
    assert kind.expected in ("accept", "deny", "either")


def test_a_scenario_s_own_flow_is_read_from_its_file_and_is_a_plan_of_that_file(own):
    flow = flow_of(own)
    assert flow.calls == 5
    assert flow.plan() == own.model_copy(update={"sources": flow.sources()})


def test_a_flow_without_settings_of_its_own_is_as_it_is_by_default():
    (plan,) = planned([Stream(flow="thief", rate=1), Stream(flow="thief", rate=2)])
    assert plan.settings == {"loot": ["access", "session", "browser"]}


@pytest.mark.parametrize(
    ("flow", "why"), [("refresh", "'refresh' is unknown; there are api, "), ("partner", "starts_s")]
)
def test_what_cannot_be_planned_is_refused_in_one_line(flow, why):
    with pytest.raises(UsageError, match=why):
        planned([Stream(flow=flow, rate=1)])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"name": "daily"}, "defines no Flow of that name"),
        ({"module": "/nowhere/x.py"}, "can't be imported"),
        ({"settings": {"calls": "many"}}, "valid integer"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_by_name(own, change, why):
    with pytest.raises(UsageError, match=f"flow .*{why}"):
        flow_of(own.model_copy(update=change))


def test_a_flow_that_the_target_has_no_clients_for_is_refused(own, scene):
    plan = LoadPlan(streams=(Stream(flow="nightly", rate=1),), flows=(own,))
    assert list(flows_of(plan, scene.endpoints, Roles.of((MACHINE,)))) == ["nightly"]
    with pytest.raises(UsageError, match="flow nightly needs a machine"):
        flows_of(plan, scene.endpoints, Roles())


def test_a_plan_of_before_the_list_of_flows_keeps_its_settings():
    stored = {"streams": [], "revocations": {"confirm_denials": 7}, "races": None, "leak": None}
    plan = LoadPlan.model_validate(stored)
    assert plan.setting("revocation", "confirm_denials", 3) == 7
    assert LoadPlan.model_validate(plan.model_dump()) == plan


def test_naming_the_flows_takes_no_wire():
    """Every scenario knows the flows, and ``idchaos list`` knows every scenario."""
    code = (
        "import sys; from idchaos.load.flows.catalogue import flows; flows(); "
        "print([name for name in ('gevent', 'locust', 'cryptography', 'numpy') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
