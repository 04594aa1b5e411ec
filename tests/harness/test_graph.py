"""A target as a graph: what follows from it, for systems of several shapes, and what is refused."""

import pytest
from pydantic import ValidationError

from idchaos.graph import Component, Graph, Link, Role, Route
from idchaos.topologies import Need, offers

USERS = Component(name="users", roles=(Role.CLIENT,))


def component(name: str, *roles: Role, **details: object) -> Component:
    return Component.model_validate({"name": name, "roles": roles, **details})


def link(consumer: str, provider: str) -> Link:
    return Link(name=f"{consumer}-to-{provider}", consumers=(consumer,), provider=provider)


def sidecars() -> Graph:
    """Two services, each behind a gateway of its own; tokens of two IdPs."""
    return Graph(
        components=(
            USERS,
            component("staff-idp", Role.IDP, formats=("jwt",)),
            component("partner-idp", Role.IDP, formats=("jwt", "opaque")),
            component(
                "orders-proxy", Role.GATEWAY, Role.VALIDATOR, decides=True, keeps_keys=True,
                trusts=("staff-idp", "partner-idp"),
            ),
            component(
                "stock-proxy", Role.GATEWAY, Role.VALIDATOR, decides=True, introspects=("jwt",), trusts=("staff-idp",)
            ),
            component("orders", Role.SERVICE),
            component("stock", Role.SERVICE),
        ),
        links=(
            link("users", "staff-idp"),
            link("users", "partner-idp"),
            link("users", "orders-proxy"),
            link("users", "stock-proxy"),
            link("orders-proxy", "staff-idp"),
            link("orders-proxy", "partner-idp"),
            link("stock-proxy", "staff-idp"),
            link("orders-proxy", "orders"),
            link("stock-proxy", "stock"),
        ),
        routes=(
            Route(path="/orders", service="orders", audience="orders", scope="read", via=("orders-proxy",)),
            Route(path="/stock", service="stock", audience="stock", scope="write", method="POST", via=("stock-proxy",)),
        ),
    )  # fmt: skip


def replicas(count: int) -> Graph:
    """One service, and gateways that are all the same."""
    names = [f"edge-{number}" for number in range(count)]
    return Graph(
        components=(
            USERS,
            component("idp", Role.IDP, formats=("jwt",)),
            *(
                component(
                    name, Role.GATEWAY, Role.VALIDATOR, decides=True, keeps_keys=True, trusts=("idp",),
                    replica_of="edge",
                )
                for name in names
            ),
            component("api", Role.SERVICE),
        ),
        links=(link("users", "idp"), *(link(name, "idp") for name in names), *(link(name, "api") for name in names)),
        routes=(Route(path="/", service="api", audience="api", scope=""),),
    )  # fmt: skip


def test_a_gateway_for_each_service_and_two_idps() -> None:
    graph = sidecars()
    assert graph.parts == ("staff-idp", "partner-idp", "orders-proxy", "stock-proxy", "orders", "stock")
    assert graph.idps == ("staff-idp", "partner-idp") and graph.idp == "staff-idp"
    assert graph.validators == graph.validators_of_tokens == ("orders-proxy", "stock-proxy")
    assert graph.keepers_of_keys == ("orders-proxy",)
    assert graph.groups["gateway-to-idp"] == (
        "orders-proxy-to-staff-idp",
        "orders-proxy-to-partner-idp",
        "stock-proxy-to-staff-idp",
    )
    assert graph.links_to_idp == ("gateway-to-idp",)
    assert graph.probers["orders-proxy-to-partner-idp"] == (("orders-proxy", "partner-idp"),)
    assert graph.link_between("stock-proxy", "partner-idp") is None
    assert not graph.services_decide and offers(graph) == {Need.KEYS, Need.METADATA, Need.INTROSPECTION}


@pytest.mark.parametrize(("count", "offered"), [(1, set()), (2, {Need.REPLICAS}), (5, {Need.REPLICAS})])
def test_any_number_of_replicas(count: int, offered: set[Need]) -> None:
    graph = replicas(count)
    assert len(graph.gateways) == len(graph.groups["gateway-to-idp"]) == count
    assert offers(graph) == offered | {Need.KEYS, Need.METADATA}


def test_a_group_and_a_single_link_go_by_their_names() -> None:
    assert sidecars().links_of("client-to-gateway") == ("users-to-orders-proxy", "users-to-stock-proxy")
    assert sidecars().links_of("orders-proxy-to-orders") == ("orders-proxy-to-orders",)
    with pytest.raises(KeyError, match="nowhere"):
        sidecars().links_of("nowhere")


def test_a_graph_is_stored_and_read_again_as_it_was() -> None:
    assert Graph.model_validate_json(sidecars().model_dump_json()) == sidecars()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"links": (link("users", "nobody"),)}, "link users-to-nobody: 'nobody' is unknown"),
        ({"links": (link("users", "orders"),) * 2}, "link users-to-orders: there are two of that name"),
        ({"components": (USERS, USERS)}, "component users: there are two of that name"),
        (
            {"routes": (Route(path="/x", service="orders-proxy", audience="", scope=""),)},
            "route /x: service: 'orders-proxy' is unknown; there are orders, stock",
        ),
        (
            {"routes": (Route(path="/x", service="orders", audience="", scope="", via=("stock",)),)},
            "route /x: via: 'stock' is unknown; there are orders-proxy, stock-proxy",
        ),
        (
            {"components": (*sidecars().components, component("odd", Role.SERVICE, trusts=("orders",)))},
            "odd trusts: 'orders' is unknown; there are staff-idp, partner-idp",
        ),
    ],
)
def test_what_names_something_that_is_not_there_is_refused(changed: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Graph.model_validate(dict(sidecars()) | changed)
