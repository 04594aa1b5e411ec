"""Every scenario, in every variant and profile, is a sound experiment before anything is started."""

from __future__ import annotations

from itertools import chain, product
from typing import TypeVar

import pytest

from idchaos.errors import UsageError
from idchaos.experiment import LoadPlan, PhaseName, Plan
from idchaos.faults.clock import ClockSkew
from idchaos.faults.idp_errors import EndpointFault
from idchaos.faults.keys import KeyRotation
from idchaos.faults.process import ProcessFault
from idchaos.faults.rotations import Rotations
from idchaos.faults.secret_rotation import SecretRotation
from idchaos.load.canaries.catalogue import kinds
from idchaos.load.canaries.kinds.wrong_audience import foreign_audiences
from idchaos.load.flows.attack import Leak, Rollout
from idchaos.load.flows.base import Flow
from idchaos.load.flows.catalogue import flow_of
from idchaos.run.building import OF_SOUND_KEY_SETS
from idchaos.run.scenario import Experiment
from idchaos.run.scenarios import all_scenarios, scenario_named
from idchaos.settings import PROFILES

F = TypeVar("F", bound=Flow)
CASES = [
    (name, variant, profile)
    for (name, scenario), profile in product(all_scenarios().items(), PROFILES)
    for variant in scenario.variants
]
KEYS_ARE_WRONG = {
    ("key_rotation", "publish_late"),
    *(case[:2] for case in CASES if case[0] in {"live_key_removed", "odd_discovery", "odd_jwks"}),
}
"""Designs whose fault is the published keys themselves: what is held against them is no breach there."""


def design(name: str, variant: str = "", profile: str = "quick", **settings: object) -> Experiment:
    scenario = scenario_named(name)
    overrides = {key.replace("__", "."): value for key, value in settings.items()}
    return scenario.design(scenario.fill(profile, scenario.variants.get(variant, {}), overrides))


def flow_in(plan: Plan, kind: type[F]) -> F:
    """The flow of that kind that a plan holds, as it is when it is read back."""
    held = LoadPlan.model_validate_json(plan.load.model_dump_json()).flow(kind.name)
    assert held is not None
    flow = flow_of(held)
    assert isinstance(flow, kind)
    return flow


@pytest.mark.parametrize(("name", "variant", "profile"), CASES)
def test_every_objective_has_its_phase_and_every_canary_its_invariant(name: str, variant: str, profile: str) -> None:
    plan = design(name, variant, profile).plan
    phases = {phase.name for phase in plan.phases}
    assert all(objective.phase == "all" or objective.phase in phases for objective in plan.objectives)
    sent = set(plan.load.canaries.kinds if plan.load.canaries else ())
    assert sent == set(chain.from_iterable(invariant.canaries for invariant in plan.invariants))
    assert sent == set(kinds()) - set(OF_SOUND_KEY_SETS if (name, variant) in KEYS_ARE_WRONG else ())
    assert len({objective.name for objective in plan.objectives}) == len(plan.objectives)


@pytest.mark.parametrize(("name", "variant", "profile"), CASES)
def test_the_fault_ends_before_its_phase_does(name: str, variant: str, profile: str) -> None:
    experiment = design(name, variant, profile)
    length = {phase.name: phase.duration_s for phase in experiment.plan.phases}
    for phase, faults in experiment.faults.items():
        assert all(max(fault.steps()) < length[phase] for fault in faults)


@pytest.mark.parametrize(("name", "variant", "profile"), CASES)
def test_same_settings_same_experiment(name: str, variant: str, profile: str) -> None:
    assert design(name, variant, profile) == design(name, variant, profile)


@pytest.mark.parametrize("name", all_scenarios())
def test_variants_are_what_settings_amount_to(name: str) -> None:
    scenario = scenario_named(name)
    for variant, overrides in scenario.variants.items():
        assert scenario.variant_of(scenario.fill("quick", overrides)) == variant


def test_an_overlapping_rotation_publishes_for_a_cache_life_and_keeps_the_old_key_for_a_token_life() -> None:
    (fault,) = design("key_rotation", gateway__jwks_cache_s=7, tokens__access_ttl_s=20).faults[PhaseName.FAULT]
    assert isinstance(fault, KeyRotation)
    publish, sign, retire = fault.steps()
    assert sign - publish >= 7
    assert retire - sign >= 20


def test_the_quick_profile_is_long_enough_to_decide_three_nines() -> None:
    plan = design("jwks_outage").plan
    fault_s = next(phase.duration_s for phase in plan.phases if phase.name is PhaseName.FAULT)
    api = next(stream for stream in plan.load.streams if stream.flow == "api")
    assert api.rate * fault_s >= 2995


