"""A component that tells nothing felt a fault on its link: what arrived behind it says so, or what did not."""

from __future__ import annotations

import itertools

import pytest

from idchaos.faults.arrivals import Arrived, felt
from idchaos.faults.link_effects import LinkEffect, Mode
from idchaos.faults.network import LinkFault
from idchaos.record.observed import Passage

EVERY_4_S = Arrived(now=100.0, connections=3, asked=5, at=(83.0, 87.0, 91.0, 95.0, 99.0))


def effect(mode: Mode) -> LinkEffect:
    return LinkFault(links=("gateway-to-idp",), mode=mode, latency_s=3.0, rate_kbs=1).effect


def is_felt(mode: Mode, before: Arrived, now: Arrived, own: int = 1) -> bool:
    return felt("gateway-1", effect(mode), before, now, own).ok


def later(seconds: float, *, connections: int = 0, at: tuple[float, ...] = ()) -> Arrived:
    return Arrived(100.0 + seconds, 3 + connections, 5 + len(at), (*EVERY_4_S.at, *at))


def test_who_asked_every_four_seconds_and_is_not_heard_for_twelve_met_a_closed_door() -> None:
    found = felt("gateway-1", effect("refused"), EVERY_4_S, later(12), 1)
    assert found.ok
    assert found.what == (
        "gateway-1, as seen on the wire: 0 key fetches, none for 13.0 s; before, one came at least every 4.0 s"
    )


@pytest.mark.parametrize(
    ("before", "now", "why"),
    [
        (EVERY_4_S, later(3), "not due yet"),
        (EVERY_4_S, later(12, at=(106.0,)), "one came through"),
        (Arrived(100.0, 1, 1, (99.0,)), Arrived(160.0, 1, 1, (99.0,)), "how often it asks is not known"),
        (Arrived(100.0, 0, 0, ()), Arrived(160.0, 0, 0, ()), "it never asked"),
        (Arrived(100.0, 2, 2, (80.0, 82.0)), Arrived(160.0, 2, 2, (80.0, 82.0)), "it had asked no more before"),
    ],
)
def test_silence_proves_nothing_of_who_was_not_due_to_ask(before: Arrived, now: Arrived, why: str) -> None:
    assert not is_felt("refused", before, now), why


def test_what_was_on_its_way_when_the_fault_began_is_not_held_against_it() -> None:
    assert is_felt("refused", EVERY_4_S, later(12, at=(100.2,)))


def test_slow_answers_are_felt_by_who_asks() -> None:
    assert is_felt("slow", EVERY_4_S, later(12, at=(103.0, 107.0)))
    assert not is_felt("slow", EVERY_4_S, later(12))


def test_a_black_hole_is_met_by_connections_that_bring_no_request() -> None:
    assert is_felt("timeout", EVERY_4_S, later(12, connections=4))
    assert not is_felt("timeout", EVERY_4_S, later(3))
    assert not is_felt("timeout", EVERY_4_S, later(3, connections=2), own=2), "these are the harness's own"


def test_a_reset_is_met_by_who_asks_whatever_the_harness_itself_has_tried() -> None:
    assert is_felt("reset", EVERY_4_S, later(12, connections=2, at=(103.0,)))
    assert not is_felt("reset", EVERY_4_S, later(12, connections=20), own=20)
    assert not is_felt("reset", EVERY_4_S, later(12))


# --- what passes is TLS: the fault begins at 100 and ends at 112, and somebody asked every 4 s before it ---


def passage(number: int, at: float, stage: str = "established", **told: object) -> Passage:
    return Passage.model_validate({"number": number, "at": at, "stage": stage, **told})


def closed(at: float, how: str = "closed", by: str = "consumer") -> dict[str, object]:
    return {"ended_at": at, "ended": how, "by": by}


HEARD = (84.0, 88.0, 92.0, 96.0, 99.0)
FRESH = Arrived(100.0, 5, 0, (), 5, HEARD)
"""Of who opens a connection each time."""
KEPT = passage(1, 80.0, heard_at=99.0, answered=5, asked_at=99.0, went_on_s=0.002)
KEEPING = Arrived(100.0, 1, 0, (), 1, HEARD, (KEPT,))
"""Of who keeps one."""


def new(*passages: Passage, kept: Passage | None = None, asked: tuple[float, ...] = ()) -> Arrived:
    """At the fault's end: connections that came meanwhile, and what has become of the one that was kept."""
    there = (kept,) if kept is not None else ()
    return Arrived(112.0, 5 + len(passages), 0, (), 5 + len(passages), (*HEARD, *asked), (*there, *passages))


