"""A key that still signs vanishes from the JWKS, and comes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from idchaos.contract import Fact
from idchaos.faults.base import NOTHING, Applied, Event, Evidence, Fault, Snapshot, Touch, eventually
from idchaos.faults.keyring import fetch_evidence, keys_as_before, keys_of, keys_told, keys_touched, signing
from idchaos.graph import Graph
from idchaos.reasons import OF_KEYS, Reason
from idchaos.targets.base import ProbesUpstream, ReportsState, RotatesKeys, Target
from idchaos.targets.capabilities import SignsUnpublished, required
from idchaos.undo.ledger import Undo

KID = "kid"
"""What is noted: the key that signed."""


class KeyRemoval(Fault):
    """The key that signs is taken out of the JWKS by mistake while it goes on signing; healing puts it back.

    Its tokens are good all the while. So nothing is withdrawn: whoever refuses them refuses good tokens.
    """

    kind: Literal["key_removal"] = "key_removal"

    needs: ClassVar[tuple[type, ...]] = (RotatesKeys, SignsUnpublished, ReportsState, ProbesUpstream)

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        return "the key that signs is missing from the JWKS"

    def may_refuse_for(self) -> frozenset[Reason]:
        """Who fetches keys meanwhile does not know it any more."""
        return OF_KEYS

    def asks(self, graph: Graph) -> Mapping[Fact, tuple[str, ...]]:
        """Which keys validators have."""
        return keys_told(graph)

    def touches(self, graph: Graph) -> tuple[Touch, ...]:
        """The IdP's keys."""
        return keys_touched(graph)

    def undos(self, target: Target, applied: Applied = NOTHING) -> tuple[Undo, ...]:
        """The key is published."""
        return keys_as_before(target, applied.known(KID) or signing(keys_of(target)).kid)

    def check_before(self, target: Target) -> tuple[Evidence, ...]:
        """The key that signs is published, and validators can fetch it."""
        return self._served(target, signing(keys_of(target)).kid, published=True)

    def apply(self, target: Target, step: int, so_far: Applied = NOTHING) -> Applied:
        """Take it out."""
        kid = signing(keys_of(target)).kid
        required(target, RotatesKeys).retire_key(kid)
        return Applied(events=(Event(event="key_removed", fields={"kid": kid}),), done={KID: kid})

    def check_applied(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """The key signs and is not published, and validators that ask now do not get it."""
        return self._served(target, applied.known(KID), published=False)

    def check_held(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """Every validator had fetched the JWKS without it."""
        kid = applied.known(KID)
        evidence = []
        for name in target.graph.keepers_of_keys:
            cached = kid in required(target, ReportsState).state(name)["jwks"]["kids"]
            what = (
                f"{name} still serves from its cache: is the fault longer than that lives?"
                if cached
                else f"{name} has fetched the JWKS without {kid or 'a key that was removed'}"
            )
            evidence.append(Evidence(source="target", ok=bool(kid) and not cached, what=what))
        return tuple(evidence)

    def heal(self, target: Target, applied: Applied = NOTHING) -> tuple[Event, ...]:
        """Put it back."""
        kid = applied.known(KID)
        if not kid:
            return ()
        required(target, RotatesKeys).publish_key(kid)
        return (Event(event="key_restored", fields={"kid": kid}),)

    def check_healed(self, target: Target, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """The key signs, is published, and validators can fetch it. When they do so is what is measured."""
        return eventually(lambda: self._served(target, applied.known(KID), published=True))

    def _served(self, target: Target, kid: str, *, published: bool) -> tuple[Evidence, ...]:
        key = keys_of(target).get(kid)
        ok = key is not None and key.signing and key.published == published
        word = "no key" if key is None else f"signing={key.signing}, published={key.published}"
        control = Evidence(source="control", ok=ok, what=f"the IdP says of {kid or 'a key'}: {word}")
        has, lacks = ((kid,), ()) if published else ((), (kid,))
        return control, *fetch_evidence(target, target.graph.keepers_of_keys, has, lacks)