def test_canaries_lie_beyond_every_clock_error_of_the_run() -> None:
    plan = design("clock_skew", skew__offset_s=-500, gateway__leeway_s=60).plan
    assert plan.load.canaries is not None
    assert plan.load.canaries.clock_margin_s > 560


def test_canaries_lie_close_enough_beyond_the_leeway_to_find_one_that_is_too_wide() -> None:
    """A validator with a minute of leeway where five seconds were set must accept an expired token of this plan."""
    plan = design("jwks_outage", gateway__leeway_s=5).plan
    assert plan.load.canaries is not None
    assert 5 < plan.load.canaries.clock_margin_s <= 15


def test_a_leeway_on_nbf_alone_hides_no_expired_token_that_is_accepted() -> None:
    """Of a validator that lets tokens in 300 s early, and none that has expired."""
    plan = design("jwks_outage", gateway__leeway_s=0, gateway__nbf_leeway_s=300).plan
    canaries = plan.load.canaries
    assert canaries is not None
    assert canaries.expired_after_s == 1
    assert 0 < canaries.clock_margin_s <= 10
    assert 300 < canaries.ahead_s <= 310
    assert canaries.shows_in(sum(phase.duration_s for phase in plan.phases))


def test_thresholds_of_a_sweep_lie_where_each_claim_s_leeway_puts_them() -> None:
    ttl, asked = 20, {"gateway__leeway_s": 0, "gateway__nbf_leeway_s": 300, "tokens__access_ttl_s": 20}
    (skew,) = design("clock_skew", "sweep", **asked).faults[PhaseName.FAULT]
    assert isinstance(skew, ClockSkew)
    ahead = [offset for offset in skew.offsets_s if offset > 0]
    behind = [-offset for offset in skew.offsets_s if offset < 0]
    assert min(ahead) < 300 < max(ahead)
    assert min(behind) < ttl < max(behind)


def test_a_canary_that_is_slow_on_its_way_is_not_valid_when_it_arrives() -> None:
    plan = design("jwks_outage", gateway__leeway_s=5, load__timeout_s=30).plan
    assert plan.load.canaries is not None
    assert plan.load.canaries.clock_margin_s >= 35


