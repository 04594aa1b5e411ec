"""The runs of the defect zoo: as short as each may be and still be sure to be decided."""

from __future__ import annotations

from idchaos.studies.zoo.rows import Trial

SHORT = {
    "phases.warmup_s": 2,
    "phases.baseline_s": 2,
    "phases.recovery_s": 5,
    "gateway.jwks_cache_s": 1,
    "gateway.revocation_cache_s": 0.5,
    "gateway.introspection_cache_s": 0.5,
    "load.rate": 100,
    # Over both replicas.
    "load.canaries_per_kind": 2,
    # A mistyped password now and then is too seldom in some seconds.
    "load.typo_share": 0.3,
    # Of tokens asked for in a recovery of two seconds the median must be known.
    "load.machine_rate": 10,
    # A few hundred requests a phase can't prove more nines than this.
    "slo.success": 0.97,
    # Phases as short as these must not hang on one bad second of a busy machine's scheduler.
    "slo.late_p99_s": 1,
}

# Keys outlive the fault by a second or two, and no more: whoever does not fetch again soon is left without any.
OUTAGE = Trial(
    scenario="jwks_outage",
    settings=SHORT | {"fault.mode": "refused", "fault.duration_s": 2.5, "gateway.jwks_stale_s": 4},
)
# Old keys do for as long as the run lasts, so only their age tells that nobody asks any more.
UNHEARD = Trial(
    scenario="jwks_outage",
    settings=SHORT
    | {"fault.mode": "refused", "fault.duration_s": 8.5, "gateway.jwks_stale_s": 60, "gateway.jwks_timeout_s": 1}
    # It ends before the fifth poll of one that waits twice as long after each failure: 0.5 s, 1, 2, 4, 8.
    | {"phases.recovery_s": 6.5},
)
# The slowest hundredth of each replica takes requests enough to tell, also when it is over.
RECOVERED = Trial(
    scenario="jwks_outage",
    settings=OUTAGE.settings | {"load.rate": 250, "phases.recovery_s": 10, "slo.latency_p95_s": 1},
)
# Who waits for a refresh does so in bursts, one a second or two: of few bursts no share is known.
SLOW = Trial(
    scenario="jwks_outage",
    settings=SHORT | {"fault.mode": "slow", "fault.latency_s": 1, "fault.duration_s": 9, "phases.recovery_s": 3},
)
BLACK_HOLE = Trial(
    scenario="jwks_outage",
    settings=SHORT
    | {"fault.mode": "timeout", "fault.duration_s": 5, "gateway.jwks_timeout_s": 0.5, "phases.recovery_s": 3},
)
GARBAGE = Trial(
    scenario="jwks_outage",
    settings=SHORT | {"fault.mode": "garbage", "fault.duration_s": 3, "phases.recovery_s": 3},
)
ROTATION = Trial(
    scenario="key_rotation",
    settings=SHORT
    | {
        "rotation.mode": "abrupt",
        "rotation.to_alg": "ES256",
        "rotation.overlap_s": 4,
        "tokens.access_ttl_s": 4,
        "gateway.jwks_timeout_s": 1,
        "phases.recovery_s": 3,
    },
)
SKEW = Trial(
    scenario="clock_skew",
    settings=SHORT | {"skew.mode": "step", "skew.offset_s": 3, "fault.duration_s": 4, "phases.recovery_s": 3},
)
# Each way to be for another service goes through the gateways and around them.
AUDIENCES = Trial(scenario="audience_confusion", settings=SHORT | {"fault.duration_s": 4, "phases.recovery_s": 3})
# The slowest hundredth of each replica takes requests enough to tell, which leaves less room for others on a small
# machine; and a code has time to expire.
STEADY = Trial(
    scenario="audience_confusion",
    settings=SHORT
    | {"load.rate": 250, "phases.baseline_s": 8, "phases.recovery_s": 3, "fault.duration_s": 4, "slo.latency_p95_s": 1}
    | {"load.canaries_per_kind": 1.2, "load.machine_rate": 5, "tokens.code_ttl_s": 3},
)
# Grants that few ask for, in many ways: each takes its turn.
GRANTS = Trial(
    scenario="audience_confusion",
    settings=SHORT | {"phases.baseline_s": 4, "fault.duration_s": 8, "phases.recovery_s": 4},
)
# Long enough for nobody to come; tokens outlive it.
SILENT = Trial(
    scenario="idp_outage",
    settings=SHORT | {"fault.duration_s": 9, "tokens.access_ttl_s": 30, "load.refresh_at": 0.5},
)
LAGS = Trial(
    scenario="revocation_lag",
    settings=SHORT | {"revocation.bound_s": 2, "revocation.rate": 30, "fault.duration_s": 4, "tokens.access_ttl_s": 20},
)
RESTART = Trial(scenario="cold_start", settings=SHORT | {"cold.during": "none", "fault.duration_s": 6})

