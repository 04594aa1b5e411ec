"""What can be set is listed with what it may be."""

from __future__ import annotations

import json

from click.testing import CliRunner

from idchaos.commands import list as listing


def test_settings_are_listed_with_their_choices_and_ranges() -> None:
    result = CliRunner().invoke(listing.command, ["--json"], standalone_mode=False)
    scenarios = {each["name"]: each["settings"] for each in json.loads(result.stdout)}
    mode = scenarios["clock_skew"]["skew.mode"]
    assert (mode["default"], mode["choices"]) == ("step", ["step", "sweep"])
    rate = scenarios["clock_skew"]["load.rate"]
    assert (rate["above"], rate["at_most"]) == (0, 20_000)
    assert "choices" not in rate
