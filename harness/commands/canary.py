"""``idchaos canary``: one kind of bad token, made afresh and sent again, at the same target with the same settings.

No raw token is ever stored, so a breach can't be repeated with the token that was accepted. What can be repeated is how
that token was made: this is the command that every breach names. It is a run of the same scenario with a few seconds of
nothing but that canary, with the scenario's fault in force if the breach came during it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from idchaos.commands import options
from idchaos.commands.lines import columns, folded, say
from idchaos.errors import ExitCode, UsageError
from idchaos.experiment import Phase, PhaseName, Stream
from idchaos.settings import parse_assignments

if TYPE_CHECKING:
    import pandas as pd

    from idchaos.run.launch import Prepared

WATCH_S = 3.0
RATE = 8.0
"""Canaries per second: twice a second for each route at each replica."""
MADE_BY_LOAD = frozenset({"junk", "revocation", "two_tabs", "lost_answer", "attacker", "partner"})
"""Flows without which their fault would be none."""
SHOWN = {"replica": "replica", "endpoint": "route", "decision": "decision", "status": "status", "error_code": "reason"}
"""Columns of samples, and what they are called here."""


@click.command()
@click.argument("kind")
@options.system
@options.assignments
@click.option("--scenario", default="jwks_outage", show_default=True, help="Whose settings and fault.")
@click.option("--in-fault", is_flag=True, help="While that scenario's fault is in force, and those of --fault.")
@options.faults
@click.option("--replica", help="Only what this replica decided.")
@click.option("--route", help="Only what was decided on this path.")
@options.as_json
def command(  # noqa: PLR0917 - click passes them by name
    kind: str,
    assignments: tuple[str, ...],
    in_fault: bool,
    replica: str | None,
    route: str | None,
    as_json: bool,
    **request: Any,
) -> int:
    """Send one kind of bad token, made afresh, and print what was decided: the way to replay a breach.

    Exit codes: 0 all were refused, 1 one was accepted, 2 nothing was decided.
    """
    from idchaos.load.canaries.catalogue import kind_named
    from idchaos.run.launch import Request, prepare

    kind_named(kind)
    prepared = prepare(Request(overrides=parse_assignments(assignments), command=("idchaos", *sys.argv[1:]), **request))
    return send(kind, prepared, in_fault=in_fault, replica=replica, route=route, as_json=as_json)


def send(
    kind: str,
    prepared: Prepared,
    *,
    in_fault: bool = False,
    replica: str | None = None,
    route: str | None = None,
    as_json: bool = False,
) -> int:
    """Send canaries of a kind and print what was decided; the command's exit code.

    Raises:
        UsageError: no such canary, or none in this scenario.
        IdchaosError: the target did not start, or failed.
    """
    narrowed = only(prepared, kind, in_fault=in_fault)
    sent, problem = attempts(narrowed)
    rows = [
        row
        for row in sent
        if replica in (None, row["replica"]) and (route in (None, row["endpoint"]) or row["endpoint"] == "token")
    ]
    accepted = sum(row["decision"] == "accept" for row in rows)
    decided = sum(row["decision"] != "undecided" for row in rows)
    verdict = ExitCode.FAIL if accepted else ExitCode.PASS if decided else ExitCode.INCONCLUSIVE
    if as_json:
        named = [{SHOWN.get(name, name): value for name, value in row.items()} for row in rows]
        print(json.dumps({"canary": kind, "accepted": accepted, "decided": decided, "attempts": named}, indent=2))
    else:
        print("\n".join(table(rows, columns(sys.stdout))))
        say(f"{kind}: {accepted} of {decided} accepted")
    if problem:
        print(f"idchaos: {problem}", file=sys.stderr)
    # As with a run: whoever looks at 70 alone must not miss a breach.
    return ExitCode.HARNESS if problem and verdict is not ExitCode.FAIL else verdict


def only(prepared: Prepared, kind: str, *, in_fault: bool) -> Prepared:
    """The same experiment with nothing but one kind of canary, for as long as it takes to send some that are ripe.

    Raises:
        UsageError: the scenario sends no such canary.
    """
    plan = prepared.experiment.plan
    canaries = plan.load.canaries
    if canaries is None or kind not in canaries.kinds:
        raise UsageError(f"canary: {plan.scenario} sends none of kind {kind}")
    faults = prepared.experiment.faults if in_fault else {}
    ripe = canaries.after_s(kind) + WATCH_S
    held = [phase.duration_s for phase in plan.phases if phase.name is PhaseName.FAULT and faults]
    # Some faults are made by the load itself: a flood, revocations, a race.
    making = [each for each in plan.load.streams if faults and each.flow in MADE_BY_LOAD]
    load = plan.load.model_copy(
        update={
            "streams": (
                Stream(flow="canary", rate=RATE, arrivals="constant"),
                *(each.model_copy(update={"starts_s": 0.0, "ends_s": None}) for each in making),
            ),
            "canaries": canaries.model_copy(update={"kinds": (kind,)}),
        }
    )
    narrowed = plan.model_copy(
        update={
            "phases": (Phase(name=PhaseName.FAULT, duration_s=max([ripe, *held])),),
            "load": load,
            "objectives": (),
            "invariants": (),
        }
    )
    return replace(prepared, experiment=replace(prepared.experiment, plan=narrowed, faults=faults))


def attempts(prepared: Prepared) -> tuple[list[dict[str, Any]], str]:
    """Run it, in a folder that is not kept: every canary that was sent, in order, and what was left behind, if any.

    Raises:
        IdchaosError: the target did not start, or failed.
    """
    from idchaos.record.record import load
    from idchaos.run.launch import assemble

    with tempfile.TemporaryDirectory(prefix="idchaos-") as folder:
        request = replace(prepared.request, reports=Path(folder))
        execution, directory = assemble(replace(prepared, request=request))
        execution.execute()
        record = load(directory.path)
    samples = record.samples
    canaries = prepared.experiment.plan.load.canaries
    sent = asked_about(samples, canaries.kinds if canaries else ()).sort_values("sent_at", kind="stable")
    rows = sent[["sent_at", *SHOWN, "kid", "jti"]].to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows], record.cleanup.problem


def asked_about(samples: pd.DataFrame, kinds: Iterable[str]) -> pd.DataFrame:
    """The canaries of these kinds that were sent. A flood is made of bad tokens too, but not of what is asked about."""
    kind = samples["canary"].isin([str(kind) for kind in kinds])
    return samples[samples["flow"].eq("canary") & kind & samples["sent_at"].notna()]


def table(rows: Iterable[dict[str, Any]], width: int | None = None) -> list[str]:
    """What was decided where and how often, accepted ones first: in columns, or a folded line each where a terminal has
    no room for them.
    """
    found = Counter(tuple(str(row[name]) or "-" for name in SHOWN) for row in rows)
    ordered = sorted(found.items(), key=lambda each: (each[0][2] != "accept", each[0]))
    lines = [("times", *SHOWN.values()), *((f"{count:,}", *cells) for cells, count in ordered)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    if width is not None and sum(widths) + 2 * len(widths[1:]) > width:
        return [folded(f"{count} × {decision} by {replica} at {route}: {status}, {reason}", width)
                for count, replica, route, decision, status, reason in lines[1:]]  # fmt: skip
    return ["  ".join(cell.ljust(wide) for cell, wide in zip(line, widths, strict=True)).rstrip() for line in lines]