RACES = Trial(
    scenario="refresh_race",
    settings=SHORT
    | {"race.survive": 0.9, "tokens.refresh_grace_s": 1, "fault.duration_s": 7.5, "phases.recovery_s": 3},
)
# Long enough for the old secret to end, and for what was minted with it.
LEAK = Trial(
    scenario="compromised_secret",
    settings=SHORT
    | {
        "secret.contain_after_s": 2,
        "secret.overlap_s": 2.5,
        "tokens.access_ttl_s": 4,
        "gateway.leeway_s": 1,
        "phases.recovery_s": 2,
    },
)

# Long enough for the roll-out, and for the old secret to end.
ROLLOUT = Trial(
    scenario="stale_secret",
    settings=SHORT
    | {
        "rollout.stages": 2,
        "rollout.every_s": 1,
        "rollout.overlap_s": 2.5,
        "rollout.success": 0.9,
        "phases.recovery_s": 2,
    },
)

TAMPERED = Trial(
    scenario="redirect_tampering",
    settings=SHORT
    | {
        "load.rate": 60,
        "load.canaries_per_kind": 4,
        "fault.duration_s": 7,
        "fault.native_success": 0.9,
        "phases.recovery_s": 2,
    },
)
REPLAYED = Trial(
    scenario="token_replay",
    settings=SHORT | {"fault.duration_s": 6, "fault.rate": 10, "phases.recovery_s": 2},
)

THEFT = Trial(
    scenario="excessive_ttl",
    settings=SHORT
    | {
        "tokens.access_ttl_s": 3,
        # A token that was revoked must be refused for a while before it ends.
        "gateway.revocation_cache_s": 0.2,
        "gateway.introspection_cache_s": 0.2,
        # Sessions are refreshed at 1.5 to 1.8 s, so that half a second that the IdP is late costs nobody a token, and
        # come back at 3 to 3.6.
        "load.refresh_at": 0.6,
        "tokens.session_max_s": 3,
        "gateway.leeway_s": 1,
        "load.sessions": 40,
        "policy.access_token_max_s": 3,
        "policy.session_max_s": 3,
        "policy.theft_access_max_s": 5,
        "policy.theft_session_max_s": 8,
        "phases.recovery_s": 2,
    },
)

REGISTERING = Trial(
    scenario="registration_failures",
    # Enough tokens asked for meanwhile to tell that they are issued.
    settings=SHORT
    | {
        "registration.mode": "rate_limited",
        "load.machine_rate": 20,
        "fault.duration_s": 6,
        "phases.recovery_s": 3,
    },
)

# More tokens of unknown keys than a mixture of all kinds has.
FLOODED = Trial(scenario="junk_kid_flood", settings=SHORT | {"fault.duration_s": 7, "phases.baseline_s": 4})

# Introspection is down, in every way that an answer can be none: nothing can be decided where every token takes it.
DOWN = Trial(
    scenario="introspection_brownout",
    # Of the recovery so many seconds that a median is known which none of them keeps to.
    settings=SHORT | {"brownout.mode": "unreadable", "fault.duration_s": 4, "phases.recovery_s": 6},
)


def odd_keys(transform: str, **more: float) -> Trial:
    """The key set is odd. Keys that are not fetched again are soon too old, where a sound reader would fetch them."""
    lasting = {"fault.duration_s": 5, "phases.recovery_s": 3, **more}
    return Trial(scenario="odd_jwks", settings=SHORT | {"fault.transform": transform, **lasting})


SHORT_OF_KEYS = {"gateway.jwks_stale_s": 2}
UNREADABLE = ("keys_are_read", "api_success_fault")
MOVED = Trial(
    scenario="odd_discovery",
    settings=SHORT
    | SHORT_OF_KEYS
    | {"fault.transform": "other_jwks_uri", "fault.duration_s": 7, "gateway.jwks_stale_s": 3, "phases.recovery_s": 3},
)
RESPELLED = Trial(
    scenario="odd_discovery",
    settings=SHORT | {"fault.transform": "issuer_respelled", "fault.duration_s": 5, "phases.recovery_s": 3},
)
UNDISCOVERED = Trial(
    scenario="odd_discovery",
    settings=SHORT | {"fault.transform": "down_at_boot", "fault.duration_s": 6},
)
FRACTIONS = Trial(
    scenario="introspection_brownout",
    settings=SHORT
    | {"brownout.mode": "fractional", "brownout.opaque_share": 0.4, "fault.duration_s": 4, "phases.recovery_s": 3},
)
