"""How long tokens live, and how much of that they had left when they were used. Pure."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from idchaos.record.record import RunRecord
from idchaos.values import Value, number
from idchaos.verdict.sli.tokens import lives, lives_left
from idchaos.verdict.stats import Floats, Ints
from idchaos.verdict.traffic import traffic_of

MINUTE, HOUR = 60.0, 3600.0
LIFETIME_EDGES_S = (
    *(0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0),
    *(minutes * MINUTE for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * HOUR for hours in (1, 2, 4, 8, 12, 24)),
    math.inf,
)
"""Fixed, so that runs can be compared."""


class LifetimeBin(Value):
    """Tokens whose life lies in ``(from_s, to_s]``; ``to_s`` is ``null`` in the last bin, which has no end."""

    from_s: float
    to_s: float | None
    issued: int
    """Tokens by their whole life."""
    in_use: int
    """Uses of tokens by the life that they had left."""


def lifetime_histogram(record: RunRecord) -> tuple[LifetimeBin, ...]:
    """M10: from the first bin that holds anything to the last."""
    traffic = traffic_of(record)
    issued, in_use = _in_bins(lives(traffic, "all")[0]), _in_bins(lives_left(traffic, "all"))
    some = np.flatnonzero(issued + in_use)
    bins = [
        LifetimeBin(from_s=start, to_s=number(end), issued=int(tokens), in_use=int(used))
        for (start, end), tokens, used in zip(pairwise(LIFETIME_EDGES_S), issued, in_use, strict=True)
    ]
    return tuple(bins[some[0] : some[-1] + 1]) if len(some) else ()


def _in_bins(seconds: Floats) -> Ints:
    """How many lie in each bin; what is over already lies in the first."""
    known = seconds[~np.isnan(seconds)]
    where = np.maximum(np.searchsorted(LIFETIME_EDGES_S, known, side="left") - 1, 0)
    return np.bincount(where, minlength=len(LIFETIME_EDGES_S) - 1).astype(np.int64)
