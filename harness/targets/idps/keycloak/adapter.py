"""The adapter of Keycloak, and the Keycloak of one run."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Final

from idchaos.errors import TargetError
from idchaos.settings import CommonSettings
from idchaos.targets.capabilities import RotatesKeys
from idchaos.targets.endpoints import Endpoints
from idchaos.targets.idps.base import OF_REVOCATION, Adapter, Idp, Site, at_another
from idchaos.targets.idps.keycloak import distribution, realm
from idchaos.targets.idps.keycloak.admin import ADMIN, Admin
from idchaos.targets.idps.keycloak.keys import KeycloakKeys
from idchaos.targets.idps.keycloak.server import Server
from idchaos.targets.idps.keyring import Keyring
from idchaos.targets.standin.processes import Process, Runs

ROTATIONS: Final = 10
"""Keys that a run may rotate to."""
DOUBLES: Final = 120
"""Of each user: to revoke one refresh token ends every session of its user at the client (all else would be hit)."""
REGISTRATIONS: Final = 100_000
A_DAY_S: Final = 86_400
_YET_TO_BE_TOLD: Final = "told when it has started"
_WHOLE_SECONDS: Final = (
    "Keycloak tells by whole seconds which refresh token is older: of those from one second only the last one is known"
)
_NO_RESOURCES: Final = (
    "Keycloak 26 knows no resource indicators (RFC 8707): every token is for all audiences that its client has"
)
_NO_HINTS: Final = "Keycloak 26 reads id_token_hint at a logout, and passes it over at a login"
_SOON_OVER: Final = "to Keycloak, an assertion that names no end has one ten seconds after its iat"
_ANYWHERE: Final = ("plain_http", "wildcard", "no_host", "userinfo", "relative")
_ANY_REDIRECT: Final = "whoever has an initial access token may register it, unless a client policy forbids that"
_OIDC: Final = "/protocol/openid-connect"


class Keycloak(Adapter):
    """Keycloak 26, as its distribution comes."""

    name = "keycloak"
    known_as = "Keycloak"
    meaning = "Keycloak 26 with a realm of its own, in memory; its signing keys are the harness's, and rotate as asked"
    install = distribution.INSTALL
    path = f"/realms/{realm.REALM}"
    jwks_path = f"{_OIDC}/certs"
    paths: Mapping[str, str] = {
        "/.well-known/openid-configuration": "discovery",
        jwks_path: "jwks",
        f"{_OIDC}/auth": "authorize",
        "/login-actions/authenticate": "login",
        f"{_OIDC}/token": "token",
        f"{_OIDC}/userinfo": "userinfo",
        f"{_OIDC}/token/introspect": "introspect",
        f"{_OIDC}/revoke": "revoke",
        f"{_OIDC}/logout": "end_session",
        f"{_OIDC}/ext/par/request": "par",
        "/clients-registrations/openid-connect": "register",
        "/clients-registrations/openid-connect/*": "unregister",
    }
    profile = "keycloak"
    token_types = ("jwt",)
    keys_may_be_kept = False
    unpromised: Mapping[str, str] = {
        **OF_REVOCATION,
        **dict.fromkeys(("older_replayed:two_back", "older_replayed:three_back"), _WHOLE_SECONDS),
        "asked_too_much:code_resource": _NO_RESOURCES,
        "assertion_unfit:no_exp": _SOON_OVER,
        "hint_passed_over": _NO_HINTS,
        **{f"registration_unsafe:{way}": _ANY_REDIRECT for way in _ANYWHERE},
    }

    def missing(self) -> str:
        """Java, the distribution, or the version that is known."""
        return distribution.missing()

    def version(self) -> str:
        """Of the distribution."""
        return distribution.version()

    def idp(self, settings: CommonSettings) -> Idp:
        """The server of one run."""
        return RunningKeycloak(settings)


class RunningKeycloak(Idp):
    """The Keycloak of one run."""

    def __init__(
        self, settings: CommonSettings, connect: Callable[[str, str], Admin] = Admin, keyring: Keyring | None = None
    ) -> None:
        """``connect``: an admin at a URL, with a password."""
        self._settings, self._connect = settings, connect
        self._password = secrets.token_urlsafe(24)
        self.keyring = keyring or Keyring(settings.tokens.signing_alg, ROTATIONS)
        self._keys = KeycloakKeys(self.keyring, self.admin)
        self._site: Site | None = None
        self._admin: Admin | None = None
        self._initial_access_token = _YET_TO_BE_TOLD

    def admin(self) -> Admin:
        """Its administrator.

        Raises:
            TargetError: it was not started.
        """
        if self._admin is None:
            raise TargetError("keycloak is not started")
        return self._admin

    def begin(self, site: Site) -> Runs:
        """Its process, not started."""
        self.close()
        self._site, self._admin = site, self._connect(f"http://{site.listen}", self._password)
        process = Process(
            name="idp",
            command=distribution.command(site.folder, site),
            environment=distribution.environment(ADMIN, self._password),
            run_id=site.run_id,
            log_path=site.log,
            prints_ready=False,
        )
        return Server(process, lambda: distribution.own_home(site.folder), site.folder, self.serves)

    def serves(self) -> bool:
        """Whether it answers now."""
        return self._admin is not None and self._admin.serves()

    def provision(self) -> None:
        """A realm, its scopes, clients and users, and the keys as they stand."""
        site, admin = self._site, self.admin()
        if site is None:
            raise TargetError("keycloak is not started")
        self.keyring.make()
        everybody = [each.double(number) for each in site.users for number in range(DOUBLES)]
        admin.create_realm(realm.realm(self._settings.tokens, self.keyring, [*site.users, *everybody]))
        for name in site.scopes:
            admin.create("client-scopes", realm.scope(name))
        for client in map(at_another, site.clients):
            admin.create("clients", realm.client(client, site.audiences, site.scopes))
        admin.create("clients", realm.introspecting(site.introspecting))
        self._initial_access_token = admin.initial_access_token(REGISTRATIONS, A_DAY_S)

    def grants(self) -> Mapping[type, object]:
        """Its keys rotate."""
        return {RotatesKeys: self._keys}

    def endpoints(self, known: Endpoints) -> Endpoints:
        """Its clients, and the keys that canaries are made by."""
        first, *others = self.keyring.jwks()
        return known.model_copy(
            update={
                "clients": tuple(map(at_another, known.clients)),
                "doubles": DOUBLES,
                "follows_settings": True,
                "idp_control_url": None,
                "control_secret": None,
                "signing_jwk": first,
                "further_jwks": tuple(others),
                "initial_access_token": self._initial_access_token,
            }
        )

    def close(self) -> None:
        """Release sockets."""
        if self._admin is not None:
            self._admin.close()
            self._admin = None
