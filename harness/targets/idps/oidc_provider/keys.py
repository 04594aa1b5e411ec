"""Keys that come and go in oidc-provider: each change is another configuration of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from idchaos.errors import FaultError
from idchaos.targets.capabilities import KeyInfo
from idchaos.targets.idps.keyring import Keyring

SIGNS_UNPUBLISHED: Final = "oidc-provider publishes whatever it signs with"


class ProviderKeys:
    """Implements ``RotatesKeys``."""

    def __init__(
        self, keyring: Keyring, configure: Callable[[], None], published: Callable[[], frozenset[str]]
    ) -> None:
        """``configure``: give the IdP the keys as they stand. ``published``: those that it says it has."""
        self._keyring, self._configure, self._published = keyring, configure, published

    def keys(self) -> tuple[KeyInfo, ...]:
        """All keys of the run that were made known, as the IdP itself publishes them.

        Raises:
            TargetError: it does not say.
        """
        told = self._published()
        return tuple(
            each.model_copy(update={"published": each.kid in told, "signing": each.signing and each.kid in told})
            for each in self._keyring.infos()
        )

    def add_key(self, kid: str, alg: str, *, publish: bool, sign: bool) -> str:
        """Give it a key that the harness made; its kid.

        Raises:
            FaultError: of that algorithm there is none, or none is left, or it should sign unpublished.
        """
        if alg != self._keyring.alg:
            raise FaultError(f"there are no keys of {alg} in this run: those of {self._keyring.alg} were made")
        if sign and not publish:
            raise FaultError(f"{kid} can't sign before it is published: {SIGNS_UNPUBLISHED}")
        held = self._keyring.take(kid, publish=publish, sign=sign)
        self._configure()
        return held.kid

    def publish_key(self, kid: str) -> None:
        """Add it to the configured key set."""
        self._keyring.publish(kid)
        self._configure()

    def sign_with(self, kid: str) -> None:
        """Make it the first of the configured key set.

        Raises:
            FaultError: it is not published.
        """
        if not self._keyring.held(kid).published:
            raise FaultError(f"{kid} can't sign before it is published: {SIGNS_UNPUBLISHED}")
        self._keyring.sign_with(kid)
        self._configure()

    def retire_key(self, kid: str) -> None:
        """Leave it out of the configured key set.

        Raises:
            FaultError: it is the one that signs.
        """
        if self._keyring.held(kid).signing:
            raise FaultError(f"{kid} can't be withdrawn while it signs: {SIGNS_UNPUBLISHED}")
        self._keyring.retire(kid)
        self._configure()
