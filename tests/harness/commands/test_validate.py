"""``idchaos validate`` as a user types it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idchaos.commands.cli import main
from idchaos.run.scenarios import all_scenarios


def idchaos(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_every_scenario_can_decide_its_objectives_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = idchaos(capsys, "validate", *all_scenarios(), "--json")
    undecided = [
        (each["scenario"], row["name"], row["reason"])
        for each in json.loads(out)["scenarios"]
        for row in (*each["objectives"], *each["invariants"])
        if row["decidable"] != "yes"
    ]
    assert (code, undecided) == (0, [])


def test_a_rate_that_is_too_low_is_told_with_what_would_do(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("validate", "jwks_outage", "--set", "slo.success=0.999", "--rate", "15")
    code, out, _ = idchaos(capsys, *words, "--json")
    document: dict[str, Any] = json.loads(out)
    (fault,) = (row for row in document["scenarios"][0]["objectives"] if row["name"] == "api_success_fault")
    assert (code, document["decidable"]) == (2, "no")
    assert (fault["planned"]["mean"], fault["needed"], fault["design_effect"]) == (240, 2995, 1)
    assert idchaos(capsys, *words, "--set", f"fault.duration_s={fault['phase_s']}", "--json")[1].count('"yes"') > 1
    code, out, _ = idchaos(capsys, *words)
    assert "✕ api_success_fault (success_rate{flow=api} >= 0.999) in fault: 240 samples planned, needs 2,995" in out


def test_a_variant_is_named_as_for_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = idchaos(capsys, "validate", "jwks_outage", "--variant", "timeout", "--json")
    assert (code, json.loads(out)["scenarios"][0]["variant"]) == (0, "timeout")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["validate"], "Missing argument 'SCENARIO...'"),
        (["validate", "jwks_outrage"], "did you mean jwks_outage"),
        (["validate", "jwks_outage", "--profile", "slow"], "there are quick, ci, gameday"),
        (["validate", "jwks_outage", "--set", "load.rate=-1"], "should be greater than 0"),
        (["validate", "jwks_outage", "--set", "nonsense"], "key=value"),
        (["validate", "jwks_outage", "--variant", "timeot"], "did you mean timeout"),
    ],
)
def test_bad_input_is_one_clear_line(capsys: pytest.CaptureFixture[str], words: list[str], says: str) -> None:
    code, out, err = idchaos(capsys, *words)
    assert (code, out, err.count("\n")) == (64, "", 1)
    assert says in err
