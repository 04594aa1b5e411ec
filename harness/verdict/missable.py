"""What a phase without any failure leaves open. Pure."""

from __future__ import annotations

import math
from typing import Literal

from idchaos.values import Value
from idchaos.verdict import stats

REMEDY = "a longer phase (or more runs with other seeds: run --repeat 5)"


class Missable(Value):
    """Incidents that a phase could have missed: none of its seconds (or none of the runs) held a failure."""

    clusters: int
    of: Literal["seconds", "runs"] = "seconds"
    share: float
    """Up to this share of all seconds (or runs) may hold one."""

    @property
    def text(self) -> str:
        """One sentence for a report."""
        units = self.of if self.clusters != 1 else self.of.removesuffix("s")
        what = "an incident of whole seconds" if self.of == "seconds" else "an incident of whole runs"
        return (
            f"no failure in {self.clusters:,} {units}: {what}, in up to {shown(self.share)} of them, could have been "
            f"missed; {REMEDY} sees rarer ones"
        )


def missable(share: float, clusters: int, of: Literal["seconds", "runs"] = "seconds") -> Missable | None:
    """What may go unseen beside a measured ``share`` (of good samples, or of failures) over so many clusters; ``None``
    where both good samples and failures were seen, and where nothing was.
    """
    if clusters < 1 or math.isnan(share) or 0.0 < share < 1.0:
        return None
    return Missable(clusters=clusters, of=of, share=round(stats.could_have_missed(clusters), 4))


def shown(share: float) -> str:
    """A share as people say it: ``22 %``, ``0.5 %``."""
    return f"{share * 100:.2g} %" if share < 0.995 else "100 %"
