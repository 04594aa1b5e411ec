"""The model held against runs: what it foretells of a setting, and what was counted."""

from __future__ import annotations

import math
from collections.abc import Sequence

from idchaos.experiment import PhaseName
from idchaos.record.record import RunRecord
from idchaos.studies.lifetimes.model import Choice, World, cost
from idchaos.values import Value

COST_WITHIN = 0.05
"""A cost that the model foretells may be off by this share; beyond it the study says so instead of extrapolating."""
Z_95 = 1.959964

POINTS = ((4.0, 2.0), (8.0, 4.0), (6.0, 8.0))
"""Lives of access tokens and of cached keys, in seconds, that are tried: hours are compressed into them. Short, so that
many fall due while they are counted."""
SESSIONS = 300
PLAN = {
    "load.sessions": SESSIONS,
    "load.login_rate": 0.001,
    "load.machine_rate": 0.5,
    "load.rate": 60.0,
    "load.canaries_per_kind": 0.001,
    "phases.warmup_s": 12.0,
    "phases.baseline_s": 40.0,
    "fault.duration_s": 3.0,
    "phases.recovery_s": 2.0,
}
"""An ordinary run whose baseline is looked at: sessions enough that refreshes are counted to within a few per cent, and
hardly a token of an unknown key, which would cost fetches of its own."""


class Compared(Value):
    """One figure: foretold, and counted."""

    what: str
    foretold: float
    """Per second."""
    counted: float
    seconds: float
    """For how long it was counted."""

    @property
    def error(self) -> float:
        """By which share what was counted differs from what was foretold."""
        return self.counted / self.foretold - 1

    @property
    def noise(self) -> float:
        """By which share a count of so many may differ by chance (95 %, Poisson): 1.96 / sqrt(n)."""
        return Z_95 / math.sqrt(max(1.0, self.counted * self.seconds))

    @property
    def agrees(self) -> bool:
        """Whether the model is within its bound, or the difference within what counting so few can show."""
        return abs(self.error) <= max(COST_WITHIN, self.noise)


class Check(Value):
    """One run."""

    choice: Choice
    run_dir: str
    compared: tuple[Compared, ...]


def settings_of(access_ttl_s: float, jwks_cache_s: float) -> dict[str, float]:
    """What a run of the check changes."""
    return {**PLAN, "tokens.access_ttl_s": access_ttl_s, "gateway.jwks_cache_s": jwks_cache_s}


def check(record: RunRecord, choice: Choice, world: World) -> Check:
    """A run's baseline beside what the model says of it. ``world``: the run's own."""
    begin, end = _whole(*record.windows[PhaseName.BASELINE], every_s=choice.access_ttl_s * world.refresh_share)
    due = record.samples["due_at"]
    refreshed = int(((record.samples["flow"] == "refresh") & (due >= begin) & (due < end)).sum())
    foretold = cost(choice, world)
    compared = [
        Compared(what="refreshes", foretold=foretold.token_rps, counted=refreshed / (end - begin), seconds=end - begin)
    ]
    fetched = _fetches(record, *record.windows[PhaseName.BASELINE])
    if fetched is not None:
        count, seconds = fetched
        compared.append(
            Compared(what="key fetches", foretold=foretold.jwks_rps, counted=count / seconds, seconds=seconds)
        )
    return Check(choice=choice, run_dir=record.run_dir, compared=tuple(compared))


def _whole(begin: float, end: float, every_s: float) -> tuple[float, float]:
    """As many whole intervals as there are: sessions that began together are counted as often as any others then."""
    return begin, begin + (end - begin) // every_s * every_s if end - begin >= every_s else end


def unsure(checks: Sequence[Check]) -> tuple[str, ...]:
    """What of the model does not hold here, as sentences; empty: all that was counted agrees."""
    return tuple(
        f"{each.what} at a token life of {point.choice.access_ttl_s:g} s and a key cache of "
        f"{point.choice.jwks_cache_s:g} s: {each.counted:.3g}/s counted, "
        f"{each.foretold:.3g}/s foretold ({each.error:+.0%})"
        for point in checks
        for each in point.compared
        if not each.agrees
    )


class Fitted(Value):
    """A figure of the model with a factor that some runs say, and a run that it has not seen."""

    what: str
    factor: float
    """Counted over foretold, in the runs that it was fitted on. 1: the closed form as it stands."""
    fitted_on: int
    foretold: float
    """Per second, of the run that was held out: with the factor."""
    counted: float
    noise: float

    @property
    def error(self) -> float:
        """By which share what was counted in the run that was held out differs."""
        return self.counted / self.foretold - 1


def fitted(checks: Sequence[Check]) -> tuple[Fitted, ...]:
    """Each figure, fitted on all runs but the last, and held against that; none with less than two runs."""
    found = []
    by_name: dict[str, list[Compared]] = {}
    for point in checks:
        for each in point.compared:
            by_name.setdefault(each.what, []).append(each)
    for what, (*seen, unseen) in by_name.items():
        expected = sum(each.foretold * each.seconds for each in seen)
        counted = sum(each.counted * each.seconds for each in seen)
        if expected and counted:
            factor = counted / expected
            found.append(
                Fitted(
                    what=what,
                    factor=factor,
                    fitted_on=len(seen),
                    foretold=factor * unseen.foretold,
                    counted=unseen.counted,
                    # Both counts are chance: that which was fitted on, and that which was held out.
                    noise=math.hypot(unseen.noise, Z_95 / math.sqrt(counted)),
                )
            )
    return tuple(found)


def _fetches(record: RunRecord, begin: float, end: float) -> tuple[int, float] | None:
    """Key fetches as the IdP counted them between the first and the last look in that time; ``None``: it didn't."""
    seen = []
    for each in record.telemetry:
        endpoints = each.state.get("requests")
        if each.component.startswith("idp") and begin <= each.at < end and isinstance(endpoints, dict):
            jwks = endpoints.get("jwks")
            if isinstance(jwks, dict) and isinstance(jwks.get("total"), int):
                seen.append((each.at, int(jwks["total"])))  # type: ignore[arg-type]
    if len(seen) < 2:
        return None
    (first_at, first), (last_at, last) = seen[0], seen[-1]
    return last - first, last_at - first_at
