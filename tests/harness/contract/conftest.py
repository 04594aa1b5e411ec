"""The components under test: every stand-in, in processes, and one of your own where the environment names it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from idchaos.contract import ComponentDocument, IdpDocument
from idchaos.graph import Role
from idchaos.run.launch import new_run_id
from idchaos.settings import CommonSettings
from idchaos.targets.standin.local import LocalTarget
from idchaos.undo.undo import end_processes
from tests.harness.contract.component import Component

OWN = "IDCHAOS_COMPONENT"
"""The base URL of a component's control API, to be held against the contract beside the stand-ins."""
OWN_SECRET = "IDCHAOS_COMPONENT_SECRET"
OWN_DATA = "IDCHAOS_COMPONENT_DATA"
OWN_KIND = "IDCHAOS_COMPONENT_KIND"
STAND_INS = ("idp", "gateway-1", "orders", "accounts")


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTarget]:
    run_id = new_run_id()
    target = LocalTarget(CommonSettings(), run_id)
    try:
        target.start(tmp_path_factory.mktemp("logs"))
        yield target
    finally:
        target.stop()
        end_processes(run_id)


@pytest.fixture(params=[*STAND_INS, "own"])
def component(request: pytest.FixtureRequest) -> Component:
    if request.param == "own":
        if OWN not in os.environ:
            pytest.skip(f"{OWN} names no component")
        return Component(
            kind={"idp": IdpDocument, "validator": ComponentDocument}[os.environ.get(OWN_KIND, "validator")],
            control=os.environ[OWN].rstrip("/"),
            data=os.environ.get(OWN_DATA),
            secret=os.environ.get(OWN_SECRET, ""),
        )
    target: LocalTarget = request.getfixturevalue("stand_ins")
    return Component(
        kind=IdpDocument if target.graph.named(request.param).is_a(Role.IDP) else ComponentDocument,
        control=f"http://{target.layout.control[request.param]}",
        data=f"http://{target.layout.data[request.param]}",
        secret=target.credentials.control_secret,
        promised=target.control.tells(request.param),
    )
