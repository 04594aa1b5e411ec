"""What editors are told of files that users write is what the readers of these files hold."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from idchaos.commands.new import written
from idchaos.commands.schema import OF, document
from idchaos.targets.schema import FILES, schema_of

DOCS = Path(__file__).parents[3] / "docs" / "schemas"
TARGET = """
dialect = [{ means = "refusal", status = 401, says = "expired", header = "WWW-Authenticate", reason = "token_expired" }]
unpromised = { revoked = "it asks nobody" }
settings = { access_ttl_s = 300, leeway_s = 0.5, code_ttl_s = 60 }
system = { name = "shop", allow_hosts = ["login.example"], ca = "ca.pem" }
idp = { issuer = "https://login.example/realms/shop", url = "http://127.0.0.1:8080", doubles = 120 }
gateway = { url = ["http://127.0.0.1:9001"], revocation = "introspection" }
blast_radius = { max_rate = 50, max_seconds = 60.5, replicas = 0.5 }
minting = { key = "signing.jwk" }
[[client]]
id = "batch"
secret = { env = "BATCH_SECRET" }
scope = "orders:read"
parameters = { audience = "orders" }
[[client]]
id = "reporting"
secret = { file = "reporting.secret" }
purpose = "other_audience"
[[client]]
id = "web"
redirect_uri = "https://shop.example/callback"
refreshes = true
scope = "openid"
[[client]]
id = "signer"
key = "signer.jwk"
[[user]]
name = "alice"
password = { env = "ALICE_PASSWORD" }
[[route]]
path = "/orders/1"
audience = "orders"
service = "orders"
scope = "orders:read"
posts = true
[toxiproxy]
api = "http://127.0.0.1:8474"
gateway_to_idp = ["keys-1"]
client_to_idp = "login"
client_to_gateway = ["api-1"]
observe_from = "10.0.0.9"
[hooks]
publish_key = { command = ["./rotate.sh", "publish", "{kid}"] }
[hooks.sign_with]
command = ["./rotate.sh", "sign", "{kid}"]
undo = { command = ["./rotate.sh", "sign", "{kid}"], timeout_s = 5 }
[hooks.retire_key]
url = "http://127.0.0.1:7000/keys/{kid}"
method = "DELETE"
secret = { env = "KEYS_TOKEN" }
undo = { url = "http://127.0.0.1:7000/keys/{kid}", method = "PUT", body = "{}" }
[hooks.stop]
command = ["./gateway.sh", "stop", "{replica}"]
undo = { command = ["./gateway.sh", "start", "{replica}"] }
[hooks.revoke]
url = "http://127.0.0.1:7000/revoked/{jti}"
"""
GATEWAY = """
unpromised = { revoked = "it asks nobody" }
settings = { leeway_s = 60 }
[gateway]
name = "mine"
command = ["python3", "-m", "mine", "{listen}"]
config = "mine.cfg"
services = ["orders"]
caller = "X-User"
posts = false
allow_hosts = ["edge.example"]
[[dialect]]
means = "outage"
status = 503
[ports]
issuer = 19000
idp = [19001, 19002]
orders = 19010
accounts = 19011
"""
WHOLE = {"target": TARGET, "gateway": GATEWAY}
OF_INIT = {
    "target": written(
        "target.toml.tmpl",
        {
            "name": "mine", "hosts": "[]", "issuer": "http://127.0.0.1:8080", "told": "", "client": "batch",
            "secret": '{ env = "BATCH_SECRET" }', "scope": "", "gateways": '["http://127.0.0.1:9001"]', "path": "/",
            "ca": "", "audience": "api", "life": "300", "toxiproxy": "", "logins": "",
        },
    ),
    "gateway": written("gateway.toml.tmpl", {"name": "mine", "had": 'command = ["mine"]', "ports": ""}),
}  # fmt: skip


VALIDATORS = {file: jsonschema.Draft7Validator(schema_of(file)) for file in OF}


def valid(file: str, tree: object) -> bool:
    return bool(VALIDATORS[file].is_valid(tree))


def read(file: str, tree: object) -> bool:
    """Whether the model that reads such files takes it."""
    try:
        FILES[file][0].model_validate_json(json.dumps(tree), strict=True)
    except ValidationError:
        return False
    return True


def places(node: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of everything in a tree."""
    yield path
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, value in members:
        yield from places(value, (*path, name))


def at(tree: Any, path: tuple[Any, ...]) -> Any:
    for name in path:
        tree = tree[name]
    return tree


