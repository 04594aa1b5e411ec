"""Everything that parts of the stand-in system know in secret is known to those who search its logs."""

from __future__ import annotations

import json

import pytest

from idchaos.run.leaks import credentials
from idchaos.settings import CommonSettings
from idchaos.targets.standin.local import local_layout
from idchaos.targets.standin.parties import Credentials
from idchaos.targets.standin.topology import endpoints, settings_documents
from idchaos.topologies import TOPOLOGIES, Topology


@pytest.mark.parametrize("topology", TOPOLOGIES.values(), ids=TOPOLOGIES)
def test_no_secret_of_a_settings_document_is_unknown_to_the_search_of_logs(topology: Topology) -> None:
    layout, made = local_layout(topology.graph), Credentials.generate()
    known = {secret.value for secret in credentials(endpoints(layout, made, topology.graph))}
    secret = {made.gateway_secret, made.initial_access_token, *made.clients.values(), *made.users.values()}
    told = json.dumps(settings_documents(layout, CommonSettings(topology=topology.name), made, {}))
    assert {value for value in secret if value in told} <= known
    assert made.gateway_secret in told
