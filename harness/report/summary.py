"""What all reports say in the same words: reasons, the checks at a glance, settings, the command line. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from idchaos.experiment import Verdict
from idchaos.record.record import Run
from idchaos.report import words
from idchaos.report.again import run_command
from idchaos.topologies import DEFAULT_TOPOLOGY
from idchaos.verdict.measures import Measure
from idchaos.verdict.missable import REMEDY, shown
from idchaos.verdict.observation import Unpromised
from idchaos.verdict.verdict import InvariantVerdict, ObjectiveVerdict, RunVerdict

GLYPHS = {Verdict.PASS.value: "✓", Verdict.FAIL.value: "✕", Verdict.INCONCLUSIVE.value: "?"}


def headline(verdict: RunVerdict) -> str:
    """The verdict in a line: a PASS that does not speak of everything says so."""
    untried, unpromised = len(verdict.not_observed), len(verdict.unpromised)
    unsaid = [f"{untried} {'invariant was' if untried == 1 else 'invariants were'} not tried"] if untried else []
    kinds = "kind of bad token is" if unpromised == 1 else "kinds of bad tokens are"
    unsaid += [f"{unpromised} {kinds} not promised to be refused"] if unpromised else []
    return f"{verdict.verdict} ({', '.join(unsaid)})" if verdict.verdict is Verdict.PASS and unsaid else verdict.verdict


def unspoken(verdict: RunVerdict) -> list[str]:
    """What the verdict does not speak of, and why, one sentence each."""
    return [
        *(f"Not observed: {words.title(each.name)}: {each.why}." for each in verdict.not_observed),
        *(_not_promised(each) for each in verdict.unpromised),
        *(f"Left out: {words.title(each.name)}: {each.why}." for each in verdict.left_out),
    ]


MANY = 3
"""Undecided invariants, or kinds that held, that are named; more are counted."""


def _not_promised(each: Unpromised) -> str:
    tried = f"{each.accepted:,} of {each.attempts:,} were accepted" if each.attempts else "none was decided"
    return f"Not promised: to refuse {words.title(each.canary.replace(':', ', '))}: {each.why}; {tried}."


@dataclass(frozen=True)
class Check:
    """One line at a glance."""

    label: str
    detail: str
    verdict: Verdict


@dataclass(frozen=True)
class Reason:
    """Why the verdict is what it is; ``why``: what that means for users, where the scenario says."""

    text: str
    why: str = ""


def reasons(verdict: RunVerdict) -> list[Reason]:
    """Worst first, after what was left behind; never empty."""
    problem = verdict.cleanup.problem
    return [*([Reason(words.sentence(problem))] if problem else []), *_of_verdict(verdict)]


def _of_verdict(verdict: RunVerdict) -> list[Reason]:
    missed = {each.reason: each for each in verdict.objectives if each.verdict is Verdict.FAIL}
    if verdict.reasons:
        return [
            _missed(missed[text]) if text in missed else Reason(words.sentence(_readable(text, verdict)))
            for text in _folded(verdict)
        ]
    if verdict.verdict is Verdict.PASS:
        proved = "Every objective was met, every invariant held, and every fault proved its effect."
        plain = "Every objective was met and every invariant held; no fault was planned."
        return [Reason(proved if verdict.faults else plain), *_of_the_unseen(verdict)]
    return [Reason("The verdict came without a reason.")]


def _folded(verdict: RunVerdict) -> list[str]:
    """The reasons, with what was seen of one fault at several places as one, and invariants that stayed undecided as
    one where they are many.
    """
    texts = list(verdict.reasons)
    for each in verdict.faults:
        own = [text for text in texts if text.startswith(f"fault {each.name}: ")]
        heads = {text.partition(" force: ")[0] for text in own}
        if len(own) > 1 and len(heads) == 1:
            seen = _same_once([text.partition(" force: ")[2] for text in own])
            texts[texts.index(own[0])] = f"{own[0].partition(' force: ')[0]} force: {seen}"
            texts = [text for text in texts if text not in own[1:]]
    undecided = {each.reason: each for each in verdict.invariants if each.verdict is Verdict.INCONCLUSIVE}
    untold = [text for text in texts if text in undecided]
    if len(untold) > MANY:
        names = ", ".join(words.title(undecided[text].name) for text in untold[:MANY])
        texts = [text for text in texts if text not in untold]
        texts.append(
            f"{len(untold)} invariants stay undecided ({names} and {len(untold) - MANY} more): "
            f"too few of their bad tokens were answered with a yes or no"
        )
    return texts


def _same_once(seen: list[str]) -> str:
    """``gateway-1: nothing; gateway-2: nothing`` as ``gateway-1, gateway-2: nothing``."""
    found: dict[str, list[str]] = {}
    for text in seen:
        who, _, what = text.partition(": ")
        found.setdefault(what, []).append(who)
    return "; ".join(f"{', '.join(who)}: {what}" if what else ", ".join(who) for what, who in found.items())


def _of_the_unseen(verdict: RunVerdict) -> list[Reason]:
    """What phases without a failure are too short to show; nothing where failures were seen in all."""
    found = {each.phase: each.could_have_missed for each in verdict.objectives if each.could_have_missed}
    if not found:
        return []
    where = ", ".join(f"{shown(each.share)} of the seconds in {phase}" for phase, each in found.items())
    return [
        Reason(
            f"Where nothing failed, an incident of whole seconds could have been missed: in up to {where}. "
            + words.sentence(f"{REMEDY} sees rarer ones")
        )
    ]


def _missed(row: ObjectiveVerdict) -> Reason:
    value, bound = words.value(row.value, row.unit, endless=row.endless), words.bound(row.bound, row.unit)
    where = "over the run" if row.phase == "all" else f"in {row.phase}"
    if row.value is None:
        note = f" ({row.note})" if row.note else ""
        return Reason(
            words.sentence(f"{words.title(row.name)}: no end was seen {where}, where {bound} was asked{note}"), row.why
        )
    return Reason(words.sentence(f"{words.title(row.name)}: {value} {where}, where {bound} was asked"), row.why)


def _readable(text: str, verdict: RunVerdict) -> str:
    """A reason that begins with the name of what was judged, with that name as words; of an invariant, whether it does
    not hold or stays undecided: "audience enforced: 26 of 28 accepted" would contradict itself.
    """
    text = words.signs(text)
    for row in verdict.invariants:
        if text.startswith(f"{row.name}:"):
            how = "does not hold" if row.verdict is Verdict.FAIL else "stays undecided"
            return f"“{words.title(row.name)}” {how}: {named_kinds(row)}"
    for name in (row.name for row in verdict.objectives):
        if text.startswith((f"{name} ", f"{name}:")):
            return words.title(name) + text[len(name) :]
    return text


def named_kinds(row: InvariantVerdict) -> str:
    """An invariant's reason, with kinds of bad tokens as words."""
    text = row.reason.removeprefix(f"{row.name}: ")
    of_all = [*(each.get("canary") for each in row.evidence), *(each.get("canary") for each in row.by_canary)]
    for kind in {str(kind) for kind in of_all if kind}:
        text = text.replace(kind, words.title(kind))
    return text


