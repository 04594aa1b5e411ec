"""A gateway of one's own by a file: what is wrong with one is said in a line, and what it means at a target."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from idchaos.commands import init
from idchaos.contract import POSTED
from idchaos.errors import Unsuited, UsageError
from idchaos.run.launch import Request, prepare
from idchaos.settings import CommonSettings
from idchaos.targets.capabilities import ControlsProcesses
from idchaos.targets.gateways.checks import Answer
from idchaos.targets.gateways.file import read
from idchaos.targets.gateways.own import Own
from idchaos.targets.gateways.target import GatewayTarget

COMMAND = '[gateway]\nname = "mine"\ncommand = ["python3", "-m", "mine", "{listen}", "{jwks_uri}"]\n'
PORTS = "[ports]\nissuer = 19000\nidp = [19001, 19002]\norders = 19010\naccounts = 19011\n"
RUNNING = '[gateway]\nname = "mine"\nurl = ["http://127.0.0.1:8081", "http://127.0.0.1:8082"]\n' + PORTS


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "gateway.toml"


def refused(file: Path, text: str) -> str:
    file.write_text(text)
    with pytest.raises(UsageError) as found:
        Own(file)
    assert "\n" not in str(found.value)
    return str(found.value).removeprefix(f"--gateway {file}: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[gateway]\nname = "mine"\n',
            "should have command or image (idchaos starts it), or else url (it runs already)",
        ),
        (COMMAND + 'colour = "red"\n', "gateway.colour: unknown key"),
        (COMMAND.replace("command", "comand"), "gateway.comand: unknown key; did you mean command?"),
        (COMMAND.replace('"mine"', '"standin"'), "gateway.name: 'standin' is the name of something of ours"),
        (RUNNING.replace("8082", "8081"), "url: one is there twice: each is a replica of its own"),
        (RUNNING.replace("http://127.0.0.1:8081", "127.0.0.1:8081"), "url '127.0.0.1:8081': should begin with http://"),
        (RUNNING.replace("http://127.0.0.1:8081", "https://127.0.0.1:8081"), "should begin with http://"),
        (
            RUNNING.replace("127.0.0.1:8081", "10.1.2.3:8081"),
            "10.1.2.3 is not this machine; name it in gateway.allow_h",
        ),
        (RUNNING.replace(":8081", ""), "should be http://HOST:PORT"),
        (RUNNING.replace(":8081", ":99999"), "the port should be a number up to 65535"),
        (RUNNING.replace("[19001, 19002]", "[19001]"), "ports.idp: 1 given, and there are 2 replicas"),
        (RUNNING.removesuffix(PORTS), "a gateway that runs already needs [ports]"),
        (COMMAND + 'services = ["stock"]\n', "should be some of orders, accounts"),
        (COMMAND + 'config = "mine.cfg"\n', "gateway.config: there is no file"),
        (COMMAND.replace("{listen}", "{lisen}"), "gateway.command: {lisen} is unknown; there are accounts, audience"),
        (COMMAND + '[[dialect]]\nmeans = "refusal"\nstatus = 500\n', "a refusal of status 500: should be 401 or 403"),
        (COMMAND + '[[dialect]]\nmeans = "no"\nstatus = 401\n', "dialect.0.means: should be 'refusal' or 'outage'"),
        (COMMAND + "[settings]\nleeway = 3\n", "'leeway' is unknown; there are jwks_cache_s"),
        ("[gateway\n", "no TOML"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(file: Path, text: str, said: str) -> None:
    assert said in refused(file, text)


def test_a_file_that_is_not_there_says_what_writes_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file or directory; idchaos init gateway writes one"):
        read(tmp_path / "none.toml")


def test_examples_are_its_dialect(file: Path) -> None:
    file.write_text(
        COMMAND
        + '[[dialect]]\nmeans = "refusal"\nstatus = 302\n'
        + '[[dialect]]\nmeans = "outage"\nstatus = 401\nsays = "no keys (yet)"\n'
    )
    dialect = Own(file).dialect
    assert dialect.tells_reasons
    headers = httpx.Headers()
    assert dialect.read(Answer(302, "", b"", headers)) == ("deny", "login_required")
    assert dialect.read(Answer(401, "", b"no keys (yet)", headers)) == ("undecided", "jwks_unavailable")
    assert dialect.read(Answer(401, "", b"bad token", headers))[0] == "deny"
    assert dialect.read(Answer(307, "", b"", headers)) == ("undecided", "http_307")


def test_a_replica_is_started_with_its_places_filled_in(file: Path, tmp_path: Path) -> None:
    file.write_text(COMMAND + 'config = "mine.cfg"\n')
    (tmp_path / "mine.cfg").write_text("keys {jwks_uri} to {orders}; { untouched } {unknown}")
    target = GatewayTarget(Own(file), CommonSettings(topology="edge"), "of-no-run")
    wiring = target.wiring("gateway-2", tmp_path / "logs")
    (program,) = target.adapter.programs(wiring)
    assert program.command[3:] == (str(wiring.listen), wiring.jwks_uri)
    orders = target.layout.through["gateway-to-orders"]
    assert program.files == {"mine.cfg": f"keys {wiring.jwks_uri} to {orders}; {{ untouched }} {{unknown}}"}
    assert str(wiring.idp) == target.layout.through["gateway-2-to-idp"]


def test_one_that_runs_already_is_where_it_is_and_finds_its_idp_where_it_was_told(file: Path) -> None:
    file.write_text(RUNNING)
    target = GatewayTarget(Own(file), CommonSettings(topology="edge"), "of-no-run")
    assert target.layout.data["gateway-2"] == "127.0.0.1:8082"
    assert target.layout.listen["gateway-2-to-idp"] == "127.0.0.1:19002"
    assert target.layout.listen["gateway-to-accounts"] == "127.0.0.1:19011"
    assert target.endpoints.issuer == "http://127.0.0.1:19000"
    assert target.capability(ControlsProcesses) is None
    assert "gateway-1" not in target.logged()
    assert "gateway-1" not in target.layout.control


def test_a_single_replica_is_no_place_for_what_needs_two(file: Path) -> None:
    text = RUNNING.replace(', "http://127.0.0.1:8082"', "").replace("[19001, 19002]", "[19001]")
    file.write_text(text)
    assert Own(file).graph.gateways == ("gateway-1",)
    assert prepare(Request("jwks_outage", gateway=str(file))).experiment.plan
    with pytest.raises(Unsuited, match="cold_start needs two replicas"):
        prepare(Request("cold_start", gateway=str(file)))


def test_what_is_so_in_it_is_what_is_expected_of_it(file: Path) -> None:
    file.write_text(COMMAND + "[settings]\nleeway_s = 60\n")
    assert prepare(Request("jwks_outage", gateway=str(file))).settings.gateway.leeway_s == 60
    with pytest.raises(UsageError, match=r"gateway.leeway_s=5: in --gateway .* it is 60"):
        prepare(Request("jwks_outage", gateway=str(file), overrides={"gateway.leeway_s": 5}))


def test_of_claims_only_canaries_that_there_are(file: Path) -> None:
    file.write_text(COMMAND + '[unpromised]\nrevokd = "no"\n')
    with pytest.raises(UsageError, match="canary: 'revokd' is unknown; did you mean revoked"):
        prepare(Request("jwks_outage", gateway=str(file)))


@pytest.mark.parametrize(
    "options",
    [
        ["--name", "mine", "--command", "python3 -m mine {listen}", "--config", ""],
        ["--name", "mine", "--url", "http://127.0.0.1:8081", "--url", "http://127.0.0.1:8082"],
        ["--name", "mine", "--image", "my/haproxy:1", "--config", ""],
        ["--name", "mine", "--image", "my/haproxy:1", "--command", "-f {folder}/mine.cfg", "--config", ""],
    ],
)
def test_what_init_writes_is_sound(file: Path, options: list[str]) -> None:
    made = CliRunner().invoke(init.command, ["gateway", str(file), *options])
    assert made.exit_code == 0, made.output
    assert f"next: idchaos doctor {file}" in made.output
    assert Own(file).name == "mine"


def test_a_container_is_given_the_command_as_it_stands(file: Path, tmp_path: Path) -> None:
    file.write_text('[gateway]\nname = "mine"\nimage = "my/haproxy:1"\ncommand = ["ls", "{listen}"]\n')
    own = Own(file)
    wiring = GatewayTarget(own, CommonSettings(topology="edge"), "of-no-run").wiring("gateway-1", tmp_path / "logs")
    (program,) = own.programs(wiring)
    assert (program.image, program.command) == ("my/haproxy:1", ("ls", str(wiring.listen)))
    assert [each.kind for each in own.undos("a1")] == ["containers", "processes"]
    assert own.missing() == ()


def test_init_asks_for_what_no_option_says(file: Path) -> None:
    made = CliRunner().invoke(init.command, ["gateway", str(file)], input="edge\npython3 -m edge {listen}\n\n")
    assert made.exit_code == 0, made.output
    assert Own(file).file.gateway.command == ("python3", "-m", "edge", "{listen}")


@pytest.mark.parametrize("posts", [True, False])
def test_whether_a_post_goes_through_is_what_the_file_says(file: Path, posts: bool) -> None:
    file.write_text(COMMAND if posts else COMMAND.replace("[gateway]\n", "[gateway]\nposts = false\n"))
    assert {route.posts for route in Own(file).graph.routes} == {posts}
    declared = {each.name for each in prepare(Request("jwks_outage", gateway=str(file))).not_observed}
    assert (POSTED in declared) is not posts
