"""Keys that are rotated by somebody else's hooks, and seen as everybody sees them."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from pydantic import ValidationError

from idchaos.errors import FaultError
from idchaos.targets.systems.acts import Act, Hook, Hooks
from idchaos.targets.systems.hooks import Around, call_of, perform
from idchaos.targets.systems.keys import HookedKeys
from idchaos.undo.ledger import Command, HttpCall

SCRIPT = """#!/bin/sh
case $1 in
  publish) echo "$2" >> keys ;;
  sign) echo "$2" > signs ;;
  retire) grep -vx "$2" keys > kept; mv kept keys ;;
esac
"""


class Idp:
    """An IdP whose keys are two files, and a script that changes them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._write("keys", "old\n")
        self._write("signs", "old\n")
        script = folder / "rotate.sh"
        script.write_text(SCRIPT.replace("#!/bin/sh\n", f"#!/bin/sh\ncd {folder}\n"))
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        self.keys = HookedKeys(hooks(), Around(folder), self.published, self.signs, sleep=lambda _: None)

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def published(self) -> dict[str, str]:
        return dict.fromkeys((self.folder / "keys").read_text().split(), "RS256")

    def signs(self) -> str:
        return (self.folder / "signs").read_text().strip()


def hooks() -> Hooks:
    def does(what: str) -> Act:
        return Act(command=("./rotate.sh", what, "{kid}"))

    return Hooks(
        publish_key=does("publish"),
        sign_with=Hook(command=("./rotate.sh", "sign", "{kid}"), undo=does("sign")),
        retire_key=Hook(command=("./rotate.sh", "retire", "{kid}"), undo=does("publish")),
    )


@pytest.fixture
def idp(tmp_path: Path) -> Idp:
    return Idp(tmp_path)


def test_publishing_signing_and_retiring_are_separate_acts(idp: Idp) -> None:
    kid = idp.keys.add_key("new", "RS256", publish=True, sign=False)
    assert (kid, idp.signs()) == ("new", "old")
    idp.keys.sign_with(kid)
    idp.keys.retire_key("old")
    assert {key.kid: (key.published, key.signing) for key in idp.keys.keys()} == {"new": (True, True)}  # noqa: SIM118


def test_a_key_that_was_retired_can_be_published_again(idp: Idp) -> None:
    idp.keys.keys()
    idp.keys.retire_key("old")
    assert not next(key for key in idp.keys.keys() if key.kid == "old").published  # noqa: SIM118
    idp.keys.publish_key("old")
    assert "old" in idp.published()


def test_a_hook_that_publishes_nothing_is_told(idp: Idp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idchaos.targets.systems.keys.PUBLISHED_WITHIN_S", 0.0)
    with pytest.raises(FaultError, match="no new key is in the key set"):
        idp.keys.add_key("old", "RS256", publish=True, sign=False)


def test_signing_before_publishing_can_not_be_had(idp: Idp) -> None:
    with pytest.raises(FaultError, match="a key can't sign before it is published here"):
        idp.keys.add_key("new", "RS256", publish=False, sign=True)


def test_a_hook_that_fails_says_so_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(FaultError, match=r"^hooks.sign_with: sh: exit code 3: no such key$"):
        perform("sign_with", Act(command=("sh", "-c", "echo no such key >&2; exit 3")), {}, Around(tmp_path))


def test_places_are_filled_in_and_secrets_stay_where_they_are(tmp_path: Path) -> None:
    act = Act.model_validate(
        {"url": "http://127.0.0.1:1/{kid}", "body": '{"alg": "{alg}"}', "secret": {"file": "token"}}
    )
    call = call_of(act, {"kid": "k1", "alg": "RS256"}, Around(tmp_path))
    assert isinstance(call, HttpCall)
    assert (call.url, json.loads(call.body or "")) == ("http://127.0.0.1:1/k1", {"alg": "RS256"})
    assert call.secret_file == str(tmp_path / "token")


def test_programs_are_looked_for_beside_the_file(tmp_path: Path) -> None:
    assert call_of(Act(command=("./x", "{kid}")), {"kid": "k"}, Around(tmp_path)) == Command(
        argv=(str(tmp_path / "x"), "k")
    )
    assert call_of(Act(command=("x",)), {}, Around(tmp_path)) == Command(argv=("x",))


ODD_KIDS = (
    "k 1",
    "a/../b",
    "@elsewhere.example/",
    "?x=1&y",
    "#f",
    "%2F",
    'a", "b": "c',
    "new\nline",
    "\\",
    "schlüssel",
)


@pytest.mark.parametrize("kid", ODD_KIDS)
@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1?kid={kid}", "HTTP://[::1]:1/a/{kid}/b?kid={kid}", "https://k.test/{kid}"]
)
def test_a_key_may_be_called_anything_and_is_told_to_the_same_host(url: str, kid: str, tmp_path: Path) -> None:
    call = call_of(Act(url=url, body='{"kid": "{kid}"}'), {"kid": kid}, Around(tmp_path))
    assert isinstance(call, HttpCall)
    asked, told = urlsplit(url), urlsplit(call.url)
    assert (told.netloc, told.fragment) == (asked.netloc, "")
    assert unquote(told.path) == asked.path.replace("{kid}", kid)
    assert told.path.count("/") == asked.path.count("/")
    assert parse_qs(told.query) == ({"kid": [kid]} if asked.query else {})
    assert json.loads(call.body or "") == {"kid": kid}


@pytest.mark.parametrize("url", ["http://{kid}:1/", "http://127.0.0.1:{kid}/", "http://{kid}@127.0.0.1/", "//{kid}"])
def test_no_place_is_in_the_host(url: str) -> None:
    with pytest.raises(ValidationError, match="places should be in its path or its query"):
        Act(url=url)
