"""Keycloak's admin REST API, as far as a run needs it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx

from idchaos.errors import TargetError
from idchaos.targets.idps.keycloak.realm import KEYS, REALM

ADMIN: Final = "idchaos"
CLIENT: Final = "admin-cli"
RENEW_S: Final = 30.0
"""An admin's token lives for a minute, and is not used for longer than this."""
TIMEOUT_S: Final = 20.0
_EXISTS: Final = 409
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403


class Admin:
    """An administrator of one server. Every method raises TargetError, in one line, for what is refused or unheard."""

    def __init__(
        self,
        base: str,
        password: str,
        transport: httpx.BaseTransport | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``base``: the server itself, over none of the links."""
        self._password, self._monotonic = password, monotonic
        self._http = httpx.Client(
            base_url=base,
            transport=transport,
            timeout=TIMEOUT_S,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )
        self._token, self._renew_at = "", 0.0

    def close(self) -> None:
        """Release sockets."""
        self._http.close()

    def serves(self) -> bool:
        """Whether it answers at all."""
        try:
            return self._http.get("/realms/master", timeout=2.0).status_code == 200
        except httpx.HTTPError:
            return False

    def create_realm(self, document: Mapping[str, Any]) -> None:
        """Make a realm."""
        self._ask("POST", "/admin/realms", document)

    def create(self, what: str, document: Mapping[str, Any]) -> str:
        """Make something in the realm (``clients``, ``users``, ``client-scopes``, ``components``); its ID."""
        answer = self._ask("POST", f"/admin/realms/{REALM}/{what}", document)
        return str(answer.headers.get("Location", "")).rpartition("/")[2]

    def update(self, what: str, ident: str, document: Mapping[str, Any]) -> None:
        """Replace something in the realm."""
        self._ask("PUT", f"/admin/realms/{REALM}/{what}/{ident}", document)

    def initial_access_token(self, count: int, life_s: int) -> str:
        """A token by which so many clients may register themselves."""
        answer = self._ask("POST", f"/admin/realms/{REALM}/clients-initial-access", _initial(count, life_s))
        return str(_json(answer, "clients-initial-access").get("token", ""))

    def key_components(self) -> dict[str, dict[str, Any]]:
        """The realm's providers of keys, by their names."""
        answer = self._ask("GET", f"/admin/realms/{REALM}/components", params={"type": KEYS})
        try:
            return {str(each["name"]): each for each in answer.json()}
        except (ValueError, TypeError, KeyError):
            raise TargetError("idp: keycloak's admin API told no key providers") from None

    def _ask(
        self, method: str, path: str, document: Mapping[str, Any] | None = None, params: Mapping[str, str] | None = None
    ) -> httpx.Response:
        answer = self._send(method, path, document, params)
        if answer.status_code == _UNAUTHORIZED:  # it ended before its time, as after a restart
            self._renew_at = 0.0
            answer = self._send(method, path, document, params)
        if answer.is_error:
            raise TargetError(f"idp: keycloak's admin API: {method} {_short(path)}: {_told(answer)}")
        return answer

    def _send(
        self, method: str, path: str, document: Mapping[str, Any] | None, params: Mapping[str, str] | None
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._admin_token()}"}
        try:
            return self._http.request(method, path, json=document, params=params, headers=headers)
        except httpx.HTTPError as error:
            raise TargetError(
                f"idp: keycloak's admin API: {method} {_short(path)}: no answer ({type(error).__name__})"
            ) from None

    def _admin_token(self) -> str:
        if self._monotonic() < self._renew_at:
            return self._token
        form = {"grant_type": "password", "client_id": CLIENT, "username": ADMIN, "password": self._password}
        try:
            answer = self._http.post("/realms/master/protocol/openid-connect/token", data=form)
        except httpx.HTTPError as error:
            raise TargetError(f"idp: keycloak's admin can't log in: no answer ({type(error).__name__})") from None
        token = _json(answer, "token").get("access_token") if answer.status_code == 200 else None
        if not isinstance(token, str):
            raise TargetError(f"idp: keycloak refused its admin {ADMIN}: {_told(answer)}")
        self._token, self._renew_at = token, self._monotonic() + RENEW_S
        return token


def _initial(count: int, life_s: int) -> dict[str, int]:
    return {"count": count, "expiration": life_s}


def _json(answer: httpx.Response, what: str) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise TargetError(f"idp: keycloak's {what} did not answer with a JSON object")
    return found


def _short(path: str) -> str:
    return path.removeprefix("/admin/realms")


def _told(answer: httpx.Response) -> str:
    """The status, and what is said of it; never what was sent."""
    try:
        said = answer.json()
    except ValueError:
        said = {}
    words = [str(said[name]) for name in ("error", "error_description", "errorMessage") if said.get(name)]
    return f"{answer.status_code} {' '.join(words)[:200]}".strip()
