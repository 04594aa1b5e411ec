"""The few protocol steps that the harness itself takes, beside the load: a token, its use, its revocation."""

from __future__ import annotations

from collections import Counter

import httpx

from harness.errors import TargetError
from harness.targets.endpoints import Client, Endpoints, Gateway, Route

TIMEOUT_S = 5.0
COUNTED_AS = {"token_endpoint": "token", "revocation_endpoint": "revoke", "introspection_endpoint": "introspect"}


class OidcClient:
    """A confidential client at the target's IdP, with discovery done (OpenID Connect Discovery 1.0).

    What it sends is counted in ``sent`` (``gateway-1``, ``idp/token`` ...), so that counts of clients and target agree.
    """

    def __init__(self, endpoints: Endpoints, sent: Counter[str]) -> None:
        self._endpoints = endpoints
        self._sent = sent
        self._http = httpx.Client(timeout=TIMEOUT_S, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))
        self._metadata: dict[str, str] = self._json(
            self._send("GET", f"{endpoints.idp_url}/.well-known/openid-configuration"), "discovery"
        )

    def close(self) -> None:
        """Release sockets."""
        self._http.close()

    def token(self, client: Client) -> str:
        """An access token by client credentials (RFC 6749 section 4.4)."""
        form = {"grant_type": "client_credentials", "scope": client.scope}
        answer = self._json(self._post("token_endpoint", client, form), "token")
        return str(answer["access_token"])

    def token_status(self, client: Client) -> int:
        """The status of a token request by client credentials."""
        return self._post(
            "token_endpoint", client, {"grant_type": "client_credentials", "scope": client.scope}
        ).status_code

    def revoke(self, client: Client, token: str) -> None:
        """RFC 7009."""
        response = self._post("revocation_endpoint", client, {"token": token})
        if response.is_error:
            raise TargetError(f"idp: revocation answered {response.status_code}")

    def active(self, token: str) -> bool:
        """Whether introspection calls the token active (RFC 7662)."""
        client = self._endpoints.introspection_client
        if client is None:
            raise TargetError("the target offers no client that may introspect")
        return bool(
            self._json(self._post("introspection_endpoint", client, {"token": token}), "introspection")["active"]
        )

    def call(self, gateway: Gateway, route: Route, token: str) -> int:
        """The status of one API call; 0 when there was no answer."""
        self._sent[gateway.name] += 1
        try:
            return self._http.get(gateway.url + route.path, headers={"Authorization": f"Bearer {token}"}).status_code
        except httpx.HTTPError:
            return 0

    def _post(self, endpoint: str, client: Client, form: dict[str, str]) -> httpx.Response:
        auth = httpx.BasicAuth(client.client_id, client.client_secret or "")
        self._sent[f"idp/{COUNTED_AS[endpoint]}"] += 1
        return self._send("POST", self._metadata[endpoint], data=form, auth=auth)

    def _send(self, method: str, url: str, **kwargs: object) -> httpx.Response:
        try:
            return self._http.request(method, url, **kwargs)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            raise TargetError(f"idp: {method} {url}: no answer ({type(error).__name__})") from error

    @staticmethod
    def _json(response: httpx.Response, what: str) -> dict[str, str]:
        if response.is_error:
            raise TargetError(f"idp: {what} answered {response.status_code}")
        try:
            document: dict[str, str] = response.json()
        except ValueError:
            raise TargetError(f"idp: {what} did not answer with JSON") from None
        return document
