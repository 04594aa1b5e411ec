"""A synthetic run that looks like a real one: JWKS outage, a rotation inside it, a clock step, revocation probes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from idchaos.record.record import RunRecord, load
from idchaos.record.samples import COLUMNS, compact, stream_header
from idchaos.verdict.verdict import RunVerdict
from tests.harness.report.by_hand import document
from tests.harness.report.parts import ENDS, RunBuilder, journal, plan, revocation_polls, samples, telemetry


def write_jsonl(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture(scope="session")
def build_run(tmp_path_factory: pytest.TempPathFactory) -> RunBuilder:
    """``build_run(rate=..., ends_s=..., drop=(...))`` writes a run directory and returns its path."""

    def build(*, rate: float = 250, ends_s: float = ENDS, drop: tuple[str, ...] = ()) -> Path:
        directory = tmp_path_factory.mktemp("run") / "jwks_outage" / "20260101T000000Z"
        directory.mkdir(parents=True)
        manifest = {
            "schema": 1,
            "scenario": "jwks_outage",
            "variant": "refused",
            "profile": "quick",
            "seed": 42,
            "plan": plan().model_dump(mode="json"),
            "faults": [{"name": "gateway-to-idp refused", "phase": "fault"}],
            "summary": "What users notice when gateways cannot fetch the keys of the identity provider.",
            "settings": {
                "gateway": {"jwks_cache_s": 2.0, "jwks_stale_s": 0.0, "leeway_s": 5.0},
                "load": {"rate": 250.0},
            },
            "changed_settings": {"gateway.jwks_cache_s": 2.0, "gateway.jwks_stale_s": 0.0},
            "versions": {
                "idchaos": "0.1.0",
                "python": "3.11.7",
                "locust": "2.47.0",
                "toxiproxy": "embedded 2.12.0",
            },
            "target": "local",
            "repeat": "idchaos run jwks_outage --set gateway.jwks_cache_s=2 --set gateway.jwks_stale_s=0 --seed 42",
            "host": {"system": "Linux 6.8", "cpus": 2},
            "run_dir": "reports/jwks_outage/20260101T000000Z",
        }
        (directory / "manifest.json").write_text(json.dumps(manifest))
        write_jsonl(directory / "journal.jsonl", journal())
        if "telemetry" not in drop:
            write_jsonl(directory / "telemetry.jsonl", telemetry())
        if "samples" not in drop:
            stream = directory / "samples.stream"
            frame = pd.concat([samples(rate, ends_s), revocation_polls()], ignore_index=True)
            rows = frame[list(COLUMNS)].astype(object).to_numpy().tolist()
            stream.write_text("".join(f"{line}\n" for line in (stream_header(), *map(json.dumps, rows))))
            compact(stream, directory / "samples.parquet")
        return directory

    return build


@pytest.fixture(scope="session")
def run_dir(build_run: RunBuilder) -> Path:
    """The run directory of a quick run."""
    return build_run()


@pytest.fixture(scope="session")
def record(run_dir: Path) -> RunRecord:
    """The same, read."""
    return load(run_dir)


@pytest.fixture(scope="session")
def verdict() -> RunVerdict:
    """What the judge says of that run: one objective missed, one undecided, one met."""
    return RunVerdict.model_validate_json(json.dumps(document()))


@pytest.fixture
def verdict_document() -> dict[str, Any]:
    """The same as JSON."""
    return document()
