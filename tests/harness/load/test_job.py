import pytest

from idchaos.errors import UsageError
from idchaos.experiment import LoadPlan, Stream
from idchaos.graph import Route
from idchaos.hosts import check_host, is_loopback
from idchaos.load.engine.job import LoadJob, Roles, check_hosts
from idchaos.load.flows.catalogue import flows_of
from idchaos.targets.endpoints import Client, Endpoints, Gateway, User

WEB = Client(client_id="web", client_secret="s", grants=("authorization_code", "refresh_token"), scope="openid")
OPAQUE = WEB.model_copy(update={"client_id": "web-opaque", "token_format": "opaque"})
MACHINE = Client(client_id="machine", client_secret="s", grants=("client_credentials",), scope="read")
ALICE = User(username="alice", password="p")


def job(*flows, clients=(WEB, MACHINE), users=(ALICE,), **changes):
    endpoints = Endpoints(
        issuer="http://127.0.0.1:1",
        idp_url="http://127.0.0.1:1",
        gateways=(Gateway(name="gateway-1", url="http://127.0.0.1:2"),),
        routes=(Route(path="/orders", service="orders", audience="orders", scope="read"),),
        clients=clients,
        users=users,
    )
    return LoadJob(
        plan=LoadPlan(streams=tuple(Stream(flow=flow, rate=1) for flow in flows)),
        endpoints=endpoints.model_copy(update=changes),
        seed=1,
        duration_s=1,
        samples_path="samples.jsonl",
    )


def test_a_job_is_one_line_of_json_both_ways():
    first = job("api")
    assert "\n" not in first.model_dump_json()
    assert LoadJob.model_validate_json(first.model_dump_json()) == first


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost", "idp.localhost"])
def test_loopback_is_recognised(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "example.com", "localhost.example.com", "0.0.0.0", ""])
def test_everything_else_is_not_loopback(host):
    assert not is_loopback(host)


def test_load_is_only_sent_where_it_is_allowed():
    with pytest.raises(UsageError, match="allow_hosts"):
        check_hosts(job("api", idp_url="https://login.example.com"))
    assert check_host("https://login.example.com/x", ("login.example.com",))


@pytest.mark.parametrize(
    "url",
    ["ftp://127.0.0.1/", "127.0.0.1:80", "http://", "http://127.0.0.1/a b", "http://[", "http://127.0.0.1:x/", ""],
)
def test_what_is_no_http_url_is_refused(url):
    with pytest.raises(UsageError, match="not a"):
        check_host(url, ())


def test_roles_are_found_by_what_clients_may_do():
    roles = Roles.of((OPAQUE, MACHINE, WEB))
    assert roles.sessions == (WEB,)
    assert roles.opaque_sessions == (OPAQUE,)
    assert roles.machine == MACHINE
    assert roles.machine_opaque is None


@pytest.mark.parametrize(
    ("flow", "clients", "users"),
    [
        ("login", (MACHINE,), (ALICE,)),
        ("api", (WEB,), ()),
        ("opaque", (WEB, MACHINE), (ALICE,)),
        ("machine", (WEB,), ()),
        ("canary", (WEB,), ()),
        ("refresh", (WEB,), ()),
    ],
)
def test_a_plan_that_the_clients_cannot_carry_out_names_the_flow(flow, clients, users):
    wrong = job(flow, clients=clients, users=users)
    with pytest.raises(UsageError, match=flow):
        flows_of(wrong.plan, wrong.endpoints, Roles.of(clients))
