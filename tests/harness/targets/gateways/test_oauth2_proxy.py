"""Gateways that ask oauth2-proxy: what each is told, and that an update of either program is seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from idchaos.targets.gateways import base, oauth2_proxy
from idchaos.targets.gateways.catalogue import adapters
from idchaos.targets.gateways.oauth2_proxy import AsksOauth2Proxy
from idchaos.targets.gateways.traefik import CONFIGURATION, ROUTES, Traefik
from tests.harness.targets.gateways.test_adapters import wiring

ASKING = tuple(each for each in adapters().values() if isinstance(each, AsksOauth2Proxy))
EACH = pytest.mark.parametrize("adapter", ASKING, ids=str)
SAYS = {
    "nginx": 'echo "nginx version: nginx/1.26.3" >&2',
    "caddy": 'echo "v2.11.7 h1:abc="',
    "traefik": 'echo "Version:      3.7.15"; echo "Go version:   go1.26.4"',
}
RELEASED = 'echo "oauth2-proxy v7.15.6 (built with go1.26.8)"'
BUILT = (
    'echo "oauth2-proxy undefined (built with go1.26.8)"\nexit\npath\t{module}\nmod\t{module}\tv{version}\th1:abc=\n'
)
Installs = Callable[[str], None]


@pytest.fixture
def installs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installs:
    """Puts programs into a folder of their own, the oauth2-proxy with such a script; another one at each call."""
    calls = iter(range(9))

    def put(script: str) -> None:
        folder = tmp_path / str(next(calls))
        folder.mkdir()
        for name, text in {**SAYS, "oauth2-proxy": script}.items():
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)
        for module in (base, oauth2_proxy):
            monkeypatch.setattr(module, "which", lambda program: str(folder / program))

    return put


@EACH
def test_its_version_is_that_of_both_programs(adapter: AsksOauth2Proxy, installs: Installs) -> None:
    installs(RELEASED)
    proxy = {"nginx": "1.26.3", "caddy": "2.11.7", "traefik": "3.7.15"}[adapter.needs[0]]
    assert adapter.version() == adapter.state() == f"{proxy} with oauth2-proxy 7.15.6"


@EACH
def test_runs_with_another_oauth2_proxy_are_not_found_again(adapter: AsksOauth2Proxy, installs: Installs) -> None:
    """``go install`` leaves the program without a version of its own; that of Go beside it is none."""
    states = []
    for version in ("7.15.5", "7.15.6"):
        installs(BUILT.format(module=oauth2_proxy.MODULE, version=version))
        assert adapter.version().endswith(f" with oauth2-proxy {version}")
        states.append(adapter.state())
    for mark in ("one", "another"):
        installs(f'echo "oauth2-proxy undefined (built with go1.26.8)" # {mark}')
        assert "1.26.8" not in adapter.state()
        states.append(adapter.state())
    assert len(set(states)) == 4


@EACH
def test_what_installs_it_names_the_version_that_it_was_tried_with(adapter: AsksOauth2Proxy) -> None:
    assert "oauth2-proxy/v7@v7." in adapter.install
    assert "@latest" not in adapter.install


@EACH
def test_a_replica_is_told_where_its_own_oauth2_proxy_is(adapter: AsksOauth2Proxy, tmp_path: Path) -> None:
    proxy, decider = adapter.programs(wiring(tmp_path))
    assert any("127.0.0.1:4002" in text for text in proxy.files.values())
    assert "--http-address=127.0.0.1:4002" in decider.command


class TestTraefik:
    def told(self, folder: Path) -> tuple[str, str]:
        traefik, _ = Traefik().programs(wiring(folder))
        assert traefik.command[1] == f"--configFile={folder / CONFIGURATION}"
        return traefik.files[CONFIGURATION], traefik.files[ROUTES]

    def test_it_listens_as_told_and_takes_its_routes_from_a_file_beside(self, tmp_path: Path) -> None:
        configuration, _ = self.told(tmp_path)
        assert 'address: "127.0.0.1:4001"' in configuration
        assert f'file: {{filename: "{tmp_path / ROUTES}", watch: false}}' in configuration

    def test_it_asks_nobody_outside(self, tmp_path: Path) -> None:
        assert "checkNewVersion: false, sendAnonymousUsage: false" in self.told(tmp_path)[0]

    def test_who_calls_is_what_oauth2_proxy_answers_and_nothing_that_a_client_says(self, tmp_path: Path) -> None:
        configuration, routes = self.told(tmp_path)
        assert 'address: "http://127.0.0.1:4002/oauth2/auth"' in routes
        assert 'authResponseHeaders: ["X-Auth-Request-User"]' in routes
        assert "trustForwardHeader: false" in routes
        assert "aliasHeadersStrategy: delete" in configuration

    def test_every_route_asks_first(self, tmp_path: Path) -> None:
        _, routes = self.told(tmp_path)
        rules = [line.strip() for line in routes.splitlines() if "rule:" in line]
        assert rules == ['rule: "PathPrefix(`/orders/`)"', 'rule: "PathPrefix(`/accounts/`)"']
        assert routes.count('middlewares: ["decides"]') == len(rules)
