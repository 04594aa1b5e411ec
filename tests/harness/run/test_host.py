"""What a busy, stopped or wrongly set machine did is not held against the system under test, nor in its favour."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idchaos.clock import Clock
from idchaos.experiment import Bound, Canary, CanaryPlan, Invariant, Objective, PhaseName, Verdict
from idchaos.record import host
from idchaos.record.host import Reading, Span, joined, shares, spans, troubles, withheld
from idchaos.record.journal import read_events, read_telemetry
from idchaos.record.record import RunRecord
from idchaos.record.rundir import RunDirectory
from idchaos.run.host_watch import HostWatch, look
from idchaos.verdict.sli.registry import REGISTRY, find
from idchaos.verdict.verdict import ObjectiveVerdict, judge_run

LOOK = Reading(at=100.0, wall=100.0, busy_s=10.0, stolen_s=1.0, total_s=50.0, stalled_s=5.0, waited_s={7: 1.0})
QUIET = replace(LOOK, at=101.0, wall=101.0, busy_s=11.0, total_s=52.0)


def kinds(after: Reading, before: Reading = LOOK) -> list[str]:
    return [span.kind for span in troubles(before, after)]


def test_a_quiet_second_is_no_trouble() -> None:
    assert troubles(LOOK, QUIET) == []
    assert shares(LOOK, QUIET) == host.Shares(cpu=0.5, stolen=0.0, stalled=0.0, waited=0.0, generator=None)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"wall": 101.04}, []),
        ({"wall": 101.06}, ["clock_jumped"]),
        ({"wall": 100.0}, ["clock_jumped"]),
        ({"wall": 101.06, "doubt_s": 0.02}, []),  # the two clocks could not be read at one moment
        ({"wall": 3701.0, "asleep_s": 3600.0}, ["suspended"]),  # while the machine sleeps only one clock stands still
        ({"at": 101.9, "wall": 101.9}, []),
        ({"at": 103.1, "wall": 103.1}, ["suspended"]),
        ({"waited_s": {7: 1.2}}, []),
        ({"waited_s": {7: 1.3}}, ["cpu_starved"]),
        ({"waited_s": {8: 99.0}}, []),  # a process that was not there before
        ({"stalled_s": 6.0}, []),  # somebody waited all the time, but none of ours
        ({"busy_s": 12.0}, []),  # all CPUs were busy, and nobody of ours had to wait
        ({"stolen_s": 1.3}, ["cpu_starved"]),
    ],
)
def test_what_is_trouble(change: dict[str, Any], kind: list[str]) -> None:
    assert kinds(replace(QUIET, **change)) == kind


def test_a_load_generator_without_time_to_spare_is_trouble() -> None:
    before = replace(LOOK, generator_s=3.0)
    assert kinds(replace(QUIET, generator_s=3.9), before) == []
    assert kinds(replace(QUIET, generator_s=3.97), before) == ["cpu_starved"]


def test_too_short_a_time_tells_nothing_of_shares() -> None:
    assert kinds(replace(LOOK, at=100.1, wall=100.1, waited_s={7: 1.09})) == []


def test_a_system_that_tells_nothing_but_the_time_is_still_watched() -> None:
    bare = Reading(at=1.0, wall=1.0)
    assert troubles(bare, Reading(at=2.0, wall=2.0)) == []
    assert kinds(Reading(at=5.0, wall=5.0), bare) == ["suspended"]


def starved(since: float, until: float) -> Span:
    return Span(kind="cpu_starved", since=since, until=until, why="busy")


def test_seconds_in_a_row_are_one_span_and_a_pause_makes_two() -> None:
    assert joined(starved(1, 2), starved(2, 3)) == starved(1, 3)
    assert joined(starved(1, 2), starved(5, 6)) is None
    assert joined(starved(1, 2), Span(kind="suspended", since=2, until=5, why="stopped")) is None


def test_spans_are_what_the_journal_says(make_record: Callable[..., RunRecord]) -> None:
    events = [
        {"at": 112.0, "event": "cpu_starved", "since": 110.0, "until": 112.0, "why": "busy"},
        {"at": 115.0, "event": "cpu_starved", "since": 115.0, "until": 114.0, "why": "busy"},
    ]
    assert host.spans(make_record(events=events).events) == (starved(110, 112), starved(114, 115))


@pytest.mark.parametrize("told", [{}, {"since": "noon", "until": None}])
def test_a_trouble_that_does_not_say_when_may_have_been_until_it_was_noticed(
    make_record: Callable[..., RunRecord], told: dict[str, Any]
) -> None:
    events = [{"at": 113.0, "event": "suspended", "why": "stopped"} | told]
    (span,) = host.spans(make_record(events=events).events)
    assert span.touches(100, 110)
    assert not span.touches(120, 130)


# --- the rule, on whole runs: fault 110 to 120, recovery 120 to 130


def event(kind: str, since: float, until: float, why: str = "why") -> dict[str, Any]:
    return {"at": until, "event": kind, "since": since, "until": until, "why": why}


@pytest.fixture
def judged(
    make_record: Callable[..., RunRecord], make_plan: Callable[..., Any], traffic: Callable[..., Any]
) -> Callable[..., ObjectiveVerdict]:
    """What becomes of one objective on the fault phase, with what happened to the machine."""

    def make(*happened: dict[str, Any], slow: tuple[float, float] = (0, 0), **fields: Any) -> ObjectiveVerdict:
        bound = Bound(op="<=", limit=0.2, unit="s")
        objective = Objective(name="fast", sli="latency_p95{flow=api}", phase=PhaseName.FAULT, bound=bound)
        rows = [
            {"latency_s": 1.0 if slow[0] <= row["due_at"] < slow[1] else 0.01, **row}
            for row in traffic(100, 130, rate=50.0, **fields)
        ]
        return judge_run(make_record(rows, plan=make_plan((objective,)), events=happened)).objectives[0]

    return make


Judge = Callable[..., ObjectiveVerdict]


def test_without_trouble_both_verdicts_stand(judged: Judge) -> None:
    assert judged().verdict is Verdict.PASS
    assert judged(slow=(110, 120)).verdict is Verdict.FAIL


@pytest.mark.parametrize("kind", ["suspended", "clock_jumped"])
@pytest.mark.parametrize("slow", [(0, 0), (110, 120)])
def test_a_suspended_run_and_one_whose_clock_jumped_show_nothing(
    judged: Judge, kind: str, slow: tuple[float, float]
) -> None:
    found = judged(event(kind, 112, 115, "it stood still"), slow=slow)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reason.endswith("withheld: it stood still")


def test_a_suspension_touches_only_its_phase_and_a_jump_all_that_follow(judged: Judge) -> None:
    assert judged(event("suspended", 103, 106)).verdict is Verdict.PASS
    assert judged(event("clock_jumped", 103, 104)).verdict is Verdict.INCONCLUSIVE
    assert judged(event("clock_jumped", 123, 124)).verdict is Verdict.PASS


def test_a_pass_on_a_starved_machine_is_a_pass(judged: Judge) -> None:
    assert judged(event("cpu_starved", 100, 130)).verdict is Verdict.PASS


def test_a_pass_of_a_load_generator_that_was_late_is_none(judged: Judge) -> None:
    found = judged(event("cpu_starved", 100, 130), sent_at=lambda number: 100 + number / 50 + 0.5)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "the load generator was late" in found.reason


def test_a_fail_that_only_the_starved_seconds_show_is_withheld(judged: Judge) -> None:
    found = judged(event("cpu_starved", 112, 116, "busy"), slow=(112, 116))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "FAIL withheld: the machine was short of CPU for 4 s (busy)" in found.reason


def test_a_fail_that_the_other_seconds_show_as_well_stands(judged: Judge) -> None:
    assert judged(event("cpu_starved", 112, 114), slow=(110, 120)).verdict is Verdict.FAIL


def test_a_fail_of_a_run_that_was_starved_throughout_is_withheld(judged: Judge) -> None:
    assert judged(event("cpu_starved", 100, 130), slow=(110, 120)).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ({"decision": "deny", "status": 400, "error_code": "invalid_grant"}, Verdict.FAIL),
        ({"decision": "deny", "status": 401, "error_code": "token_expired"}, Verdict.INCONCLUSIVE),
        ({"decision": "undecided", "status": 0, "error_code": "read_timeout"}, Verdict.INCONCLUSIVE),
    ],
)
def test_a_fail_is_withheld_only_where_waiting_can_have_caused_it(
    make_record: Callable[..., RunRecord],
    make_plan: Callable[..., Any],
    traffic: Callable[..., Any],
    answer: dict[str, Any],
    verdict: Verdict,
) -> None:
    """101 of 101 refreshes came back so, on a machine that was short of CPU all the while."""
    bound = Bound(op="<=", limit=0.01, unit="share")
    objective = Objective(name="refreshed", sli="refresh_error_rate", phase=PhaseName.FAULT, bound=bound)
    refreshes = [
        row | {"flow": "refresh", "endpoint": "token", "replica": "", "service": ""} | answer
        for row in traffic(110, 120, rate=10.1)
    ]
    record = make_record(
        [*traffic(100, 130), *refreshes], plan=make_plan((objective,)), events=[event("cpu_starved", 100, 130)]
    )
    (found,) = judge_run(record).objectives
    assert (found.samples, found.value, found.verdict) == (101, 1.0, verdict)


def test_a_lag_is_moved_by_late_answers_and_where_there_was_none_by_all_of_the_starved_time(
    make_record: Callable[..., RunRecord], traffic: Callable[..., Any]
) -> None:
    def moved(**fields: Any) -> float:
        late = {"latency_s": lambda number: 0.4 if number == 250 else 0.01}  # due at 105
        samples = make_record(traffic(100, 130, rate=50.0, **late | fields)).samples
        return host.moved_s(samples, [starved(104, 106), starved(110, 113)])

    assert moved() == pytest.approx(0.8)
    refused = {"decision": "undecided", "status": 503, "error_code": "jwks_unavailable"}
    assert moved(**refused) == pytest.approx(0.8)  # an answer came, and so its wait is known
    assert moved(error_code=lambda number: "read_timeout" if number == 550 else "") == 5.0


def accepted_for(seconds: float, number: int) -> list[dict[str, Any]]:
    """A token that is revoked, accepted for so long, and refused then; asked about every half a second."""
    revoked_at = 101.0 + number % 4
    probe = {"flow": "revocation", "session": f"p{number}", "format": "jwt", "expected": "either"}
    revoke = {"due_at": revoked_at, "endpoint": "revoke", "service_time_s": 0.0, "expected": "accept"}
    polls = [
        {"due_at": revoked_at + n / 2, "endpoint": "/orders", "replica": "gateway-1", "token_exp": 900.0}
        | ({} if n / 2 <= seconds else {"decision": "deny", "status": 401, "error_code": "token_revoked"})
        for n in range(1, 20)
    ]
    return [probe | row for row in (revoke, *polls)]


@pytest.mark.parametrize("sli", ["revocation_lag_max", "revocation_lag_p95"])
@pytest.mark.parametrize(
    "case",
    [
        (4.5, 0.4, Verdict.PASS),
        (5.5, 0.4, Verdict.INCONCLUSIVE),  # 0.8 s of it may have been waited for
        (7.0, 0.4, Verdict.FAIL),
        (7.0, 3.0, Verdict.INCONCLUSIVE),
    ],
)
def test_a_lag_beyond_its_bound_by_more_than_anybody_waited_fails(
    make_record: Callable[..., RunRecord],
    make_plan: Callable[..., Any],
    traffic: Callable[..., Any],
    sli: str,
    case: tuple[float, float, Verdict],
) -> None:
    lasting, slowest_s, verdict = case
    bound = Bound(op="<=", limit=5, unit="s")
    objective = Objective(name="felt", sli=sli, phase="all", bound=bound)
    rows = traffic(100, 130, latency_s=lambda number: slowest_s if number == 100 else 0.01)
    # As many tokens as a quantile takes.
    tokens = [row for number in range(60) for row in accepted_for(lasting, number)]
    record = make_record(
        [*rows, *tokens], plan=make_plan((objective,)), events=[event("cpu_starved", 100, 130, "busy")]
    )
    assert judge_run(record).objectives[0].verdict is verdict


@pytest.mark.parametrize("name", [*REGISTRY, "token_lifetime_p95", "latency_p95", "revocation_lag_p95"])
def test_each_indicator_says_itself_whether_waiting_can_worsen_it(name: str) -> None:
    """What was accepted, told or fetched was so on any machine; what is counted in answers or seconds may be late."""
    found = find(name)
    assert found is not None
    counts_seconds_or_answers = found.unit in ("s", "share", "times", "retries") and "lifetime" not in name
    assert found.worsened_by_waiting is counts_seconds_or_answers


@pytest.mark.parametrize("kind", host.KINDS)
def test_a_breach_is_a_fail_on_any_machine(
    make_record: Callable[..., RunRecord], make_plan: Callable[..., Any], kind: str
) -> None:
    breach = {
        "due_at": 113.0, "flow": "canary", "canary": "expired", "expected": "deny", "decision": "accept",
        "status": 200, "endpoint": "/orders", "replica": "gateway-1",
    }  # fmt: skip
    invariant = Invariant(name="no bad token", canaries=(Canary.EXPIRED,))
    plan = make_plan((), (invariant,), canaries=CanaryPlan(kinds=(Canary.EXPIRED,), clock_margin_s=10.0))
    verdict = judge_run(make_record([breach], plan=plan, events=[event(kind, 100, 130)]))
    assert verdict.verdict is Verdict.FAIL


# --- looking


def test_a_look_reads_clocks_that_agree() -> None:
    reading = look(Clock(), os.getpid())
    assert abs(reading.at - reading.wall) < 60
    assert reading.generator_s is not None
    assert look(Clock(), None).generator_s is None


def test_the_watch_writes_telemetry_and_stops_when_told(tmp_path: Path) -> None:
    directory = RunDirectory.create(tmp_path, "by_hand", {})
    watch = HostWatch(directory, lambda: None)
    watch.start()
    watch.stop()
    watch.stop()
    directory.close()
    points, _ = read_telemetry(directory.path / "telemetry.jsonl")
    assert {point.component for point in points} == {"host"}


def test_a_watch_that_fails_is_no_quiet_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(*_: object) -> None:
        raise RuntimeError("no /proc")

    monkeypatch.setattr("idchaos.run.host_watch.look", blind)
    directory = RunDirectory.create(tmp_path, "by_hand", {})
    watch = HostWatch(directory, lambda: None)
    watch.start()
    watch.stop()
    directory.close()
    events, _ = read_events(directory.path / "journal.jsonl")
    (span,) = spans(events)
    assert span.kind == "host_unwatched"
    assert withheld([span], (span.until + 10, span.until + 20)) == [
        "the machine was not watched any more (RuntimeError: no /proc)"
    ]


def test_a_watch_that_was_never_started_can_be_stopped(tmp_path: Path) -> None:
    directory = RunDirectory.create(tmp_path, "by_hand", {})
    HostWatch(directory, lambda: None).stop()
    directory.close()
