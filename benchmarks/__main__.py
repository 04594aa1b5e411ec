"""``python -m benchmarks [NAME...]``: the figures of ``docs/figures.md``, each part in a process of its own."""

from __future__ import annotations

import subprocess
import sys

PARTS = ("intervals", "idp", "load", "toxiproxy", "observer", "judge", "runs", "forecasts", "kills", "kills_elsewhere")


def main(names: list[str]) -> int:
    """Run the named parts, or all; 1 when any of them misses a bound."""
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"benchmarks: {', '.join(unknown)}: unknown; there are {', '.join(PARTS)}", file=sys.stderr)
        return 64
    worst = 0
    for name in names or PARTS:
        print(f"== {name}", flush=True)
        worst = max(worst, subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