def own_reason(row: ObjectiveVerdict) -> str:
    """What to say beside an objective beyond its numbers: why it is undecided, or a note about what was measured."""
    if row.verdict is Verdict.INCONCLUSIVE:
        return (
            words.sentence(words.signs(row.reason).removeprefix(f"{row.name} in {row.phase}: ")) if row.reason else ""
        )
    return words.sentence(row.note) if row.note else ""


def met(measure: Measure) -> str:
    """Whether a measure met its target, in a word or two; else why nobody knows."""
    return measure.note.partition(":")[0] if measure.met is None else "met" if measure.met else "missed"


def checks(verdict: RunVerdict) -> list[Check]:
    """Objectives, invariants, faults, clean-up, counts: each in a few words."""
    objectives = [each.verdict for each in verdict.objectives]
    met = objectives.count(Verdict.PASS)
    proved = sum(each.effect_proved for each in verdict.faults)
    clean, passed = verdict.cleanup.clean, verdict.verdict is Verdict.PASS
    return [
        Check("Objectives", f"{met} of {len(objectives)} met", Verdict.worst(objectives)),
        Check(
            "Invariants",
            _invariants(verdict),
            Verdict.worst([each.verdict for each in verdict.invariants]),
        ),
        Check(
            "Faults",
            f"{proved} of {len(verdict.faults)} proved"
            if verdict.faults
            else "none planned"
            if passed
            else "none applied",
            # A run that planned a fault and did not apply it is no PASS.
            Verdict.PASS if proved == len(verdict.faults) and (verdict.faults or passed) else Verdict.INCONCLUSIVE,
        ),
        Check(
            "Clean-up",
            "nothing left behind" if clean else "not checked" if clean is None else "something was left behind",
            Verdict.PASS if clean else Verdict.INCONCLUSIVE if clean is None else Verdict.FAIL,
        ),
        Check("Counts", *_counts(verdict)),
    ]


