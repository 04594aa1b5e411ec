"""Toxiproxy, behind the only module that knows it: proxies, toxics, and what they report."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import requests
import toxiproxy.api
from toxiproxy import Toxiproxy
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

from idchaos.errors import FaultError
from idchaos.undo.ledger import PREFIX

API_TIMEOUT_S = 5.0
Result = TypeVar("Result")


class _Direct(requests.Session):
    """Never through an HTTP proxy that the environment names, never for longer than the time limit, and never anywhere
    else: a redirect could lead to a host that nothing may be sent to.

    A server that redirects, or fails (a port that is taken), raises: the client library takes such an answer for a good
    one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs.setdefault("timeout", API_TIMEOUT_S)
        # Control traffic is rare; a kept connection would only be one that a restarted server resets.
        kwargs["headers"] = {**(kwargs.get("headers") or {}), "Connection": "close"}
        response = super().request(*args, **{**kwargs, "allow_redirects": False})
        if 300 <= response.status_code < 400:
            raise requests.HTTPError(f"redirects ({response.status_code}), which is not followed", response=response)
        if response.status_code >= 500:
            raise requests.HTTPError(_reason(response), response=response)
        return response


def _reason(response: requests.Response) -> str:
    """What Toxiproxy's error document says: ``{"error": ..., "status": ...}``."""
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"{response.status_code} {response.reason}"


_http = _Direct()
# The client library calls ``requests.get`` and the like, which know no time limit and obey HTTP_PROXY.
toxiproxy.api.requests = _http


@dataclass(frozen=True)
class Toxic:
    """A toxic as Toxiproxy reports it."""

    name: str
    kind: str
    stream: str
    toxicity: float
    attributes: Mapping[str, int]

    @property
    def ours(self) -> bool:
        """Whether a fault of ours put it there."""
        return self.name.startswith(PREFIX)

    def __str__(self) -> str:
        share = f" for {self.toxicity:.0%}" if self.toxicity < 1 else ""
        return f"{self.name} ({self.kind} {self.stream}{share})"


@dataclass(frozen=True)
class ProxyState:
    """A proxy as Toxiproxy reports it."""

    enabled: bool
    listen: str
    upstream: str
    toxics: tuple[Toxic, ...]

    def __str__(self) -> str:
        return f"{'on' if self.enabled else 'off'}, toxics: {', '.join(map(str, self.toxics)) or 'none'}"


class Links:
    """A Toxiproxy server's proxies. One server a process: the client library keeps its address in a class."""

    def __init__(self, api: str) -> None:
        self.api = api
        host, _, port = api.rpartition(":")
        self._server = Toxiproxy()
        self._server.update_api_consumer(host, int(port))

    def create(self, name: str, *, listen: str, upstream: str) -> None:
        """Make a proxy.

        Raises:
            FaultError: when the server refuses.
        """
        self._call(f"create proxy {name}", lambda: self._server.create(upstream=upstream, name=name, listen=listen))

    def lead_to(self, proxy: str, upstream: str) -> None:
        """Send what comes over a proxy elsewhere; live connections are closed, and toxics stay.

        Raises:
            FaultError: when the server refuses.
        """

        def change() -> None:
            # PATCH came with 2.6.0; a server that does not know it takes POST for the same.
            url, body = f"http://{self.api}/proxies/{quote(proxy, safe='')}", {"upstream": upstream}
            answer = _http.patch(url, json=body)
            answer = _http.post(url, json=body) if answer.status_code == 405 else answer
            answer.raise_for_status()

        self._call(f"lead {proxy} to {upstream}", change)

    def disable(self, proxy: str) -> None:
        """Refuse connections and close the live ones."""
        self._call(f"disable proxy {proxy}", lambda: self._proxy(proxy).disable())

    def enable(self, proxy: str) -> None:
        """Accept connections again."""
        self._call(f"enable proxy {proxy}", lambda: self._proxy(proxy).enable())

    def add_toxic(
        self, proxy: str, name: str, kind: str, *, stream: str, toxicity: float, attributes: Mapping[str, int]
    ) -> None:
        """Add a toxic; live connections feel it too."""
        self._call(
            f"add toxic {name} to {proxy}",
            lambda: self._proxy(proxy).add_toxic(
                name=name, type=kind, stream=stream, toxicity=toxicity, attributes=dict(attributes)
            ),
        )

    def remove_toxic(self, proxy: str, name: str) -> None:
        """Remove a toxic; removing one that isn't there is no error, so that healing can be repeated."""
        try:
            self._call(f"remove toxic {name} from {proxy}", lambda: self._proxy(proxy).destroy_toxic(name))
        except FaultError as error:
            if not isinstance(error.__cause__, NotFound):
                raise

    def state(self) -> dict[str, ProxyState]:
        """Every proxy as the server reports it now."""
        url = f"http://{self.api}/proxies"
        return self._call("read proxies", lambda: _states(_http.get(url)))

    def version(self) -> str:
        """The server's version, as it says it."""
        url = f"http://{self.api}/version"
        return self._call("read version", lambda: _version(_http.get(url)))

    def _proxy(self, name: str) -> Any:
        with _its_own():
            proxy = self._server.get_proxy(name)
        if proxy is None:
            raise FaultError(f"toxiproxy at {self.api}: there is no proxy {name!r}")
        return proxy

    def _call(self, what: str, act: Callable[[], Result]) -> Result:
        try:
            return act()
        except (
            requests.RequestException,
            InvalidToxic,
            NotFound,
            ProxyExists,
            KeyError,
            ValueError,
        ) as error:
            raise FaultError(f"toxiproxy at {self.api}: could not {what}: {_line(error)}") from error


@contextlib.contextmanager
def _its_own() -> Iterator[None]:
    """Where a document of Toxiproxy's is read: any other server may listen where its API should be.

    Raises:
        ValueError: it is none of Toxiproxy's.
    """
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError):
        raise ValueError("what answers there is not its API") from None


def _states(answer: requests.Response) -> dict[str, ProxyState]:
    with _its_own():
        return {
            name: ProxyState(
                enabled=proxy["enabled"],
                listen=proxy["listen"],
                upstream=proxy["upstream"],
                toxics=tuple(_toxic(toxic) for toxic in proxy["toxics"]),
            )
            for name, proxy in answer.json().items()
        }


def _version(answer: requests.Response) -> str:
    with _its_own():
        return str(answer.json()["version"])


def _toxic(document: Mapping[str, Any]) -> Toxic:
    return Toxic(
        name=document["name"],
        kind=document["type"],
        stream=document["stream"],
        # A 32 bit float at the real server.
        toxicity=round(float(document["toxicity"]), 6),
        attributes=document["attributes"],
    )


def _line(error: BaseException) -> str:
    text = error.args[0] if error.args else error
    return (text.decode(errors="replace") if isinstance(text, bytes) else str(text)).strip().splitlines()[0][:200]
