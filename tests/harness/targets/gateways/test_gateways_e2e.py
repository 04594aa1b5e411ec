"""Every adapter against the real thing, and real gateways that are configured wrong: each is caught by name.

A gateway that is not installed is skipped by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from idchaos.commands.canary import attempts, only
from idchaos.commands.doctor import examined
from idchaos.errors import TargetError
from idchaos.run.launch import Request, prepare
from idchaos.targets.gateways import catalogue
from idchaos.targets.gateways.base import Adapter, Program, Wiring
from idchaos.targets.gateways.catalogue import adapters
from idchaos.targets.gateways.envoy import Envoy
from tests.harness.targets.installed import skip_without

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(170)]


def here(name: str) -> None:
    """Skip, or fail where it should be here, when a gateway is not installed."""
    missing = adapters()[name].missing()
    skip_without(name, f"{', '.join(missing)} is not installed" if missing else "")


@pytest.mark.parametrize("name", adapters())
def test_it_starts_lets_good_tokens_pass_and_fetches_its_keys_over_its_links(name: str) -> None:
    here(name)
    found = examined(name)
    assert [each.what for each in found if not each.ok] == []
    assert sum("key fetch" in each.what for each in found) == 2


class Wrong(Envoy):
    """Envoy with a mistake in its configuration."""

    def __init__(self, name: str, changes: Mapping[str, str]) -> None:
        self.name, self._changes = name, changes

    def programs(self, wiring: Wiring) -> Sequence[Program]:
        (program,) = super().programs(wiring)
        files = dict(program.files)
        for name, text in files.items():
            changed = text
            for right, wrong in self._changes.items():
                assert right in changed
                changed = changed.replace(right, wrong)
            files[name] = changed
        return (program.model_copy(update={"files": files}),)


MISTAKES = [
    ("no_audience", {'audiences: ["orders", "accounts"]': "audiences: []",
                     'provider_and_audiences: {provider_name: idp, audiences: ["orders"]}': "provider_name: idp",
                     'provider_and_audiences: {provider_name: idp, audiences: ["accounts"]}': "provider_name: idp"},
     "wrong_audience"),
    ("an_hour_of_leeway", {"clock_skew_seconds: 5": "clock_skew_seconds: 3600"}, "expired"),
    ("no_expiry", {"require_expiration: true": "require_expiration: false"}, "odd_times"),
    ("one_route_left_open", {'- match: {path_separated_prefix: "/accounts"}\n                          requires: '
                             '{provider_and_audiences: {provider_name: idp, audiences: ["accounts"]}}':
                             '- match: {path_separated_prefix: "/accounts"}'}, "tampered"),
]  # fmt: skip


@pytest.mark.parametrize(("mistake", "changes", "kind"), MISTAKES, ids=[each[0] for each in MISTAKES])
def test_a_mistake_in_its_configuration_is_caught_by_name(
    mistake: str, changes: Mapping[str, str], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here("envoy")
    wrong: Mapping[str, Adapter] = {**adapters(), mistake: Wrong(mistake, changes)}
    monkeypatch.setattr(catalogue, "adapters", lambda: wrong)
    narrowed = only(prepare(Request("jwks_outage", gateway=mistake, seed=7)), kind, in_fault=False)
    if mistake == "one_route_left_open":
        # Whom Envoy did not ask for a token it can't name to the service either.
        with pytest.raises(TargetError, match="gateway-1: no good token for /accounts/1 passes: 401"):
            attempts(narrowed)
        return
    sent, problem = attempts(narrowed)
    assert not problem
    assert any(row["decision"] == "accept" for row in sent)


FAKE = """
import sys, time
print({said!r}, file=sys.stderr, flush=True)
{then}
"""


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ("sys.exit(3)", "gateway-1 did not start: error: no such directive"),
        ("", "gateway-1 did not start: error: no such directive"),
    ],
)
def test_one_that_does_not_start_says_why_in_a_line(tmp_path: Path, then: str, said: str) -> None:
    (tmp_path / "mine.py").write_text(FAKE.format(said="error: no such directive", then=then))
    file = tmp_path / "gateway.toml"
    file.write_text(f'[gateway]\nname = "mine"\ncommand = ["python3", "{tmp_path}/mine.py", "{{listen}}"]\n')
    with pytest.raises(TargetError) as found:
        examined(str(file))
    assert str(found.value) == said


REDIRECTS = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(302)
        self.send_header("Location", "/login")
        self.end_headers()
    def log_message(self, *args): pass
host, port = sys.argv[1].split(":")
import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)
http.server.HTTPServer((host, int(port)), Handler).serve_forever()
"""


def test_answers_that_fit_nothing_and_a_process_that_ignores_sigterm(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(REDIRECTS)
    file = tmp_path / "gateway.toml"
    file.write_text(f'[gateway]\nname = "mine"\ncommand = ["python3", "{tmp_path}/mine.py", "{{listen}}"]\n')
    bad = [each for each in examined(str(file)) if not each.ok]
    assert any("2 answers of status 302 fit no rule of the dialect mine" in each.what for each in bad)
    assert any("no good token for /orders/1 passes: 302" in each.what for each in bad)
    assert any("no key fetch was seen on its link gateway-1-to-idp" in each.what for each in bad)
    assert all(each.advice for each in bad)
