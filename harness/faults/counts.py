"""What a component counted that others asked of it. The harness's own requests are taken off: they are no evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from idchaos.targets.base import ReportsState, Target
from idchaos.targets.capabilities import required


def by_reason(target: Target, component: str, reasons: Iterable[str]) -> int:
    """Requests of others that a gateway or service did not let through, for one of the reasons."""
    requests = required(target, ReportsState).state(component)["requests"]
    ours = requests.get("probes_by_reason", {})
    return sum(int(requests["by_reason"].get(reason, 0)) - int(ours.get(reason, 0)) for reason in reasons)


def asked(target: Target, component: str) -> int:
    """Requests of others that a gateway or service was asked."""
    requests = required(target, ReportsState).state(component)["requests"]
    return int(requests["total"]) - int(requests.get("probes", 0))


def token_answers(target: Target, status: int) -> int:
    """Token requests of others that the IdP answered with a status."""
    counts: Mapping[str, Any] = required(target, ReportsState).state(target.graph.idp)["requests"]["token"]
    return int(counts["by_status"].get(str(status), 0)) - int(counts["probes_by_status"].get(str(status), 0))
