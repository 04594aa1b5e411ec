"""The defect zoo as data: for each defect of the stand-ins, the run that must catch it and the names that may say so.

``idchaos zoo`` runs it. A new defect is one more row, or a reason in ``WITHOUT_ROW``.
"""

from __future__ import annotations

from idchaos.scenarios.zoo_narrow import OF_ALL_RUNS, OF_GRANTS
from idchaos.scenarios.zoo_trials import (
    AUDIENCES,
    BLACK_HOLE,
    DOWN,
    FLOODED,
    FRACTIONS,
    GARBAGE,
    GRANTS,
    LAGS,
    LEAK,
    MOVED,
    OUTAGE,
    RACES,
    RECOVERED,
    REGISTERING,
    REPLAYED,
    RESPELLED,
    RESTART,
    ROLLOUT,
    ROTATION,
    SHORT_OF_KEYS,
    SILENT,
    SKEW,
    SLOW,
    STEADY,
    TAMPERED,
    THEFT,
    UNDISCOVERED,
    UNHEARD,
    UNREADABLE,
    odd_keys,
)
from idchaos.studies.zoo.rows import Row, Trial
from idchaos.targets.standin.defects import DEFECTS


def _in_outage(
    defect: str, *caught_by: str, elsewhere: Trial | None = None, besides: tuple[str, ...] | None = None
) -> Row:
    """Caught in the outage of the keys; where there are none to go missing, in another trial."""
    return Row(defect=defect, trial=OUTAGE, caught_by=caught_by, elsewhere=elsewhere, besides=besides)


def _narrow(defect: str, name: str) -> Row:
    """Caught in the outage of the keys; where nobody keeps any, in a trial that goes on without."""
    outage_felt = name == "api_latency_p50_recovery"
    elsewhere = None if DEFECTS[defect].needs else DOWN if outage_felt else AUDIENCES
    return Row(defect=defect, trial=OUTAGE, caught_by=(name,), besides=(), elsewhere=elsewhere)


# What else fails where a signature goes unchecked, or a verdict is remembered by too little.
SIGNATURES = (
    "degenerate_signatures_refused",
    "embedded_keys_ignored",
    "keys_are_those_named",
    "retired_keys_refused",
    "unknown_keys_refused",
)
KNOWN = (
    "every_method_guarded",
    "tokens_checked_wherever_they_stand",
    "retired_keys_refused",
    "tampered_tokens_refused",
)
REVOKED = (
    "revocation_hints_only_hint",
    "revocation_ends_the_grant",
    "bad_tokens_told_inactive",
    "userinfo_checks_tokens",
)

