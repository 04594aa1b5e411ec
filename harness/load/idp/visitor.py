"""One browser and the client behind it, outside a load: a doctor's logins go the same way as the load's."""

from __future__ import annotations

from typing import Any

from idchaos.errors import LoadError
from idchaos.load.engine.wire import Site, WirePool
from idchaos.load.idp.client import Idp
from idchaos.load.idp.steps import Step
from idchaos.targets.endpoints import Client, Endpoints, User
from idchaos.targets.systems.logins import Tokens

PATIENCE_S = 2.0


class Visitor:
    """Implements ``LogsIn``. Of one thread."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._pool = pool = WirePool(concurrency=2, timeout_s=PATIENCE_S, ca_file=endpoints.ca_file)
        self._idp = Idp(endpoints.model_copy(update={"doubles": 0}), lambda url: Site(pool, url), endpoints.allow_hosts)
        self._knows = False

    def close(self) -> None:
        """Release sockets."""
        self._pool.close()

    def log_in(self, client: Client, user: User) -> Tokens:
        """By authorization code and PKCE, through the IdP's own pages.

        Raises:
            LoadError: which step failed, and how.
            UsageError: the IdP's metadata lead to a host that nothing may be sent to.
        """
        self._discover()
        steps: list[Step] = []

        def observe(step: Step) -> bool:
            steps.append(step.with_care())
            return steps[-1].decision == "accept"

        _, body = self._idp.login(client, user, observe)
        failed = [each for each in steps if each.decision != "accept"]
        if failed or not body:
            raise LoadError(_said(failed[0]) if failed else "it gives no tokens")
        return _tokens(body)

    def refresh(self, client: Client, token: str) -> Tokens:
        """By a refresh token.

        Raises:
            LoadError: it is refused, or not answered.
        """
        self._discover()
        step, body = self._idp.refresh(client, token)
        if step.decision != "accept":
            raise LoadError(_said(step))
        return _tokens(body)

    def _discover(self) -> None:
        if not self._knows:
            self._idp.discover()
            self._knows = True


def _said(step: Step) -> str:
    return f"{step.endpoint}: {step.code or step.decision}"


def _tokens(body: dict[str, Any]) -> Tokens:
    refresh = body.get("refresh_token")
    return Tokens(access=str(body["access_token"]), refresh=refresh if isinstance(refresh, str) else "")
