"""The Docker target's pure parts: addresses, variables, and what the compose file and the image must agree with."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from idchaos.fixtures.idp.app import ROUTES
from idchaos.fixtures.observer.settings import ObserverSettings
from idchaos.settings import CommonSettings
from idchaos.targets.standin.compose import COMPOSE_FILE
from idchaos.targets.standin.compose_layout import (
    TOXIPROXY,
    client_links,
    compose_environment,
    docker_layout,
    listen_ports,
    project_name,
)
from idchaos.targets.standin.observing import OBSERVER, PATHS, observed_links, observer_settings
from idchaos.targets.standin.parties import Credentials
from idchaos.targets.standin.topology import Layout, module_of, settings_documents
from idchaos.topologies import TOPOLOGIES, Topology
from idchaos.undo.ledger import RUN_ID_VARIABLE

ROOT = COMPOSE_FILE.parent
GRAPH = TOPOLOGIES["gateway"].graph
CLIENT_LINKS = client_links(GRAPH)
IMAGES = {"IDCHAOS_STAND_IN_IMAGE", "IDCHAOS_PYTHON_IMAGE", "IDCHAOS_TOXIPROXY_IMAGE"}
"""What whoever starts the containers may set, and idchaos does not."""

COME_WITH_OTHERS = {"multidict", "yarl", "pydantic-core"}
"""Parts of aiohttp and pydantic that have names of their own."""


@pytest.fixture
def layout() -> Layout:
    return docker_layout(GRAPH)


@pytest.fixture
def environment(layout: Layout) -> dict[str, str]:
    documents = settings_documents(layout, CommonSettings(), Credentials.generate(), {})
    documents[OBSERVER] = observer_settings(layout, GRAPH)
    return compose_environment(GRAPH, layout, "abc123", "s3cret", documents)


def port(address: str) -> int:
    return int(address.rpartition(":")[2])


def test_every_proxy_has_a_port_of_its_own_in_toxiproxys_container(layout: Layout) -> None:
    assert set(layout.listen) == set(layout.through) == {link.name for link in GRAPH.links}
    assert sorted(map(port, layout.listen.values())) == sorted(set(listen_ports(GRAPH).values()))


def test_parts_reach_each_other_through_toxiproxy_and_clients_through_published_ports(layout: Layout) -> None:
    for proxy, address in layout.through.items():
        host = "127.0.0.1" if proxy in CLIENT_LINKS else TOXIPROXY
        assert address.startswith(f"{host}:")
        if host == TOXIPROXY:
            assert port(address) == port(layout.listen[proxy])


def test_what_is_published_has_distinct_ports_on_loopback(layout: Layout) -> None:
    published = [*layout.control.values(), *(layout.through[name] for name in CLIENT_LINKS), layout.toxiproxy_api]
    assert all(address.startswith("127.0.0.1:") for address in published)
    assert len(set(published)) == len(GRAPH.parts) + len(CLIENT_LINKS) + 2


def variables(text: str) -> set[str]:
    return set(re.findall(r"\$\{(IDCHAOS_[A-Z0-9_]+)", text))


def test_every_variable_of_the_compose_file_is_given_and_no_other(environment: dict[str, str]) -> None:
    assert variables(COMPOSE_FILE.read_text()) - IMAGES == set(environment)


def test_each_part_is_given_its_own_settings(environment: dict[str, str]) -> None:
    for name in (*GRAPH.parts, OBSERVER):
        variable = f"IDCHAOS_{name.upper().replace('-', '_')}_SETTINGS"
        assert json.loads(environment[variable])["name"] == name
    assert environment[RUN_ID_VARIABLE] == "abc123"


def test_published_ports_are_those_of_the_layout(layout: Layout, environment: dict[str, str]) -> None:
    assert environment["IDCHAOS_PORT_TOXIPROXY"] == str(port(layout.toxiproxy_api))
    assert environment["IDCHAOS_PORT_CLIENT_TO_GATEWAY_2"] == str(port(layout.through["client-to-gateway-2"]))
    assert environment["IDCHAOS_PORT_ACCOUNTS_CONTROL"] == str(port(layout.control["accounts"]))


@pytest.mark.parametrize("topology", TOPOLOGIES.values(), ids=TOPOLOGIES)
def test_what_toxiproxy_publishes_is_what_it_listens_on(topology: Topology) -> None:
    published = re.findall(r"127\.0\.0\.1:\$\{IDCHAOS_PORT_(CLIENT[A-Z0-9_]+):-\d+\}:(\d+)", COMPOSE_FILE.read_text())
    ports = listen_ports(topology.graph)
    found = {name.lower().replace("_", "-"): int(number) for name, number in published}
    wanted = {link: ports[link] for link in client_links(topology.graph)}
    assert found | wanted == found
    assert topology.name == "edge" or set(wanted) == set(found)


@pytest.mark.parametrize("topology", TOPOLOGIES.values(), ids=TOPOLOGIES)
def test_the_compose_file_has_a_service_with_a_network_of_its_own_for_every_part(topology: Topology) -> None:
    found = re.findall(
        r"^  ([a-z0-9-]+):\n    <<: \*stand-in\n    command: \[([a-z.]+)\]\n(?:      .*\n|    environment:\n)*"
        r"    networks: \[([a-z0-9-]+)\]\n",
        COMPOSE_FILE.read_text(),
        re.MULTILINE,
    )
    assert found == [(name, module_of(topology.graph, name), name) for name in topology.graph.parts]


@pytest.mark.parametrize("topology", TOPOLOGIES.values(), ids=TOPOLOGIES)
def test_toxiproxy_reaches_the_idp_through_the_observer_alone(topology: Topology) -> None:
    text = COMPOSE_FILE.read_text()
    networks = {
        name: set(found.split(", "))
        for name, found in re.findall(r"^  ([a-z0-9-]+):\n(?:    .*\n)*?    networks: \[(.+)\]$", text, re.MULTILINE)
    }
    with_the_idp = {name for name, joined in networks.items() if joined & networks["idp"]}
    assert (with_the_idp, networks["idp"] & networks[TOXIPROXY]) == ({"idp", OBSERVER}, set())
    assert networks[OBSERVER] & networks[TOXIPROXY] == {OBSERVER}
    layout = docker_layout(topology.graph)
    for link in topology.graph.links:
        assert (layout.upstream(link) == layout.data[link.provider]) == (link.provider not in topology.graph.idps)


@pytest.mark.parametrize("topology", TOPOLOGIES.values(), ids=TOPOLOGIES)
def test_the_observer_listens_where_toxiproxy_looks_for_it_and_leads_where_the_link_does(topology: Topology) -> None:
    layout = docker_layout(topology.graph)
    settings = ObserverSettings.model_validate(observer_settings(layout, topology.graph))
    for link, told in zip(observed_links(topology.graph), settings.links, strict=True):
        assert layout.upstream(link) == f"{OBSERVER}:{told.listen.port}"
        assert (told.listen.host, str(told.upstream)) == ("0.0.0.0", layout.data[link.provider])


def test_the_observer_calls_the_idps_endpoints_as_the_idp_does() -> None:
    for _, path, endpoint, _ in ROUTES:
        assert PATHS[re.sub(r"{\w+}$", "*", path)] == endpoint


@given(st.text(max_size=40))
def test_a_projects_name_is_one_that_compose_takes(run_id: str) -> None:
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]*", project_name(run_id))


def requirements(lines: list[str]) -> dict[str, str]:
    found = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    return {each.name: str(each.specifier) for each in found}


def test_the_image_installs_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    bounds = requirements(project["dependencies"])
    image = requirements((ROOT / "fixtures/images/requirements.txt").read_text().splitlines())
    assert image == {name: bounds[name] for name in image}


def test_the_image_installs_all_that_the_stand_ins_import() -> None:
    image = requirements((ROOT / "fixtures/images/requirements.txt").read_text().splitlines())
    imported = {
        match.replace("_", "-")
        for path in (ROOT / "fixtures").rglob("*.py")
        for match in re.findall(r"^(?:from|import) ([a-z_0-9]+)", path.read_text(), re.MULTILINE)
    }
    not_asked_for = {name.replace("_", "-") for name in sys.stdlib_module_names} | {"idchaos"} | COME_WITH_OTHERS
    assert imported - not_asked_for == set(image)


def test_the_image_copies_files_that_exist() -> None:
    dockerfile = (ROOT / "fixtures/images/Dockerfile").read_text()
    for source in re.findall(r"^COPY (\S+)", dockerfile, re.MULTILINE):
        assert Path(ROOT, source).exists()