def replays(verdict: RunVerdict) -> list[tuple[str, str]]:
    """For each breached invariant, by name: the command that replays its first breach."""
    first = [(each.name, str(each.evidence[0].get("replay", ""))) for each in verdict.invariants if each.evidence]
    return [(name, command) for name, command in first if command]


def _invariants(verdict: RunVerdict) -> str:
    found = [each.verdict for each in verdict.invariants]
    if not found:
        return "none was tried"
    broken, undecided = found.count(Verdict.FAIL), found.count(Verdict.INCONCLUSIVE)
    parts = [f"{found.count(Verdict.PASS)} of {len(found)} held"]
    parts += [f"{broken} broken"] if broken else []
    return ", ".join([*parts, *([f"{undecided} undecided"] if undecided else [])])


def tried(verdict: RunVerdict) -> list[str]:
    """``0 of 266 bad tokens accepted``, and the like, of what was tried at all. More than :data:`MANY` kinds that held,
    beside the first, are summed: each has a row of its own on the report.
    """
    found: dict[str, tuple[int, int]] = {}
    for each in verdict.invariants:
        breaches, attempts = found.get(each.counted, (0, 0))
        found[each.counted] = (breaches + each.breaches, attempts + each.attempts)
    found = {counted: (breaches, attempts) for counted, (breaches, attempts) in found.items() if attempts}
    held = [counted for counted in list(found)[1:] if not found[counted][0]]
    folded = held if len(held) > MANY else []
    told = [f"{found[each][0]:,} of {found[each][1]:,} {each}" for each in found if each not in folded]
    if folded:
        total = sum(found[each][1] for each in folded)
        told.append(f"0 of {total:,} other things that must never be, of {len(folded)} kinds")
    return told


def _counts(verdict: RunVerdict) -> tuple[str, Verdict]:
    rows = verdict.reconciliation
    gaps = sum(not row.agrees for row in rows)
    if not rows:
        return "none were recorded", Verdict.INCONCLUSIVE
    if gaps:
        return f"{gaps} of {len(rows)} do not reconcile", Verdict.INCONCLUSIVE
    return "all reconcile", Verdict.PASS


def defects_asked_for(run: Run) -> str:
    """One line that tells whoever reads the report that the target was wrong on purpose; empty when it was not."""
    asked = run.manifest.defects
    return f"Defects were asked for: {', '.join(asked)}. The stand-ins misbehave on purpose." if asked else ""


def flat_settings(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by dotted name, whether they were stored nested or not."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= flat_settings(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def extra(run: Run, name: str) -> Any:
    """What the runner wrote into the manifest beyond what the judge reads; ``None`` when absent."""
    return (run.manifest.model_extra or {}).get(name)


def variant(run: Run, verdict: RunVerdict) -> str:
    """The variant, with the topology where it is not the default: runs on several stand beside each other."""
    topology = extra(run, "topology")
    named = [topology] if isinstance(topology, str) and topology != DEFAULT_TOPOLOGY else []
    return ", ".join(filter(None, (verdict.variant, *named)))


def changed_settings(run: Run) -> dict[str, Any] | None:
    """Settings that differ from the defaults; ``None`` when the manifest does not tell."""
    changed = extra(run, "changed_settings")
    return flat_settings(changed) if isinstance(changed, Mapping) else None


def command_line(run: Run) -> str:
    """How to run the same plan again: as the manifest says, else put together from it."""
    manifest = run.manifest
    if told := run_command(manifest):
        return shlex.join(told)
    parts = ["idchaos", "run", manifest.scenario, "--profile", manifest.profile, "--seed", str(manifest.seed)]
    for name in manifest.defects:
        parts += ["--defect", name]
    for name, value in sorted((changed_settings(run) or {}).items()):
        parts += ["--set", f"{name}={value}"]
    return shlex.join(parts)
