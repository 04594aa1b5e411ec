"""Faults by name, for the command line: ``NAME[:key=value,...]``. Several may be given; each is proved by itself.

::

    black_hole                                   on the links by which validators ask the IdP
    slow:link=gateway-to-service,latency_s=0.5   a link is a group's name or one proxy's; several are joined by +
    idp_error:endpoint=token,status=500,share=0.3
    clock:component=gateway-1,offset_s=-120
    pause:component=gateway-2,after_s=4          begins later than its phase
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field, ValidationError

from idchaos.errors import UsageError
from idchaos.faults.base import Fault
from idchaos.faults.clock import ClockSkew
from idchaos.faults.idp_errors import EMPTY, GARBAGE, JWKS, EndpointFault
from idchaos.faults.link_effects import Mode
from idchaos.faults.network import LinkFault
from idchaos.faults.odd_answers import OddAnswers
from idchaos.faults.process import ProcessFault
from idchaos.faults.transforms import changes_at
from idchaos.graph import Graph
from idchaos.settings import plain
from idchaos.targets.base import EndpointError
from idchaos.values import Value

ENDPOINTS = (
    JWKS, "discovery", "authorize", "login", "token", "userinfo", "introspect", "revoke", "revocations", "end_session",
    "register",
)  # fmt: skip
"""Of an IdP: those that somebody can probe."""


class OfAny(Value):
    """Settings of any fault."""

    after_s: float = Field(0.0, ge=0, description="how long after the phase's start it begins")


class OfLink(OfAny):
    """Settings of a fault on links."""

    link: str = Field("", description="where; several joined by +; by default those by which validators ask the IdP")


class OfSlowLink(OfLink):
    """And how slow."""

    latency_s: float = Field(3.0, description="how much later answers come")
    jitter_s: float = Field(0.0, description="by how much that varies, either way")


class OfNarrowLink(OfLink):
    """And how narrow."""

    rate_kbs: int = Field(1, description="kB/s that are left")


class OfPartOfLink(OfLink):
    """And how often."""

    share: float = Field(0.5, description="of connections, those that are reset")


class OfKeys(OfAny):
    """Settings of a poisoned key set."""

    share: float = Field(1.0, gt=0, le=1, description="of requests, those that are hit")


class OfErrors(OfKeys):
    """Settings of errors at an endpoint."""

    endpoint: str = Field(JWKS, description="which; several joined by +")
    status: int = Field(503, ge=400, le=599, description="what is answered")


class OfLateAnswers(OfKeys):
    """Settings of late answers at an endpoint."""

    endpoint: str = Field(JWKS, description="which; several joined by +")
    delay_s: float = Field(3.0, ge=0.05, description="how much later it answers")


class OfOddKeys(OfAny):
    """Settings of a key set that is changed."""

    transform: str = Field("unknown_kty", description="how it is changed: a name of the table below")
    retry_after_s: int = Field(2, ge=0, le=86_400, description="with retry_after: what it asks for")
    max_age_s: int = Field(0, ge=0, le=10**9, description="with cache_control: how long the answer may be kept")


class OfOddMetadata(OfAny):
    """Settings of metadata that are changed."""

    transform: str = Field("other_jwks_uri", description="how they are changed: a name of the table below")


class OfOddIntrospection(OfAny):
    """Settings of introspection that is changed."""

    transform: str = Field("fractional_exp", description="how it is changed: a name of the table below")


class OfComponent(OfAny):
    """Settings of a fault of one component."""

    component: str = Field("", description="which; by default the IdP")


class OfClock(OfComponent):
    """And how wrong its clock is."""

    offset_s: float = Field(30.0, description="how far ahead; negative: behind")
    drift_ppm: float = Field(0.0, description="by how much it goes on going wrong")


Make = Callable[[Any, Graph], Fault]


@dataclass(frozen=True)
class Entry:
    """One named fault."""

    meaning: str
    """In a few words."""
    settings: type[Value]
    make: Make


def _link(mode: Mode) -> Make:
    def make(given: OfLink, graph: Graph) -> Fault:
        links = tuple(given.link.split("+")) if given.link else graph.links_to_idp
        for link in links:
            _one_of("link", link, {**graph.groups, **{each.name: () for each in graph.links if not each.idle}})
        return LinkFault.model_validate({"links": links, "mode": mode, **given.model_dump(exclude={"link"})})

    return make


def _errors(given: OfErrors, _: Graph) -> Fault:
    error = EndpointError(status=given.status, share=given.share)
    return _endpoint_fault(given, error, str(given.status))


def _late(given: OfLateAnswers, _: Graph) -> Fault:
    error = EndpointError(delay_s=given.delay_s, share=given.share)
    return _endpoint_fault(given, error, f"answers {given.delay_s:g} s late")


def _endpoint_fault(given: OfErrors | OfLateAnswers, error: EndpointError, label: str) -> Fault:
    return EndpointFault(endpoints=_endpoints(given.endpoint), error=error, label=label, after_s=given.after_s)


def _endpoints(given: str) -> tuple[str, ...]:
    endpoints = tuple(given.split("+"))
    for endpoint in endpoints:
        _one_of("endpoint", endpoint, dict.fromkeys(ENDPOINTS))
    return endpoints


def _keys(error: EndpointError, label: str) -> Make:
    def make(given: OfKeys, _: Graph) -> Fault:
        of_share = error.model_copy(update={"share": given.share})
        return EndpointFault(endpoints=(JWKS,), error=of_share, label=label, after_s=given.after_s)

    return make


def _odd(endpoint: str) -> Make:
    def make(given: Value, _: Graph) -> Fault:
        options = given.model_dump()
        transform = options.pop("transform")
        _one_of("transform", transform, changes_at(endpoint))
        return OddAnswers.of(transform, **options)

    return make


def _clock(given: OfClock, graph: Graph) -> Fault:
    return ClockSkew(
        component=_part(given, graph),
        offsets_s=(given.offset_s,),
        drift_ppm=given.drift_ppm,
        after_s=given.after_s,
    )


def _process(how: str) -> Make:
    def make(given: OfComponent, graph: Graph) -> Fault:
        return ProcessFault.model_validate({"component": _part(given, graph), "how": how, "after_s": given.after_s})

    return make


def _part(given: OfComponent, graph: Graph) -> str:
    component = given.component or graph.idp
    _one_of("component", component, dict.fromkeys(graph.parts))
    return component


CATALOGUE: Mapping[str, Entry] = {
    "refused": Entry("nobody listens at a link", OfLink, _link("refused")),
    "black_hole": Entry("requests over a link are swallowed", OfLink, _link("timeout")),
    "reset": Entry("connections over a link are reset", OfLink, _link("reset")),
    "slow": Entry("answers over a link come late", OfSlowLink, _link("slow")),
    "narrow": Entry("answers over a link trickle", OfNarrowLink, _link("bandwidth")),
    "partial": Entry("a share of a link's connections is reset", OfPartOfLink, _link("partial")),
    "idp_error": Entry("an endpoint of the IdP answers with an error", OfErrors, _errors),
    "idp_late": Entry("an endpoint of the IdP answers late", OfLateAnswers, _late),
    "keys_garbage": Entry("HTML instead of keys", OfKeys, _keys(GARBAGE, "HTML instead of keys")),
    "keys_empty": Entry("an empty key set", OfKeys, _keys(EMPTY, "an empty key set")),
    "odd_jwks": Entry("the key set is changed on its way out", OfOddKeys, _odd(JWKS)),
    "odd_discovery": Entry("the IdP's metadata are changed", OfOddMetadata, _odd("discovery")),
    "odd_introspection": Entry("answers to introspection are changed", OfOddIntrospection, _odd("introspect")),
    "clock": Entry("a component's clock is wrong", OfClock, _clock),
    "kill": Entry("a component is killed, and started again afterwards", OfComponent, _process("kill")),
    "pause": Entry("a component is frozen, and thawed afterwards", OfComponent, _process("pause")),
    "restart": Entry("a component is killed and started at once", OfComponent, _process("restart")),
}


def name_of(text: str) -> str:
    """The name in ``NAME[:key=value,...]``."""
    return text.partition(":")[0]


def parameters(entry: Entry) -> dict[str, tuple[object, str]]:
    """What can be said of a fault: by name, the default and what it means."""
    return {name: (field.default, field.description or "") for name, field in entry.settings.model_fields.items()}


def fault_of(text: str, graph: Graph) -> Fault:
    """The fault that ``NAME[:key=value,...]`` means at a target of that graph.

    Raises:
        UsageError: what is wrong, and what would be right, in one line.
    """
    name, _, rest = text.partition(":")
    _one_of("fault", name, CATALOGUE)
    entry = CATALOGUE[name]
    given: dict[str, str] = {}
    for pair in filter(None, rest.split(",")):
        key, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--fault {text}: {pair!r} should be key=value")
        _one_of(f"setting of {name}", key, entry.settings.model_fields)
        given[key] = value
    try:
        return entry.make(entry.settings.model_validate(given), graph)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"--fault {text}: {where + ': ' if where else ''}{plain(first['msg'])}") from None


def _one_of(what: str, name: str, known: Mapping[str, object]) -> None:
    if name in known:
        return
    close = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    raise UsageError(f"--fault: {what} {name!r} is unknown; {hint}")
