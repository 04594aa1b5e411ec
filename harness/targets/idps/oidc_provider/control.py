"""The hosting program's own address, as the harness uses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import httpx

from idchaos.errors import TargetError

TIMEOUT_S: Final = 10.0
SERVES_WITHIN_S: Final = 2.0


class Control:
    """Requests over none of the links. Methods raise TargetError, in one line, for what is refused or unheard."""

    def __init__(self, control: str, data: str, secret: str, transport: httpx.BaseTransport | None = None) -> None:
        """``control``, ``data``: where it is told, and where it serves; ``host:port``."""
        self._data = f"http://{data}"
        self._http = httpx.Client(
            base_url=f"http://{control}",
            headers={"Authorization": f"Bearer {secret}"},
            transport=transport,
            timeout=TIMEOUT_S,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def close(self) -> None:
        """Release sockets."""
        self._http.close()

    def serves(self) -> bool:
        """Whether it answers at all."""
        try:
            return self._http.get("/", timeout=SERVES_WITHIN_S).status_code == 200
        except httpx.HTTPError:
            return False

    def configure(self, document: Mapping[str, Any]) -> None:
        """Make it know whom the document names. What it has stored goes on."""
        try:
            answer = self._http.put("/", json=document)
        except httpx.HTTPError as error:
            raise TargetError(f"idp: oidc-provider was not told: no answer ({type(error).__name__})") from None
        if answer.is_error:
            raise TargetError(f"idp: oidc-provider refused its configuration: {answer.status_code} {_why(answer)}")

    def published(self) -> frozenset[str]:
        """The names of the keys that it publishes (RFC 7517)."""
        try:
            # Not with the secret of the run, which is nothing to who serves there.
            answer = self._http.get(f"{self._data}/jwks", headers={"Authorization": ""})
            return frozenset(str(each["kid"]) for each in answer.json()["keys"])
        except httpx.HTTPError as error:
            raise TargetError(f"idp: oidc-provider told no keys: no answer ({type(error).__name__})") from None
        except (ValueError, TypeError, KeyError):
            raise TargetError("idp: oidc-provider told no keys") from None


def _why(answer: httpx.Response) -> str:
    """What is said of it; never what was sent."""
    try:
        return str(answer.json()["error"]).splitlines()[0][:200]
    except (ValueError, TypeError, KeyError, IndexError):
        return ""
