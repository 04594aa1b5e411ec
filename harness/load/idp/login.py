"""The login of a user as traffic: each of its steps is a sample of the flow ``login``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from idchaos.load.decide import at_refusal
from idchaos.load.engine.recorder import About
from idchaos.load.idp.client import FLAWS, Step
from idchaos.load.idp.provider import Asked
from idchaos.load.idp.tokens import peek
from idchaos.targets.endpoints import Client, User

if TYPE_CHECKING:
    from idchaos.load.engine.scene import Scene


def log_in(
    scene: Scene,
    client: Client,
    user: User,
    name: str,
    due: float,
    *,
    attempt: int = 0,
    scheduled: bool = False,
    typo: bool = False,
    flow: str = "login",
) -> tuple[dict[str, Any], float]:
    """Log in as session ``name``; the first step is due at ``due``, each further one when the one before ended.

    An answer that is not bound to the request is no login: :data:`idchaos.load.idp.client.Flaw`.
    With a ``typo``, the user first sends a wrong password. The token response (empty: no login) and when it was asked
    for.
    """
    about = About(session=name)
    ends, unbound = [due], [False]

    def observe(step: Step) -> bool:
        step = step.with_care()
        unbound.append(step.code in FLAWS)
        first, mistyped = len(ends) == 1, step.expected == "deny"
        ends.append(
            scene.record_step(
                flow,
                step,
                due=ends[-1],
                token=about,
                attempt=attempt,
                expected=step.expected,
                scheduled=scheduled and first,
            )
        )
        return (step.decision == "accept" or mistyped) and not scene.stopping

    step, body = scene.idp.login(client, user, observe, typo=typo)
    if step is not None and isinstance(body.get("id_token"), str) and scene.idp.has("userinfo"):
        scene.spawn(_ask_who, scene, body)
    return ({} if any(unbound) else body), scene.asked_at(step) if step else 0.0


def _ask_who(scene: Scene, tokens: dict[str, Any]) -> None:
    """As clients do after a login: what is answered must be about whoever logged in. It is no sample."""
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    answer = scene.idp.ask(Asked("userinfo", "GET", headers=headers))
    step = Step("userinfo", answer, *at_refusal(answer))
    scene.upkeep(step)
    scene.idp.unasked.userinfo(tokens, answer)
    scene.idp.unasked.shared(answer)
    if step.decision == "accept" or (step.code == "invalid_token" and _is_published(scene, tokens["access_token"])):
        scene.idp.unasked.fresh(tokens["access_token"], known=step.decision == "accept")


def _is_published(scene: Scene, token: str) -> bool:
    """Whether the key that signed a token is published: of one that is not, nobody need know anything."""
    kid = peek(token)[0].get("kid")
    return kid is None or any(key.get("kid") == kid for key in scene.idp.jwks() or ())
