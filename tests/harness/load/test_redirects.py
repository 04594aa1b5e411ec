"""The corpus of tampered redirect URIs: many, none of them the registered one, and ports where they are free."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from idchaos.planning.redirects import ALWAYS, at_port, tampered

REGISTERED = ("https://app.example/Callback", "http://127.0.0.1/callback", "https://app.example:8443/a/b")


@pytest.mark.parametrize("registered", REGISTERED)
@pytest.mark.parametrize("native", [True, False])
def test_every_manipulation_gives_another_uri_and_they_are_many(registered: str, native: bool) -> None:
    made = tampered(registered, native=native)
    assert registered not in made.values()
    assert len(set(made.values())) == len(made) > 30
    assert set(made) >= ALWAYS


def test_what_each_is() -> None:
    made = tampered("https://app.example/Callback", native=False)
    assert made["other_port"] == "https://app.example:4711/Callback"
    assert made["userinfo"] == "https://app.example@nobody.invalid/Callback"
    assert made["host_case"] == "https://APP.EXAMPLE/Callback"
    assert made["encoded_letter"] == "https://app.example/%43allback"
    assert made["subdomain"] == "https://attacker.app.example/Callback"


def test_only_a_native_apps_loopback_address_may_have_any_port() -> None:
    """RFC 8252 section 7.3: it gets whatever port is free."""
    loopback, web = "http://127.0.0.1/callback", "https://app.example/callback"
    assert "other_port" not in tampered(loopback, native=True)
    assert "other_port" in tampered(loopback, native=False)
    assert "other_port" in tampered(web, native=True)


def test_an_answer_to_the_registered_uri_never_looks_like_one_to_another() -> None:
    """An IdP adds its parameters to the registered URI: no manipulation may be the beginning of that."""
    for registered in REGISTERED:
        answered = f"{registered}?error=invalid_request"
        assert not [way for way, uri in tampered(registered, native=True).items() if answered.startswith(uri)]


@pytest.mark.parametrize("bad", ["", "app:/callback", "https://app.example", "https://app.example/cb?x=1"])
def test_what_can_not_be_tampered_with_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="redirect URI"):
        tampered(bad, native=False)


def test_a_native_app_comes_back_at_another_port_each_time() -> None:
    ports = {urlsplit(at_port("http://127.0.0.1/callback", number)).port for number in range(100)}
    assert len(ports) == 100
    assert all(port and 49_152 <= port < 65_536 for port in ports)
    assert at_port("http://127.0.0.1:49152/callback", 0) == "http://127.0.0.1:49153/callback"
