"""Who tells what passed over a target's links: recording proxies behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from idchaos.record.observed import BOUNDS_S, EndpointCounts, LinkObserved

__all__ = ["BOUNDS_S", "EndpointCounts", "LinkObserved", "ObservesLinks"]


@runtime_checkable
class ObservesLinks(Protocol):
    """What passes over links is recorded behind them."""

    def observed(self) -> Mapping[str, LinkObserved]:
        """By link, what has passed since the start.

        Raises:
            TargetError: the observer doesn't answer.
        """
