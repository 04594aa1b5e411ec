"""The defect zoo as data: for each defect of the stand-ins, the run that must catch it and the names that may say so.

``idchaos zoo`` runs it. A new defect is one more row, or a reason in ``WITHOUT_ROW``.
"""

from __future__ import annotations

from idchaos.studies.zoo.rows import Row, Trial
from idchaos.targets.standin.defects import DEFECTS

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
    | {"fault.mode": "refused", "fault.duration_s": 6, "gateway.jwks_stale_s": 60, "gateway.jwks_timeout_s": 1}
    | {"phases.recovery_s": 9},
)
SLOW = Trial(
    scenario="jwks_outage",
    settings=SHORT | {"fault.mode": "slow", "fault.latency_s": 1, "fault.duration_s": 4, "phases.recovery_s": 3},
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
# The slowest hundredth of each replica takes requests enough to tell.
STEADY = Trial(
    scenario="audience_confusion",
    settings=SHORT
    | {"load.rate": 250, "phases.baseline_s": 8, "phases.recovery_s": 3, "fault.duration_s": 4, "slo.latency_p95_s": 1},
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
        "tokens.access_ttl_s": 2,
        # A token that was revoked must be refused for a while before it ends.
        "gateway.revocation_cache_s": 0.2,
        "gateway.introspection_cache_s": 0.2,
        # Sessions are refreshed at 1.4 to 1.6 s, and again; those that were refreshed before 3 s come back at 4.2.
        "tokens.session_max_s": 3,
        "gateway.leeway_s": 1,
        "load.sessions": 40,
        "policy.access_token_max_s": 2,
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

# Introspection is down: nothing can be decided where every token takes it.
DOWN = Trial(
    scenario="introspection_brownout",
    # Of the recovery so many seconds that a median is known which none of them keeps to.
    settings=SHORT | {"brownout.mode": "down", "fault.duration_s": 4, "phases.recovery_s": 6},
)


def _odd_keys(transform: str, **more: float) -> Trial:
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


def _in_outage(defect: str, *caught_by: str, elsewhere: Trial | None = None) -> Row:
    """Caught in the outage of the keys; where there are none to go missing, in another trial."""
    return Row(defect=defect, trial=OUTAGE, caught_by=caught_by, elsewhere=elsewhere)


_NARROW = (
    ("crit_ignored", "critical_headers_refused"),
    ("b64_ignored", "critical_headers_refused"),
    ("none_in_other_case_accepted", "unsigned_tokens_refused"),
    ("hmac_other_spellings_accepted", "algorithm_confusion_refused"),
    ("jwk_header_trusted", "embedded_keys_ignored"),
    ("x5c_trusted", "embedded_keys_ignored"),
    ("ecdsa_zero_accepted", "degenerate_signatures_refused"),
    ("empty_signature_accepted", "degenerate_signatures_refused"),
    ("kid_mismatch_ignored", "keys_are_those_named"),
    ("issuer_prefix_match", "issuer_enforced"),
    ("issuer_case_ignored", "issuer_enforced"),
    ("exp_missing_accepted", "times_are_checked"),
    ("exp_string_accepted", "times_are_checked"),
    ("exp_out_of_range_accepted", "times_are_checked"),
    ("nbf_wraps", "times_are_checked"),
    ("issued_in_future_accepted", "times_are_checked"),
    ("audience_substring_match", "audience_enforced"),
    ("respelled_token_dodges_revocation", "revoked_tokens_refused"),
    ("scope_ignored", "scopes_enforced"),
    ("scope_substring_match", "scopes_enforced"),
    ("scope_case_ignored", "scopes_enforced"),
    ("malformed_as_500", "refusals_are_4xx"),
    ("any_client_secret", "client_secrets_checked"),
    ("code_redeemed_by_other_client", "codes_bound_to_clients"),
    ("refresh_by_other_client", "refresh_tokens_bound_to_clients"),
    ("logout_keeps_grants", "logout_ends_grants"),
    ("reuse_ends_token_only", "reuse_ends_the_family"),
    ("slower_after_fault", "api_latency_p50_recovery"),
    ("verdict_outlives_expiry", "expired_tokens_refused"),
    ("verdict_for_any_audience", "audience_enforced"),
    ("opaque_verdict_outlives_expiry", "expired_tokens_refused"),
    ("opaque_verdict_outlives_revocation", "revoked_tokens_refused"),
    ("expired_opaque_active", "expired_tokens_refused"),
    ("hot_verdict_outlives_revocation", "revoked_tokens_refused"),
    ("long_tokens_never_expire", "expired_tokens_refused"),
    ("remembered_scope_unchecked", "scopes_enforced"),
    ("dpop_without_proof", "tokens_only_in_the_header"),
    ("identity_of_another", "answers_are_ones_own"),
    ("answer_of_another", "answers_are_ones_own"),
    ("no_cooldown", "key_fetches_bounded"),
    ("opaque_verdict_for_any_audience", "audience_enforced"),
    ("introspected_audience_ignored", "audience_enforced"),
    ("jwe_wrapped_unsigned_accepted", "encrypted_tokens_refused"),
    ("verdict_outlives_key", "retired_keys_refused"),
    ("verdict_for_any_method", "writes_need_their_scope"),
    ("opaque_verdict_for_any_method", "writes_need_their_scope"),
    ("typ_ignored", "id_tokens_refused"),
    ("jku_trusted", "named_urls_not_fetched"),
    ("x5u_trusted", "named_urls_not_fetched"),
    ("put_unchecked", "every_method_guarded"),
    ("delete_unchecked", "every_method_guarded"),
    ("head_unchecked", "every_method_guarded"),
    ("options_unchecked", "odd_requests_guarded"),
    ("unknown_method_unchecked", "odd_requests_guarded"),
    ("deep_path_unchecked", "odd_requests_guarded"),
    ("absolute_form_unchecked", "odd_requests_guarded"),
    ("http10_unchecked", "odd_requests_guarded"),
    ("static_suffix_unchecked", "odd_requests_guarded"),
    ("doubtful_path_unchecked", "odd_requests_guarded"),
    ("health_suffix_unchecked", "odd_requests_guarded"),
    ("method_override_judged", "odd_requests_guarded"),
    ("original_url_judged", "odd_requests_guarded"),
    ("opaque_posts_mixed_up", "answers_are_ones_own"),
    ("pkce_not_checked_for_one", "pkce_enforced"),
    ("second_authorization_counts", "one_authorization_header"),
    ("token_in_query_accepted", "tokens_only_in_the_header"),
    ("token_in_form_accepted", "tokens_only_in_the_header"),
    ("token_in_cookie_accepted", "tokens_only_in_the_header"),
    ("scheme_ignored", "tokens_only_in_the_header"),
    ("redirect_uri_not_compared", "codes_bound_to_redirect_uris"),
    ("code_replay_keeps_tokens", "code_reuse_ends_its_tokens"),
    ("scope_widened_on_refresh", "scopes_not_widened"),
    ("revocation_keeps_access_tokens", "revocation_ends_the_grant"),
    ("revoked_jwt_active", "bad_tokens_told_inactive"),
    ("withdrawn_key_active", "bad_tokens_told_inactive"),
    ("any_password", "wrong_passwords_refused"),
    ("refusal_body_repeats_token", "refusals_repeat_no_token"),
    ("refusal_header_repeats_token", "refusals_repeat_no_token"),
    ("error_repeats_credentials", "refusals_repeat_no_token"),
    # RFC 6750 section 5.3 and RFC 9700 sections 2.1.2 and 4.3.2: no tokens in URLs and histories; CWE-598, CWE-532.
    ("answer_header_repeats_token", "answers_repeat_no_token"),
    ("answer_sets_token_cookie", "answers_repeat_no_token"),
    ("token_in_upstream_url", "answers_repeat_no_token"),
    ("token_answer_repeats_credentials", "answers_repeat_no_token"),
    ("introspection_repeats_token", "answers_repeat_no_token"),
    ("login_page_repeats_password", "refusals_repeat_no_token"),
    ("login_redirect_repeats_password", "answers_repeat_no_token"),
    ("malformed_hangs", "junk_refused_at_once"),
    ("private_keys_published", "no_private_keys_published"),
    ("token_answers_storable", "token_answers_not_stored"),
    ("codes_counted", "tokens_unguessable"),
    ("userinfo_expired_accepted", "userinfo_checks_tokens"),
    ("userinfo_revoked_accepted", "userinfo_checks_tokens"),
    ("userinfo_signature_unchecked", "userinfo_checks_tokens"),
    ("userinfo_scope_unchecked", "userinfo_checks_tokens"),
    ("userinfo_id_token_accepted", "userinfo_checks_tokens"),
    ("userinfo_refresh_token_accepted", "userinfo_checks_tokens"),
    ("revoked_by_other_client", "revocation_bound_to_clients"),
    ("pkce_challenge_as_verifier", "pkce_enforced"),
    ("pkce_verifier_optional", "pkce_enforced"),
    ("pkce_empty_verifier_accepted", "pkce_enforced"),
    ("pkce_verifier_of_another_login", "pkce_enforced"),
    ("post_logout_uri_unchecked", "logout_redirects_registered"),
    ("logout_unconfirmed", "logout_is_confirmed"),
    ("logout_keeps_cookie", "logout_ends_sessions"),
    ("logout_keeps_siblings", "logout_ends_sessions"),
    ("refresh_without_client_auth", "clients_prove_themselves"),
    ("code_without_client_auth", "clients_prove_themselves"),
    ("introspection_without_client_auth", "clients_prove_themselves"),
    ("revocation_without_client_auth", "clients_prove_themselves"),
    ("registration_token_unchecked", "registrations_are_ones_own"),
    ("registration_token_of_any_client", "registrations_are_ones_own"),
    ("code_accepted_as_refresh_token", "tokens_serve_one_purpose"),
    ("access_token_accepted_as_refresh_token", "tokens_serve_one_purpose"),
    ("refresh_token_accepted_as_code", "tokens_serve_one_purpose"),
    ("token_by_get", "token_requests_in_the_body"),
    ("token_parameters_from_query", "token_requests_in_the_body"),
    ("duplicate_parameters_accepted", "token_requests_in_the_body"),
    # RFC 7009 section 2.1: whatever the hint, "the authorization server MUST extend its search".
    ("unknown_revocation_hint_obeyed", "revocation_hints_only_hint"),
    ("access_revoked_only_with_hint", "revocation_hints_only_hint"),
    # RFC 9700 section 4.14.2: a memory of one token back sees only thieves who are quick.
    ("older_generation_forgotten", "old_reuse_ends_the_family"),
    ("code_survives_logout", "logout_ends_codes"),
    # OpenID Connect Core section 9: several ways to show one secret, each of which is a check of its own.
    ("at_hash_of_another", "id_tokens_verify"),
    ("any_secret_in_form", "each_way_to_authenticate_checked"),
    ("assertion_unverified", "each_way_to_authenticate_checked"),
    ("outage_as_500", "outages_are_5xx"),
    ("id_token_accepted", "id_tokens_refused"),
    ("no_iss_check", "issuer_enforced"),
    ("alg_none_accepted", "unsigned_tokens_refused"),
    ("hmac_public_key_accepted", "algorithm_confusion_refused"),
    ("kid_path_followed", "kid_is_no_path"),
    ("code_redeemable_twice", "codes_single_use"),
    ("redirect_uri_prefix_match", "redirect_uris_exact"),
    ("pkce_downgrade_allowed", "pkce_not_downgraded"),
    ("assertion_replay_not_detected", "assertions_single_use"),
    ("registration_open", "registration_guarded"),
    ("registration_redirect_unchecked", "registered_redirects_safe"),
    ("raw_tokens_in_logs", "no_tokens_in_logs"),
    ("identity_headers_passed_through", "identity_headers_stripped"),
)
"""Defects that fail nothing but the one name that names them."""


def _narrow(defect: str, name: str) -> Row:
    """Caught in the outage of the keys; where nobody keeps any, in a trial that goes on without."""
    outage_felt = name == "api_latency_p50_recovery"
    elsewhere = None if DEFECTS[defect].needs else DOWN if outage_felt else AUDIENCES
    return Row(defect=defect, trial=OUTAGE, caught_by=(name,), narrow=True, elsewhere=elsewhere)


ROWS = (
    *(_narrow(defect, name) for defect, name in _NARROW),
    _in_outage("p2c_obeyed", "junk_refused_at_once", elsewhere=AUDIENCES),
    Row(defect="slow_now_and_then", trial=STEADY, caught_by=("api_latency_p99_baseline",)),
    Row(defect="idp_slower_after_fault", trial=DOWN, caught_by=("token_latency_p50_recovery",)),
    _in_outage("post_unchecked", "every_method_guarded", elsewhere=AUDIENCES),
    _in_outage("verdict_for_any_path", "audience_enforced", "writes_need_their_scope"),
    _in_outage("inactive_accepted", "unknown_opaque_refused", elsewhere=AUDIENCES),
    _in_outage("connection_authorised_once", "answers_are_ones_own", elsewhere=AUDIENCES),
    _in_outage("fail_open_on_jwks_outage", "unknown_keys_refused", "retired_keys_refused"),
    _in_outage("fail_open_on_introspection_outage", "unknown_opaque_refused", elsewhere=DOWN),
    Row(
        defect="jwks_refetched_on_each_unknown_kid",
        trial=FLOODED,
        caught_by=("fetches_bounded", "key_fetches_bounded"),
    ),
    _in_outage("no_aud_check", "audience_enforced", elsewhere=AUDIENCES),
    _in_outage("no_exp_check", "expired_tokens_refused"),
    _in_outage("expired_post_accepted", "expired_tokens_refused"),
    _in_outage("other_methods_only_authenticated", "every_method_guarded"),
    _in_outage("expired_of_one_client_accepted", "expired_tokens_refused"),
    _in_outage("signature_of_one_client_unchecked", "tampered_tokens_refused"),
    _in_outage("no_nbf_check", "early_tokens_refused"),
    _in_outage("huge_leeway", "expired_tokens_refused", "early_tokens_refused"),
    _in_outage("unknown_kid_falls_back_to_any_key", "unknown_keys_refused"),
    _in_outage("retired_key_kept_forever", "retired_keys_refused"),
    _in_outage("cache_wiped_on_failed_fetch", "api_success_fault"),
    _in_outage("failed_fetch_cached_long", "api_success_recovery"),
    _in_outage("revocation_ignored", "revoked_tokens_refused"),
    _in_outage("revocations_cut", "revoked_tokens_refused"),
    _in_outage("verdict_outlives_revocation", "revoked_tokens_refused"),
    _in_outage("revoke_does_nothing", "revoked_tokens_refused", elsewhere=AUDIENCES),
    _in_outage("revocation_hint_believed", "revocation_hints_only_hint", elsewhere=AUDIENCES),
    _in_outage("reuse_forgotten_later", "old_reuse_ends_the_family", elsewhere=AUDIENCES),
    _in_outage("revocation_lost_on_one_replica", "revoked_tokens_refused"),
    _in_outage("refusal_as_500", "refusals_are_4xx", elsewhere=AUDIENCES),
    _in_outage("outage_as_401", "outages_are_5xx", elsewhere=DOWN),
    _in_outage("refresh_reuse_not_detected", "replayed_tokens_refused", elsewhere=AUDIENCES),
    _in_outage("pkce_not_checked", "pkce_enforced", elsewhere=AUDIENCES),
    Row(defect="registration_limit_untold", trial=REGISTERING, caught_by=("limits_told",)),
    Row(defect="refresh_race_logs_out", trial=RACES, caught_by=("survives_two_tabs", "survives_lost_answer")),
    Row(defect="secret_rotation_keeps_grants", trial=LEAK, caught_by=("attacker_refresh", "attacker_granted")),
    # A signer that is made once: OpenID Connect Core section 10.1.1 has keys rotate by what is published.
    Row(defect="id_tokens_by_first_key", trial=ROTATION, caught_by=("id_tokens_verify",)),
    Row(defect="old_secret_kept", trial=ROLLOUT, caught_by=("old_secret_refused",)),
    Row(defect="old_secret_in_form_kept", trial=ROLLOUT, caught_by=("old_secret_refused",)),
    Row(defect="old_secret_in_assertion_kept", trial=ROLLOUT, caught_by=("old_secret_refused",)),
    Row(
        defect="redirect_uri_case_ignored",
        trial=TAMPERED,
        caught_by=("no_way_leads_elsewhere", "redirect_uris_exact"),
    ),
    Row(
        defect="redirect_uri_decoded_first",
        trial=TAMPERED,
        caught_by=("no_way_leads_elsewhere", "redirect_uris_exact"),
    ),
    Row(
        defect="redirect_uri_host_suffix_match",
        trial=TAMPERED,
        caught_by=("no_way_leads_elsewhere", "redirect_uris_exact"),
    ),
    Row(
        defect="errors_redirected_anywhere",
        trial=TAMPERED,
        caught_by=("no_way_leads_elsewhere", "redirect_uris_exact"),
    ),
    Row(defect="loopback_port_fixed", trial=TAMPERED, caught_by=("native_apps_log_in",)),
    Row(defect="state_not_echoed", trial=TAMPERED, caught_by=("states_echoed",)),
    Row(defect="iss_missing_in_response", trial=TAMPERED, caught_by=("issuers_named",)),
    Row(defect="code_redeemable_in_a_race", trial=REPLAYED, caught_by=("used_once_at_once",)),
    Row(defect="nonce_from_another_request", trial=REPLAYED, caught_by=("nonces_are_own",)),
    Row(defect="session_never_ends", trial=THEFT, caught_by=("sessions_within_policy", "theft_of_session_ends")),
    Row(defect="machine_tokens_long_lived", trial=THEFT, caught_by=("lifetimes_within_policy",)),
    Row(defect="no_single_flight", trial=SLOW, caught_by=("key_fetches_bounded",)),
    Row(defect="synchronous_refresh", trial=SLOW, caught_by=("api_latency_fault",)),
    Row(defect="bad_jwks_replaces_good_keys", trial=GARBAGE, caught_by=("api_success_fault",)),
    Row(defect="keys_never_reloaded", trial=ROTATION, caught_by=("refusal_window", "api_success_recovery")),
    Row(defect="revocation_forgotten_after_restart", trial=RESTART, caught_by=("revoked_tokens_refused",)),
    _in_outage("verdict_by_jti", "known_tokens_are_known_whole"),
    _in_outage("verdict_without_signature", "tampered_tokens_refused", "known_tokens_are_known_whole"),
    Row(defect="fetches_end_with_failure", trial=UNHEARD, caught_by=("key_cache_age_recovery",)),
    Row(defect="polls_back_off_for_good", trial=UNHEARD, caught_by=("revocations_age_recovery",)),
    Row(defect="revoked_only_until_expired", trial=LAGS, caught_by=("revoked_tokens_refused",)),
    Row(
        defect="gateway_secret_by_prefix",
        trial=AUDIENCES,
        caught_by=("nor_around_the_gateways", "audience_enforced", "identity_headers_stripped"),
    ),
    Row(
        defect="service_trusts_anyone",
        trial=AUDIENCES,
        caught_by=("nor_around_the_gateways", "audience_enforced", "identity_headers_stripped"),
    ),
    Row(
        defect="introspection_believed_for_long",
        trial=LAGS,
        caught_by=("opaque_revocation_lag_p95", "opaque_revocation_lag_max"),
    ),
    # Sliding expiry: OWASP's Cheat Sheet on sessions wants an absolute end beside it; RFC 7662 section 4 on caching.
    # CWE-775, CWE-404: what is opened is not closed where something fails.
    Row(
        defect="sockets_left_open",
        trial=Trial(
            scenario="jwks_outage", settings=OUTAGE.settings | {"fault.duration_s": 5, "gateway.jwks_stale_s": 8}
        ),
        caught_by=("nothing_left_open",),
    ),
    Row(defect="verdict_renewed_by_use", trial=LAGS, caught_by=("jwt_revocation_lag_p95", "jwt_revocation_lag_max")),
    Row(
        defect="introspection_renewed_by_use",
        trial=LAGS,
        caught_by=("opaque_revocation_lag_p95", "opaque_revocation_lag_max"),
    ),
    # RFC 5861 section 3, stale-while-revalidate, applied to a decision.
    # RFC 5861 section 4, stale-if-error, applied to a decision. Revoked in time before it is down, and not refused yet.
    Row(
        defect="stale_introspection_in_outage",
        trial=Trial(
            scenario="introspection_brownout",
            settings=DOWN.settings | {"load.canaries_per_kind": 4, "fault.duration_s": 10},
        ),
        caught_by=("revoked_tokens_refused",),
    ),
    Row(defect="stale_introspection_served", trial=LAGS, caught_by=("opaque_revoked_after_rest",)),
    Row(defect="unknown_key_breaks_set", trial=_odd_keys("unknown_kty", **SHORT_OF_KEYS), caught_by=UNREADABLE),
    Row(defect="nameless_key_breaks_set", trial=_odd_keys("no_kid", **SHORT_OF_KEYS), caught_by=UNREADABLE),
    Row(defect="gzip_unknown", trial=_odd_keys("gzip", **SHORT_OF_KEYS), caught_by=UNREADABLE),
    Row(defect="first_of_one_kid_counts", trial=_odd_keys("duplicate_kid"), caught_by=("api_success_fault",)),
    Row(defect="keys_of_one_kid_dropped", trial=_odd_keys("duplicate_kid"), caught_by=("api_success_fault",)),
    Row(defect="few_keys_read", trial=_odd_keys("hundred_keys"), caught_by=("api_success_fault",)),
    Row(defect="redirects_followed", trial=_odd_keys("redirect"), caught_by=("api_success_fault",)),
    Row(defect="max_age_obeyed", trial=_odd_keys("cache_control"), caught_by=("key_fetches_bounded",)),
    Row(
        defect="retry_after_ignored",
        trial=_odd_keys("retry_after", **{"fault.retry_after_s": 4, "fault.duration_s": 8}),
        caught_by=("left_alone",),
    ),
    Row(defect="discovery_only_at_boot", trial=MOVED, caught_by=("api_success_fault",)),
    Row(defect="discovered_issuer_unchecked", trial=RESPELLED, caught_by=("api_success_fault",)),
    Row(defect="discovery_failure_final", trial=UNDISCOVERED, caught_by=("api_recovery",)),
    Row(defect="fractional_exp_refused", trial=FRACTIONS, caught_by=("opaque_success",)),
    Row(defect="fail_open_on_timeout", trial=BLACK_HOLE, caught_by=("unknown_keys_refused",)),
    Row(defect="zero_leeway", trial=SKEW, caught_by=("api_success_fault",)),
)
"""One a defect. ``caught_by``: any of these, failing, tells whoever reads the report what is wrong."""

WITHOUT_ROW: dict[str, str] = {
    "new_material_ignored": "keys grow old soon enough here to be fetched again anyway",
    "jwks_without_timeout": "it serves by the keys that it has; only tokens of unknown keys wait with it",
    "jwks_size_unbounded": "reading too much does no harm that is seen from outside in so short a run",
    "retry_after_unbounded": "a sound one waits for half a minute, longer than such a run",
    "alg_of_token_obeyed": "to sign by another algorithm of the same key takes the IdP's private key",
    "enc_key_verifies": "the IdP publishes no key for encryption",
    "respelled_token_accepted": "no harm by itself; that it dodges a revocation has a row",
    "zip_bomb_inflated": "what fits into a header inflates to some megabytes: done before anybody notices",
    "encoded_path_bypass": "no service here serves two APIs, so the way out of one leads nowhere",
    "backslash_path_bypass": "no service here serves two APIs, so the way out of one leads nowhere",
    "underscore_headers_passed": "no service here reads headers in that spelling",
    "named_hop_headers_passed": "what is passed on is the client's own, and no service here reads it",
    "retry_after_missing": "Retry-After is optional with 503 (RFC 9110 section 15.6.4)",
    "code_never_expires": "a code may live for ten minutes (RFC 6749 section 4.1.2), longer than such a run",
    "anyone_may_introspect": "which clients may ask is the IdP's own policy (RFC 7662 section 2.1)",
}
"""Defects that nothing looks for, and why."""
