"""A component, and how it is asked what it tells of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from idchaos.contract import Document, Fact


@dataclass
class Component:
    """How one component is asked."""

    kind: type[Document]
    control: str
    data: str | None
    secret: str
    promised: frozenset[Fact] = frozenset()
    """What it is known to tell, whatever it tells."""

    def ask(self, method: str = "GET", path: str = "/state", secret: str | None = None, body: Any = None) -> Any:
        return httpx.request(
            method,
            f"{self.control}{path}",
            headers={"Authorization": f"Bearer {self.secret if secret is None else secret}"},
            json=body,
            timeout=5,
            trust_env=False,
        )

    def state(self) -> dict[str, Any]:
        answer = self.ask()
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def told(self) -> Any:
        """Its document, as the contract's type: a breach of it is the error."""
        return self.kind.of(self.state())
