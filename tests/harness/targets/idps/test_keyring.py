"""Keys of the harness's own at an IdP: names first, one that signs, and as many as there are."""

from __future__ import annotations

import pytest

from idchaos.errors import FaultError
from idchaos.targets.idps.keyring import Keyring


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> Keyring:
    found = Keyring("RS256", 1)
    monkeypatch.setattr(found, "_made", {each["kid"]: each for each in found.jwks()})
    return found


def test_names_are_known_before_there_are_keys() -> None:
    found = Keyring("RS256", 2)
    assert [each["kid"] for each in found.jwks()] == ["rs256-1", "rs256-spare", "rs256-2", "rs256-3"]
    assert not any("d" in each for each in found.jwks())


def test_keys_are_made_once_and_one_of_them_signs() -> None:
    found = Keyring("RS256", 0)
    found.make()
    first = found.jwks()
    found.make()
    assert found.jwks() == first
    assert all(each["d"] and each["alg"] == "RS256" for each in first)
    assert [(each.kid, each.published, each.signing) for each in found.infos()] == [
        ("rs256-1", True, True), ("rs256-spare", True, False),
    ]  # fmt: skip
    assert found.pem("rs256-1").startswith("-----BEGIN PRIVATE KEY-----")


def test_only_one_signs_and_who_was_told_last_comes_first(keyring: Keyring) -> None:
    old = keyring.take("rs256-1", publish=True, sign=True)
    new = keyring.take("rs256-2", publish=True, sign=True)
    assert new.turn > old.turn
    assert [each.kid for each in keyring.all_held() if each.signing] == ["rs256-2"]
    back = keyring.sign_with("rs256-1")
    assert back.turn > new.turn


def test_a_name_that_is_not_there_means_the_next_one(keyring: Keyring) -> None:
    assert keyring.take("whatever", publish=False, sign=False).kid == "rs256-1"


def test_what_was_never_given_can_not_be_retired(keyring: Keyring) -> None:
    with pytest.raises(FaultError, match="the IdP has no key rs256-2; there are none"):
        keyring.retire("rs256-2")
