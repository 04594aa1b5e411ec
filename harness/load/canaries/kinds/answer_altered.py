"""Values that only their client understands, and that must come back as they were sent: ``state`` and ``nonce``."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final, Literal

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.party import LastStep, Party
from idchaos.load.idp.client import Step

LONG, LONGER = 512, 2000
"""Characters: clients keep where a user was going, encrypted. An IdP may refuse what is too long for it."""
_MARKS: Final = " %25 %2B%20+&=;:/?#[]@!$'()*,\"{}|^`~\\"
"""Whatever means something in a URL, a form or a template, and what has been encoded already: a ``state`` may have it
(RFC 6749 appendix A.5).
"""
_OF_MANY_TONGUES: Final = " Zürich \N{CJK UNIFIED IDEOGRAPH-4EAC} \N{GRINNING FACE}"
"""A nonce is any string (OpenID Connect Core section 2); of a ``state`` beyond ASCII nothing is promised."""


def random_of(length: int) -> str:
    """So many characters that need no encoding, and that nobody has sent before."""
    return secrets.token_urlsafe(length)[:length]


def marked() -> str:
    """Random too, with every character that could be taken for something else."""
    return random_of(8) + _MARKS + random_of(8)


def _back(party: Party, name: Literal["state", "nonce"], value: Callable[[], str]) -> Step | None:
    """A whole login. An IdP that refuses the request has altered nothing."""
    client, user = party.confidential, party.user
    if client is None or user is None:
        return None
    watch = LastStep(party.scene)
    code, last = party.idp.code(client, user, watch, further={name: value()}), watch.last
    if code is None and last is not None and (last.decision, last.endpoint) == ("deny", "authorize"):
        return last
    if code is not None and last is not None and name == "state":
        return _compared(last, "state_mismatch")
    watch.drop()
    if code is None:
        return None
    step, tokens = party.idp.redeem(client, code, code.verifier)
    if step.decision != "accept" or not isinstance(tokens.get("id_token"), str):
        return replace(step, decision="undecided", code=step.code or "nothing_told")
    return _compared(step, "nonce_mismatch")


def _compared(step: Step, flaw: str) -> Step:
    return step if step.flaw == flaw else replace(step, decision="deny", code="as_it_was")


class AnswerAltered(AskedKind):
    name = "answer_altered"
    invariant = "states_and_nonces_exact"
    made = (
        f"A login whose `state`, and one whose `nonce`, has {LONG} or {LONGER} characters, or has percent signs, "
        "quotes, `+`, `&`, `=` and what was encoded before in it, the nonce other alphabets as well; and one whose "
        "`state` is `0`."
    )
    bad = "It counts when a code or an ID token comes and the value is not, character by character, what was sent."
    why = "Whoever keeps more in it than others, or writes it otherwise, can't log in; cut or folded, it binds less."
    source = (
        "RFC 6749 section 4.1.2 (the exact value) and appendix A.5, OpenID Connect Core section 3.1.2.1 (unmodified)"
    )
    needs = ("refresh_tokens", "users")
    asks = (
        Ask("long_state", partial(_back, name="state", value=partial(random_of, LONG))),
        Ask("marked_state", partial(_back, name="state", value=marked)),
        Ask("long_nonce", partial(_back, name="nonce", value=partial(random_of, LONG))),
        Ask("marked_nonce", partial(_back, name="nonce", value=lambda: marked() + _OF_MANY_TONGUES)),
        Ask("zero_state", partial(_back, name="state", value=lambda: "0")),
        Ask("longer_state", partial(_back, name="state", value=partial(random_of, LONGER))),
        Ask("longer_nonce", partial(_back, name="nonce", value=partial(random_of, LONGER))),
    )
