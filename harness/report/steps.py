"""What to do next: the setting that explains what failed, how it is mended, the page and the command. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection
from dataclasses import dataclass

from idchaos.experiment import Verdict
from idchaos.record.record import Run
from idchaos.report import advice, words
from idchaos.report.story import mend as mend_error
from idchaos.report.story import settings
from idchaos.report.summary import changed_settings, command_line, flat_settings, replays
from idchaos.verdict.verdict import ObjectiveVerdict, RunVerdict

MOST_REPLAYS = 3


@dataclass(frozen=True)
class Step:
    """Something to do; ``command`` may be empty, ``page`` is one of the docs."""

    text: str
    command: str = ""
    page: str = ""


def steps(run: Run, verdict: RunVerdict) -> list[Step]:
    """What to do, most urgent first; never empty."""
    found = []
    if verdict.cleanup.problem or verdict.cleanup.clean is None:
        found.append(Step("See to what may have been left running.", "idchaos recover"))
    if verdict.verdict is Verdict.FAIL:
        found += [*_of_defects(run), *_of_breaches(verdict), *_of_objectives(run, verdict)]
    if verdict.verdict is Verdict.INCONCLUSIVE:
        found += _of_the_undecided(run, verdict)
    if verdict.verdict is Verdict.PASS:
        text = "Nothing has to be done. More runs see what is rarer."
        found.append(Step(text, repeat_command(command_line(run)), "docs/statistics.md"))
    return found or [Step("Run it again with the same plan.", command_line(run))]


def _of_defects(run: Run) -> list[Step]:
    if not run.manifest.defects:
        return []
    named = ", ".join(run.manifest.defects)
    return [
        Step(f"The stand-ins were told to misbehave ({named}): this FAIL is what was to be seen.", "", "docs/zoo.md")
    ]


def _of_breaches(verdict: RunVerdict) -> list[Step]:
    found = []
    commands = dict(replays(verdict))
    for row in [each for each in verdict.invariants if each.verdict is Verdict.FAIL][:MOST_REPLAYS]:
        text = advice.of_invariant(row.name) or f"Find out why {words.title(row.name)} does not hold."
        kind = str(row.evidence[0].get("canary", "")) if row.evidence else ""
        page = f"docs/canaries.md#{kind}" if kind else "docs/canaries.md"
        found.append(Step(f"{text} Send it again:" if row.name in commands else text, commands.get(row.name, ""), page))
    return found


def _of_objectives(run: Run, verdict: RunVerdict) -> list[Step]:
    missed = [row for row in verdict.objectives if row.verdict is Verdict.FAIL]
    if not missed:
        return []
    found = []
    if told := _settings(run, settings(verdict.felt)):
        found.append(Step(f"Settings that bear on this error: {told}. Try another value with --set."))
    texts = dict.fromkeys(filter(None, (mend(row, verdict) for row in missed)))
    found += [Step(text) for text in texts]
    return [*found, Step("The same plan and seed again:", command_line(run))]


def mend(row: ObjectiveVerdict, verdict: RunVerdict) -> str:
    """How a missed objective is mended: by its error, where it counts failures of users, else by what it measures."""
    of_users = row.sli.startswith(("success_rate", "unavailable_rate", "wrongly_denied_rate"))
    return (mend_error(verdict.felt) if of_users else "") or advice.of_sli(row.sli)


def _of_the_undecided(run: Run, verdict: RunVerdict) -> list[Step]:
    busy = [Step(f"{TOO_BUSY}.", again_lighter(run))] if _busy(verdict) else []
    if verdict.status != "completed":
        return busy or [Step("Mend what ended it, and run it again.", command_line(run))]
    unproved = [fault for fault in verdict.faults if not fault.effect_proved]
    if unproved:
        page = "docs/write-a-scenario.md"
        text = (
            "The fault was not felt, so nothing can be said of it: let it last longer than what carries users over it"
        )
        told = _settings(run, tuple(name for name in CARRIES if name in flat_settings(run.manifest.settings)))
        return [Step(f"{text} ({told})." if told else f"{text}.", "", page)]
    return [
        *busy,
        Step(
            "See how long, or how much load, it takes to decide.",
            validate_command(command_line(run)),
            "docs/validate.md",
        ),
    ]


def again_lighter(run: Run) -> str:
    """The run's own command with half its load."""
    rate = flat_settings(run.manifest.settings).get("load.rate")
    half = f" --set load.rate={rate / 2:g}" if isinstance(rate, int | float) else ""
    return f"{command_line(run)}{half}"


def repeat_command(command: str) -> str:
    """What makes a run of ``command`` several times, with seeds of their own."""
    return shlex.join(["idchaos", "run", *_asked(command, without=("--seed",)), "--repeat", "5"])


def validate_command(command: str) -> str:
    """What says whether the plan of a run of ``command`` can decide anything: that command with another verb."""
    return shlex.join(["idchaos", "validate", *_asked(command, without=NOT_FOR_VALIDATE)])


def _asked(command: str, *, without: Collection[str]) -> list[str]:
    """What a run's command asks for, but for some options, each of which has a value."""
    kept: list[str] = []
    coming = iter(shlex.split(command)[2:])
    for word in coming:
        if word in without:
            next(coming, None)
        else:
            kept.append(word)
    return kept


def _busy(verdict: RunVerdict) -> bool:
    return any(BUSY.search(reason) for reason in verdict.reasons)


BUSY = re.compile("load generator (was late|is .* behind)|short of CPU")
TOO_BUSY = "The machine was too busy to judge by: run it alone, or with less load"
NOT_FOR_VALIDATE = ("--target", "--seed", "--defect")
"""Options, each with a value, that bear on no plan."""
CARRIES = ("fault.duration_s", "gateway.jwks_cache_s", "gateway.introspection_cache_s")
"""What has to be shorter than the fault, after the fault's own length."""


def _settings(run: Run, names: tuple[str, ...]) -> str:
    """``gateway.jwks_stale_s = 0 (changed), gateway.jwks_cache_s = 4``."""
    values, changed = flat_settings(run.manifest.settings), changed_settings(run) or {}
    told = [
        f"{name} = {words.plain(values[name])}" + (" (changed)" if name in changed else "")
        for name in names
        if name in values
    ]
    return ", ".join(sorted(told, key=lambda text: "(changed)" not in text))


def next_step(verdict: RunVerdict, command: str) -> str:
    """What to do now, in one line, by the verdict and the ``command`` that makes the run again; empty where nothing
    needs to be done.
    """
    if verdict.cleanup.problem or verdict.cleanup.clean is None:
        return "idchaos recover"
    if verdict.verdict is Verdict.FAIL:
        commands = [command for _, command in replays(verdict)]
        told = ", ".join(settings(verdict.felt))
        bears = f"look at {told}: " if told else ""
        return commands[0] if commands else f"{bears}the report says how it is mended, and how to run it again"
    return "" if verdict.verdict is Verdict.PASS else _to_decide(verdict, command)


def _to_decide(verdict: RunVerdict, command: str) -> str:
    if _busy(verdict):
        return f"{TOO_BUSY[:1].lower()}{TOO_BUSY[1:]} (--set load.rate=R)"
    if verdict.status != "completed":
        return "mend what ended it, and run it again"
    if not all(fault.effect_proved for fault in verdict.faults):
        return f"let the fault outlast what carries users over it: see {', '.join(CARRIES)}"
    return f"{validate_command(command)} says what it takes to decide"
