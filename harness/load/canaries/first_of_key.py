"""What is tried of a key in its first seconds: whoever takes a new key in may not be ready to check by it yet."""

from __future__ import annotations

from typing import Final

from idchaos.load.canaries.kinds.tampered import Tampered, other_claims
from idchaos.load.engine.scene import Scene
from idchaos.load.idp.tokens import about, bearer_line

WAY: Final = "first_of_key"
AFTER_S: Final = (0.0, 0.25, 1.0, 2.0)
"""How long after a decider has taken the first good token of a key."""


class FirstOfKey:
    """Sends tampered tokens to each decider that has just taken its first good token of a key."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._known: set[tuple[str, str]] = set()

    def accepted(self, bearer: bytes, kid: str, route: int, replica: int) -> None:
        """A good token of that key was accepted there, over that route."""
        decider = self._scene.decider(route, replica)
        if not kid or (decider, kid) in self._known:
            return
        self._known.add((decider, kid))
        token = bearer.rpartition(b" ")[2].strip().decode("latin-1")
        if token.count(".") == 2:
            self._scene.spawn(self._try, token, route, replica)

    def _try(self, good: str, route: int, replica: int) -> None:
        began = self._scene.clock.now()
        for after_s in AFTER_S:
            if not self._scene.rest(began + after_s - self._scene.clock.now()):
                return
            value = other_claims(good)
            self._scene.idp.handed_out.add("canary", value)
            self._scene.call(
                "canary",
                bearer_line(value),
                about(value, session="canary", obtained_at=began, way=WAY),
                due=self._scene.clock.now(),
                route=route,
                replica=replica,
                expected="deny",
                canary=Tampered.name,
            )
