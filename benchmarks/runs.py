"""How long the quick profile takes: the main job, and four scenarios.

::

    python -m benchmarks.runs [--json]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time

SCENARIOS = ("jwks_outage", "key_rotation", "clock_skew", "revocation_lag")
MAIN_JOB_WITHIN_S = 45.0
ALL_WITHIN_S = 240.0


def measure() -> dict[str, float]:
    """Wall-clock seconds of each scenario, reports included, and of all together."""
    took: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as reports:
        for name in SCENARIOS:
            began = time.monotonic()
            command = [sys.executable, "-P", "-m", "idchaos", "run", name, "--reports", reports, "--json"]
            answer = subprocess.run(command, capture_output=True, text=True, check=False)
            took[f"{name}_s"] = round(time.monotonic() - began, 1)
            if answer.returncode != 0:
                raise SystemExit(f"{name}: exit code {answer.returncode}, not PASS: {answer.stderr or answer.stdout}")
    return {**took, "main_job_s": took["jwks_outage_s"], "all_s": round(sum(took.values()), 1)}


def main() -> int:
    """Print the figures; 1 when a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    figures = measure()
    if parser.parse_args().json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:28} {value}")
    return int(figures["main_job_s"] > MAIN_JOB_WITHIN_S or figures["all_s"] > ALL_WITHIN_S)


if __name__ == "__main__":
    sys.exit(main())
