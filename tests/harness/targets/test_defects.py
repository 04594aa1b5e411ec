"""Defects by name: the list is whole, each part is told its share, and a request for one leaves its trace."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import pytest

from idchaos.errors import UsageError
from idchaos.fixtures.common.defects import Defect as ValidatorDefect
from idchaos.fixtures.gateway.settings import GatewaySettings
from idchaos.fixtures.idp.defects import Defect as IdpDefect
from idchaos.fixtures.idp.settings import IdpSettings
from idchaos.fixtures.service.settings import ServiceSettings
from idchaos.run.launch import Request, make_target, manifest, prepare
from idchaos.settings import CommonSettings
from idchaos.targets.standin.defects import DEFECTS, by_part, known
from idchaos.targets.standin.local import local_layout
from idchaos.targets.standin.parties import Credentials
from idchaos.targets.standin.topology import settings_documents
from idchaos.topologies import GATEWAYS, IDP, SERVICES, TOPOLOGIES, Topology

READERS = {
    IDP: IdpSettings,
    **dict.fromkeys(GATEWAYS, GatewaySettings),
    **dict.fromkeys(("orders", "accounts"), ServiceSettings),
}


GATEWAY, LIBRARY = TOPOLOGIES["gateway"], TOPOLOGIES["library"]


def documents(*names: str, topology: Topology = GATEWAY) -> Mapping[str, dict[str, Any]]:
    settings = CommonSettings(topology=topology.name)
    return settings_documents(local_layout(topology.graph), settings, Credentials.generate(), by_part(names, topology))


def test_every_defect_of_the_stand_ins_is_listed_and_nothing_else() -> None:
    told = {
        part: {defect.told or defect.name for defect in DEFECTS.values() if part in defect.parts(GATEWAY)}
        for part in GATEWAY.graph.parts
    }
    assert told[IDP] == {str(defect) for defect in IdpDefect}
    validators = set().union(*(told[part] for part in GATEWAY.graph.parts if part != IDP))
    assert validators == {str(defect) for defect in ValidatorDefect}


@pytest.mark.parametrize("topology", TOPOLOGIES.values(), ids=TOPOLOGIES)
@pytest.mark.parametrize("name", DEFECTS)
def test_the_stand_ins_understand_every_defect_and_somebody_has_it(name: str, topology: Topology) -> None:
    parts = DEFECTS[name].parts(topology)
    if not parts:
        with pytest.raises(UsageError, match=f"{name}: nobody in the topology {topology.name} could have it"):
            documents(name, topology=topology)
        return
    read = {
        part: READERS[part].model_validate(document).defects
        for part, document in documents(name, topology=topology).items()
    }
    wrong = {part for part, defects in read.items() if defects}
    assert wrong == set(parts)
    assert {str(defect) for part in wrong for defect in read[part]} == {DEFECTS[name].told or name}


def test_a_sound_system_is_told_of_no_defect() -> None:
    assert all(document["defects"] == [] for document in documents().values())


def test_revocations_are_lost_on_one_replica_only() -> None:
    assert by_part(["revocation_lost_on_one_replica"]) == {"gateway-2": ("revocation_ignored",)}
    assert by_part(["revocation_lost_on_one_replica"], LIBRARY) == {"accounts": ("revocation_ignored",)}
    both = by_part(["revocation_ignored", "revocation_lost_on_one_replica"])
    assert both == dict.fromkeys(GATEWAYS, ("revocation_ignored",))


def test_where_services_decide_they_have_the_defects() -> None:
    assert by_part(["no_aud_check"], LIBRARY) == dict.fromkeys(SERVICES, ("no_aud_check",))


def test_names_are_taken_once_and_an_unknown_one_is_met_with_the_nearest() -> None:
    assert known(["no_aud_check", "alg_none_accepted", "no_aud_check"]) == ("no_aud_check", "alg_none_accepted")
    with pytest.raises(UsageError, match=r"'no_aud_chek' is unknown; did you mean no_aud_check.*list --defects"):
        known(["no_aud_chek"])


def test_a_request_with_a_defect_is_in_the_manifest_and_can_be_repeated() -> None:
    prepared = prepare(Request("jwks_outage", defects=("no_aud_check", "raw_tokens_in_logs"), seed=7))
    told = manifest(prepared, make_target("local", prepared.settings, "of-no-run")[0])
    assert told["defects"] == ["no_aud_check", "raw_tokens_in_logs"]
    words = shlex.split(told["repeat"])
    assert [words[at + 1] for at, word in enumerate(words) if word == "--defect"] == told["defects"]


def test_an_unknown_defect_is_refused_before_anything_starts() -> None:
    with pytest.raises(UsageError, match="list --defects"):
        prepare(Request("jwks_outage", defects=("frob",)))
