"""What is read from one run: of records written by hand, in which it is known what became of everybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from idchaos.experiment import CanaryPlan, Verdict
from idchaos.record.record import Cleanup, RunRecord
from idchaos.studies.bakeoff import keys, outages, tokens
from idchaos.studies.bakeoff.questions import QUESTIONS, read
from idchaos.studies.bakeoff.sight import Sight, counted
from idchaos.studies.study.figure import Figure
from idchaos.verdict.verdict import FaultVerdict, RunVerdict

Rows = list[dict[str, Any]]
OUTAGE = (
    {"at": 110.0, "event": "fault_applied", "fault": "refused"},
    {"at": 119.5, "event": "fault_healed", "fault": "refused"},
)
REFUSED = {"decision": "undecided", "outcome": "unavailable", "status": 503, "error_code": "jwks_unavailable"}


def verdict_of(*, status: str = "completed", proved: bool = True) -> RunVerdict:
    fault = FaultVerdict(name="refused", phase="fault", applied_at=110.0, healed_at=119.5, effect_proved=proved,
                         evidence=(), reason="" if proved else "nobody asked for keys")  # fmt: skip
    return RunVerdict(
        scenario="by_hand", variant="plain", profile="quick", seed=1, verdict=Verdict.PASS, reasons=(), run_dir="x",
        started_at=0.0, status=status, objectives=(), invariants=(), faults=(fault,), cleanup=Cleanup(clean=True),
        slis=(), revocation_lag=(), reconciliation=(), generator=(),
    )  # fmt: skip


@pytest.fixture
def sight(make_record: Callable[..., RunRecord]) -> Callable[..., Sight]:
    def of(samples: Rows, verdict: RunVerdict | None = None, **parts: Any) -> Sight:
        record = make_record(samples, **({"events": OUTAGE} | parts))
        record.manifest.settings.update({"gateway": {"jwks_cache_s": 4.0}, "tokens": {"access_ttl_s": 6.0}})
        return Sight(record, verdict or verdict_of())

    return of


def fetched(*moments: float, gateways: tuple[str, ...] = ("gateway-1", "gateway-2")) -> list[Any]:
    """Telemetry of gateways that were given keys at these moments."""
    recent = [{"number": at, "at": moment, "error": None} for at, moment in enumerate(moments, 1)]
    found = []
    for at in range(100, 130):
        seen = [each for each in recent if each["at"] <= at]
        for name in gateways:
            jwks = {"fetches": len(seen), "recent_fetches": seen}
            found.append((float(at), name, {"jwks": jwks, "cpu_s": (at - 100) * 0.01, "requests": {}}))
    return found


class TestAnOutage:
    def test_who_serves_to_its_end_survives_at_least_that(
        self, sight: Callable[..., Sight], traffic: Callable[..., Rows]
    ) -> None:
        found = outages.survival(sight(traffic(100.0, 130.0)), "q")
        assert (found.text, found.interval) == ("≥ 9.50 s", (9.5, None))
        assert outages.told(sight(traffic(100.0, 130.0)), "q").text == "nobody was refused"

    def test_the_age_of_keys_is_what_does_not_depend_on_the_moment(
        self, sight: Callable[..., Sight], traffic: Callable[..., Rows]
    ) -> None:
        ages = []
        for fetch in (109.0, 107.5):
            ends = fetch + 4.0
            samples = traffic(100.0, ends) + traffic(ends, 119.5, **REFUSED) + traffic(119.5, 130.0)
            ages.append(outages.survival(sight(samples, telemetry=fetched(105.0, fetch)), "q"))
        for age in ages:
            assert age.value == pytest.approx(4.0, abs=0.1)
            low, high = age.interval
            assert low is not None
            assert high is not None
            assert low <= 4.0 <= high
        assert ages[0].agrees(ages[1])
        assert ages[0].sure != ages[1].sure

    def test_where_no_fetch_was_seen_the_time_since_it_began_is_told_and_a_cache_s_life_may_move_it(
        self, sight: Callable[..., Sight], traffic: Callable[..., Rows]
    ) -> None:
        samples = traffic(100.0, 112.0) + traffic(112.0, 119.5, **REFUSED) + traffic(119.5, 130.0)
        found = outages.survival(sight(samples), "q")
        assert found.value == pytest.approx(2.0, abs=0.1)
        assert found.play == 4.0

    def test_a_single_failure_is_no_end(self, sight: Callable[..., Sight], traffic: Callable[..., Rows]) -> None:
        samples = traffic(100.0, 130.0)
        samples[250] |= REFUSED
        assert outages.survival(sight(samples), "q").text.startswith("≥")

    def test_how_it_is_told_is_by_status(self, sight: Callable[..., Sight], traffic: Callable[..., Rows]) -> None:
        samples = traffic(100.0, 112.0) + traffic(112.0, 119.5, **REFUSED) + traffic(119.5, 130.0)
        found = outages.told(sight(samples), "q")
        assert found.text == "503"
        assert "mostly jwks_unavailable" in found.sure

    def test_a_request_that_hangs_and_is_answered_at_last_was_no_service_meanwhile(
        self, sight: Callable[..., Sight], traffic: Callable[..., Rows]
    ) -> None:
        def until_the_end(number: int) -> float:
            return 119.6 - (112.0 + number / 20)

        hanging = traffic(112.0, 119.5, service_time_s=until_the_end)
        found = outages.standstill(sight(traffic(100.0, 112.0) + hanging + traffic(119.5, 130.0)), "q")
        assert found.value == pytest.approx(7.6, abs=0.2)
        assert found.play == 4.0
        never = sight(traffic(100.0, 112.0) + traffic(112.0, 130.0, **REFUSED))
        assert not outages.standstill(never, "q").known

    def test_a_cold_replica_is_known_by_the_fault_that_restarted_it(
        self, sight: Callable[..., Sight], traffic: Callable[..., Rows]
    ) -> None:
        restart = {"at": 110.5, "event": "fault_applied", "fault": "restart",
                   "detail": {"kind": "process", "component": "gateway-2"}}  # fmt: skip
        events = (*OUTAGE, restart, {"at": 119.5, "event": "fault_healed", "fault": "restart"})
        samples = traffic(100.0, 130.0)
        for row in samples:
            row.update(REFUSED if row["replica"] == "gateway-2" and 110.5 <= row["due_at"] < 119.5 else {})
        found = outages.cold_service(sight(samples, events=events), "q")
        assert found.text == "nobody is served: 503"
        assert "gateway-2" in found.sure
        assert outages.cold_return(sight(samples, events=events), "q").value == 0

    @pytest.mark.parametrize(
        ("verdict", "why"),
        [(verdict_of(proved=False), "nobody asked for keys"), (verdict_of(status="aborted"), "the run was aborted")],
    )
    def test_what_was_not_felt_or_not_completed_tells_nothing(
        self, verdict: RunVerdict, why: str, sight: Callable[..., Sight], traffic: Callable[..., Rows]
    ) -> None:
        asked = [each for each in QUESTIONS if each.name == "survives_refused"]
        (found,) = read(sight(traffic(100.0, 130.0), verdict), asked)
        assert not found.known
        assert why in found.sure

    def test_a_gateway_that_told_its_users_that_it_has_no_keys_felt_it(
        self, sight: Callable[..., Sight], traffic: Callable[..., Rows]
    ) -> None:
        asked = [each for each in QUESTIONS if each.name == "told_refused"]
        samples = traffic(100.0, 112.0) + traffic(112.0, 119.5, **REFUSED) + traffic(119.5, 130.0)
        (found,) = read(sight(samples, verdict_of(proved=False)), asked)
        assert found.text == "503"
        other = {**REFUSED, "error_code": "upstream_unavailable"}
        samples = traffic(100.0, 112.0) + traffic(112.0, 119.5, **other) + traffic(119.5, 130.0)
        (found,) = read(sight(samples, verdict_of(proved=False)), asked)
        assert not found.known


class TestKeys:
    def test_key_requests_are_counted_on_the_wire_for_each_thousand_calls(
        self, sight: Callable[..., Sight], traffic: Callable[..., Rows]
    ) -> None:
        found = keys.at_expiry(sight(traffic(100.0, 130.0), telemetry=fetched(*range(101, 129, 4))), "q")
        assert found.value == pytest.approx(14 / 600 * 1000, rel=0.3)
        low, high = found.interval
        assert low is not None
        assert high is not None
        assert low < 14 / 600 * 1000 < high
        assert "at most 1 at once" in found.sure

    def test_junk_that_did_not_arrive_tells_nothing(
        self, sight: Callable[..., Sight], traffic: Callable[..., Rows], make_plan: Callable[..., Any]
    ) -> None:
        from idchaos.experiment import Stream

        plan = make_plan()
        junk = Stream(flow="junk", rate=20.0, starts_s=10.0, ends_s=20.0)
        load = plan.load.model_copy(update={"streams": (*plan.load.streams, junk)})
        plan = plan.model_copy(update={"load": load})
        good = traffic(100.0, 130.0)
        refused = {"flow": "junk", "expected": "deny", "decision": "deny", "status": 401}
        bad = traffic(110.0, 120.0, **refused, error_code="kid_unknown")
        parts = {"plan": plan, "telemetry": fetched(*range(101, 129))}
        assert keys.under_junk(sight(good + bad, **parts), "q").known
        assert "made-up kids" in keys.under_junk(sight(good + bad[:50], **parts), "q").sure
        assert not keys.under_junk(sight(good + bad[:50], **parts), "q").known
        before = traffic(110.0, 120.0, **refused, error_code="token_malformed")
        assert "refused as token_malformed" in keys.under_junk(sight(good + before, **parts), "q").sure

    def test_requests_per_core_need_cpu_time_that_was_recorded(
        self, sight: Callable[..., Sight], traffic: Callable[..., Rows]
    ) -> None:
        told = keys.per_core(sight(traffic(100.0, 130.0), telemetry=fetched(101.0)), "q")
        assert told.value == pytest.approx(580 / 0.58, rel=0.05)
        untold = keys.per_core(sight(traffic(100.0, 130.0)), "q")
        assert not untold.known
        assert "was not recorded" in untold.sure

    def test_a_count_lies_between_what_chance_allows(self) -> None:
        low, high = counted(10)
        assert (low, high) == pytest.approx((4.795, 18.39), rel=1e-3)
        assert counted(0)[0] == 0


class TestTokens:
    def test_kinds_that_passed_are_told_with_their_ways_and_what_nobody_can_know_beside(
        self, sight: Callable[..., Sight], traffic: Callable[..., Rows]
    ) -> None:
        bad = {"flow": "canary", "expected": "deny"}
        samples = [
            *traffic(100.0, 130.0),
            *traffic(111.0, 112.0, canary="odd_times", way="no_exp", **bad),
            *traffic(112.0, 113.0, canary="revoked", **bad),
            *traffic(113.0, 114.0, canary="alg_none", decision="deny", status=401, **bad),
        ]
        found = tokens.passed(sight(samples), "q")
        assert found.text == "odd times (no exp)"
        assert "beside revoked" in found.sure
        assert "60 bad tokens of 3 kinds" in found.sure
        assert not tokens.passed(sight(traffic(100.0, 130.0)), "q").known

    def test_whether_iat_is_looked_at(
        self, sight: Callable[..., Sight], traffic: Callable[..., Rows], make_plan: Callable[..., Any]
    ) -> None:
        plan = make_plan(canaries=CanaryPlan(kinds=("odd_times",), clock_margin_s=10.0))
        bad = {"flow": "canary", "expected": "deny", "canary": "odd_times", "way": "iat_ahead"}
        taken = traffic(111.0, 112.0, **bad)
        refused = traffic(111.0, 112.0, **bad, decision="deny", status=401)
        assert tokens.of_iat(sight(taken, plan=plan), "q").text == "taken"
        assert tokens.of_iat(sight(refused, plan=plan), "q").text == "refused"

    def test_what_exp_tolerates_is_what_lies_beyond_a_token_s_life(
        self, sight: Callable[..., Sight], traffic: Callable[..., Rows]
    ) -> None:
        steps = [{"at": 110.0 + at, "event": "clock_skewed", "component": "idp", "offset_s": -offset}
                 for at, offset in ((0, 8.0), (3, 10.0), (6, 12.0))]  # fmt: skip
        samples = traffic(100.0, 130.0, token_obtained_at=lambda number: 100.0 + number / 20)
        for row in samples:
            late = 116.0 <= row["due_at"] < 120.0
            row.update({"decision": "deny", "status": 401, "error_code": "token_expired"} if late else {})
        found = tokens.of_exp(sight(samples, events=(*OUTAGE, *steps)), "q")
        assert found.interval == (4.0, 6.0)
        assert found.text == "4.00 s to 6.00 s"


def test_two_figures_agree_where_their_intervals_meet_and_of_words_where_they_are_the_same() -> None:
    def of(low: float | None, high: float | None, play: float = 0.0) -> Figure:
        return Figure(question="q", text="x", interval=(low, high), play=play)

    assert of(1, 2).agrees(of(2, 3))
    assert not of(1, 2).agrees(of(2.1, 3))
    assert of(1, 2, play=0.1).agrees(of(2.1, 3))
    assert of(9, None).agrees(of(1, 9.5))
    assert not of(9, None).agrees(of(1, 2))
    assert Figure(question="q", text="503").agrees(Figure(question="q", text="503"))
    assert not Figure(question="q", text="503").agrees(Figure(question="q", text="401"))
