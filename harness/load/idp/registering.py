"""Clients that register themselves at the IdP, and take their leave."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from idchaos.errors import UsageError
from idchaos.hosts import check_host
from idchaos.load.decide import at_idp, at_registration, json_object
from idchaos.load.idp.provider import Provider
from idchaos.load.idp.steps import Registered, Step
from idchaos.targets.endpoints import Client

_NAME: Final = "idchaos"
_NOTHING_ELSE: Final[Mapping[str, Any]] = {}


class Registering(Provider):
    """Dynamic client registration (RFC 7591, RFC 7592)."""

    def register(
        self,
        access_token: str | None = None,
        redirect_uris: tuple[str, ...] = (),
        further: Mapping[str, Any] = _NOTHING_ELSE,
    ) -> tuple[Step, Registered | None]:
        """Register a machine client, or with ``redirect_uris`` one that logs users in (RFC 7591 section 3).

        ``further``: more of its metadata; nobody is registered where the answer does not repeat them.

        ``access_token``: instead of the initial one; empty: none. A refusal for the rate is undecided:
        ``rate_limited``, or ``rate_limit_untold`` where it does not say when to try again (RFC 6585 section 4).
        """
        metadata: dict[str, Any] = {"grant_types": ["client_credentials"], "client_name": _NAME}
        if redirect_uris:
            metadata |= {"grant_types": ["authorization_code"], "redirect_uris": list(redirect_uris)}
        else:  # who does not say so has the response type "code" (RFC 7591 section 2), which is of another grant
            metadata |= {"response_types": []}
        metadata |= further
        token = self._endpoints.initial_access_token if access_token is None else access_token
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        answer = self._post(self._urls["register"], json.dumps(metadata).encode(), headers, replayable=False)
        decision, code = at_registration(answer)
        step = Step("register", answer, decision, code)
        if decision != "accept":
            return step, None
        body = json_object(answer.body)
        names = ("client_id", "registration_client_uri", "registration_access_token")
        client_id, uri, managing = (body.get(name) for name in names)
        secret = body.get("client_secret")
        if not (isinstance(client_id, str) and isinstance(uri, str) and isinstance(managing, str)):
            return replace(step, decision="undecided", code="bad_body"), None
        if any(body.get(name) != value for name, value in further.items()):
            return replace(step, decision="undecided", code="not_registered"), None
        self.handed_out.add("registration_access_token", managing)
        self.handed_out.add("client_secret", secret if isinstance(secret, str) else "")
        client = Client(client_id=client_id, client_secret=secret if isinstance(secret, str) else None)
        try:
            return step, Registered(client, check_host(uri, self._allow_hosts), managing)
        except UsageError:
            return replace(step, decision="undecided", code="bad_body"), None

    def reregister(self, registered: Registered, metadata: Mapping[str, Any]) -> tuple[Step, Registered | None]:
        """RFC 7592 section 2.2: the same client, with these metadata in place of all others; ``None`` where the answer
        does not repeat them.
        """
        site, target = self._at(registered.uri)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {registered.access_token}"}
        body = json.dumps({"client_id": registered.client.client_id, **metadata}).encode()
        answer = site.send(site.head("PUT", target, headers), body, replayable=False)
        step, told = Step("unregister", answer, *at_idp(answer)), json_object(answer.body)
        if step.decision != "accept" or any(told.get(name) != value for name, value in metadata.items()):
            return step, None
        managing = told.get("registration_access_token")
        if not isinstance(managing, str):
            return step, registered
        self.handed_out.add("registration_access_token", managing)
        return step, replace(registered, access_token=managing)

    def unregister(self, registered: Registered) -> Step:
        """RFC 7592 section 2.3."""
        site, target = self._at(registered.uri)
        headers = {"Accept": "application/json", "Authorization": f"Bearer {registered.access_token}"}
        answer = site.send(site.head("DELETE", target, headers), replayable=False)
        decision, code = at_idp(answer)
        return Step("unregister", answer, decision, code)
