"""Keys that come and go in Keycloak: each is a provider of keys, with a priority, active or not, enabled or not."""

from __future__ import annotations

from collections.abc import Callable

from idchaos.errors import FaultError
from idchaos.targets.capabilities import KeyInfo
from idchaos.targets.idps.keycloak.admin import Admin
from idchaos.targets.idps.keycloak.realm import component
from idchaos.targets.idps.keyring import Held, Keyring

SIGNS_UNPUBLISHED = "Keycloak publishes whatever it signs with"


class KeycloakKeys:
    """Implements ``RotatesKeys``."""

    def __init__(self, keyring: Keyring, admin: Callable[[], Admin]) -> None:
        self._keyring, self._admin = keyring, admin

    def keys(self) -> tuple[KeyInfo, ...]:
        """All keys that it was given, as it says itself that they stand.

        Raises:
            TargetError: it does not say.
        """
        told = self._admin().key_components()
        enabled = {name for name, each in told.items() if each.get("config", {}).get("enabled") == ["true"]}
        return tuple(
            each.model_copy(update={"published": each.kid in enabled, "signing": each.signing and each.kid in enabled})
            for each in self._keyring.infos()
            if each.kid in told
        )

    def add_key(self, kid: str, alg: str, *, publish: bool, sign: bool) -> str:
        """Import a key that the harness made; its kid.

        Raises:
            FaultError: of that algorithm there is none, or none is left, or it should sign unpublished.
        """
        if alg != self._keyring.alg:
            raise FaultError(f"keys of {alg} can't be imported: Keycloak takes RSA keys alone")
        if sign and not publish:
            raise FaultError(f"{kid} can't sign before it is published: {SIGNS_UNPUBLISHED}")
        held = self._keyring.take(kid, publish=publish, sign=sign)
        self._admin().create("components", component(held, self._keyring))
        return held.kid

    def publish_key(self, kid: str) -> None:
        """Enable its provider."""
        self._put(self._keyring.publish(kid))

    def sign_with(self, kid: str) -> None:
        """Make its provider active, with a higher priority than any other.

        Raises:
            FaultError: it is not published.
        """
        if not self._keyring.held(kid).published:
            raise FaultError(f"{kid} can't sign before it is published: {SIGNS_UNPUBLISHED}")
        self._put(self._keyring.sign_with(kid))

    def retire_key(self, kid: str) -> None:
        """Disable its provider.

        Raises:
            FaultError: it is the one that signs: Keycloak would make another one, which nobody knows.
        """
        if self._keyring.held(kid).signing:
            raise FaultError(f"{kid} can't be withdrawn while it signs: {SIGNS_UNPUBLISHED}")
        self._put(self._keyring.retire(kid))

    def _put(self, held: Held) -> None:
        admin = self._admin()
        found = admin.key_components().get(held.kid)
        if found is None:
            raise FaultError(f"Keycloak has no key {held.kid} any more")
        admin.update("components", str(found["id"]), component(held, self._keyring))