ROWS = (
    *(_narrow(defect, name) for defect, name in OF_ALL_RUNS),
    *(Row(defect=defect, trial=GRANTS, caught_by=(name,), besides=()) for defect, name in OF_GRANTS),
    _in_outage("p2c_obeyed", "junk_refused_at_once", elsewhere=AUDIENCES, besides=()),
    # A pool that forgets that connections end at any time (RFC 9112 section 9.3.1), or an outage that leaves its mark.
    Row(
        defect="slow_now_and_then_after_fault",
        trial=RECOVERED,
        caught_by=("api_latency_p99_recovery",),
        elsewhere=Trial(
            scenario="introspection_brownout",
            settings=DOWN.settings | {"load.rate": 250, "phases.recovery_s": 10, "slo.latency_p95_s": 1},
        ),
    ),
    Row(defect="code_never_expires", trial=STEADY, caught_by=("codes_expire",), besides=()),
    Row(defect="slow_now_and_then", trial=STEADY, caught_by=("api_latency_p99_baseline",), besides=()),
    Row(defect="idp_slower_after_fault", trial=DOWN, caught_by=("token_latency_p50_recovery",)),
    _in_outage("post_unchecked", "every_method_guarded", elsewhere=AUDIENCES),
    _in_outage("verdict_for_any_path", "audience_enforced", "writes_need_their_scope", besides=()),
    _in_outage("inactive_accepted", "unknown_opaque_refused", elsewhere=AUDIENCES),
    _in_outage("connection_authorised_once", "answers_are_ones_own", elsewhere=AUDIENCES),
    _in_outage("fail_open_on_jwks_outage", "unknown_keys_refused", "retired_keys_refused"),
    _in_outage("fail_open_on_introspection_outage", "unknown_opaque_refused", elsewhere=DOWN),
    Row(
        defect="jwks_refetched_on_each_unknown_kid",
        trial=FLOODED,
        caught_by=("fetches_bounded", "key_fetches_bounded"),
    ),
    _in_outage("no_aud_check", "audience_enforced", elsewhere=AUDIENCES, besides=()),
    _in_outage("no_exp_check", "expired_tokens_refused", besides=("times_are_checked",)),
    _in_outage("expired_post_accepted", "expired_tokens_refused", besides=("times_are_checked",)),
    _in_outage("other_methods_only_authenticated", "every_method_guarded", besides=()),
    _in_outage("expired_of_one_client_accepted", "expired_tokens_refused", besides=("times_are_checked",)),
    _in_outage("signature_of_one_client_unchecked", "tampered_tokens_refused", besides=SIGNATURES),
    _in_outage("no_nbf_check", "early_tokens_refused", besides=("times_are_checked",)),
    _in_outage("huge_leeway", "expired_tokens_refused", "early_tokens_refused", besides=("times_are_checked",)),
    _in_outage("unknown_kid_falls_back_to_any_key", "unknown_keys_refused", besides=()),
    _in_outage("retired_key_kept_forever", "retired_keys_refused", besides=()),
    _in_outage("cache_wiped_on_failed_fetch", "api_success_fault"),
    _in_outage("failed_fetch_cached_long", "api_success_recovery", "key_cache_age_recovery"),
    _in_outage("revocation_ignored", "revoked_tokens_refused", besides=("revocation_ends_the_grant",)),
    _in_outage("revocations_cut", "revoked_tokens_refused", besides=("revocation_ends_the_grant",)),
    _in_outage("verdict_outlives_revocation", "revoked_tokens_refused", besides=("revocation_ends_the_grant",)),
    _in_outage("revoke_does_nothing", "revoked_tokens_refused", elsewhere=AUDIENCES, besides=REVOKED),
    _in_outage("revocation_hint_believed", "revocation_hints_only_hint", elsewhere=AUDIENCES, besides=()),
    _in_outage("reuse_forgotten_later", "old_reuse_ends_the_family", elsewhere=AUDIENCES, besides=()),
    _in_outage("revocation_lost_on_one_replica", "revoked_tokens_refused", besides=("revocation_ends_the_grant",)),
    _in_outage("refusal_as_500", "refusals_are_4xx", elsewhere=AUDIENCES, besides=("junk_refused_at_once",)),
    _in_outage("outage_as_401", "outages_are_5xx", elsewhere=DOWN, besides=()),
    _in_outage(
        "refresh_reuse_not_detected",
        "replayed_tokens_refused",
        elsewhere=AUDIENCES,
        besides=("old_reuse_ends_the_family",),
    ),
    _in_outage("pkce_not_checked", "pkce_enforced", elsewhere=AUDIENCES, besides=()),
    Row(defect="registration_limit_untold", trial=REGISTERING, caught_by=("limits_told",)),
    Row(defect="grace_once", trial=RACES, caught_by=("survives_two_tabs", "survives_lost_answer"), besides=()),
    Row(defect="grace_gives_an_orphan", trial=RACES, caught_by=("logout_ends_grants",), besides=()),
    Row(defect="idp_cold_after_silence", trial=SILENT, caught_by=("token_latency_p50_recovery",), besides=()),
    # RFC 6749 section 5.1: from when the answer was made. Tokens there outlive what the clock is off by.
    Row(defect="one_clock_behind", trial=SILENT, caught_by=("token_lives_told_rightly",), besides=()),
    Row(defect="sessions_lost_after_silence", trial=SILENT, caught_by=("sessions_survive",)),
    Row(defect="refresh_race_logs_out", trial=RACES, caught_by=("survives_two_tabs", "survives_lost_answer")),
    Row(defect="secret_rotation_keeps_grants", trial=LEAK, caught_by=("attacker_refresh", "attacker_granted")),
    Row(
        defect="implicit_allowed",
        trial=GRANTS,
        caught_by=("obsolete_grants_off",),
        besides=("answers_repeat_no_token",),
    ),
    # A signer that is made once: OpenID Connect Core section 10.1.1 has keys rotate by what is published.
    Row(
        defect="subject_of_another_refresh",
        trial=GRANTS,
        caught_by=("refreshes_speak_of_the_same_login", "answers_are_ones_own"),
        besides=(),
    ),
    # A node that has not heard of the change: what it signs is dead on arrival, once the old key is gone.
    Row(defect="old_key_signs_on", trial=ROTATION, caught_by=("fresh_tokens_by_live_keys",), besides=()),
    Row(defect="new_key_unknown_to_itself", trial=ROTATION, caught_by=("fresh_tokens_are_known",), besides=()),
    # What ends with a change of keys must stay ended.
    Row(
        defect="rotation_forgets_revocations",
        trial=ROTATION,
        caught_by=("bad_tokens_told_inactive",),
        besides=("revoked_tokens_refused",),
    ),
    Row(defect="id_tokens_by_first_key", trial=ROTATION, caught_by=("id_tokens_verify",), besides=()),
    Row(defect="old_secret_kept", trial=ROLLOUT, caught_by=("old_secret_refused",)),
    Row(defect="old_secret_in_form_kept", trial=ROLLOUT, caught_by=("old_secret_refused",)),
    Row(defect="old_secret_in_assertion_kept", trial=ROLLOUT, caught_by=("old_secret_refused",)),
    Row(
        defect="redirect_uri_case_ignored",
        trial=TAMPERED,
        caught_by=("no_way_leads_elsewhere", "redirect_uris_exact"),
        besides=(),
    ),
    Row(
        defect="redirect_uri_decoded_first",
        trial=TAMPERED,
        caught_by=("no_way_leads_elsewhere", "redirect_uris_exact"),
        besides=(),
    ),
    Row(
        defect="redirect_uri_host_suffix_match",
        trial=TAMPERED,
        caught_by=("no_way_leads_elsewhere", "redirect_uris_exact"),
        besides=(),
    ),
    Row(
        defect="errors_redirected_anywhere",
        trial=TAMPERED,
        caught_by=("no_way_leads_elsewhere", "redirect_uris_exact"),
        besides=(),
    ),
    Row(defect="loopback_port_fixed", trial=TAMPERED, caught_by=("native_apps_log_in",), besides=()),
    Row(
        defect="state_not_echoed",
        trial=TAMPERED,
        caught_by=("states_echoed",),
        besides=("errors_bound_to_requests", "states_and_nonces_exact"),
    ),
    Row(
        defect="iss_missing_in_response",
        trial=TAMPERED,
        caught_by=("issuers_named",),
        besides=("errors_bound_to_requests",),
    ),
    Row(defect="code_redeemable_in_a_race", trial=REPLAYED, caught_by=("used_once_at_once",), besides=()),
    Row(
        defect="nonce_from_another_request",
        trial=REPLAYED,
        caught_by=("nonces_are_own",),
        besides=("id_tokens_verify", "states_and_nonces_exact"),
    ),
    Row(
        defect="session_never_ends",
        trial=THEFT,
        caught_by=("sessions_within_policy", "theft_of_session_ends"),
        besides=(),
    ),
    Row(defect="browser_session_never_ends", trial=THEFT, caught_by=("theft_of_browser_ends",), besides=()),
    Row(defect="machine_tokens_long_lived", trial=THEFT, caught_by=("lifetimes_within_policy",), besides=()),
    Row(defect="no_single_flight", trial=SLOW, caught_by=("key_fetches_bounded",), besides=()),
    Row(defect="synchronous_refresh", trial=SLOW, caught_by=("api_latency_fault",), besides=()),
    Row(defect="bad_jwks_replaces_good_keys", trial=GARBAGE, caught_by=("api_success_fault",)),
    Row(defect="keys_never_reloaded", trial=ROTATION, caught_by=("refusal_window", "api_success_recovery")),
    # A verifier that is made once, by what the first key set or token said.
    Row(defect="algorithm_pinned", trial=ROTATION, caught_by=("refusal_window", "api_success_recovery")),
    # CWE-696: a key is in the set before it is ready to be checked by.
    Row(
        defect="new_key_unverified",
        trial=ROTATION,
        caught_by=("tampered_tokens_refused",),
        besides=SIGNATURES,
    ),
    Row(defect="revocation_forgotten_after_restart", trial=RESTART, caught_by=("revoked_tokens_refused",)),
    # A flight that is shared, and whose failure nobody who joined it hears of.
    _in_outage(
        "second_of_two_let_in",
        "tampered_tokens_refused",
        "unsigned_tokens_refused",
        "expired_tokens_refused",
        "audience_enforced",
    ),
    Row(defect="opaque_case_ignored", trial=AUDIENCES, caught_by=("known_tokens_are_known_whole",), besides=()),
    _in_outage("refusal_remembered", "good_tokens_not_called_bad", besides=()),
    _in_outage("verdict_by_jti", "known_tokens_are_known_whole", besides=KNOWN),
    _in_outage("verdict_without_signature", "tampered_tokens_refused", "known_tokens_are_known_whole", besides=KNOWN),
    Row(defect="fetches_end_with_failure", trial=UNHEARD, caught_by=("key_cache_age_recovery",)),
    # An orchestrator takes away who says that, and all say it at once.
    Row(defect="unready_in_outage", trial=UNHEARD, caught_by=("readiness_told_rightly",), besides=()),
    Row(
        defect="polls_back_off_for_good",
        trial=UNHEARD,
        caught_by=("revocations_age_recovery", "revoked_tokens_refused", "revocation_ends_the_grant"),
    ),
    Row(defect="revoked_only_until_expired", trial=ROTATION, caught_by=("revoked_tokens_refused",), besides=()),
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
    # Google SRE, "Addressing Cascading Failures": retries multiply the load of who is overloaded.
    # RFC 7662 section 2.2 knows active and inactive: that nobody answered is neither.
    Row(
        defect="failed_introspection_remembered",
        trial=DOWN,
        caught_by=("good_tokens_not_called_bad",),
        besides=(),
    ),
    # RFC 7662 section 2.2; CWE-636: what failed is not what was allowed.
    Row(
        defect="unreadable_introspection_as_active",
        trial=DOWN,
        caught_by=("unknown_opaque_refused",),
    ),
    # CWE-772: a body that is not read to its end keeps its connection.
    Row(defect="bodies_never_closed", trial=DOWN, caught_by=("nothing_left_open",), besides=()),
    Row(defect="introspection_retried_at_once", trial=DOWN, caught_by=("introspections_bounded",), besides=()),
    # RFC 9110 section 10.2.3: clients that obey are away for longer than the failure.
    Row(defect="clients_put_off_for_a_day", trial=DOWN, caught_by=("clients_put_off_briefly",), besides=()),
    # CWE-401: memory that is never released.
    Row(
        defect="requests_kept",
        trial=Trial(scenario="jwks_outage", settings=OUTAGE.settings | {"slo.memory_growth_mib": 4}),
        caught_by=("memory_bounded",),
    ),
    Row(
        defect="verdict_renewed_by_use",
        trial=LAGS,
        caught_by=("jwt_revocation_lag_p95", "jwt_revocation_lag_max"),
        besides=(),
    ),
    Row(
        defect="introspection_renewed_by_use",
        trial=LAGS,
        caught_by=("opaque_revocation_lag_p95", "opaque_revocation_lag_max"),
        besides=(),
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
    Row(defect="unknown_key_breaks_set", trial=odd_keys("unknown_kty", **SHORT_OF_KEYS), caught_by=UNREADABLE),
    # RFC 7517 sections 4, 4.2 and 4.4: what is not known is passed over, and what is optional may be missing.
    Row(defect="unknown_member_breaks_set", trial=odd_keys("unknown_kty", **SHORT_OF_KEYS), caught_by=UNREADABLE),
    Row(defect="key_without_alg_dropped", trial=odd_keys("no_kid", **SHORT_OF_KEYS), caught_by=UNREADABLE),
    Row(defect="key_without_use_dropped", trial=odd_keys("no_kid", **SHORT_OF_KEYS), caught_by=UNREADABLE),
    Row(defect="nameless_key_breaks_set", trial=odd_keys("no_kid", **SHORT_OF_KEYS), caught_by=UNREADABLE),
    Row(defect="gzip_unknown", trial=odd_keys("gzip", **SHORT_OF_KEYS), caught_by=UNREADABLE),
    Row(defect="first_of_one_kid_counts", trial=odd_keys("duplicate_kid"), caught_by=("api_success_fault",)),
    Row(defect="keys_of_one_kid_dropped", trial=odd_keys("duplicate_kid"), caught_by=("api_success_fault",)),
    Row(defect="few_keys_read", trial=odd_keys("hundred_keys"), caught_by=("api_success_fault",)),
    Row(defect="redirects_followed", trial=odd_keys("redirect"), caught_by=("api_success_fault",)),
    Row(defect="max_age_obeyed", trial=odd_keys("cache_control"), caught_by=("key_fetches_bounded",)),
    Row(
        defect="retry_after_ignored",
        trial=odd_keys("retry_after", **{"fault.retry_after_s": 4, "fault.duration_s": 8}),
        caught_by=("left_alone",),
    ),
    Row(defect="discovery_only_at_boot", trial=MOVED, caught_by=("api_success_fault",)),
    Row(defect="discovered_issuer_unchecked", trial=RESPELLED, caught_by=("api_success_fault",)),
    Row(defect="discovery_failure_final", trial=UNDISCOVERED, caught_by=("api_recovery",)),
    Row(defect="fractional_exp_refused", trial=FRACTIONS, caught_by=("opaque_success",)),
    Row(defect="fail_open_on_timeout", trial=BLACK_HOLE, caught_by=("unknown_keys_refused",)),
    Row(defect="zero_leeway", trial=SKEW, caught_by=("api_success_fault",)),
    _narrow("forwards_before_checking", "refused_requests_go_no_further"),
    # RFC 9110 section 14.2: what is a part of the whole is guarded as that is.
    _narrow("range_unchecked", "odd_requests_guarded"),
    Row(
        defect="secret_by_its_beginning",
        trial=GRANTS,
        caught_by=("client_secrets_checked", "each_way_to_authenticate_checked"),
        besides=(),
    ),
    Row(defect="page_unchecked", trial=GRANTS, caught_by=("odd_requests_guarded",), besides=()),
    # Filters look at so much of a body and no more.
    Row(
        defect="long_body_unchecked",
        trial=ROTATION,
        caught_by=("odd_requests_guarded",),
        elsewhere=AUDIENCES,
        besides=(),
    ),
)
"""One a defect. ``caught_by``: any of these, failing, tells whoever reads the report what is wrong."""

WITHOUT_ROW: dict[str, str] = {
    "always_ready": "no run here restarts a gateway while keys can't be had; cold_start (outage) catches it",
    "one_user_unserved": "of so few users one is too many for a steady baseline, which ends the run",
    "long_tokens_malformed": "a quarter of all users is refused before any fault, which ends the run",
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
    "anyone_may_introspect": "which clients may ask is the IdP's own policy (RFC 7662 section 2.1)",
}
"""Defects that nothing looks for, and why."""
