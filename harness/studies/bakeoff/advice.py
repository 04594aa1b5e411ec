"""What a reader should change in a component's configuration, why, and what that costs. Pure: of its answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from idchaos.report.words import listed, number
from idchaos.studies.bakeoff.outages import NOBODY
from idchaos.studies.bakeoff.sheet import Sheet
from idchaos.studies.bakeoff.tokens import BETWEEN, NONE
from idchaos.studies.study.figure import Figure

MANY = 50.0
"""Key requests per 1,000 calls, beyond which whoever sends junk can make a component ask for keys at will."""
LONG_S = 0.5
OUTAGES = tuple(f"survives_{kind}" for kind in ("refused", "timeout", "error_5xx", "garbage", "empty"))
"""Answers to how long good traffic goes on while keys can't be had."""
OF_TYPE = ("ask for `typ` `at+jwt`, where the IdP says so (RFC 9068)", "tokens of an IdP that does not say so")
PASSED_ON: Mapping[str, tuple[str, str]] = {
    "no exp": ("ask for `exp`: a token without it is good for ever", "tokens of an IdP that leaves it out"),
    "exp string": (
        "ask for `exp` as a number (RFC 7519 section 2)",
        "none: an IdP that keeps to the RFC sends numbers",
    ),
    "exp without end": ("bound how far `exp` may lie ahead", "a bound to keep in step with the IdP"),
    "iat ahead": ("refuse an `iat` in the future, beyond the leeway", "clocks have to agree"),
    "id token": OF_TYPE,
    "logout": OF_TYPE,
    "critical header": ("refuse tokens with `crit` (RFC 7515 section 4.1.11)", "none that is known"),
}
"""What to do about a kind of bad token that passed, or about one of its ways, and what that costs."""


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to change."""

    what: str
    costs: str
    because: str
    """Which answer says so."""
    question: str


@dataclass(frozen=True, slots=True)
class Component:
    """What advice goes by: its name, what its settings are called (by ours), and its answers."""

    name: str
    knobs: Mapping[str, str]
    sheet: Sheet
    kin: tuple[str, ...] = ()
    """Other components of the same sheet that are the same thing, otherwise configured."""

    def told(self, question: str) -> Figure | None:
        """Its answer, if there is one."""
        return self.sheet.get(self.name, question)

    def knob(self, name: str) -> str:
        """What it calls a setting of ours; empty: it has none."""
        return self.knobs.get(name, "")


def advise(component: Component) -> tuple[Advice, ...]:
    """What to change, the gravest first."""
    return tuple(advice for rule in _RULES for advice in rule(component))


def _bad_tokens(component: Component) -> Iterator[Advice]:
    found = component.told("passed")
    if found is None or found.text == NONE:
        return
    done: dict[tuple[str, str], list[str]] = {}
    for name in found.text.split(BETWEEN):
        known = dict.fromkeys(entry for key, entry in PASSED_ON.items() if key in name)
        for entry in known or (_LOOK,):
            done.setdefault(entry, []).append(name)
    for (what, costs), names in done.items():
        yield Advice(what, costs, f"passed: {listed(names)}", "passed")


_LOOK = (
    "look at how such tokens are made, and why they are accepted",
    "unknown: the run's report says how to replay one",
)


def _withdrawn_keys(component: Component) -> Iterator[Advice]:
    found = component.told("withdrawn")
    if found is None or found.interval[1] is not None:
        return
    knob = component.knob("jwks_cache_s")
    what = (
        f"bound the life of keys: `{knob}`"
        if knob
        else "restart it when a key must be withdrawn: no setting ends its keys"
    )
    costs = "more key requests" if knob else "a cold start: see how it fares without an IdP"
    yield Advice(what, costs, f"a withdrawn key was accepted for {found.text}", "withdrawn")


def _outages(component: Component) -> Iterator[Advice]:
    ends = {name: found for name in OUTAGES if (found := component.told(name)) and _ended(found)}
    if not ends:
        return
    soonest = min(ends, key=lambda name: ends[name].value or 0.0)
    because = f"goes on {ends[soonest].text}, then nobody is served ({soonest.removeprefix('survives_')})"
    better = [
        name for name in component.kin
        if (other := component.sheet.get(name, soonest)) and other.known and other.interval[1] is None
    ]  # fmt: skip
    costs = "a key that is withdrawn while the IdP can't be reached is believed for as long"
    if better:
        yield Advice(f"fetch keys ahead, as `{better[0]}` does", costs, because, soonest)
    if component.knob("jwks_stale_s"):
        yield Advice(f"keep old keys while there are no new ones: `{component.knob('jwks_stale_s')}`", costs, because,
                     soonest)  # fmt: skip
    elif component.knob("jwks_cache_s"):
        yield Advice(
            f"let keys live longer than the outages that you mean to bear: `{component.knob('jwks_cache_s')}`",
            "a withdrawn key is believed for as long, and a key that nobody published ahead may be refused for as long",
            because, soonest,
        )  # fmt: skip


def _ended(found: Figure) -> bool:
    return found.value is not None and found.interval[1] is not None


def _told_wrongly(component: Component) -> Iterator[Advice]:
    said = {name: component.told(name) for name in ("told_refused", "told_timeout", "told_error_5xx", "told_garbage",
                                                    "told_empty", "cold_service")}  # fmt: skip
    for status, what in (
        ("401", "answer 503 where keys can't be had: at 401 clients throw good tokens away and send users to log in"),
        ("500", "answer 503 where keys can't be had: 500 says that the service is broken, and pages its people"),
    ):
        where = [name for name, each in said.items() if each and each.text != NOBODY and status in each.text]
        if where:
            because = f"{status} in {len(where)} of {sum(map(bool, said.values()))} kinds of outage"
            yield Advice(what, "a few lines around it, or a rule in the proxy before it", because, where[0])


def _rotations(component: Component) -> Iterator[Advice]:
    found = component.told("refused_abrupt")
    if found is None or not (found.value is None or found.value > LONG_S):
        return
    knob, because = component.knob("jwks_cooldown_s"), f"a key that signs at once: refused for {found.text}"
    sooner = f", or shorten `{knob}`" if knob else ""
    yield Advice(
        f"publish a key ahead by a cache's life before it signs (at the IdP){sooner}",
        "rotations take longer" + (", junk kids cost more key requests" if knob else ""), because, "refused_abrupt",
    )  # fmt: skip


def _junk(component: Component) -> Iterator[Advice]:
    found = component.told("junk")
    if found is None or found.value is None or found.value <= MANY:
        return
    knob = component.knob("jwks_cooldown_s")
    without = "bound key requests before it: it has no setting for it"
    what = f"bound refetches for unknown kids: `{knob}`" if knob else without
    yield Advice(what, "a key that nobody published ahead is refused for as long",
                 f"{found.text} key requests per 1,000 calls under junk kids", "junk")  # fmt: skip


def _hangs(component: Component) -> Iterator[Advice]:
    found, knob = component.told("standstill"), component.knob("jwks_timeout_s")
    if found is None or not knob or not (found.value is None or found.value > LONG_S):
        return
    length = found.text if found.value is None else number(found.value, "s")
    yield Advice(f"keep the time limit of a key request short: `{knob}`", "a slow IdP is taken for one that is gone",
                 f"nobody was served for {length} while the IdP hung", "standstill")  # fmt: skip


_RULES: tuple[Callable[[Component], Iterator[Advice]], ...] = (
    _bad_tokens, _withdrawn_keys, _outages, _told_wrongly, _rotations, _junk, _hangs,
)  # fmt: skip
