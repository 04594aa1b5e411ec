"""Tokens that the IdP has signed by a key after it had withdrawn it: nobody is to take them. Pure."""

from __future__ import annotations

import math
from typing import Final

import pandas as pd

from idchaos.experiment import Verdict
from idchaos.record.record import Run
from idchaos.values import number
from idchaos.verdict.invariants import DEAD_ON_ARRIVAL, SHOWN_BREACHES, InvariantJudgement
from idchaos.verdict.objectives import Judgement
from idchaos.verdict.traffic import Traffic

UNDER_WAY_S: Final = 2.0
"""After a withdrawal a request may still be answered that came before it."""
COUNTED: Final = "fresh tokens by a key that had been withdrawn"
_TOLD = ("due_at", "sent_at", "token_obtained_at", "session", "jti", "kid", "phase", "replica", "service", "error_code")


def judge_dead_on_arrival(run: Run, traffic: Traffic) -> InvariantJudgement | None:
    """FAIL on any everyday token that was asked for more than :data:`UNDER_WAY_S` after its key had been withdrawn, and
    another had been told to sign. Attempts: everyday tokens, of whatever key, that were asked for so late.

    Who validates refuses such a token rightly, so no success rate speaks of its user. ``None`` where no key was
    replaced and withdrawn, or no token was asked for afterwards.
    """
    ends = dict(_withdrawn(run))
    if not ends:
        return None
    # What canaries are made of, and good where it is shown first, is made beforehand, and not asked of the IdP.
    mask = ~traffic.equal("flow", "canary") & traffic.equal("format", "jwt") & traffic.api & traffic.all
    uses = traffic.rows(mask, *_TOLD).sort_values("due_at", kind="stable")
    tokens = uses[uses["jti"].astype(str) != ""].drop_duplicates(["jti"])
    asked = tokens["token_obtained_at"]
    late = tokens[asked > min(start for start, _ in ends.values()) + UNDER_WAY_S]
    if late.empty:
        return None
    mine = late["kid"].astype(str).map(lambda kid: ends.get(kid, (math.inf, math.inf)))
    dead = [start + UNDER_WAY_S < at < end for (start, end), at in zip(mine, late["token_obtained_at"], strict=True)]
    breaches = late[dead]
    held = Judgement(Verdict.FAIL, _said(breaches, len(late))) if len(breaches) else Judgement(Verdict.PASS)
    shown = tuple(_breach(row, ends) for _, row in breaches.head(SHOWN_BREACHES).iterrows())
    return InvariantJudgement(len(late), len(breaches), held, shown, counted=COUNTED)


def _withdrawn(run: Run) -> list[tuple[str, tuple[float, float]]]:
    """Each key that was withdrawn once another one signed: from when on, and until when (Unix time)."""
    found = []
    signing = [(event.at, event.text("kid")) for event in run.named("key_signing")]
    for event in run.named("key_withdrawn"):
        kid = event.text("kid")
        again = [each.at for each in run.named("key_published") if each.text("kid") == kid and each.at > event.at]
        again += [at for at, other in signing if other == kid and at > event.at]
        if any(other != kid and at <= event.at for at, other in signing):
            found.append((kid, (event.at, min(again, default=math.inf))))
    return found


def _said(breaches: pd.DataFrame, attempts: int) -> str:
    keys = ", ".join(sorted(set(breaches["kid"].astype(str))))
    return (
        f"{DEAD_ON_ARRIVAL}: {len(breaches):,} of {attempts:,} tokens were asked for after their key, {keys}, was gone"
    )


def _breach(row: pd.Series, ends: dict[str, tuple[float, float]]) -> dict[str, str | float | int]:
    """``late_s``: how long the key had been withdrawn when the token was asked for."""
    names = ("phase", "replica", "service", "error_code", "kid", "jti", "session")
    asked = float(row["token_obtained_at"])
    late = number(asked - ends[str(row["kid"])][0], 3)
    return {"at": round(asked, 3), "late_s": late or 0.0, **{name: str(row[name]) for name in names}}
