import numpy as np
import pandas as pd
import pytest

from idchaos.record.record import Telemetry
from idchaos.record.samples import frame_of
from idchaos.verdict.series import canaries, requests, states, thresholds
from idchaos.verdict.series.axis import TimeAxis
from idchaos.verdict.series.thresholds import Lag
from idchaos.verdict.skew import SkewStep

AXIS = TimeAxis(origin=100.0, ends_s=3.0)
NAN = float("nan")


def test_outcomes_are_counted_at_the_second_they_were_due():
    samples = frame_of(
        [
            {"due_at": 100.1},
            {"due_at": 100.9},
            {"due_at": 101.5, "decision": "deny"},
            {"due_at": 102.0, "expected": "deny", "decision": "accept"},
            {"due_at": 102.1, "expected": "deny", "decision": "deny"},
            {"due_at": 109.0},
        ]
    )
    stack = requests.outcomes(samples, AXIS)
    assert {name: layer.tolist() for name, layer in stack.layers.items()} == {
        "ok": [2, 0, 0],
        "denied": [0, 0, 1],
        "wrongly_denied": [0, 1, 0],
        "wrongly_accepted": [0, 0, 1],
    }


def test_what_was_never_sent_is_shown_as_such_not_as_an_outcome_of_the_target():
    samples = frame_of([{"due_at": 100.5, "sent_at": NAN, "decision": "undecided", "error_code": "dropped"}])
    assert requests.outcomes(samples, AXIS).totals == {"not_sent": 1}


def test_a_rate_in_a_last_bin_that_was_cut_short_is_still_a_rate():
    axis = TimeAxis(origin=100.0, ends_s=1.5)
    samples = frame_of([{"due_at": 101.0 + step / 20} for step in range(10)])
    assert requests.outcomes(samples, axis).layers["ok"].tolist() == [0, 20]


def test_quantiles_are_samples_that_occurred():
    through = {"replica": "gateway-1"}
    samples = frame_of(
        [{**through, "due_at": 100.0 + step / 200, "latency_s": (step + 1) / 1000} for step in range(100)]
        + [{**through, "due_at": 102.5, "latency_s": 0.7}]
    )
    quantiles = requests.latencies(samples, AXIS)
    assert quantiles.levels[0.5].tolist() == pytest.approx([0.050, NAN, 0.7], nan_ok=True)
    assert quantiles.levels[0.95].tolist() == pytest.approx([0.095, NAN, 0.7], nan_ok=True)
    assert quantiles.levels[0.99].tolist() == pytest.approx([0.099, NAN, 0.7], nan_ok=True)
    assert quantiles.samples == 101


def test_canaries_probes_and_the_idp_are_no_users_of_the_gateways():
    gateway = {"due_at": 100.5, "replica": "gateway-1"}
    samples = frame_of(
        [
            {**gateway, "latency_s": 0.001},
            {**gateway, "latency_s": 9.0, "canary": "expired", "flow": "canary"},
            {**gateway, "latency_s": 9.0, "flow": "revocation"},
            {"due_at": 100.5, "latency_s": 9.0, "flow": "login"},
            {**gateway, "sent_at": NAN, "latency_s": NAN},
        ]
    )
    assert requests.latencies(samples, AXIS).levels[0.99][0] == 0.001


def counters(component: str, *readings: tuple[float, int, int]) -> list[Telemetry]:
    return [
        Telemetry(at, component, {"jwks": {"fetches": total, "fetch_failures": failed}})
        for at, total, failed in readings
    ]


def test_fetches_are_differences_of_counters():
    telemetry = counters("gateway-1", (99.0, 5, 0), (100.5, 6, 0), (101.5, 9, 3), (102.5, 9, 3))
    (fetches,) = states.jwks_fetches(telemetry, AXIS)
    assert fetches.ok.tolist() == [1, 0, 0]
    assert fetches.failed.tolist() == [0, 3, 0]


def test_a_counter_that_fell_was_restarted():
    (fetches,) = states.jwks_fetches(counters("gateway-1", (100.0, 50, 0), (101.5, 2, 0)), AXIS)
    assert fetches.ok.tolist() == [0, 2, 0]


def test_the_idp_counts_what_it_served():
    telemetry = [
        Telemetry(100.0, "idp", {"requests": {"jwks": {"total": 3, "errors": 0}}}),
        Telemetry(100.5, "idp", {"requests": {"jwks": {"total": 7, "errors": 1}}}),
    ]
    (fetches,) = states.jwks_fetches(telemetry, AXIS)
    assert (fetches.component, fetches.ok[0], fetches.failed[0]) == ("idp", 3, 1)


def test_a_component_that_never_fetches_has_no_lane():
    assert states.jwks_fetches(counters("orders", (100.0, 0, 0), (101.0, 0, 0)), AXIS) == []


