"""``study thresholds``: how long an outage, how far a clock, how many junk kids, until it is felt: by bisection."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self

from pydantic import JsonValue

from idchaos.errors import UsageError
from idchaos.experiment import Verdict
from idchaos.run.launch import Prepared, Request, prepare
from idchaos.run.scenarios import scenario_named
from idchaos.settings import names, unknown_setting
from idchaos.studies.study.edge import Edge, Search, State, Tried, edge_of, next_value, unfinished
from idchaos.studies.study.points import Result, check_watched, key_of, seconds_of, unversioned
from idchaos.studies.study.table import Table
from idchaos.values import Value
from idchaos.verdict.verdict import RunVerdict

Execute = Callable[[Prepared], RunVerdict]
FIRST_SEED = 1
FINEST = 1e-6
"""No edge is looked for more closely than to this share of what is searched."""
LONGEST_S = 86_400.0
"""A study that may take longer is refused: nobody waits for it."""


class Answer(Value):
    """What a study of thresholds found."""

    scenario: str
    setting: str
    search: Search
    watched: tuple[str, ...]
    edge: Edge
    results: tuple[Result, ...]
    unversioned: str = ""
    """The option that names a system whose version nobody can ask; empty: none does."""

    def sentence(self) -> str:
        """The answer in one sentence."""
        holds, breaks = self.edge.holds, self.edge.breaks
        if holds is not None and breaks is not None:
            return f"{self.setting}: {_number(holds)} holds, {_number(breaks)} breaks"
        least, below = ("at least", "below") if self.search.rising else ("at most", "above")
        if breaks is not None:
            return f"{self.setting}: {below} {_number(breaks)}, which breaks; no easier value was seen to hold"
        if holds is not None:
            return f"{self.setting}: {least} {_number(holds)}, which holds; no harder value was seen to break"
        return f"{self.setting}: nothing was decided"

    def state_of(self, value: float) -> State:
        """Whether a value holds, breaks, or is undecided."""
        verdicts = tuple(each.verdict for each in self.results if each.varied[self.setting] == value)
        return Tried(value=value, verdicts=verdicts).state(self.search.repeats)

    def against(self, wanted: float | None) -> Verdict:
        """Whether a value is borne. Without one: whether the edge was found as closely as was asked, PASS or
        INCONCLUSIVE; of one that is known from one side alone, it was not.
        """
        holds, breaks = self.edge.holds, self.edge.breaks
        if wanted is None:
            found = holds is not None and breaks is not None and self.search.known(holds, breaks)
            return Verdict.PASS if found else Verdict.INCONCLUSIVE
        sign = 1 if self.search.rising else -1
        if breaks is not None and sign * breaks <= sign * wanted:
            return Verdict.FAIL
        if holds is not None and sign * holds >= sign * wanted:
            return Verdict.PASS
        return Verdict.INCONCLUSIVE


@dataclass(frozen=True)
class Thresholds:
    """A study that is sound: nothing has been started yet."""

    request: Request
    setting: str
    search: Search
    watched: tuple[str, ...]
    retries: int
    seed: int
    since: str = ""
    """What was made before counts for nothing (RFC 3339, UTC); empty: all that was made of this very system counts."""

    @classmethod
    def planned(
        cls,
        request: Request,
        setting: str,
        search: Search,
        *,
        watched: tuple[str, ...] = (),
        retries: int = 1,
        gate: bool = False,
    ) -> Self:
        """Check all that can be checked before anything starts: both ends make a sound experiment.

        ``gate``: a release hangs on it. A system whose version nobody can ask is then tried anew, whatever was made
        before: it may have been another.

        Raises:
            UsageError: what is wrong, where, and what would be right.
        """
        scenario = scenario_named(request.scenario)
        if setting not in names(scenario.settings):
            raise UsageError(f"study: {unknown_setting(scenario.settings, setting)}")
        if setting in request.overrides:
            raise UsageError(f"study: {setting} is what is searched, and can't be --set as well")
        if not search.low < search.high:
            raise UsageError(f"study: {setting}={_number(search.low)}..{_number(search.high)} holds no values between")
        width = search.high - search.low
        if not width * FINEST <= search.resolution < width:
            least, most = _number(width * FINEST), _number(width)
            raise UsageError(f"study: --resolution should be at least {least} and below {most}")
        search = search.model_copy(update={"whole": _is_whole(scenario.settings, setting)})
        if search.whole and search.resolution < 1:
            raise UsageError(f"study: {setting} is a whole number: --resolution should be 1 or more")
        seed = FIRST_SEED if request.seed is None else request.seed
        anew = gate and unversioned(request)
        since = datetime.now(UTC).isoformat(timespec="seconds") if anew else ""
        study = cls(request, setting, search, watched, retries, seed, since)
        for end in (search.low, search.high):
            check_watched(study.prepared(end, 0), watched)
        if study.longest_s() > LONGEST_S:
            raise UsageError(
                f"study: at most {search.most_values()} values, {search.repeats} runs each, may take "
                f"{study.longest_s() / 3_600:.0f} hours, longer than a day: ask for a coarser --resolution or fewer "
                "--repeats"
            )
        return study

    def question(self) -> dict[str, Any]:
        """What tells its table from another study's."""
        request = self.request
        return {
            "study": "thresholds",
            "scenario": request.scenario,
            "setting": self.setting,
            "set": dict(request.overrides),
            "system": [
                request.target,
                request.gateway,
                request.idp,
                request.topology,
                request.profile,
                list(request.defects),
            ],
            "watched": list(self.watched),
        }

    def prepared(self, value: float, repeat: int) -> Prepared:
        """The run of a value, with a seed of its own for each repeat."""
        return prepare(_with(self.request, {self.setting: self._typed(value)}, self.seed + repeat))

    def longest_s(self) -> float:
        """How long the study takes at most, in seconds, when each run decides something."""
        hardest = max(seconds_of(self.prepared(end, 0)) for end in (self.search.low, self.search.high))
        return self.search.most_values() * self.search.repeats * hardest

    def go(self, table: Table, execute: Execute, tell: Callable[[str], None]) -> Answer:
        """Search; what the table has already is not run again. Values that an earlier search left unfinished, or
        undecided, come first, once.

        Raises:
            IdchaosError: a run could not be completed. What was finished is in the table.
        """
        if ours := self._ours(table):
            first = min(each.started_at for each in ours)
            tell(f"study: {len(ours)} run{'s' if len(ours) > 1 else ''} found again, the first of {first}")
        for left in unfinished(self._tried(table), self.search):
            # One that was decided meanwhile may have made another moot.
            if left in unfinished(self._tried(table), self.search):
                self._try(left, table, execute, tell)
        while (value := next_value(self._tried(table), self.search)) is not None:
            self._try(value, table, execute, tell)
        return self.answer(table)

    def answer(self, table: Table) -> Answer:
        """What the table says so far."""
        return Answer(
            scenario=self.request.scenario,
            setting=self.setting,
            search=self.search,
            watched=self.watched,
            edge=edge_of(self._tried(table), self.search),
            results=self._ours(table),
            unversioned="" if self.since else unversioned(self.request),
        )

    def _try(self, value: float, table: Table, execute: Execute, tell: Callable[[str], None]) -> None:
        for result in self._at(value, table, execute):
            table.add(result)
            why = f": {result.reason}" if result.reason else ""
            again = f", attempt {result.attempt + 1}" if result.attempt else ""
            tell(f"study: {self.setting}={_number(value)}, run {result.repeat + 1}{again}: {result.verdict}{why}")

    def _at(self, value: float, table: Table, execute: Execute) -> Iterator[Result]:
        """Runs with a value until it is decided: a failure decides at once, an undecided run is made again."""
        for repeat in range(self.search.repeats):
            prepared = self.prepared(value, repeat)
            key = key_of(prepared)
            result = table.found(key, self.since)
            for _ in range(1 + self.retries):
                if result is not None and result.decided:
                    break
                began, since = datetime.now(UTC), time.monotonic()
                verdict = execute(prepared)
                result = Result.of(
                    prepared,
                    verdict,
                    varied={self.setting: self._typed(value)},
                    repeat=repeat,
                    watched=self.watched,
                    began=began,
                    took_s=time.monotonic() - since,
                    attempt=table.attempts(key),
                )
                yield result
            if result is None or result.verdict is not Verdict.PASS:
                return

    def _ours(self, table: Table) -> tuple[Result, ...]:
        """Of what the table has, the runs that this study would make: of this very system, and with its seeds."""
        return tuple(
            result.model_copy(update={"repeat": repeat})
            for result in table.results
            if (repeat := self._repeat_of(result)) is not None
        )

    def _repeat_of(self, result: Result) -> int | None:
        """Which of this study's repeats a run is; ``None``: none of them."""
        repeat = result.seed - self.seed
        # A study of more repeats that began with the same seed counts, too: what it saw fail is not forgotten.
        if not 0 <= repeat < max(self.search.repeats, result.repeat + 1) or result.started_at < self.since:
            return None
        try:
            return repeat if result.key == key_of(self.prepared(_value_of(result, self.setting), repeat)) else None
        except UsageError:
            # Made with a value that makes no sound experiment any more.
            return None

    def _tried(self, table: Table) -> list[Tried]:
        verdicts: dict[float, list[Verdict]] = {}
        for result in self._ours(table):
            verdicts.setdefault(_value_of(result, self.setting), []).append(result.verdict)
        return [Tried(value=value, verdicts=tuple(each)) for value, each in verdicts.items()]

    def _typed(self, value: float) -> JsonValue:
        return int(value) if self.search.whole else value


def _value_of(result: Result, setting: str) -> float:
    value = result.varied[setting]
    assert isinstance(value, int | float)
    return float(value)


def _with(request: Request, overrides: dict[str, JsonValue], seed: int) -> Request:
    return replace(request, overrides={**request.overrides, **overrides}, seed=seed)


def _is_whole(settings: Any, setting: str) -> bool:
    group, _, leaf = setting.partition(".")
    kind = settings.model_fields[group].annotation.model_fields[leaf].annotation
    if kind not in (int, float):
        raise UsageError(f"study: {setting} is no number, and has no edge")
    return bool(kind is int)


def _number(value: float) -> str:
    return f"{value:g}"
