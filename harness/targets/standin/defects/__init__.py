"""Defects: what the stand-ins can be told to do wrong, so that the judge can be judged. The one list of them.

A defect is asked for by name; each part of the stand-in system is told its own share of it in its settings document.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from idchaos.errors import UsageError
from idchaos.targets.standin.defects.classic import CLASSIC
from idchaos.targets.standin.defects.forgeries import FORGERIES
from idchaos.targets.standin.defects.idp import IDP_ENDPOINTS, IDP_STATE
from idchaos.targets.standin.defects.idp_classic import IDP_CLASSIC
from idchaos.targets.standin.defects.memory import MEMORY
from idchaos.targets.standin.defects.model import Defect
from idchaos.targets.standin.defects.requests import REQUESTS
from idchaos.targets.standin.defects.transport import TRANSPORT
from idchaos.topologies import DEFAULT_TOPOLOGY, TOPOLOGIES, Topology

DEFECTS: Mapping[str, Defect] = {
    defect.name: defect
    for defects in (CLASSIC, IDP_CLASSIC, MEMORY, FORGERIES, REQUESTS, TRANSPORT, IDP_STATE, IDP_ENDPOINTS)
    for defect in defects
}
"""Every defect by name."""


def known(names: Iterable[str]) -> tuple[str, ...]:
    """The names, each once, in the order given.

    Raises:
        UsageError: one is unknown; names the nearest ones, and where to see all.
    """
    chosen = tuple(dict.fromkeys(names))
    for name in chosen:
        if name not in DEFECTS:
            near = difflib.get_close_matches(name, DEFECTS, n=3, cutoff=0.5)
            hint = f"did you mean {', '.join(near)}? " if near else ""
            raise UsageError(f"--defect: {name!r} is unknown; {hint}all of them: idchaos list --defects")
    return chosen


def by_part(names: Iterable[str], topology: Topology = TOPOLOGIES[DEFAULT_TOPOLOGY]) -> dict[str, tuple[str, ...]]:
    """What each component is told: component -> the defects, by the names that its settings know.

    Raises:
        UsageError: nobody in this topology could have one of them.
    """
    told: dict[str, dict[str, None]] = {}
    for defect in (DEFECTS[name] for name in names):
        parts = defect.parts(topology)
        if not parts:
            raise UsageError(f"--defect: {defect.name}: nobody in the topology {topology.name} could have it")
        for part in parts:
            told.setdefault(part, {})[defect.told or defect.name] = None
    return {part: tuple(found) for part, found in told.items()}