@pytest.mark.parametrize(
    ("skew", "says"),
    [
        ({"skew__offset_s": 0}, "skew.offset_s=0: too small to be seen"),
        ({"skew__drift_ppm": 1000}, "too slow to be seen within 12 s"),
        ({"skew__offset_s": 0, "skew__drift_ppm": 10_000}, "too slow to be seen within 5 s; at least 20,000 ppm"),
        ({"skew__mode": "sweep", "skew__drift_ppm": 50_000}, "a drift is for skew.mode=step"),
    ],
)
def test_a_clock_error_that_nobody_could_see_is_refused_beforehand(skew: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        design("clock_skew", **skew)


@pytest.mark.parametrize(
    ("given", "bound_s"),
    [
        ({}, 5),  # a cache of 2 s, a second of slack, and 2 s on the way
        ({"gateway__introspection_cache_s": 10}, 13),
        ({"revocation__propagation_s": 0.5}, 3.5),
        ({"gateway__introspection_cache_s": 60}, 30),  # the ceiling, whatever caches allow
    ],
)
def test_a_revocation_must_be_felt_when_caches_have_ended_and_never_later_than_the_ceiling(
    given: dict[str, float], bound_s: float
) -> None:
    plan = design("revocation_lag", tokens__access_ttl_s=120, **given).plan
    bounds = [each.bound.limit for each in plan.objectives if each.sli.startswith("revocation_lag")]
    assert bounds == [bound_s] * 4
    assert plan.load.setting("revocation", "rest_s", 0) == bound_s


def test_tokens_that_expire_before_the_bound_are_refused_beforehand() -> None:
    with pytest.raises(UsageError, match="they must live longer"):
        design("revocation_lag", tokens__access_ttl_s=8)


def test_a_brownout_hits_what_people_log_in_by_and_leaves_keys_alone() -> None:
    (fault,) = design("idp_brownout", brownout__share=0.4).faults[PhaseName.FAULT]
    assert isinstance(fault, EndpointFault)
    assert set(fault.endpoints) == {"authorize", "login", "token"}
    assert fault.error.share == 0.4


def test_a_brownout_without_answers_outlasts_every_client() -> None:
    (fault,) = design("idp_brownout", "timeouts", load__timeout_s=7).faults[PhaseName.FAULT]
    assert isinstance(fault, EndpointFault)
    assert fault.error.delay_s > 7


@pytest.mark.parametrize("profile", PROFILES)
def test_in_an_idp_outage_what_is_left_of_a_token_when_its_refresh_is_due_outlives_the_outage(profile: str) -> None:
    scenario = scenario_named("idp_outage")
    settings = scenario.fill(profile)
    left = settings.tokens.access_ttl_s * (1 - settings.load.refresh_at)
    assert left > settings.fault.duration_s


@pytest.mark.parametrize("variant", ["partial", "slow", "down", "timeouts"])
def test_jwts_must_not_feel_introspection_in_any_variant(variant: str) -> None:
    plan = design("introspection_brownout", variant).plan
    assert {"api_success_fault", "api_latency_fault"} <= {objective.name for objective in plan.objectives}


def test_when_introspection_is_down_nothing_is_promised_for_opaque_tokens_but_that_they_come_back() -> None:
    plan = design("introspection_brownout", "down").plan
    assert [o.phase for o in plan.objectives if "flow=opaque" in o.sli] == [PhaseName.RECOVERY]


@pytest.mark.parametrize("cooldown_s", [0.5, 1.0, 4.0])
def test_a_flood_may_cost_one_fetch_in_each_cooldown(cooldown_s: float) -> None:
    plan = design("junk_kid_flood", gateway__jwks_cooldown_s=cooldown_s).plan
    bound = next(o.bound for o in plan.objectives if o.name == "fetches_bounded")
    asked_per_s_of_one_gateway = sum(s.rate for s in plan.load.streams if s.flow != "login") / 2
    assert bound.limit / 1000 * asked_per_s_of_one_gateway * cooldown_s == pytest.approx(1.5, rel=0.01)


def test_without_a_cooldown_each_request_may_cost_a_fetch() -> None:
    plan = design("junk_kid_flood", gateway__jwks_cooldown_s=0).plan
    assert next(o.bound.limit for o in plan.objectives if o.name == "fetches_bounded") == 1500


def test_a_flood_lasts_through_every_act_of_the_rotation() -> None:
    experiment = design("junk_kid_flood", "rotate")
    junk = next(stream for stream in experiment.plan.load.streams if stream.flow == "junk")
    fault_starts = experiment.plan.phase_starts()[PhaseName.FAULT]
    steps = [step for fault in experiment.faults[PhaseName.FAULT] for step in fault.steps()]
    assert junk.starts_s == fault_starts
    assert junk.ends_s is not None
    assert junk.ends_s > fault_starts + max(steps)
    assert min(step for step in steps if step) >= 3


def test_a_second_rotation_begins_when_the_first_key_signs_and_each_key_is_kept_for_a_token_life() -> None:
    (fault,) = design("frozen_keys", tokens__access_ttl_s=8, gateway__jwks_cache_s=3).faults[PhaseName.FAULT]
    assert isinstance(fault, Rotations)
    first, second = fault.rotations
    assert second.after_s > first.after_s + first.lead_s
    assert second.overlap_s > 8


@pytest.mark.parametrize("profile", PROFILES)
def test_a_replica_restarts_when_the_new_key_begins_to_sign_and_comes_back_within_the_phase(profile: str) -> None:
    experiment = design("cold_start", "rotation", profile)
    rotation, restart = experiment.faults[PhaseName.FAULT]
    assert isinstance(rotation, KeyRotation)
    assert isinstance(restart, ProcessFault)
    assert restart.steps()[0] > rotation.lead_s
    length = next(phase.duration_s for phase in experiment.plan.phases if phase.name is PhaseName.FAULT)
    assert restart.steps()[0] < length - 4


@pytest.mark.parametrize("during", ["outage", "skew", "rotation", "none"])
def test_the_replica_that_is_not_restarted_must_not_notice(during: str) -> None:
    plan = design("cold_start", during).plan
    warm = next(objective for objective in plan.objectives if objective.name == "warm_replica")
    assert warm.sli == "success_rate{flow=api,replica=gateway-1}"
    assert warm.bound.limit == 0.995


def test_a_replica_that_can_have_no_keys_owes_nothing_until_it_can() -> None:
    plan = design("cold_start", "outage").plan
    assert [o.name for o in plan.objectives if o.phase is PhaseName.FAULT] == ["warm_replica"]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_herd_is_watched_until_its_tokens_are_due_once_more(profile: str) -> None:
    settings = scenario_named("refresh_herd").fill(profile)
    plan = design("refresh_herd", "outage", profile).plan
    recovery = next(phase.duration_s for phase in plan.phases if phase.name is PhaseName.RECOVERY)
    assert recovery >= settings.tokens.access_ttl_s + 1.5 * settings.load.retry_s


def test_what_sessions_do_when_refused_reaches_the_load() -> None:
    load = design("refresh_herd", load__refresh_jitter=0.2, load__retry_s=7, load__refresh_at=0.6).plan.load
    assert (load.refresh_jitter, load.retry_s, load.refresh_at) == (0.2, 7, 0.6)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(
    ("name", "variant"), [("frozen_keys", ""), ("junk_kid_flood", "rotate"), ("cold_start", "rotation")]
)
def test_a_key_that_is_withdrawn_last_is_tried_once_caches_must_have_forgotten_it(
    name: str, variant: str, profile: str
) -> None:
    experiment = design(name, variant, profile)
    spans = {phase.name: phase.duration_s for phase in experiment.plan.phases}
    withdrawn = max(step for fault in experiment.faults[PhaseName.FAULT] for step in fault.steps())
    gateway = scenario_named(name).fill(profile).gateway
    watched = spans[PhaseName.FAULT] - withdrawn + spans[PhaseName.RECOVERY]
    assert watched > gateway.jwks_cache_s + gateway.jwks_timeout_s + 1 + 5


def test_after_a_brownout_without_answers_sessions_are_watched_until_the_last_hung_request_is_over() -> None:
    plan = design("idp_brownout", "timeouts", load__timeout_s=7).plan
    (limit,) = (objective.bound.limit for objective in plan.objectives if objective.name == "api_recovery")
    recovery = next(phase.duration_s for phase in plan.phases if phase.name is PhaseName.RECOVERY)
    assert 7 < limit < recovery - 2


@pytest.mark.parametrize("profile", PROFILES)
def test_two_secrets_are_good_for_longer_than_the_roll_out_takes(profile: str) -> None:
    experiment = design("stale_secret", "overlap", profile)
    (fault,) = experiment.faults[PhaseName.FAULT]
    assert isinstance(fault, SecretRotation)
    rollout = flow_in(experiment.plan, Rollout)
    last = max(rollout.adopts_at_s(instance) for instance in range(40))
    assert last < experiment.plan.phase_starts()[PhaseName.FAULT] + fault.overlap_s


def test_instances_take_the_new_secret_stage_by_stage_and_only_once_it_is_there() -> None:
    plan = design("stale_secret", rollout__stages=3, rollout__every_s=2).plan
    rollout = flow_in(plan, Rollout)
    rotated = plan.phase_starts()[PhaseName.FAULT]
    adopts = [rollout.adopts_at_s(instance) - rotated for instance in range(4)]
    assert adopts == [1, 3, 5, 1]


def test_the_old_secret_is_tried_beyond_its_time_by_somebody_who_mints_only() -> None:
    plan = design("stale_secret", rollout__overlap_s=9).plan
    assert flow_in(plan, Leak).ways == ("mint",)
    (bound,) = (o.bound.limit for o in plan.objectives if o.name == "old_secret_refused")
    length = next(phase.duration_s for phase in plan.phases if phase.name is PhaseName.FAULT)
    assert 9 < bound < length


@pytest.mark.parametrize("profile", PROFILES)
def test_every_way_to_be_for_another_service_comes_up_at_every_replica(profile: str) -> None:
    plan = design("audience_confusion", "", profile).plan
    (canary,) = (stream for stream in plan.load.streams if stream.flow == "canary")
    assert plan.load.canaries is not None
    a_kind = canary.rate / len(plan.load.canaries.slots) * plan.duration_s
    ways, replicas = len(foreign_audiences(["accounts", "orders"])), 2
    assert a_kind > 2 * ways * replicas


def test_thieves_are_watched_beyond_the_longest_theft_that_the_policy_allows() -> None:
    plan = design("excessive_ttl").plan
    (thief,) = (stream for stream in plan.load.streams if stream.flow == "thief")
    bounds = [objective.bound.limit for objective in plan.objectives if objective.name.startswith("theft_of")]
    assert thief.starts_s == plan.phase_starts()[PhaseName.FAULT]
    assert plan.duration_s - thief.starts_s > max(bounds)
    # What the stand-ins' settings allow: a session's life, that of its last access token, and the leeway.
    assert max(bounds) >= 10 + 4 + 2


def test_native_apps_log_in_only_while_requests_are_tampered_with() -> None:
    plan = design("redirect_tampering").plan
    (native,) = (stream for stream in plan.load.streams if stream.flow == "native_login")
    starts = plan.phase_starts()
    assert (native.starts_s, native.ends_s) == (starts[PhaseName.FAULT], starts[PhaseName.RECOVERY])


def test_a_grace_makes_parallel_refreshes_no_replays() -> None:
    with pytest.raises(UsageError, match="refresh_grace_s=2"):
        design("token_replay", tokens__refresh_grace_s=2)
