"""Addresses in containers, and the variables that ``docker-compose.yml`` asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from idchaos.graph import Graph
from idchaos.targets.standin.addresses import free_ports
from idchaos.targets.standin.observing import OBSERVER, observed_links
from idchaos.targets.standin.topology import Layout
from idchaos.undo.ledger import RUN_ID_VARIABLE

TOXIPROXY = "toxiproxy"
DATA_PORT, CONTROL_PORT = 8000, 9000
FIRST_CLIENT_PORT, FIRST_INNER_PORT = 21001, 21101
"""In Toxiproxy's container. Those of clients are published."""
FIRST_OBSERVED_PORT = 22001
"""In the observer's container."""


def client_links(graph: Graph) -> tuple[str, ...]:
    """The links that clients use: from outside of the container."""
    return tuple(link.name for link in graph.links if set(link.consumers) & set(graph.clients))


def listen_ports(graph: Graph) -> dict[str, int]:
    """The port that Toxiproxy listens on for each link, in its container."""
    outer = client_links(graph)
    inner = [link.name for link in graph.links if link.name not in outer]
    return {
        **{link: FIRST_CLIENT_PORT + number for number, link in enumerate(outer)},
        **{link: FIRST_INNER_PORT + number for number, link in enumerate(inner)},
    }


def docker_layout(graph: Graph) -> Layout:
    """Addresses inside the compose networks, and free loopback ports for what is published."""
    outer, listening, parts = client_links(graph), listen_ports(graph), (*graph.parts, OBSERVER)
    ports = iter(free_ports(len(outer) + len(parts) + 1))
    through = {link: f"{TOXIPROXY}:{port}" for link, port in listening.items()}
    return Layout(
        data={name: f"{name}:{DATA_PORT}" for name in parts},
        control={name: f"127.0.0.1:{next(ports)}" for name in parts},
        bind=dict.fromkeys(parts, (f"0.0.0.0:{DATA_PORT}", f"0.0.0.0:{CONTROL_PORT}")),
        listen={link: f"0.0.0.0:{port}" for link, port in listening.items()},
        through={**through, **{link: f"127.0.0.1:{next(ports)}" for link in outer}},
        toxiproxy_api=f"127.0.0.1:{next(ports)}",
        observed={
            link.name: f"{OBSERVER}:{FIRST_OBSERVED_PORT + number}" for number, link in enumerate(observed_links(graph))
        },
    )


def compose_environment(
    graph: Graph, layout: Layout, run_id: str, secret: str, documents: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """The variables that ``docker-compose.yml`` asks for."""
    return {
        RUN_ID_VARIABLE: run_id,
        "IDCHAOS_CONTROL_SECRET": secret,
        "IDCHAOS_PORT_TOXIPROXY": _port(layout.toxiproxy_api),
        **{f"IDCHAOS_PORT_{_variable(link)}": _port(layout.through[link]) for link in client_links(graph)},
        **{f"IDCHAOS_PORT_{_variable(name)}_CONTROL": _port(layout.control[name]) for name in documents},
        **{f"IDCHAOS_{_variable(name)}_SETTINGS": json.dumps(document) for name, document in documents.items()},
    }


def project_name(run_id: str) -> str:
    """Compose's name for a run: lower-case letters, digits, ``-`` and ``_``."""
    return "idchaos-" + re.sub(r"[^a-z0-9_-]", "-", run_id.lower())


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")


def _port(address: str) -> str:
    return address.rpartition(":")[2]