def test_keys_in_use_are_those_whose_tokens_gateways_accepted():
    gateway = {"replica": "gateway-1"}
    samples = frame_of(
        [
            {**gateway, "due_at": 100.2, "kid": "old"},
            {**gateway, "due_at": 101.2, "kid": "new"},
            {**gateway, "due_at": 101.3, "kid": "new", "decision": "deny"},
            {"due_at": 101.4, "kid": "new", "endpoint": "token"},
        ]
    )
    keys = requests.accepted_by_kid(samples, AXIS)
    assert {kid: layer.tolist() for kid, layer in keys.layers.items()} == {"new": [0, 1, 0], "old": [1, 0, 0]}


def test_more_keys_than_can_be_told_apart_are_summed_up():
    rows = [{"due_at": 100.5, "replica": "gateway-1", "kid": f"k{number}"} for number in range(20)]
    layers = requests.accepted_by_kid(frame_of(rows), AXIS).layers
    assert len(layers) == requests.MOST_KEYS + 1
    assert layers["others"][0] == 20 - requests.MOST_KEYS


def test_lanes_show_when_a_key_was_published_and_signed_with():
    def idp(at: float, **keys: tuple[bool, bool]) -> Telemetry:
        listed = [{"kid": kid, "published": flags[0], "signing": flags[1]} for kid, flags in keys.items()]
        return Telemetry(at, "idp", {"keys": listed})

    telemetry = [
        idp(100.0, old=(True, True)),
        idp(101.0, old=(True, False), new=(True, True)),
        idp(102.0, old=(False, False), new=(True, True)),
    ]
    old, new = states.key_lanes(telemetry, AXIS)
    assert (old.published, old.signing) == ([(0.0, 2.0)], [(0.0, 1.0)])
    assert (new.published, new.signing) == ([(1.0, 3.0)], [(1.0, 3.0)])


def test_clocks_that_were_right_throughout_are_no_plot():
    right = [Telemetry(100.5, "idp", {"clock": {"offset_s": 0.0}})]
    assert states.clock_offsets(right, AXIS) == []
    (idp,) = states.clock_offsets([*right, Telemetry(101.5, "idp", {"clock": {"offset_s": 30.0}})], AXIS)
    assert idp.offsets.tolist() == [0, 30]


def test_lags_without_censoring_are_an_empirical_distribution():
    (curve,) = thresholds.lag_curves([Lag("gateway-1", "jwt", lag, censored=False) for lag in (1.0, 2.0, 2.0, 4.0)])
    assert curve.lag_s.tolist() == [1, 2, 4]
    assert curve.share.tolist() == pytest.approx([0.25, 0.75, 1.0])


def test_a_censored_lag_never_counts_as_ended():
    lags = [Lag("gateway-1", "jwt", lag, censored=lag == 3.0) for lag in (1.0, 2.0, 3.0, 3.0)]
    (curve,) = thresholds.lag_curves(lags)
    assert curve.share.tolist() == pytest.approx([0.25, 0.5])
    assert curve.censored_s.tolist() == [3, 3]


def test_a_replica_that_never_refused_has_a_flat_curve():
    (curve,) = thresholds.lag_curves([Lag("gateway-2", "jwt", 5.0, censored=True)])
    assert (curve.lag_s.tolist(), curve.censored_s.tolist()) == ([], [5.0])


def test_each_replica_and_format_has_a_curve_of_its_own():
    lags = [Lag(replica, kind, 1.0, censored=False) for replica in ("a", "b") for kind in ("jwt", "opaque")]
    assert [(curve.replica, curve.format) for curve in thresholds.lag_curves(lags)] == [
        ("a", "jwt"),
        ("a", "opaque"),
        ("b", "jwt"),
        ("b", "opaque"),
    ]


def test_lags_without_a_time_are_left_out():
    table = pd.DataFrame(
        {"replica": ["a", "a"], "format": ["jwt", "jwt"], "lag_s": [1.0, np.nan], "censored": [False, True]}
    )
    assert thresholds.lags_of(table) == [Lag("a", "jwt", 1.0, censored=False)]


def test_a_step_is_no_sweep():
    steps = [SkewStep("idp", 30.0, 0, 1, 100, 0), SkewStep("idp", 0.0, 1, 2, 100, 0)]
    assert thresholds.skew_sweep(steps) == []


def test_a_sweep_adds_up_what_happened_at_the_same_offset():
    offsets = ((-60.0, 80), (0.0, 0), (60.0, 90), (0.0, 10))
    points = thresholds.skew_sweep([SkewStep("idp", offset, 0, 1, 100, refused) for offset, refused in offsets])
    assert [(point.offset_s, point.share) for point in points] == [(-60, 0.8), (0, 0.05), (60, 0.9)]


def test_canaries_are_counted_as_the_judge_counts_them():
    bad = {"canary": "expired", "expected": "deny"}
    samples = frame_of(
        [
            {**bad, "decision": "deny"},
            {**bad, "decision": "accept"},
            {**bad, "decision": "undecided"},
            {**bad, "expected": "either", "decision": "accept"},
            {"due_at": 100.0},
        ]
    ).assign(phase=["baseline", "fault", "fault", "fault", "fault"])
    table = canaries.canary_table(samples)
    assert table.phases == ["baseline", "fault"]
    whole = table.cells["expired"][-1]
    assert (whole.decided, whole.accepted, whole.undecided) == (2, 1, 1)
