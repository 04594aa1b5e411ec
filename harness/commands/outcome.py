"""From verdicts to what a command prints and its exit code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from idchaos.errors import ExitCode
from idchaos.experiment import Verdict

if TYPE_CHECKING:
    from idchaos.report.together import Unjudged
    from idchaos.studies.repeated import Joint
    from idchaos.verdict.verdict import RunVerdict


def show(verdict: RunVerdict, as_json: bool, command: str) -> None:
    """A verdict for a person, on stdout; nothing where a document will follow. By ``command`` the run can be made
    again.
    """
    if not as_json:
        from idchaos.commands.terminal import show_verdict

        show_verdict(verdict, command)


def conclude(
    verdicts: Sequence[RunVerdict],
    as_json: bool,
    *,
    skipped: Mapping[str, str] | None = None,
    error: str | None = None,
    run_dir: str | None = None,
    again: Sequence[RunVerdict] = (),
    joint: Sequence[Joint] = (),
    unjudged: Sequence[Unjudged] = (),
) -> ExitCode:
    """Print the JSON document when asked for; the exit code. Of runs that were judged together, that judgement counts.

    An ``error``: not all could be judged; ``run_dir``: where what the run recorded until then is. ``again``: runs that
    were INCONCLUSIVE and made again. ``unjudged``: runs that came to no verdict, though the rest was run.
    """
    judged = counting(verdicts, joint)
    whole = error is None and not unjudged
    if as_json:
        document: dict[str, Any] = {
            "verdict": Verdict.worst(judged if whole else [*judged, Verdict.INCONCLUSIVE]),
            "runs": [json.loads(verdict.to_json()) for verdict in verdicts],
        }
        if skipped is not None:
            document["skipped"] = [{"scenario": name, "reason": reason} for name, reason in skipped.items()]
        if again:
            document["run_again"] = [
                {"scenario": each.scenario, "variant": each.variant, "run_dir": each.run_dir, "reasons": each.reasons}
                for each in again
            ]
        if joint:
            document["repeats"] = [each.document() for each in joint]
        if unjudged:
            document["unjudged"] = [asdict(each) for each in unjudged]
        if error is not None:
            document["error"] = error
        if run_dir is not None:
            document["run_dir"] = run_dir
        print(json.dumps(document, indent=2))
    code = exit_code(verdicts, again, judged)
    return short_of_fail(code) if unjudged else code


def counting(verdicts: Sequence[RunVerdict], joint: Sequence[Joint]) -> list[Verdict]:
    """The verdicts that count: of several runs, and of runs that no other was judged with."""
    together = {run.run_dir for each in joint for run in each.runs}
    alone = [verdict.verdict for verdict in verdicts if verdict.run_dir not in together]
    return [*(each.judged.verdict for each in joint), *alone]


def exit_code(
    verdicts: Sequence[RunVerdict], again: Sequence[RunVerdict] = (), judged: Sequence[Verdict] | None = None
) -> ExitCode:
    """By the worst verdict, of those ``judged`` where they are not each run's own; of runs that were made ``again``,
    only what they left behind counts.

    A clean-up that was not clean is our own failure, which only a FAIL outweighs: whoever repeats a run on 70 must not
    miss a FAIL, whoever trusts 0 must not find a fault still in force.
    """
    worst = Verdict.worst([verdict.verdict for verdict in verdicts] if judged is None else list(judged))
    dirty = any(verdict.cleanup.problem for verdict in (*verdicts, *again))
    return short_of_fail(ExitCode[worst]) if dirty else ExitCode[worst]


def short_of_fail(code: ExitCode) -> ExitCode:
    """The exit code where we failed at something, too: only a FAIL outweighs that."""
    return code if code is ExitCode.FAIL else ExitCode.HARNESS
