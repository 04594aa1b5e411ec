"""What a bake-off asks of each component: the rows of its page, and which run answers each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from idchaos.studies.bakeoff import keys, outages, tokens
from idchaos.studies.bakeoff.sight import Sight
from idchaos.studies.study.figure import Figure, untold

Read = Callable[[Sight, str], Figure]
CACHE = "the moment in the life of its cached keys at which it happens"
MACHINE = "what else the machine does"


@dataclass(frozen=True, slots=True)
class Question:
    """One row."""

    name: str
    group: str
    title: str
    scenario: str
    variant: str
    read: Read
    calm: bool = False
    """Whether nothing has to be broken for it: then no fault has to be proved."""
    moved_by: str = CACHE
    """What makes two runs differ."""


KINDS = (
    ("refused", "refused connections"),
    ("timeout", "a black hole"),
    ("error_5xx", "503"),
    ("garbage", "HTML instead of keys"),
    ("empty", "an empty key set"),
)
GOES_ON = "How long good traffic goes on while keys can't be had (warm)"
TOLD = "How that is told to users"
COLD = "A replica that starts while keys can't be had (cold)"
HANGS = "While the IdP hangs"
ROTATED = "How long good tokens are refused after a rotation"
WITHDRAWN = "A key that is withdrawn, and one that is missed"
ASKED = "Key requests per 1,000 calls"
CLOCKS = "How far clocks may differ"
PASSED = "Which bad tokens passed"
COSTS = "What it costs"

LEADS: Mapping[str, str] = {
    GOES_ON: "A warm replica has keys when the outage begins: what counts is how old they may get. ≥: to its end.",
    TOLD: "503 says that nobody could decide, 401 that the token is bad, 500 that the service is broken.",
    PASSED: "By kinds of bad tokens, with the ways in which they were bad.",
    COSTS: "Calls pass two proxies and a service as well, the same for all: what differs is the component's.",
}
"""What a group's table does not say by itself."""

QUESTIONS: tuple[Question, ...] = (
    *(Question(f"survives_{kind}", GOES_ON, name, "jwks_outage", kind, outages.survival) for kind, name in KINDS),
    *(Question(f"told_{kind}", TOLD, name, "jwks_outage", kind, outages.told) for kind, name in KINDS),
    Question("cold_service", COLD, "refused connections", "cold_start", "outage", outages.cold_service),
    Question("cold_return", COLD, "serves again once keys can be had", "cold_start", "outage", outages.cold_return),
    Question("standstill", HANGS, "nobody is served for", "jwks_outage", "timeout", outages.standstill),
    Question("refused_overlap", ROTATED, "published ahead", "key_rotation", "overlap", keys.refusals),
    Question("refused_abrupt", ROTATED, "signs at once", "key_rotation", "abrupt", keys.refusals),
    Question("refused_publish_late", ROTATED, "signs 3 s before it is published", "key_rotation", "publish_late",
             keys.refusals),
    Question("refused_emergency", ROTATED, "old key withdrawn at once", "key_rotation", "emergency", keys.refusals),
    Question("withdrawn", WITHDRAWN, "a withdrawn key is accepted for", "key_rotation", "emergency", keys.withdrawn),
    Question("returned", WITHDRAWN, "the signing key is back: refused for", "live_key_removed", "removed",
             keys.returned),
    Question("junk", ASKED, "under a flood of made-up kids", "junk_kid_flood", "flood", keys.under_junk, calm=True),
    Question("expiry", ASKED, "as keys' lives end", "audience_confusion", "replayed", keys.at_expiry, calm=True),
    Question("skew_exp", CLOCKS, "exp: good for so long after it", "clock_skew", "sweep", tokens.of_exp),
    Question("skew_nbf", CLOCKS, "nbf and iat: good so long before them", "clock_skew", "sweep", tokens.of_nbf),
    Question("skew_iat", CLOCKS, "iat alone, far ahead", "audience_confusion", "replayed", tokens.of_iat, calm=True),
    Question("passed", PASSED, "accepted at least once", "audience_confusion", "replayed", tokens.passed, calm=True),
    Question("per_core", COSTS, "requests for each second of CPU time", "audience_confusion", "replayed",
             keys.per_core, calm=True, moved_by=MACHINE),
    Question("latency", COSTS, "median of a call, all the way", "audience_confusion", "replayed", keys.latency,
             calm=True, moved_by=MACHINE),
)  # fmt: skip
POINTS: tuple[tuple[str, str], ...] = tuple(dict.fromkeys((each.scenario, each.variant) for each in QUESTIONS))
"""The runs that answer them: scenarios and variants."""
SCENARIOS: tuple[str, ...] = tuple(dict.fromkeys(scenario for scenario, _ in POINTS))


def asked_of(scenario: str, variant: str) -> tuple[Question, ...]:
    """The questions that a run answers."""
    return tuple(each for each in QUESTIONS if (each.scenario, each.variant) == (scenario, variant))


def asked(points: Sequence[tuple[str, str]]) -> tuple[Question, ...]:
    """The questions that some runs answer together, in the page's order."""
    return tuple(each for each in QUESTIONS if (each.scenario, each.variant) in points)


def read(sight: Sight, questions: Sequence[Question]) -> tuple[Figure, ...]:
    """What a run answers. One that was cut short answers nothing; a fault that was not felt answers nothing of it."""

    def why_not(question: Question) -> str:
        return sight.cut_short or ("" if question.calm else sight.unfelt)

    return tuple(
        untold(each.name, why) if (why := why_not(each)) else each.read(sight, each.name) for each in questions
    )
