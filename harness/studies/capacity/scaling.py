"""How capacity grows with replicas: the universal scalability law, fitted on what was measured. Pure.

Gunther, "A General Theory of Computational Scalability Based on Rational Functions", 2008: with n replicas

    C(n) = lambda n / (1 + sigma (n - 1) + kappa n (n - 1))

``lambda`` is what one bears, ``sigma`` the share of work that replicas must do one after the other (contention),
``kappa`` what each pair of them costs (coherency). With neither, capacity grows as their number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from idchaos.errors import UsageError
from idchaos.files import text_of
from idchaos.studies.capacity.study import Capacity
from idchaos.values import Value

LEAST = 3
"""Numbers of replicas that must have been measured: the law has three unknowns."""
NOTHING = 1e-9
"""What is left of nothing when numbers are rounded."""


class Scaling(Value):
    """A fitted law."""

    one_rps: float
    """Lambda."""
    contention: float
    """Sigma."""
    coherency: float
    """Kappa."""
    worst_error: float
    """The greatest share by which what was measured differs from the law."""

    def bears_rps(self, replicas: float) -> float:
        """Capacity with so many."""
        loss = 1 + self.contention * (replicas - 1) + self.coherency * replicas * (replicas - 1)
        return self.one_rps * replicas / loss

    @property
    def best_replicas(self) -> float | None:
        """Beyond so many capacity falls: sqrt((1 - sigma) / kappa); ``None``: it never does."""
        if self.coherency < NOTHING:
            return None
        return max(1.0, math.sqrt(max(0.0, 1 - self.contention) / self.coherency))


def fit(capacities: Mapping[int, float]) -> Scaling | None:
    """The law that is nearest to capacities by number of replicas; ``None``: too few numbers were measured.

    n / C(n) = (1 + sigma (n - 1) + kappa n (n - 1)) / lambda is linear in 1 / lambda, sigma / lambda and
    kappa / lambda, none of which can be negative: least squares, weighted so that relative errors count.
    """
    if len(capacities) < LEAST:
        return None
    replicas = np.array(sorted(capacities), dtype=np.float64)
    measured = np.array([capacities[int(n)] for n in replicas])
    rows = np.stack([np.ones_like(replicas), replicas - 1, replicas * (replicas - 1)], axis=1)
    weights = measured / replicas
    (base, contention, coherency), _ = nnls(rows * weights[:, None], np.ones_like(replicas))
    if base <= 0:
        return None
    law = Scaling(one_rps=1 / base, contention=contention / base, coherency=coherency / base, worst_error=0)
    errors = [abs(measured[i] / law.bears_rps(n) - 1) for i, n in enumerate(replicas)]
    return law.model_copy(update={"worst_error": float(max(errors))})


def read(directory: Path, flow: str) -> Capacity:
    """The answer of another study of capacity.

    Raises:
        UsageError: there is none, or it is about another flow.
    """
    path = directory / "answer.json"
    try:
        found = Capacity.model_validate_json(text_of(path))
    except OSError as error:
        raise UsageError(f"--beside {directory}: no study of capacity is there: {error}") from None
    except ValueError:
        raise UsageError(f"--beside {directory}: {path} is no answer of a study of capacity") from None
    if found.flow != flow:
        raise UsageError(f"--beside {directory}: is about {found.flow}, not {flow}")
    return found


def together(capacities: Sequence[Capacity]) -> tuple[Scaling | None, tuple[str, ...]]:
    """The law of several studies, each of so many gateways; and of those that are left out, why."""
    measured: dict[int, float] = {}
    left_out = []
    for each in capacities:
        holds = each.answer.edge.holds
        if each.gateways is None or holds is None or each.at_least:
            left_out.append(f"not used for the law of replicas, since it is not its own limit: {each.sentence()}")
        else:
            measured[each.gateways] = max(holds, measured.get(each.gateways, 0.0))
    return fit(measured), tuple(left_out)
