"""A port that somebody took between choosing it and binding it: which part could not start, and which port it was."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from idchaos.errors import IdchaosError
from idchaos.settings import CommonSettings
from idchaos.targets.standin import local
from idchaos.targets.standin.local import LocalTarget
from idchaos.targets.standin.topology import Layout

TAKEN: dict[str, Callable[[Layout], str]] = {
    "idp": lambda layout: layout.control["idp"],
    "gateway-2": lambda layout: layout.data["gateway-2"],
    "accounts": lambda layout: layout.control["accounts"],
    "toxiproxy": lambda layout: layout.toxiproxy_api,
    "accounts-to-idp": lambda layout: layout.listen["accounts-to-idp"],
    "observer: accounts-to-idp": lambda layout: layout.observed["accounts-to-idp"],
}
"""Who can't listen, and where."""


@pytest.mark.e2e
@pytest.mark.parametrize("who", TAKEN)
def test_a_port_that_is_taken_is_named_with_the_part_that_wanted_it(
    who: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "MOST_STARTS", 1)  # with more, others would be chosen
    target = LocalTarget(CommonSettings(), "taken")
    address = TAKEN[who](target.layout)
    host, _, port = address.partition(":")
    with socket.create_server((host, int(port))):
        try:
            with pytest.raises(IdchaosError) as caught:
                target.start(tmp_path)
        finally:
            assert target.stop() == []
    line = str(caught.value)
    assert who in line
    assert address in line
    assert "address already in use" in line.lower()
    assert "\n" not in line
    assert line.lower().count("already in use") == 1
