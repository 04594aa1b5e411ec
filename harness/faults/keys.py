"""A signing key is rotated while tokens are in flight. Publishing, signing with and retiring are separate acts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from idchaos.contract import Fact
from idchaos.faults.base import NOTHING, Applied, Event, Evidence, Fault, Snapshot, Touch, eventually
from idchaos.faults.keyring import (
    described,
    fetch_evidence,
    keys_as_before,
    keys_of,
    keys_told,
    keys_touched,
    listed,
    new_kid,
    signing,
)
from idchaos.graph import Graph
from idchaos.reasons import OF_KEYS, Reason
from idchaos.targets.base import ProbesUpstream, ReportsState, RotatesKeys, Target
from idchaos.targets.capabilities import SignsUnpublished, required
from idchaos.undo.ledger import Undo

Mode = Literal["overlap", "abrupt", "publish_late", "emergency"]
OLD, NEW = "old_kid", "new_kid"
"""What is noted of the first act: the key that signed until then, and the kid that the IdP gave the new one."""


class KeyRotation(Fault):
    """From the key that signs when it is applied to a new one.

    ``overlap``: publish, after ``lead_s`` sign, after ``overlap_s`` more retire the old key · ``abrupt``: publish and
    sign at once, retire after ``overlap_s`` · ``publish_late``: sign at once, publish only after ``late_s`` ·
    ``emergency``: publish, sign, and withdraw the old key, a compromised one, at once; its tokens must be refused
    within ``allowed_lag_s``.
    """

    kind: Literal["keys"] = "keys"
    mode: Mode
    alg: str
    """Of the key that signs."""
    to_alg: str = ""
    """Of the new one; empty: the same."""
    lead_s: float = Field(ge=0)
    overlap_s: float = Field(ge=0)
    late_s: float = Field(ge=0)
    allowed_lag_s: float = Field(ge=0)
    after_s: float = Field(0.0, ge=0)
    """How long after the phase's start the first act is due."""

    needs: ClassVar[tuple[type, ...]] = (RotatesKeys, ReportsState, ProbesUpstream)

    def also_needs(self) -> tuple[type, ...]:
        """A key that is published late has signed before."""
        return (SignsUnpublished,) if self.mode == "publish_late" else ()

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        to = f" to {self.to_alg}" if self.to_alg else ""
        return f"{self.mode} rotation of the {self.alg} key{to}"

    def may_refuse_for(self) -> frozenset[Reason]:
        """Somebody may not know the key yet, or no longer."""
        return OF_KEYS

    def asks(self, graph: Graph) -> Mapping[Fact, tuple[str, ...]]:
        """Which keys validators have."""
        return keys_told(graph)

    def touches(self, graph: Graph) -> tuple[Touch, ...]:
        """The IdP's keys."""
        return keys_touched(graph)

    def timeline(self) -> tuple[tuple[float, str], ...]:
        """The acts and when each is due, in seconds from the first."""
        match self.mode:
            case "overlap":
                return (0.0, "publish"), (self.lead_s, "sign"), (self.lead_s + self.overlap_s, "retire")
            case "abrupt":
                return (0.0, "publish+sign"), (self.overlap_s, "retire")
            case "publish_late":
                return (0.0, "sign"), (self.late_s, "publish"), (self.late_s + self.overlap_s, "retire")
            case "emergency":
                return ((0.0, "publish+sign+retire"),)

    def steps(self) -> tuple[float, ...]:
        """When each act is due."""
        return tuple(self.after_s + at for at, _ in self.timeline())

    def undos(self, target: Target, applied: Applied = NOTHING) -> tuple[Undo, ...]:
        """The old key signs again, and each that has signed is published."""
        old = applied.known(OLD) or signing(keys_of(target), self.alg).kid
        return keys_as_before(target, old, (applied.known(NEW),))

    def snapshot(self, target: Target) -> Snapshot:
        """How many tokens each validator has accepted, by kid."""
        return {name: _accepted(target, name) for name in target.graph.validators_of_tokens}

    def check_before(self, target: Target) -> tuple[Evidence, ...]:
        """A key of the algorithm signs and is published, and validators can fetch it."""
        keys = keys_of(target)
        old = signing(keys, self.alg)
        control = Evidence(source="control", ok=old.published and old.alg == self.alg, what=described(keys))
        return control, *self._fetched(target, has=(old.kid,))

    def apply(self, target: Target, step: int, so_far: Applied = NOTHING) -> Applied:
        """One act of the timeline. The first one notes both keys."""
        acts = self.timeline()[step][1].split("+")
        rotates = required(target, RotatesKeys)
        if step == 0:
            begun = self._begin(target, so_far, publish="publish" in acts, sign="sign" in acts)
        elif "publish" in acts:
            rotates.publish_key(so_far.known(NEW))
            begun = _done("key_published", kid=so_far.known(NEW))
        elif "sign" in acts:
            rotates.sign_with(so_far.known(NEW))
            begun = _done("key_signing", kid=so_far.known(NEW))
        else:
            begun = NOTHING
        return begun.then(self._retire(target, so_far.then(begun).known(OLD))) if "retire" in acts else begun

    def _begin(self, target: Target, so_far: Applied, *, publish: bool, sign: bool) -> Applied:
        keys = keys_of(target)
        old = so_far.known(OLD) or signing(keys, self.alg).kid
        alg = self.to_alg or self.alg
        kid = required(target, RotatesKeys).add_key(new_kid(keys, alg), alg, publish=publish, sign=sign)
        begun = Applied(done={OLD: old, NEW: kid})
        begun = begun.then(_done("key_published", kid=kid)) if publish else begun
        return begun.then(_done("key_signing", kid=kid)) if sign else begun

    def _retire(self, target: Target, kid: str) -> Applied:
        required(target, RotatesKeys).retire_key(kid)
        compromised = self.mode == "emergency"
        return _done("key_withdrawn", kid=kid, compromised=compromised, allowed_lag_s=self.allowed_lag_s)

    def check_applied(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """The IdP says so, and validators that ask now get the JWKS that the first act leaves."""
        keys, acts = keys_of(target), self.timeline()[0][1]
        old_one, new_one = applied.known(OLD), applied.known(NEW)
        new = keys.get(new_one)
        # The next act may be due at once, so more may have been done already; less may not.
        done = new is not None and new.published >= ("publish" in acts) and new.signing >= ("sign" in acts)
        control = Evidence(source="control", ok=done, what=described(keys))
        has = (new_one,) if "publish" in acts else ()
        lacks = (new_one,) * ("publish" not in acts) + (old_one,) * ("retire" in acts)
        return control, *self._fetched(target, has=has, lacks=lacks)

    def check_held(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """The new key signed tokens that every validator accepted."""
        kid = applied.known(NEW)
        evidence = []
        for name in target.graph.validators_of_tokens:
            accepted = _accepted(target, name).get(kid, 0) - before[name].get(kid, 0)
            what = f"{name} {_did(target, name)} of {kid or 'no new key'}: {accepted}"
            evidence.append(Evidence(source="target", ok=accepted > 0, what=what))
        return tuple(evidence)

    def heal(self, target: Target, applied: Applied = NOTHING) -> tuple[Event, ...]:
        """Complete the rotation: the new key is published and signs; after an emergency the old one is out of the
        JWKS. Nothing where none was begun.
        """
        keys = keys_of(target)
        new, old = keys.get(applied.known(NEW)), keys.get(applied.known(OLD))
        if new is None:
            return ()
        completed = NOTHING
        if not new.published:
            required(target, RotatesKeys).publish_key(new.kid)
            completed = completed.then(_done("key_published", kid=new.kid))
        if not new.signing:
            required(target, RotatesKeys).sign_with(new.kid)
            completed = completed.then(_done("key_signing", kid=new.kid))
        if self.mode == "emergency" and old is not None and old.published:
            completed = completed.then(self._retire(target, old.kid))
        return completed.events

    def check_healed(self, target: Target, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """The new key signs, validators can fetch it, and every one's cache holds it."""
        return eventually(lambda: self._settled(target, applied.known(NEW)), within_s=5.0)

    def _settled(self, target: Target, kid: str) -> tuple[Evidence, ...]:
        keys = keys_of(target)
        new = keys.get(kid)
        control = Evidence(source="control", ok=new is not None and new.published and new.signing, what=described(keys))
        return control, *self._fetched(target, has=(kid,)), *self._cached(target, kid)

    def _cached(self, target: Target, kid: str) -> list[Evidence]:
        evidence = []
        for name in target.graph.validators_of_tokens:
            kids = required(target, ReportsState).state(name)["jwks"]["kids"]
            evidence.append(Evidence(source="target", ok=kid in kids, what=f"{name} caches {listed(kids)}"))
        return evidence

    def _fetched(self, target: Target, *, has: tuple[str, ...], lacks: tuple[str, ...] = ()) -> list[Evidence]:
        return fetch_evidence(target, target.graph.validators_of_tokens, has, lacks)


def _done(event: str, **fields: Any) -> Applied:
    return Applied(events=(Event(event=event, fields=fields),))


def _accepted(target: Target, component: str) -> dict[str, int]:
    """By kid, the tokens that it accepted; of one that does not tell, the key sets that it was given."""
    state = required(target, ReportsState).state(component)
    used = state["kids_used"] if _tells_use(target, component) else state["jwks"]["kids_served"]
    return {str(kid): int(count) for kid, count in used.items()}


def _tells_use(target: Target, component: str) -> bool:
    return Fact.KEYS_USED in required(target, ReportsState).tells(component)


def _did(target: Target, component: str) -> str:
    return "accepted tokens" if _tells_use(target, component) else "was given key sets"
