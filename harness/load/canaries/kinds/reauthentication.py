"""Logins that must ask the user again, by a browser whose user is signed in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.party import Held, Party
from idchaos.load.idp.client import Step

_MAX_AGE_S: Final = 1


def _asked(party: Party, further: Mapping[str, str], *, aged: bool) -> Step | None:
    held = _aged(party) if aged else party.login()
    if held is None or not party.signed_in(held):
        return None
    return party.idp.silent_code(held.client, held.cookies, further)[0]


def _aged(party: Party) -> Held | None:
    """A session that is older than that for everybody, whatever clocks do in this run; ``None``: there is none yet, and
    one is begun.
    """
    sessions: list[tuple[float, Held]] = party.scene.shared("aged sessions", list)
    if not sessions and (held := party.login()):
        sessions.append((party.bench.now + _MAX_AGE_S + party.bench.expired_after_s, held))
    return sessions.pop()[1] if sessions and sessions[0][0] <= party.bench.now else None


class NotAskedAgain(AskedKind):
    name = "not_asked_again"
    invariant = "users_asked_again"
    made = f"A login with `prompt=login`, and with `max_age={_MAX_AGE_S}`, by a browser that is signed in."
    bad = "From birth: the user must be asked again. It counts when a code comes at once."
    why = "What a client guards by a fresh login, a payment say, is open to whoever sits down at the browser."
    source = "OpenID Connect Core section 3.1.2.1 (`prompt`, `max_age`), RFC 9470 section 4"
    needs = ("refresh_tokens", "users")
    asks = (
        Ask("prompt_login", partial(_asked, further={"prompt": "login"}, aged=False)),
        Ask("max_age", partial(_asked, further={"max_age": str(_MAX_AGE_S)}, aged=True)),
    )
