"""An endpoint of the IdP gives its live answer, changed: odd keys, odd transport, odd metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Literal, Self

from pydantic import model_validator

from idchaos.faults.base import NOTHING, Applied, Evidence, Snapshot, Touch, eventually, later
from idchaos.faults.idp_errors import JWKS, EndpointFault
from idchaos.faults.transforms import CHANGES, LIMIT, Change, Look, is_well
from idchaos.faults.wire import Links, is_observed, link_of, links_observed, tells_fetches, unseen
from idchaos.graph import Graph, Link
from idchaos.reasons import OF_KEYS, Reason
from idchaos.targets.base import InjectsErrors, ReportsState, Target
from idchaos.targets.capabilities import EndpointError, Transform, required
from idchaos.targets.oidc import OidcClient, Seen

ANSWER = "answer"
"""What is noted of the act: the answer as it was."""
LOOK_S = 1.0
"""So long one looks at an answer that does not end."""
PATIENCE_S = 5.0


class OddAnswers(EndpointFault):
    """One endpoint, and how its answers are changed.

    Whether they are is seen on the wire, through the clients' link: a reader's own word for what it met would depend on
    how good a reader it is. That consumers met it is told by the IdP's account of what it served, by kind, and by the
    requests that each of them was seen to make meanwhile; none of the harness's own count.
    """

    kind: Literal["endpoint", "transform"] = "transform"

    needs: ClassVar[tuple[type, ...]] = (InjectsErrors, ReportsState)

    @model_validator(mode="after")
    def _is_one_change(self) -> Self:
        if self.error.transform is None or self.error.share < 1 or len(self.endpoints) != 1:
            raise ValueError("a transform, of all answers of one endpoint")
        return self

    @classmethod
    def of(cls, transform: Transform, after_s: float = 0.0, **options: Any) -> OddAnswers:
        """That change, at the endpoint that it is made for. ``options``: of :class:`EndpointError`."""
        change = CHANGES[transform]
        error = EndpointError(transform=transform, **options)
        return cls(endpoints=(change.endpoint,), error=error, label=change.meaning, after_s=after_s)

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        return f"{self.error.transform} from the IdP's {self.endpoint} endpoint{later(self.after_s)}"

    def may_refuse_for(self) -> frozenset[Reason]:
        """Keys may be others by the same names, and where they are to be had may be elsewhere."""
        return OF_KEYS if self.endpoint in (JWKS, "discovery") else frozenset()

    @property
    def endpoint(self) -> str:
        """Which it is."""
        return self.endpoints[0]

    @property
    def change(self) -> Change:
        """What is changed."""
        return CHANGES[self._transform]

    @property
    def _transform(self) -> Transform:
        assert self.error.transform is not None, "validated"
        return self.error.transform

    def touches(self, graph: Graph) -> tuple[Touch, ...]:
        """New material is another key, and keys that have moved are no more where they were."""
        besides = {"new_material": "keys", "other_jwks_uri": JWKS}.get(self._transform)
        changed = (Touch(what=f"{graph.idp}'s {besides}", how="changes"),) if besides else ()
        return (*super().touches(graph), *changed)

    def _probes_over(self, graph: Graph, link: Link) -> bool:
        return not link.idle and link.provider == graph.idp

    def unprovable(self, target: Target) -> str:
        """Nobody asks that endpoint, or of somebody who does nobody could tell."""
        consumers = self.consumers(target.graph)
        if not consumers:
            return f"no part of the target asks the IdP's {self.endpoint} endpoint"
        return unseen(target, consumers)

    def consumers(self, graph: Graph) -> tuple[str, ...]:
        """Who asks that endpoint, of the target's parts."""
        if self.endpoint == "introspect":
            return tuple(each.name for each in graph.components if each.introspects)
        return graph.readers_of_metadata if self.endpoint == "discovery" else graph.keepers_of_keys

    def snapshot(self, target: Target) -> Snapshot:
        """What was served and asked so far."""
        return {"served": self._served(target), "asked": self._asked(target)}

    def apply(self, target: Target, step: int, so_far: Applied = NOTHING) -> Applied:
        """Change the answer, and note how it was."""
        as_it_was = self._seen(target).body.decode(errors="replace")
        return super().apply(target, step, so_far).then(Applied(done={ANSWER: as_it_was}))

    def check_applied(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """The IdP says so, and its answer is seen to be changed in that way."""
        seen = self._seen(target)
        ok = self.change.told(Look(seen, _whole(applied.known(ANSWER)), self.error))
        probe = Evidence(
            source="probe", ok=ok, what=f"{self.endpoint}: {_described(seen)}; {self.change.meaning}: {ok}"
        )
        return self._reported(target, self.endpoint, active=True), probe

    def check_held(self, target: Target, before: Snapshot, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """The IdP served it to whoever asked, and every consumer did ask."""
        served, exposed = (now - then for now, then in zip(self._served(target), before["served"], strict=True))
        what = f"{self.endpoint}: the IdP served {self._transform} to {served} of {exposed} requests of others than the"
        account = Evidence(source="target", ok=0 < served == exposed, what=f"{what} harness")
        asked = self._asked(target)
        return account, *(
            _asked_since(name, count - before["asked"].get(name, 0), self.endpoint) for name, count in asked.items()
        )

    def check_before(self, target: Target) -> tuple[Evidence, ...]:
        """No answer is changed."""
        return self._well(target, "")

    def check_healed(self, target: Target, applied: Applied = NOTHING) -> tuple[Evidence, ...]:
        """The answer is what it was. New material stays."""
        stays = self._transform == "new_material"
        return eventually(lambda: self._well(target, "" if stays else applied.known(ANSWER)))

    def _well(self, target: Target, as_it_was: str) -> tuple[Evidence, ...]:
        seen = self._seen(target)
        ok = is_well(Look(seen, _whole(as_it_was) if as_it_was else seen, self.error))
        probe = Evidence(source="probe", ok=ok, what=f"{self.endpoint}: {_described(seen)}")
        return self._reported(target, self.endpoint, active=False), probe

    def _seen(self, target: Target) -> Seen:
        with _client(target) as oidc:
            return oidc.look(self.endpoint, LOOK_S, 2 * LIMIT)

    def _served(self, target: Target) -> tuple[int, int]:
        """How often it was served to others, and how often it might have been: of one moment."""
        state = required(target, ReportsState).state(target.graph.idp)
        of_kinds = state.get("injected_kinds", {}).get(self.endpoint, {})
        return int(of_kinds.get(self._transform, 0)), int(state["exposed"].get(self.endpoint, 0))

    def _asked(self, target: Target) -> Mapping[str, int]:
        """How often each consumer asked the endpoint: as seen on the wire, or by its own word where nobody looks."""
        links = links_observed(target)
        return {name: self._asked_by(target, name, links) for name in self.consumers(target.graph)}

    def _asked_by(self, target: Target, name: str, links: Links) -> int:
        if is_observed(target, name):
            return link_of(target, name, links).of(self.endpoint).requests
        if not tells_fetches(target, name):
            return 0
        told = required(target, ReportsState).state(name)
        cache = {"jwks": "jwks", "discovery": "discovery", "introspect": "introspection"}[self.endpoint]
        return int(told.get(cache, {}).get("fetches", 0))


def _whole(body: str) -> Seen:
    return Seen(200, {}, body.encode(), whole=True)


def _asked_since(name: str, count: int, endpoint: str) -> Evidence:
    doubt = "" if count else ": is the fault longer than its cache lives?"
    return Evidence(
        source="target", ok=count > 0, what=f"{name} asked {endpoint} {count} times during the fault{doubt}"
    )


def _described(seen: Seen) -> str:
    ended = "whole" if seen.whole else seen.error or "still coming"
    encoding = f", {seen.headers['content-encoding']}" if "content-encoding" in seen.headers else ""
    return f"{seen.status}, {len(seen.body)} bytes{encoding}, {ended}"


@contextmanager
def _client(target: Target) -> Iterator[OidcClient]:
    oidc = OidcClient(target.endpoints, target.sent, target.unanswered, PATIENCE_S)
    try:
        yield oidc
    finally:
        oidc.close()
