"""The IdP's keys by what everybody can see of them, rotated by the hooks of a file."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from idchaos.errors import FaultError
from idchaos.targets.capabilities import KeyInfo
from idchaos.targets.systems.acts import Act, Hook, Hooks
from idchaos.targets.systems.hooks import Around, call_of, perform
from idchaos.undo.ledger import Undo

PUBLISHED_WITHIN_S = 10.0
"""So soon after its hook a new key must be in the key set."""
LOOKS_EVERY_S = 0.25


class HookedKeys:
    """Implements ``RotatesKeys``: which keys there are is read from the key set, and which one signs from a token."""

    def __init__(
        self,
        hooks: Hooks,
        around: Around,
        published: Callable[[], Mapping[str, str]],
        signing: Callable[[], str],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``published``: kid -> alg of the key set; ``signing``: the kid of a token that was just issued."""
        self._hooks, self._around, self._sleep = hooks, around, sleep
        self._published, self._signing = published, signing
        self._algs: dict[str, str] = {}

    def keys(self) -> tuple[KeyInfo, ...]:
        """All keys that are published, and those that were seen before."""
        published, signs = self._published(), self._signing()
        self._algs |= published
        return tuple(
            KeyInfo(kid=kid, alg=alg, published=kid in published, signing=kid == signs)
            for kid, alg in self._algs.items()
        )

    def add_key(self, kid: str, alg: str, *, publish: bool, sign: bool) -> str:
        """Publish a key, and sign with it if asked; its kid, which the IdP chooses.

        Raises:
            FaultError: its hook fails, or no new key is published in time.
        """
        if not publish:
            raise FaultError("a key can't sign before it is published here: hooks.publish_key makes it")
        before = self._published()
        self._do("publish_key", self._hooks.publish_key, kid, alg)
        new = self._new_one(before)
        if sign:
            self.sign_with(new)
        return new

    def publish_key(self, kid: str) -> None:
        """Put a key back into the key set."""
        if kid not in self._published():
            hook = self._hooks.retire_key
            self._do("retire_key.undo", None if hook is None else hook.undo, kid)

    def sign_with(self, kid: str) -> None:
        """Sign new tokens with this key."""
        self._do("sign_with", self._hooks.sign_with, kid)

    def retire_key(self, kid: str) -> None:
        """Take a key out of the key set."""
        self._do("retire_key", self._hooks.retire_key, kid)

    def undo(self, hook: Hook | None, kid: str) -> Undo:
        """How a hook's effect on a key is undone.

        Raises:
            FaultError: there is no such hook.
        """
        if hook is None:
            raise FaultError("the file says no hook that undoes that")
        return call_of(hook.undo, self._places(kid), self._around)

    def _new_one(self, before: Mapping[str, str]) -> str:
        deadline = time.monotonic() + PUBLISHED_WITHIN_S
        while True:
            new = [kid for kid in self._published() if kid not in before]
            if new:
                return new[0]
            if time.monotonic() > deadline:
                raise FaultError(f"hooks.publish_key: no new key is in the key set after {PUBLISHED_WITHIN_S:.0f} s")
            self._sleep(LOOKS_EVERY_S)

    def _do(self, name: str, act: Act | None, kid: str, alg: str = "") -> None:
        if act is None:
            raise FaultError(f"hooks.{name}: the file says none")
        perform(name, act, self._places(kid, alg), self._around)

    def _places(self, kid: str, alg: str = "") -> dict[str, str]:
        return {"kid": kid, "alg": alg or self._algs.get(kid, "")}
