"""A key that still signs vanishes from the JWKS, and comes back."""

from __future__ import annotations

from typing import ClassVar, Literal

from idchaos.components import IDP
from idchaos.faults.base import Event, Evidence, Fault, Snapshot, eventually
from idchaos.targets.base import ProbesUpstream, ReportsState, RotatesKeys, Target


class KeyRemoval(Fault):
    """``kid`` is taken out of the JWKS by mistake while it goes on signing; healing puts it back.

    Its tokens are good all the while. So nothing is withdrawn: whoever refuses them refuses good tokens.
    """

    kind: Literal["key_removal"] = "key_removal"
    kid: str

    needs: ClassVar[tuple[type, ...]] = (RotatesKeys, ReportsState, ProbesUpstream)

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        return f"the signing key {self.kid} is missing from the JWKS"

    def check_before(self, target: Target) -> tuple[Evidence, ...]:
        """The key signs, is published, and validators can fetch it."""
        return self._served(target, published=True)

    def apply(self, target: Target, step: int) -> tuple[Event, ...]:
        """Take it out."""
        assert isinstance(target, RotatesKeys)
        target.retire_key(self.kid)
        return (Event(event="key_removed", fields={"kid": self.kid}),)

    def check_applied(self, target: Target, before: Snapshot) -> tuple[Evidence, ...]:
        """The key signs and is not published, and validators that ask now do not get it."""
        return self._served(target, published=False)

    def check_held(self, target: Target, before: Snapshot) -> tuple[Evidence, ...]:
        """Every validator had fetched the JWKS without it."""
        return tuple(
            Evidence(
                source="target",
                ok=not cached,
                what=f"{name} still serves from its cache: is the fault longer than that lives?"
                if cached
                else f"{name} has fetched the JWKS without {self.kid}",
            )
            for name, cached in self._cached(target)
        )

    def heal(self, target: Target) -> tuple[Event, ...]:
        """Put it back."""
        assert isinstance(target, RotatesKeys)
        target.publish_key(self.kid)
        return (Event(event="key_restored", fields={"kid": self.kid}),)

    def check_healed(self, target: Target) -> tuple[Evidence, ...]:
        """The key signs, is published, and validators can fetch it. When they do so is what is measured."""
        return eventually(lambda: self._served(target, published=True))

    def _served(self, target: Target, *, published: bool) -> tuple[Evidence, ...]:
        assert isinstance(target, RotatesKeys)
        assert isinstance(target, ProbesUpstream)
        keys = target.keys()
        key = next((key for key in keys if key.kid == self.kid), None)
        ok = key is not None and key.signing and key.published == published
        word = "no key" if key is None else f"signing={key.signing}, published={key.published}"
        evidence = [Evidence(source="control", ok=ok, what=f"the IdP says of {self.kid}: {word}")]
        for name in target.topology.validators:
            kids = target.probe(name, IDP).kids or ()
            what = f"{name} fetches {', '.join(sorted(kids)) or 'no keys'}"
            evidence.append(Evidence(source="probe", ok=(self.kid in kids) == published, what=what))
        return tuple(evidence)

    def _cached(self, target: Target) -> list[tuple[str, bool]]:
        assert isinstance(target, ReportsState)
        return [(name, self.kid in target.state(name)["jwks"]["kids"]) for name in target.topology.validators]
