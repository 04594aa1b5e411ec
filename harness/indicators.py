"""How an SLI is written: a name with selectors, ``success_rate{flow=api,replica=gateway-1}``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

TOKEN_FLOWS = {"token_issuance_error_rate": ("login", "refresh", "machine"), "refresh_error_rate": ("refresh",)}
"""Of SLIs about the token endpoint: whose requests count."""

SETTLING_S = 2.0
"""What waits for the end of a fault, and has waited for one time limit of a key fetch since, is settled."""


@dataclass(frozen=True, slots=True)
class Selector:
    """An SLI's name, and what its samples must be: column to allowed values."""

    name: str
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def choose(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The samples that fit."""
        for column, values in self.where:
            if column in frame.columns:
                frame = frame[frame[column].isin(values)]
        return frame

    def one(self, key: str, default: str) -> str:
        """A selector's only value."""
        return dict(self.where).get(key, (default,))[0]
