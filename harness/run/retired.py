"""The key that a run withdraws before its load: nobody may accept it later."""

from __future__ import annotations

from collections.abc import Iterable

from idchaos.targets.capabilities import KeyInfo


def key_to_withdraw(keys: Iterable[KeyInfo]) -> str | None:
    """A published key that signs nothing, of the algorithm that is signed by if there is one: a validator that keeps it
    could be taken in by it. ``None``: there is none to spare.
    """
    known = tuple(keys)
    signing = {key.alg for key in known if key.signing}
    spare = sorted((key for key in known if key.published and not key.signing), key=lambda key: key.alg not in signing)
    return spare[0].kid if spare else None
