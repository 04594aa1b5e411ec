"""What faults of signing keys share: which key signs, a name for a new one, and what validators can fetch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from idchaos.contract import Fact
from idchaos.errors import FaultError
from idchaos.faults.base import Evidence, Touch, relies_on
from idchaos.graph import Graph
from idchaos.targets.base import KeyInfo, OutlivesRun, ProbesUpstream, RotatesKeys, Target
from idchaos.targets.capabilities import required
from idchaos.targets.restoring import KeyPublished, KeySigns
from idchaos.undo.ledger import Undo


def keys_touched(graph: Graph) -> tuple[Touch, ...]:
    """What every fault of the IdP's signing keys changes, and relies on."""
    return Touch(what=f"{graph.idp}'s keys", how="changes"), *relies_on(graph.idp)


def keys_told(graph: Graph) -> Mapping[Fact, tuple[str, ...]]:
    """What their proofs need that components tell: which keys those have that decide by keys."""
    return {Fact.KEYS_HELD: tuple(name for name in graph.validators_of_tokens if name in graph.keepers_of_keys)}


def keys_of(target: Target) -> dict[str, KeyInfo]:
    """The IdP's keys by kid."""
    return {key.kid: key for key in required(target, RotatesKeys).keys()}  # noqa: SIM118 - not a dict


def signing(keys: Mapping[str, KeyInfo], alg: str = "") -> KeyInfo:
    """The key that signs new tokens; where several do, the one of that algorithm.

    Raises:
        FaultError: none signs.
    """
    found = sorted((key for key in keys.values() if key.signing), key=lambda key: key.alg != alg)
    if not found:
        raise FaultError(f"the IdP signs with no key; it has {listed(keys)}")
    return found[0]


def new_kid(keys: Iterable[str], alg: str) -> str:
    """A kid that no key has yet."""
    taken, number = set(keys), 1
    while f"{alg.lower()}-{number}" in taken:
        number += 1
    return f"{alg.lower()}-{number}"


def listed(kids: Iterable[str]) -> str:
    """For a sentence."""
    return ", ".join(sorted(kids)) or "no keys"


def described(keys: Mapping[str, KeyInfo]) -> str:
    """What the IdP does with its keys, in a sentence."""
    published = listed(kid for kid, key in keys.items() if key.published)
    signs = ", ".join(kid for kid, key in keys.items() if key.signing)
    return f"the IdP publishes {published}; signs with {signs or 'nothing'}"


def fetched(target: Target, validator: str) -> tuple[str, ...]:
    """The kids that a validator gets when it asks the IdP now."""
    return required(target, ProbesUpstream).probe(validator, target.graph.idp).kids or ()


def fetch_evidence(
    target: Target, validators: Iterable[str], has: Iterable[str], lacks: Iterable[str]
) -> list[Evidence]:
    """Whether each of them gets the one kind of keys and not the other."""
    wanted, unwanted = set(has), set(lacks)
    evidence = []
    for name in validators:
        kids = set(fetched(target, name))
        ok = wanted <= kids and not unwanted & kids
        evidence.append(Evidence(source="probe", ok=ok, what=f"{name} fetches {listed(kids)}"))
    return evidence


def keys_as_before(target: Target, old_kid: str, new_kids: Iterable[str] = ()) -> tuple[Undo, ...]:
    """The old key is published and signs again; new ones are published, since tokens of theirs may be about."""
    stays = required(target, OutlivesRun)
    published = [old_kid, *filter(None, new_kids)]
    return stays.undo_to(KeySigns(kid=old_kid)), *(stays.undo_to(KeyPublished(kid=kid)) for kid in published)
