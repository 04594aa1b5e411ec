"""Which key a run withdraws before its load."""

import pytest

from idchaos.run.retired import key_to_withdraw
from idchaos.targets.capabilities import KeyInfo


def key(kid: str, alg: str = "RS256", *, published: bool = True, signing: bool = False) -> KeyInfo:
    return KeyInfo(kid=kid, alg=alg, published=published, signing=signing)


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        ((key("now", signing=True), key("spare")), "spare"),
        ((key("other", "ES256"), key("now", signing=True), key("spare")), "spare"),  # of the algorithm in use
        ((key("now", signing=True), key("other", "ES256")), "other"),
        ((key("now", signing=True), key("gone", published=False)), None),
        ((key("now", signing=True),), None),
        ((), None),
    ],
)
def test_a_published_key_that_signs_nothing_is_withdrawn(keys: tuple[KeyInfo, ...], chosen: str | None) -> None:
    assert key_to_withdraw(keys) == chosen
