"""The adapter of oidc-provider, and the oidc-provider of one run."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Final

from idchaos.errors import TargetError
from idchaos.settings import CommonSettings
from idchaos.targets.capabilities import RotatesKeys
from idchaos.targets.endpoints import Endpoints
from idchaos.targets.idps.base import OF_REVOCATION, Adapter, Idp, Site, at_another
from idchaos.targets.idps.keyring import Keyring
from idchaos.targets.idps.oidc_provider import package
from idchaos.targets.idps.oidc_provider.control import Control
from idchaos.targets.idps.oidc_provider.document import document
from idchaos.targets.idps.oidc_provider.keys import ProviderKeys
from idchaos.targets.standin.processes import Runs

ROTATIONS: Final = 10
"""Keys that a run may rotate to."""
_NOT_OF_JWTS: Final = "to oidc-provider, JWTs are nothing to introspect or to revoke: unsupported_token_type"
_ANYWHERE: Final = (
    "whoever has an initial access token may register any absolute HTTP URI without a fragment, unless a registration "
    "policy forbids that"
)


class OidcProvider(Adapter):
    """oidc-provider 9, as npm has it."""

    name = "oidc-provider"
    known_as = "oidc-provider"
    meaning = "oidc-provider 9 for Node, in memory; its signing keys are the harness's, and rotate as asked"
    path = ""
    jwks_path = "/jwks"
    paths: Mapping[str, str] = {
        "/.well-known/openid-configuration": "discovery",
        "/.well-known/oauth-authorization-server": "discovery",
        jwks_path: "jwks",
        "/auth": "authorize",
        "/auth/*": "login",
        "/interaction/*": "login",
        "/token": "token",
        "/token/introspection": "introspect",
        "/token/revocation": "revoke",
        "/session/end": "end_session",
        "/session/end/*": "end_session",
        "/request": "par",
        "/reg": "register",
        "/reg/*": "unregister",
    }
    unpromised: Mapping[str, str] = {
        **OF_REVOCATION,
        **dict.fromkeys(("told_active", "access_revoked_by_hint"), _NOT_OF_JWTS),
        **{f"registration_unsafe:{way}": _ANYWHERE for way in ("plain_http", "wildcard", "no_host", "userinfo")},
    }

    @property
    def install(self) -> str:  # type: ignore[override]
        """Into where it is looked for."""
        return package.install()

    def missing(self) -> str:
        """Node, the package, or the version that is known."""
        return package.missing()

    def version(self) -> str:
        """Of the package."""
        return package.version()

    def idp(self, settings: CommonSettings) -> Idp:
        """The server of one run."""
        return RunningProvider(settings)


class RunningProvider(Idp):
    """The oidc-provider of one run."""

    def __init__(
        self,
        settings: CommonSettings,
        connect: Callable[[str, str, str], Control] = Control,
        keyring: Keyring | None = None,
    ) -> None:
        """``connect``: the control of a program at two addresses, by its secret."""
        self._settings, self._connect = settings, connect
        self._secret, self._initial_access_token = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.keyring = keyring or Keyring(settings.tokens.signing_alg, ROTATIONS)
        self._keys = ProviderKeys(self.keyring, self._configure, lambda: self._told().published())
        self._site: Site | None = None
        self._control: Control | None = None

    def begin(self, site: Site) -> Runs:
        """Its process, not started."""
        self.close()
        self._site, self._control = site, self._connect(str(site.spare), str(site.listen), self._secret)
        return package.Host(
            name="idp",
            command=package.command(site),
            environment=package.environment(self._secret),
            run_id=site.run_id,
            log_path=site.log,
        )

    def serves(self) -> bool:
        """Whether it answers now."""
        return self._control is not None and self._control.serves()

    def provision(self) -> None:
        """Tell it of its clients, users and lifetimes, and of the keys as they stand."""
        self.keyring.make()
        self._configure()

    def grants(self) -> Mapping[type, object]:
        """Its keys rotate."""
        return {RotatesKeys: self._keys}

    def endpoints(self, known: Endpoints) -> Endpoints:
        """Its clients, and the keys that canaries are made by."""
        first, *others = self.keyring.jwks()
        return known.model_copy(
            update={
                "clients": tuple(map(at_another, known.clients)),
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
        if self._control is not None:
            self._control.close()
            self._control = None

    def _told(self) -> Control:
        if self._control is None:
            raise TargetError("oidc-provider is not started")
        return self._control

    def _configure(self) -> None:
        control = self._told()
        assert self._site is not None
        clients = tuple(map(at_another, self._site.clients))
        site = self._site.model_copy(update={"clients": clients})
        control.configure(document(site, self._settings.tokens, self.keyring, self._initial_access_token))
