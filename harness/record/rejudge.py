"""What became known only afterwards: which samples should have been decided otherwise, by a run's journal. Pure."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from idchaos.experiment import REVOKED
from idchaos.record.samples import ACCEPT, DECISIONS, DENY, EITHER, EXPECTED, OUTCOME_OF, OUTCOMES
from idchaos.values import Value

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]


class Withdrawal(Value):
    """A signing key that was withdrawn from the key set while traffic flowed, and perhaps put back."""

    kid: str
    at: float
    allowed_lag_s: float = 0.0
    """For this long after ``at`` (and after ``restored_at``) a validator may still go by the key set before."""
    restored_at: float | None = None

    def expected(self, began_at: Floats, ended_at: Floats) -> Places:
        """What a sound target decides on good tokens of this key, each asked from ``began_at`` to ``ended_at``: codes
        of :data:`EXPECTED`.

        ``accept`` if the request was over before the withdrawal, ``deny`` if it began when every validator must
        know of it, ``either`` between the two.
        """
        over = math.inf if self.restored_at is None else self.restored_at
        before = (ended_at < self.at) | (began_at > over + self.allowed_lag_s)
        during = (began_at > self.at + self.allowed_lag_s) & (ended_at < over)
        return np.select([before, during], [ACCEPT, DENY], EITHER)


UNDER_WAY_S = 2.5
"""A question about a token that was asked before its revocation is answered within this time, or not believed."""


class Disturbance(Value):
    """A span in which a fault may keep the news of a revocation from a replica."""

    start: float
    known_before: float
    """A token that was revoked before this moment was known to be revoked before the fault began."""
    end: float | None = None
    """When the fault was healed and caches have had their time since; ``None``: it was not healed."""
    asked_anew_s: float | None = None
    """So long after a revocation nobody believes what the IdP said of an opaque token before: who can't ask can't let
    it in. ``None``: somebody may, in such a fault. News of revoked JWTs is waited for as long as it lasts."""

    def excuses(self, revoked_at: Floats, began_at: Floats, ended_at: Floats, opaque: Bools) -> Bools:
        """Where a replica need not know yet that a token was revoked, asked from ``began_at`` to ``ended_at``."""
        over = began_at >= (math.inf if self.end is None else self.end)
        if self.asked_anew_s is not None:
            over |= opaque & (began_at > revoked_at + self.asked_anew_s)
        return ~over & (ended_at > self.start) & ~(revoked_at < self.known_before)


class Facts(Value):
    """What a run's journal knows that the load generator could not know when it sent a request."""

    withdrawals: tuple[Withdrawal, ...] = ()
    disturbances: tuple[Disturbance, ...] = ()


def rejudge(samples: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """A copy of ``samples`` whose ``expected`` and ``outcome`` allow for ``facts``.

    A good token is no longer good once its key was withdrawn. A revoked one of which the load generator could not say
    whether a replica must know it (``either``) must be refused, unless a fault of that time excuses it. Other bad
    tokens stay bad whatever happens.
    """
    judged = samples.copy(deep=False)
    began, took = (judged[name].to_numpy(dtype=np.float64) for name in ("sent_at", "service_time_s"))
    ended, sent = began + took, ~np.isnan(began)
    for withdrawal in facts.withdrawals:
        at_stake = (judged["kid"] == withdrawal.kid).to_numpy() & (judged["expected"] == "accept").to_numpy() & sent
        rows = np.flatnonzero(at_stake)
        _expect(judged, rows, withdrawal.expected(began[rows], ended[rows]))
    unsure = judged["canary"].isin(REVOKED).to_numpy() & (judged["expected"] == "either").to_numpy() & sent
    rows = np.flatnonzero(unsure)
    obtained = judged["token_obtained_at"].to_numpy(dtype=np.float64)[rows]
    opaque = (judged["format"] == "opaque").to_numpy()[rows]
    excused = np.zeros(len(rows), dtype=np.bool_)
    for each in facts.disturbances:
        excused |= each.excuses(obtained, began[rows], ended[rows], opaque)
    _expect(judged, rows, np.where(excused, EITHER, DENY))
    return judged


def _expect(judged: pd.DataFrame, rows: Places, expected: Places) -> None:
    """Set what was right for these rows (codes of :data:`EXPECTED`), and so their outcomes; columns are replaced."""
    if not len(rows):
        return
    decided = judged["decision"].cat.codes.to_numpy()[rows]
    table = np.array([[OUTCOMES.index(OUTCOME_OF[want, met]) for met in DECISIONS] for want in EXPECTED])
    for column, changed in (("expected", expected), ("outcome", table[expected, decided])):
        codes = judged[column].cat.codes.to_numpy(dtype=np.int64, copy=True)
        codes[rows] = changed
        changed_to = pd.Categorical.from_codes(codes, categories=judged[column].cat.categories)
        judged[column] = pd.Series(changed_to, index=judged.index)
