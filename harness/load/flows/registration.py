"""Clients that register themselves (RFC 7591): a client registers, is used once, and is taken back (RFC 7592).

Each arrival is one registration, its ``session`` tells them apart. One that is refused for its rate or met an outage is
tried again, as often as the plan says and no sooner than the IdP asked (``Retry-After``), unless the client is one of
those that don't care.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import PositiveFloat, PositiveInt

from idchaos.experiment import Source
from idchaos.load.engine.job import Roles
from idchaos.load.engine.recorder import About
from idchaos.load.flows.base import Flow, Sender
from idchaos.load.idp.client import Registered, Step
from idchaos.targets.endpoints import Endpoints

if TYPE_CHECKING:
    from idchaos.load.engine.scene import Scene
    from idchaos.planning.arrivals import Arrival

_IMPATIENT_S = 0.05
"""Between the attempts of a client that does not wait as long as it was asked to."""


class Registration(Flow):
    """How clients register themselves."""

    name = "registration"
    endpoint = "register"
    attempts: PositiveInt = 8
    """How often one tries, in all."""
    retry_s: PositiveFloat = 0.5
    """How long one waits for the second attempt, and twice as long each time, where the IdP does not say."""
    longest_wait_s: PositiveFloat = 4.0
    honours_retry_after: bool = True
    """Else it comes back at once, whatever the IdP said."""

    def lacks(self, roles: Roles, endpoints: Endpoints) -> str:
        return "" if endpoints.initial_access_token is not None else "an initial access token"

    def sources(self) -> tuple[Source, ...]:
        steps = ("register", "token", "unregister")
        return tuple(Source(flow="registration", endpoint=endpoint, steady=True) for endpoint in steps)

    def sender(self, scene: Scene) -> Sender:
        return Registrations(scene, self)


class Registrations(Sender):
    """Arrivals of the flow ``registration``."""

    def __init__(self, scene: Scene, plan: Registration) -> None:
        self._scene, self._plan = scene, plan
        self._count = 0

    def send(self, arrival: Arrival, due: float) -> None:
        """Register, try the new client, and take it back."""
        scene = self._scene
        self._count += 1
        about = About(session=f"registration-{self._count}")
        found = self._attempts(about, due)
        if found is None or scene.stopping:
            return
        step, _ = scene.idp.client_credentials(found.client)
        ended = scene.record_step("registration", step, due=scene.asked_at(step), token=about)
        if not scene.stopping:
            scene.record_step("registration", scene.idp.unregister(found), due=ended, token=about)

    def _attempts(self, about: About, due: float) -> Registered | None:
        scene, plan = self._scene, self._plan
        for attempt in range(plan.attempts):
            step, found = scene.idp.register()
            scene.record_step("registration", step, due=due, token=about, attempt=attempt, scheduled=attempt == 0)
            if found is not None or step.decision == "deny":
                return found
            wait_s = self._wait_s(step, attempt, about.session)
            due = scene.clock.now() + wait_s
            if attempt + 1 == plan.attempts or not scene.rest(wait_s):
                break
        return None

    def _wait_s(self, step: Step, attempt: int, name: str) -> float:
        """As long as it was asked to, or twice as long each time; a little more at random, or all come back at once."""
        if not self._plan.honours_retry_after:
            return _IMPATIENT_S
        told = step.answer.header("Retry-After")
        asked = float(told) if told.isascii() and told.isdigit() else self._plan.retry_s * 2**attempt
        return min(asked, self._plan.longest_wait_s) * (1 + self._scene.rng(name, attempt).random())
