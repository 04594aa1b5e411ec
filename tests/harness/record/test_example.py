"""The run that is shown as an example, and a run stored by the version before: both are judged as they were."""

from __future__ import annotations

import json
from pathlib import Path

from idchaos.experiment import Verdict
from idchaos.studies.single import judge

EXAMPLE = Path(__file__).parents[3] / "reports" / "example"
SCHEMA_1 = Path(__file__).parent / "schema_1"
"""A run of version 0.1, whose samples spelled in ``session`` what has columns of its own today."""


def test_the_example_is_judged_today_as_it_was_when_it_was_made() -> None:
    _, verdict = judge(EXAMPLE)
    assert verdict.verdict is Verdict.PASS
    assert verdict.to_json() == (EXAMPLE / "verdict.json").read_text()


def test_a_run_of_the_version_before_is_judged_as_it_was_but_for_what_is_asked_since() -> None:
    """It has shown no token while it was good: that is asked of a run of its length today, and withholds its PASS."""
    record, verdict = judge(SCHEMA_1)
    told, then = verdict.document(), json.loads((SCHEMA_1 / "verdict.json").read_text())
    assert len(record.samples) > 1_000
    for part in ("faults", "reconciliation", "generator", "paging", "revocation_lag"):
        assert told[part] == then[part], part
    (reason,) = verdict.reasons
    assert "of the kind expired that was shown while good" in reason
    assert (verdict.verdict, then["verdict"]) == (Verdict.INCONCLUSIVE, Verdict.PASS)
    found = {str(row["name"]): row for row in told["invariants"]}
    # Whoever refuses a revoked token has heard of it, and is counted since also where they need not have.
    assert found["revoked_tokens_refused"]["attempts"] == 22
    for row in then["invariants"]:
        if row["name"] not in ("expired_tokens_refused", "revoked_tokens_refused"):
            assert {key: found[row["name"]][key] for key in row} == row
    of_bounds = {"interval", "effective"}  # those have been made honest since, for few seconds and for bursts
    now = [{key: row[key] for key in then["objectives"][0] if key not in of_bounds} for row in told["objectives"]]
    assert now == [{key: row[key] for key in row if key not in of_bounds} for row in then["objectives"]]
