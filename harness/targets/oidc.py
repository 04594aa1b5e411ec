"""The few protocol steps that the harness itself takes, beside the load: a token, its use, its revocation, a probe."""

from __future__ import annotations

import base64
import errno
import hashlib
import secrets
import ssl
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urljoin

from idchaos.errors import TargetError
from idchaos.graph import Route
from idchaos.hosts import check_host
from idchaos.targets.capabilities import PROBE_HEADER
from idchaos.targets.endpoints import Client, Endpoints, Gateway
from idchaos.targets.revoking import request_of
from idchaos.trust import is_distrust, trusting

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 5.0
DISCOVERY = "/.well-known/openid-configuration"


def failure_code(error: httpx.HTTPError) -> str:
    """A failed request as one short code, in the words of ``ProbeResult.error``."""
    import httpx

    if isinstance(error, httpx.TimeoutException):
        return "timeout"
    causes = list(_causes(error))
    of_tls = [cause for cause in causes if isinstance(cause, ssl.SSLError)]
    numbers = {cause.errno for cause in causes if isinstance(cause, OSError) and cause not in of_tls}
    if errno.ECONNREFUSED in numbers:
        return "connect_refused"
    if numbers & {errno.ECONNRESET, errno.EPIPE}:
        return "connection_reset"
    if of_tls and not any(isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError) for cause in of_tls):
        return "untrusted_certificate" if is_distrust(error) else "tls_failed"
    if of_tls or isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.CloseError):
        return "connection_closed"
    return "transport_error"


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request met. ``status`` is 0 when there was no answer, and ``error`` is then a :func:`failure_code`."""

    status: int
    elapsed_s: float
    body: bytes = b""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer as it was sent: nothing decompressed, no redirect followed, as far as it came in time."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    whole: bool
    """Whether it came to its end. If not, and there is no ``error``, it was still coming."""
    error: str = ""
    """How it broke off, as a :func:`failure_code`."""


class OidcClient:
    """A confidential client at the target's IdP (OpenID Connect Discovery 1.0), each request on a new connection.

    What it sends is counted in ``sent`` (``gateway-1``, ``idp/token`` ...), or in ``unanswered`` when nobody knows
    whether it arrived, so that counts of clients and target agree. ``headers`` go with every request.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        sent: Counter[str],
        unanswered: Counter[str],
        timeout_s: float = TIMEOUT_S,
        headers: Mapping[str, str] = PROBE_HEADER,
    ) -> None:
        import httpx

        self._endpoints, self._sent, self._unanswered = endpoints, sent, unanswered
        self._http = httpx.Client(
            timeout=timeout_s,
            trust_env=False,
            verify=trusting(endpoints.ca_file),
            limits=httpx.Limits(max_keepalive_connections=0),
            headers=headers,
        )
        self._known: dict[str, Any] = {}

    def close(self) -> None:
        """Release sockets."""
        self._http.close()

    def token(self, client: Client) -> str:
        """An access token by client credentials (RFC 6749 section 4.4)."""
        form = credentials_form(client)
        answer = self._json(self._post("token", client, form), "token")
        return str(answer["access_token"])

    def token_status(self, client: Client) -> int:
        """The status of a token request by client credentials; 0 when there was no answer."""
        return self._post("token", client, credentials_form(client)).status

    def revoke(self, client: Client, token: str) -> None:
        """At the IdP's endpoint (RFC 7009), or by the request that the target says instead."""
        call = self._endpoints.revocation
        if call is None:
            self._ok(self._post("revoke", client, {"token": token}), "revocation")
            return
        told = request_of(call, token)
        answer = self._send("revocation", told.method, told.url, content=told.body, headers=told.headers)
        self._ok(answer, "revocation")

    def active(self, token: str) -> bool:
        """Whether introspection calls the token active (RFC 7662)."""
        answer = self._post("introspect", self._introspection_client(), {"token": token})
        return bool(self._json(answer, "introspection")["active"])

    def call(self, gateway: Gateway, route: Route, token: str) -> int:
        """The status of one API call; 0 when there was no answer."""
        headers = {"Authorization": f"Bearer {token}"}
        return self._send(gateway.name, "GET", gateway.url + route.path, headers=headers).status

    def ask(self, endpoint: str) -> Answer:
        """One request to an endpoint of the IdP which it answers by itself when it can, if only to refuse it.

        ``endpoint``: as the stand-in IdP names them (``token``, ``authorize``, ``login``, ``introspect`` ...).

        Raises:
            TargetError: the request can't be made, since the IdP's metadata can't be had or lacks the endpoint.
            UsageError: the metadata name a host that nothing may be sent to.
        """
        method, url, rest = self._request(endpoint)
        return self._send(f"idp/{endpoint}", method, url, **rest)

    def look(self, endpoint: str, within_s: float, limit: int) -> Seen:
        """What an endpoint answers, on the wire: at most ``limit`` bytes, for ``within_s`` at most.

        Raises:
            TargetError: the request can't be made, or was not answered at all.
        """
        import httpx

        method, url, rest = self._live_introspection() if endpoint == "introspect" else self._request(endpoint)
        ends, body, whole, error = time.monotonic() + within_s, bytearray(), False, ""
        try:
            with self._http.stream(method, url, **rest) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                try:
                    for chunk in response.iter_raw():
                        body += chunk
                        if len(body) > limit or time.monotonic() > ends:
                            break
                    else:
                        whole = True
                except httpx.HTTPError as broken:
                    error = failure_code(broken)
        except httpx.HTTPError as lost:
            self._unanswered[f"idp/{endpoint}"] += not isinstance(lost, httpx.ConnectError | httpx.ConnectTimeout)
            raise TargetError(f"idp: {endpoint}: no answer ({failure_code(lost)})") from None
        (self._sent if whole else self._unanswered)[f"idp/{endpoint}"] += 1
        return Seen(response.status_code, headers, bytes(body), whole, error)

    def _live_introspection(self) -> tuple[str, str, dict[str, Any]]:
        """A question about a token that is active: of another one nothing is said that could be changed."""
        token = self.token(self._client_with("client_credentials"))
        headers = basic(self._introspection_client())
        return "POST", self._url("introspect"), {"data": {"token": token}, "headers": headers}

    def _request(self, endpoint: str) -> tuple[str, str, dict[str, Any]]:
        """Method, URL and the rest of a request that changes nothing: no login, tokens that never existed."""
        made_up = {"token": secrets.token_urlsafe()}
        match endpoint:
            case "discovery":
                request: tuple[str, str, dict[str, Any]] = ("GET", self._endpoints.idp_url + DISCOVERY, {})
            case "authorize":
                request = ("GET", self._url(endpoint), {"params": self._authorization_request()})
            case "login":
                # Discovery names no login form; at the stand-in IdP it lies beside the page that shows it.
                request = ("POST", urljoin(self._url("authorize"), "login"), {"data": {}})
            case "register":
                # Without the token that it takes: it is refused, and registers nothing.
                request = ("POST", self._url("registration"), {"json": {}})
            case "token":
                client = self._client_with("client_credentials")
                form = credentials_form(client)
                request = ("POST", self._url(endpoint), {"data": form, "headers": basic(client)})
            case "revoke":
                headers = basic(self._client_with("client_credentials"))
                request = ("POST", self._url(endpoint), {"data": made_up, "headers": headers})
            case "introspect":
                headers = basic(self._introspection_client())
                request = ("POST", self._url(endpoint), {"data": made_up, "headers": headers})
            case "revocations":
                headers = basic(self._introspection_client())
                request = ("GET", urljoin(self._url("introspect"), "revocations"), {"headers": headers})
            case _:
                request = ("GET", self._url(endpoint), {})
        return request

    def _authorization_request(self) -> dict[str, str]:
        client = self._client_with("authorization_code")
        challenge = base64.urlsafe_b64encode(hashlib.sha256(secrets.token_bytes()).digest()).rstrip(b"=").decode()
        return {
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": client.redirect_uri or "",
            "scope": "openid",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }

    def _client_with(self, grant: str) -> Client:
        for client in self._endpoints.clients:
            if grant in client.grants:
                return client
        raise TargetError(f"the target offers no client with the grant {grant}")

    def _introspection_client(self) -> Client:
        if self._endpoints.introspection_client is None:
            raise TargetError("the target offers no client that may introspect")
        return self._endpoints.introspection_client

    def _url(self, endpoint: str) -> str:
        member = {
            "jwks": "jwks_uri",
            "authorize": "authorization_endpoint",
            "revoke": "revocation_endpoint",
            "introspect": "introspection_endpoint",
        }.get(endpoint, f"{endpoint}_endpoint")
        if not self._known:
            answer = self._send("idp/discovery", "GET", self._endpoints.idp_url + DISCOVERY)
            self._known = self._json(answer, "discovery")
        url = self._known.get(member)
        if not isinstance(url, str):
            raise TargetError(f"idp: discovery names no {member}")
        return check_host(url, self._endpoints.allow_hosts)

    def _post(self, endpoint: str, client: Client, form: dict[str, str]) -> Answer:
        return self._send(f"idp/{endpoint}", "POST", self._url(endpoint), data=form, headers=basic(client))

    def _send(self, counted_as: str, method: str, url: str, **kwargs: Any) -> Answer:
        import httpx

        began = time.monotonic()
        try:
            response = self._http.request(method, url, **kwargs)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return Answer(0, time.monotonic() - began, error=failure_code(error))
        except httpx.HTTPError as error:
            self._unanswered[counted_as] += 1
            return Answer(0, time.monotonic() - began, error=failure_code(error))
        self._sent[counted_as] += 1
        return Answer(response.status_code, time.monotonic() - began, response.content)

    @staticmethod
    def _ok(answer: Answer, what: str) -> httpx.Response:
        import httpx

        if not answer.status:
            raise TargetError(f"idp: {what}: no answer ({answer.error})")
        if answer.status >= 400:
            raise TargetError(f"idp: {what} answered {answer.status}")
        return httpx.Response(answer.status, content=answer.body)

    @classmethod
    def _json(cls, answer: Answer, what: str) -> dict[str, Any]:
        try:
            document: dict[str, Any] = cls._ok(answer, what).json()
        except ValueError:
            raise TargetError(f"idp: {what} did not answer with JSON") from None
        return document


def basic_credentials(client_id: str, secret: str) -> str:
    """What follows ``Basic`` in a header: each part is form-urlencoded before (RFC 6749 section 2.3.1)."""
    return base64.b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()


def basic(client: Client) -> dict[str, str]:
    """The header by which a client that has a secret authenticates."""
    return {"Authorization": f"Basic {basic_credentials(client.client_id, client.client_secret or '')}"}


def credentials_form(client: Client) -> dict[str, str]:
    """A client asks for a token for itself (RFC 6749 section 4.4.2); without a scope, for what it has by default."""
    scope = {"scope": client.scope} if client.scope else {}
    return {"grant_type": "client_credentials", **scope, **client.parameters}