def several(stage: str, **told: object) -> tuple[Passage, ...]:
    """Three connections at 102, 105 and 108, which ended when ``after_s`` had passed, if they did."""
    made = []
    for number, at in ((6, 102.0), (7, 105.0), (8, 108.0)):
        end = closed(at + float(str(told["after_s"])), str(told.get("how", "closed"))) if "after_s" in told else {}
        heard = {"heard_at": at + 0.01} if stage in ("server_hello", "established") else {}
        rest = {name: value for name, value in told.items() if name not in ("after_s", "how")}
        made.append(passage(number, at, stage, **heard, **rest, **end))
    return tuple(made)


SEEN: dict[str, tuple[Passage, ...]] = {
    "nothing": (),
    "well": several("established", went_on_s=0.002, flight_bytes=1500, answered=1, after_s=0.05),
    "late": several("established", went_on_s=3.01, flight_bytes=1500, answered=1, after_s=6.1),
    "given up while late": several("server_hello", after_s=2.0),
    "swallowed": several("connected", after_s=2.0),
    "swallowed still": several("connected"),
    "broken off": several("server_hello", after_s=0.02, how="reset"),
    "closed by its consumer": several("server_hello", after_s=0.02),
    "distrusted": several("server_hello", after_s=0.02, alert="consumer"),
    "not answered by the idp": several("hello", after_s=2.0),
    "idp away": several("accepted", after_s=0.001, how="unreachable"),
    "only tried": several("connected", after_s=0.001),
    "the harness's own, late": several("established", went_on_s=3.01, flight_bytes=1500, probe=True, after_s=6.1),
    "the harness's own, broken off": several("server_hello", probe=True, after_s=0.02, how="reset"),
}
PROVES: dict[Mode, set[str]] = {
    "refused": {"nothing", "the harness's own, late", "the harness's own, broken off"},
    "timeout": {"swallowed", "swallowed still"},
    "reset": {"broken off"},
    "slow": {"late", "given up while late"},
    # Of a narrow link nobody can say for how long an answer that was given up would have taken.
    "bandwidth": {"late", "given up while late"},
}


@pytest.mark.parametrize(("mode", "seen"), list(itertools.product(PROVES, SEEN)))
def test_connections_prove_the_fault_of_their_kind_alone(mode: Mode, seen: str) -> None:
    assert is_felt(mode, FRESH, new(*SEEN[seen])) == (seen in PROVES[mode])


def test_a_black_hole_is_not_proved_by_connections_that_the_harness_itself_tried() -> None:
    assert not is_felt("timeout", FRESH, new(*SEEN["swallowed"]), own=3)
    assert is_felt("timeout", FRESH, new(*SEEN["swallowed"]), own=2)


@pytest.mark.parametrize(
    ("name", "now"),
    {
        "over": new(kept=KEPT.model_copy(update=closed(100.1))),
        "silent, and there": new(kept=KEPT),
        "asked over": new(kept=KEPT.model_copy(update={"asked_at": 107.0}), asked=(103.0, 107.0)),
        "over, and broken off anew": new(*SEEN["broken off"], kept=KEPT.model_copy(update=closed(102.0))),
        "over, and swallowed anew": new(*SEEN["swallowed"], kept=KEPT.model_copy(update=closed(102.0))),
    }.items(),
)
@pytest.mark.parametrize("mode", PROVES)
def test_a_kept_connection_proves_what_it_can(mode: Mode, name: str, now: Arrived) -> None:
    proved_by: dict[Mode, set[str]] = {
        "refused": {"over"},
        "timeout": {"silent, and there", "over, and swallowed anew"},
        "reset": {"over, and broken off anew"},
        "slow": {"asked over"},
        "bandwidth": {"asked over"},
    }
    before = KEEPING._replace(connections=5)
    assert is_felt(mode, before, now) == (name in proved_by[mode])


def test_a_door_is_not_closed_through_which_somebody_comes() -> None:
    assert is_felt("refused", FRESH, new())
    assert not is_felt("refused", FRESH, new(passage(6, 104.0, "connected")))
    assert not is_felt("refused", FRESH, new()._replace(tls_at=(*HEARD, 104.0)))


def test_a_cache_that_outlives_the_fault_proves_nothing() -> None:
    rare = FRESH._replace(tls_at=(80.0, 99.0))
    assert not is_felt("refused", rare, rare._replace(now=112.0))
    found = felt("gateway-1", effect("refused"), rare, rare._replace(now=112.0), 1)
    assert found.what.endswith("before, one came at least every 19.0 s: is the fault longer than its cache lives?")


def test_one_that_was_on_its_way_does_not_spoil_what_the_others_show() -> None:
    before_it = passage(6, 100.01, went_on_s=0.002, flight_bytes=1500, answered=1, **closed(100.05))
    assert is_felt(
        "reset",
        FRESH,
        new(before_it, *(each.model_copy(update={"number": each.number + 1}) for each in SEEN["broken off"])),
    )
