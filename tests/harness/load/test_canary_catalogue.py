"""What kinds there are, what each says of itself, and what a target must have for it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from idchaos.errors import UsageError
from idchaos.load.canaries.catalogue import LACKING, invariants, kind_named, kinds, unmakeable
from idchaos.load.canaries.page import page
from idchaos.targets.endpoints import Client, Endpoints, User

PAGE = Path(__file__).parents[3] / "docs" / "canaries.md"
MACHINE = Client(client_id="machine", client_secret="s", grants=("client_credentials",))
WEB = Client(client_id="web", client_secret="s", grants=("authorization_code",))


def endpoints(**more):
    values = {"issuer": "i", "idp_url": "http://127.0.0.1:1", "gateways": (), "routes": (), "clients": (), "users": ()}
    return Endpoints(**(values | more))


@pytest.mark.parametrize("kind", kinds().values(), ids=lambda kind: kind.name)
def test_every_kind_says_what_it_is(kind):
    assert re.fullmatch(r"[a-z_]+", kind.name)
    for words in (kind.made, kind.bad, kind.why, kind.source):
        assert "\n" not in words
        assert len(words) > 10
    assert set(kind.needs) <= set(LACKING)


def test_the_page_of_canaries_is_what_the_kinds_say():
    assert PAGE.read_text() == page(), "python -m idchaos.load.canaries.page > docs/canaries.md"


def test_every_kind_breaks_one_invariant():
    assert sorted(name for names in invariants().values() for name in names) == sorted(kinds())


def test_an_unknown_kind_is_refused_with_those_that_there_are():
    with pytest.raises(UsageError, match="'expird' is unknown; did you mean expired"):
        kind_named("expird")


def test_what_a_target_cannot_make_is_known_beforehand_with_what_it_lacks():
    bare = unmakeable(kinds(), endpoints(clients=(MACHINE,)))
    assert bare["wrong_issuer"] == "no way to have tokens signed by the IdP's key"
    assert bare["code_replayed"] == "no user who can log in"
    assert (
        bare["wrong_audience"]
        == "no token that is for another service, and no way to have tokens signed by the IdP's key"
    )
    assert not {"expired", "alg_none", "tampered"} & set(bare)


def test_a_signing_key_makes_up_for_a_control_api():
    key = {"kty": "oct", "kid": "k"}
    lacking = unmakeable(["not_yet_valid", "retired_key"], endpoints(clients=(MACHINE,), signing_jwk=key))
    assert lacking == {"retired_key": "no key that can be withdrawn"}


def test_of_users_without_a_refresh_token_none_can_be_replayed():
    found = unmakeable(["replayed", "id_token"], endpoints(clients=(WEB,), users=(User(username="a", password="b"),)))
    assert found == {"replayed": "no client with refresh_token"}


def test_naming_the_kinds_takes_neither_a_wire_nor_cryptography():
    """Every scenario knows the kinds, and ``idchaos list`` knows every scenario."""
    code = (
        "import sys; from idchaos.load.canaries.catalogue import kinds; kinds(); "
        "print([name for name in ('gevent', 'locust', 'cryptography', 'numpy') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