def changed(tree: Any, path: tuple[Any, ...], value: object) -> Any:
    tree = deepcopy(tree)
    at(tree, path[:-1])[path[-1]] = value
    return tree


OPEN = {"unpromised", "parameters"}
"""Tables whose keys are anybody's."""


@pytest.mark.parametrize("file", OF)
def test_the_documents_in_the_docs_are_todays(file: str) -> None:
    """``idchaos schema FILE > docs/schemas/FILE.schema.json`` writes them anew."""
    assert (DOCS / f"{file}.schema.json").read_text() == document(file)
    jsonschema.Draft7Validator.check_schema(schema_of(file))


@pytest.mark.parametrize("file", OF)
def test_whole_files_and_what_init_writes_are_valid(file: str) -> None:
    for text in (WHOLE[file], OF_INIT[file]):
        assert valid(file, tomllib.loads(text))
        assert read(file, tomllib.loads(text))
    assert OF_INIT[file].startswith(f"#:schema ./{file}.schema.json\n")


@pytest.mark.parametrize("file", OF)
def test_an_unknown_key_is_refused_in_every_table(file: str) -> None:
    tree = tomllib.loads(WHOLE[file])
    tables = [each for each in places(tree) if isinstance(at(tree, each), dict) and not OPEN & set(each)]
    assert len(tables) > 4
    for path in tables:
        wrong = changed(tree, (*path, "colour"), 1)
        assert (path, valid(file, wrong), read(file, wrong)) == (path, False, False)


@pytest.mark.parametrize("file", OF)
def test_a_value_of_another_kind_is_refused_everywhere(file: str) -> None:
    tree = tomllib.loads(WHOLE[file])
    for path in list(places(tree))[1:]:
        for wrong_kind in (True, "7", 7, [7], {"seven": 7}):
            kinds = {type(wrong_kind), *((int, float) if isinstance(at(tree, path), (int, float)) else ())}
            if type(at(tree, path)) in kinds:
                continue
            wrong = changed(tree, path, wrong_kind)
            assert (path, wrong_kind, valid(file, wrong)) == (path, wrong_kind, False)
            assert (path, wrong_kind, read(file, wrong)) == (path, wrong_kind, False)


@pytest.mark.parametrize("file", OF)
def test_whatever_the_schema_misses_the_reader_misses_too(file: str) -> None:
    tree = tomllib.loads(WHOLE[file])
    missed = []
    for path in list(places(tree))[1:]:
        less = deepcopy(tree)
        del at(less, path[:-1])[path[-1]]
        if not valid(file, less):
            missed.append(path[-1])
            assert (path, read(file, less)) == (path, False)
    assert {"gateway", "url" if file == "target" else "command"} <= set(missed)


@pytest.mark.parametrize(
    ("file", "path", "value"),
    [
        ("target", ("system", "name"), "The Shop"),
        ("target", ("idp", "issuer"), "login.example"),
        ("target", ("client", 2, "redirect_uri"), "callback"),
        ("target", ("user", 0, "password"), "correct horse"),
        ("target", ("gateway", "revocation"), "never"),
        ("target", ("gateway", "url"), []),
        ("target", ("gateway", "dialect"), "klingon"),
        ("target", ("settings", "leeway_s"), -1),
        ("target", ("settings", "access_ttl_s"), 1e9),
        ("target", ("blast_radius", "replicas"), 2),
        ("target", ("client", 0, "secret"), {"env": "A", "file": "b"}),
        ("target", ("hooks", "sign_with", "url"), "http://127.0.0.1/"),
        ("target", ("hooks", "publish_key", "timeout_s"), 0),
        ("target", ("hooks", "retire_key", "method"), "BREW"),
        ("target", ("dialect", 0, "reason"), "mood"),
        ("gateway", ("gateway", "services"), ["stock"]),
        ("gateway", ("gateway", "url"), ["http://127.0.0.1:8081"]),
        ("gateway", ("dialect", 0, "status"), 200),
        ("gateway", ("ports", "issuer"), 70_000),
        ("gateway", ("settings", "jwks_cache_s"), 0),
    ],
)
def test_a_value_that_can_not_be_is_refused_by_both(file: str, path: tuple[Any, ...], value: object) -> None:
    wrong = changed(tomllib.loads(WHOLE[file]), path, value)
    assert (valid(file, wrong), read(file, wrong)) == (False, False)
