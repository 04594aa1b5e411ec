"""How fast a long run is judged and drawn, and how much memory that takes.

::

    python -m benchmarks judge            # a million samples, an hour at 300/s
    python -m benchmarks.judge 10000000   # ten million

The run is made of the example's: each of its samples many times over, its time stretched to match. Each part is
measured in a process of its own; the memory is the greatest that was resident (``ru_maxrss``). Seconds of CPU tell
what a busy machine adds.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

EXAMPLE = Path(__file__).parents[1] / "reports" / "example"
SAMPLES = 1_000_000
ROUNDS = 3
SECONDS_PER_MILLION, MEGABYTES = 5.0, {1: 500, 10: 2048}
AT_ONCE = 6
"""Copies in a row group: about as many samples as one of a real run has."""
TIMES = ("at", "t0", "since", "until", "made_at")
"""Fields of the journal that are moments."""
MOVED = ("due_at", "sent_at", "token_iat", "token_exp", "token_obtained_at")


def make(directory: Path, wanted: int) -> int:
    """Write a run of about so many samples; returns how many."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    from idchaos.record import samples as store

    example = store.load(EXAMPLE / "samples.parquet")
    copies = max(1, round(wanted / len(example)))
    zero = float(json.loads((EXAMPLE / "journal.jsonl").read_text().splitlines()[0])["at"])
    for name in ("journal.jsonl", "telemetry.jsonl"):
        rows = [json.loads(line) for line in (EXAMPLE / name).read_text().splitlines()]
        (directory / name).write_text("".join(json.dumps(stretched(row, zero, copies)) + "\n" for row in rows))
    (directory / "manifest.json").write_bytes((EXAMPLE / "manifest.json").read_bytes())
    schema = store.schema()
    example = example.astype({name: "str" for name in example if isinstance(example[name].dtype, pd.CategoricalDtype)})
    with pq.ParquetWriter(directory / "samples.parquet", schema, compression="zstd") as writer:
        for first in range(0, copies, AT_ONCE):
            many = range(first, min(first + AT_ONCE, copies))
            frame = pd.concat([moved(example, zero, copy, copies) for copy in many], ignore_index=True)
            columns = [pa.array(frame[field.name].to_numpy(), type=field.type, from_pandas=False) for field in schema]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    return copies * len(example)


def moved(example: pd.DataFrame, zero: float, copy: int, copies: int) -> pd.DataFrame:
    """The example's samples where one of its copies lies in the stretched run, with tokens of their own."""
    shift = (example["due_at"] - zero) * (copies - 1) + copy / len(example)
    times = {name: example[name] + shift for name in MOVED}
    return example.assign(**times, jti=example["jti"].where(example["jti"] == "", example["jti"] + f"-{copy}"))


def stretched(row: dict[str, Any], zero: float, factor: int) -> dict[str, Any]:
    """A line of the journal, so many times as long after the beginning."""
    moments = {name: zero + (row[name] - zero) * factor for name in TIMES if isinstance(row.get(name), int | float)}
    return row | moments


def measure(directory: Path, what: str) -> dict[str, float]:
    """Judge a run, or draw one that was judged; seconds, those of CPU among them, and megabytes resident at most."""
    from idchaos.studies.single import judge

    began, used = time.perf_counter(), time.process_time()
    record, verdict = judge(directory)
    if what == "draw":
        from idchaos.report.write import write
        from idchaos.verdict.series.series import series_of

        began, used = time.perf_counter(), time.process_time()
        write(directory, record, verdict, series_of(record))
    took, cpu = time.perf_counter() - began, time.process_time() - used
    return {"seconds": took, "cpu": cpu, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def main(words: list[str]) -> int:
    """Measure both parts in turn, several times; 1 where a bound is missed."""
    wanted = int(words[0]) if words else SAMPLES
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        count = make(directory, wanted)
        found: dict[str, list[dict[str, float]]] = {"judge": [], "draw": []}
        for _ in range(ROUNDS):
            for what, results in found.items():
                script = [sys.executable, "-m", "benchmarks.judge", "--measure", temporary, what]
                results.append(json.loads(subprocess.run(script, check=True, capture_output=True).stdout))
    millions = max(1, round(count / 1e6))
    missed = False
    for what, results in found.items():
        seconds, most = [each["seconds"] for each in results], max(each["megabytes"] for each in results)
        middle, limit = statistics.median(seconds), SECONDS_PER_MILLION * millions
        missed |= middle > limit or most > MEGABYTES.get(millions, 2048)
        spread = f"{min(seconds):.1f} to {max(seconds):.1f}"
        cpu = statistics.median(each["cpu"] for each in results)
        print(
            f"{what} {count:,} samples: {middle:.1f} s ({spread}; {cpu:.1f} s of CPU), at most {limit:g} s; "
            f"{most:,.0f} MB resident"
        )
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    return int(missed)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(Path(sys.argv[2]), sys.argv[3])))
        sys.exit(0)
    sys.exit(main(sys.argv[1:]))
