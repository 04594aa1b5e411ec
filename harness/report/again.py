"""Commands that try again what a run saw: put together from its manifest and from a breach's evidence. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from idchaos.experiment import PhaseName
from idchaos.record.record import Manifest
from idchaos.verdict.verdict import InvariantVerdict, RunVerdict

Evidence = Mapping[str, str | float | int]


def with_replays(manifest: Manifest, verdict: RunVerdict) -> RunVerdict:
    """The verdict with the command that replays each breach beside it, where the manifest says how the run was
    started.
    """
    invariants = tuple(_replayed(manifest, each) for each in verdict.invariants)
    return verdict.model_copy(update={"invariants": invariants})


def _replayed(manifest: Manifest, held: InvariantVerdict) -> InvariantVerdict:
    evidence = tuple(
        {**breach, **({"replay": again} if (again := replay_command(manifest, breach)) else {})}
        for breach in held.evidence
    )
    return held.model_copy(update={"evidence": evidence})


def replay_command(manifest: Manifest, breach: Evidence) -> str:
    """The command that makes a breach's canary afresh, at the same target with the same settings, and sends it again;
    empty when the manifest does not say how the run was started.

    It is the run's own command with another verb: whatever changes a run's target changes the replay's as well. What
    came of everyday traffic comes again with the run itself, with the same seed.
    """
    words = run_command(manifest)
    if not words or not breach.get("canary"):
        return shlex.join(words)
    options = list(words[3:])
    if "--seed" in options:
        at = options.index("--seed")
        del options[at : at + 2]
    where = ["--replica", str(breach["replica"])] if breach["replica"] else []
    where += ["--route", str(breach["endpoint"])] if str(breach["endpoint"]).startswith("/") else []
    during = ["--in-fault"] if breach["phase"] == PhaseName.FAULT.value else []
    return shlex.join(["idchaos", "canary", str(breach["canary"]), "--scenario", words[2], *options, *during, *where])


def run_command(manifest: Manifest) -> list[str]:
    """The words of the command that repeats the run; none when the manifest does not tell."""
    told = (manifest.model_extra or {}).get("repeat")
    try:
        words = shlex.split(told) if isinstance(told, str) else []
    except ValueError:  # an open quote
        return []
    return words if words[:2] == ["idchaos", "run"] and len(words) > 2 else []
