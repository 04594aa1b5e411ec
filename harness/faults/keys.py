"""A signing key is rotated while tokens are in flight. Publishing, signing with and retiring are separate acts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

from pydantic import Field

from idchaos.components import IDP
from idchaos.faults.base import Event, Evidence, Fault, Snapshot, eventually
from idchaos.targets.base import KeyInfo, ProbesUpstream, ReportsState, RotatesKeys, Target

Mode = Literal["overlap", "abrupt", "publish_late", "emergency"]


class KeyRotation(Fault):
    """From ``old_kid`` to ``new_kid``.

    ``overlap``: publish, after ``lead_s`` sign, after ``overlap_s`` more retire the old key · ``abrupt``: publish and
    sign at once, retire after ``overlap_s`` · ``publish_late``: sign at once, publish only after ``late_s`` ·
    ``emergency``: publish, sign, and withdraw the old key, a compromised one, at once; its tokens must be refused
    within ``allowed_lag_s``.
    """

    kind: Literal["keys"] = "keys"
    mode: Mode
    old_kid: str
    new_kid: str
    alg: str
    lead_s: float = Field(ge=0)
    overlap_s: float = Field(ge=0)
    late_s: float = Field(ge=0)
    allowed_lag_s: float = Field(ge=0)
    after_s: float = Field(0.0, ge=0)
    """How long after the phase's start the first act is due."""

    needs: ClassVar[tuple[type, ...]] = (RotatesKeys, ReportsState, ProbesUpstream)

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        return f"{self.mode} rotation from {self.old_kid} to {self.new_kid}"

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

    def snapshot(self, target: Target) -> Snapshot:
        """How many tokens of the new key each gateway has accepted (none, unless the kid was used before)."""
        return {name: _accepted(target, name, self.new_kid) for name in target.topology.deciders}

    def check_before(self, target: Target) -> tuple[Evidence, ...]:
        """The old key signs, and validators can fetch it."""
        keys = _keys(target)
        old = keys.get(self.old_kid)
        signs = old is not None and old.signing and old.published
        control = Evidence(source="control", ok=signs and self.new_kid not in keys, what=_describe(keys))
        return control, *self._probes(target, has=(self.old_kid,), lacks=(self.new_kid,))

    def apply(self, target: Target, step: int) -> tuple[Event, ...]:
        """One act of the timeline."""
        assert isinstance(target, RotatesKeys)
        acts = self.timeline()[step][1].split("+")
        events: list[Event] = []
        if step == 0:
            publish, sign = "publish" in acts, "sign" in acts
            target.add_key(self.new_kid, self.alg, publish=publish, sign=sign)
            events += [_event("key_published", kid=self.new_kid)] if publish else []
            events += [_event("key_signing", kid=self.new_kid)] if sign else []
        elif "publish" in acts:
            target.publish_key(self.new_kid)
            events.append(_event("key_published", kid=self.new_kid))
        elif "sign" in acts:
            target.sign_with(self.new_kid)
            events.append(_event("key_signing", kid=self.new_kid))
        if "retire" in acts:
            events.append(self._retire(target))
        return tuple(events)

    def _retire(self, target: Target) -> Event:
        assert isinstance(target, RotatesKeys)
        target.retire_key(self.old_kid)
        compromised = self.mode == "emergency"
        return _event("key_withdrawn", kid=self.old_kid, compromised=compromised, allowed_lag_s=self.allowed_lag_s)

    def check_applied(self, target: Target, before: Snapshot) -> tuple[Evidence, ...]:
        """The IdP says so, and validators that ask now get the JWKS that the first act leaves."""
        keys = _keys(target)
        acts = self.timeline()[0][1]
        new = keys.get(self.new_kid)
        # The next act may be due at once, so more may have been done already; less may not.
        done = new is not None and new.published >= ("publish" in acts) and new.signing >= ("sign" in acts)
        control = Evidence(source="control", ok=done, what=_describe(keys))
        has = (self.new_kid,) if "publish" in acts else ()
        lacks = (self.new_kid,) * ("publish" not in acts) + (self.old_kid,) * ("retire" in acts)
        return control, *self._probes(target, has=has, lacks=lacks)

    def check_held(self, target: Target, before: Snapshot) -> tuple[Evidence, ...]:
        """The new key signed tokens that every gateway met: accepted, or (published late) refused."""
        evidence = []
        for name in target.topology.deciders:
            accepted = _accepted(target, name, self.new_kid) - before[name]
            evidence.append(
                Evidence(
                    source="target",
                    ok=accepted > 0,
                    what=f"{name} accepted {accepted} tokens of {self.new_kid}",
                )
            )
        return tuple(evidence)

    def heal(self, target: Target) -> tuple[Event, ...]:
        """Complete the rotation: the new key is published and signs, the old one is out of the JWKS."""
        assert isinstance(target, RotatesKeys)
        keys = _keys(target)
        new, old = keys.get(self.new_kid), keys.get(self.old_kid)
        events: list[Event] = []
        if new is None:
            return ()
        if not new.published:
            target.publish_key(self.new_kid)
            events.append(_event("key_published", kid=self.new_kid))
        if not new.signing:
            target.sign_with(self.new_kid)
            events.append(_event("key_signing", kid=self.new_kid))
        if self.mode == "emergency" and old is not None and old.published:
            events.append(self._retire(target))
        return tuple(events)

    def check_healed(self, target: Target) -> tuple[Evidence, ...]:
        """The new key signs, validators can fetch it, and every gateway's cache holds it."""
        return eventually(lambda: self._settled(target), within_s=5.0)

    def _settled(self, target: Target) -> tuple[Evidence, ...]:
        assert isinstance(target, ReportsState)
        keys = _keys(target)
        new = keys.get(self.new_kid)
        ok = new is not None and new.published and new.signing
        caches = tuple(
            Evidence(
                source="target",
                ok=self.new_kid in target.state(name)["jwks"]["kids"],
                what=f"{name} caches {_listed(target.state(name)['jwks']['kids'])}",
            )
            for name in target.topology.deciders
        )
        return (
            Evidence(source="control", ok=ok, what=_describe(keys)),
            *self._probes(target, has=(self.new_kid,), lacks=()),
            *caches,
        )

    def _probes(self, target: Target, *, has: tuple[str, ...], lacks: tuple[str, ...]) -> tuple[Evidence, ...]:
        assert isinstance(target, ProbesUpstream)
        evidence = []
        for name in target.topology.deciders:
            kids = target.probe(name, IDP).kids or ()
            ok = all(kid in kids for kid in has) and not any(kid in kids for kid in lacks)
            evidence.append(Evidence(source="probe", ok=ok, what=f"{name} fetches {_listed(kids)}"))
        return tuple(evidence)


def _event(name: str, **fields: Any) -> Event:
    return Event(event=name, fields=fields)


def _keys(target: Target) -> dict[str, KeyInfo]:
    assert isinstance(target, RotatesKeys)
    return {key.kid: key for key in target.keys()}  # noqa: SIM118 - not a dict


def _describe(keys: dict[str, KeyInfo]) -> str:
    published = sorted(kid for kid, key in keys.items() if key.published)
    signing = [kid for kid, key in keys.items() if key.signing]
    return f"the IdP publishes {', '.join(published)}; signs with {', '.join(signing) or 'nothing'}"


def _listed(kids: Iterable[str]) -> str:
    return ", ".join(sorted(kids)) or "no keys"


def _accepted(target: Target, component: str, kid: str) -> int:
    assert isinstance(target, ReportsState)
    return int(target.state(component)["kids_used"].get(kid, 0))
