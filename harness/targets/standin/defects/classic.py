"""The flaws that everybody thinks of first: decisions, keys, caches, revocation, answers."""

from __future__ import annotations

from idchaos.targets.standin.defects.model import KEYS, Defect

CLASSIC: tuple[Defect, ...] = (
    # Decisions
    Defect(
        name="fail_open_on_jwks_outage",
        meaning="Without usable keys, a token's signature is taken on trust.",
        needs=KEYS,
    ),
    Defect(
        name="fail_open_on_introspection_outage",
        meaning="When introspection fails, an opaque token is taken for active.",
    ),
    Defect(name="no_aud_check", meaning="A token for another audience is accepted."),
    Defect(name="id_token_accepted", meaning="An ID token is taken for an access token.", needs=KEYS),
    Defect(name="no_iss_check", meaning="A token of another issuer is accepted.", needs=KEYS),
    Defect(name="no_exp_check", meaning="A token that has expired is accepted.", needs=KEYS),
    Defect(
        name="expired_post_accepted",
        meaning="A token that has expired is accepted by POST at one service.",
        who=("deciders",),
        needs=KEYS,
    ),
    Defect(
        name="other_methods_only_authenticated",
        meaning="By other methods than GET and POST any token will do that is signed.",
        who=("deciders",),
        needs=KEYS,
    ),
    Defect(
        name="expired_of_one_client_accepted",
        meaning="A token of one client is accepted after it has expired.",
        needs=KEYS,
    ),
    Defect(
        name="signature_of_one_client_unchecked",
        meaning="Of one client's tokens the signature is not checked.",
        needs=KEYS,
    ),
    Defect(name="no_nbf_check", meaning="A token that is not valid yet is accepted.", needs=KEYS),
    Defect(name="zero_leeway", meaning="Clocks that differ by a second break good tokens.", needs=KEYS),
    Defect(name="huge_leeway", meaning="Tokens are accepted for an hour beyond their time claims.", needs=KEYS),
    # Signatures and keys
    Defect(name="alg_none_accepted", meaning="An unsigned token (alg: none) is accepted.", needs=KEYS),
    Defect(
        name="hmac_public_key_accepted",
        meaning="A token signed by HMAC, with the public key for a secret, is accepted.",
        needs=KEYS,
    ),
    Defect(
        name="kid_path_followed",
        meaning="A kid is taken for a file's path, and the file for an HMAC secret.",
        needs=KEYS,
    ),
    Defect(
        name="unknown_kid_falls_back_to_any_key",
        meaning="When a token's kid is unknown, any published key may verify it.",
        needs=KEYS,
    ),
    Defect(name="retired_key_kept_forever", meaning="Keys that the IdP has withdrawn go on being used.", needs=KEYS),
    Defect(name="keys_never_reloaded", meaning="The key set is fetched once, at the start.", needs=KEYS),
    # The key cache
    Defect(
        name="jwks_refetched_on_each_unknown_kid",
        meaning="Every token with an unknown kid causes a fetch of the key set.",
        needs=KEYS,
    ),
    Defect(
        name="no_single_flight",
        meaning="Requests that need a key fetch at the same time each make their own.",
        needs=KEYS,
    ),
    Defect(
        name="synchronous_refresh",
        meaning="Good requests wait while keys that still serve are refreshed.",
        needs=KEYS,
    ),
    Defect(name="cache_wiped_on_failed_fetch", meaning="A failed fetch throws the good keys away.", needs=KEYS),
    Defect(name="bad_jwks_replaces_good_keys", meaning="A body that is no key set replaces the good keys.", needs=KEYS),
    Defect(
        name="failed_fetch_cached_long",
        meaning="After a failed fetch, keys are not fetched for five minutes.",
        needs=KEYS,
    ),
    # Revocation
    Defect(
        name="revocation_ignored",
        meaning="Revoked tokens are accepted until they expire.",
        who=("deciders",),
        needs=KEYS,
    ),
    Defect(
        name="revocation_lost_on_one_replica",
        meaning="One replica of two accepts revoked tokens until they expire.",
        who=("second decider",),
        told="revocation_ignored",
        needs=KEYS,
    ),
    Defect(
        name="revocations_cut",
        meaning="Of the list of revoked tokens only the first 25 are kept.",
        who=("deciders",),
        needs=KEYS,
    ),
    Defect(
        name="revocation_forgotten_after_restart",
        meaning="What was revoked before a gateway started is accepted again.",
        who=("deciders",),
        needs=KEYS,
    ),
    Defect(
        name="introspection_believed_for_long",
        meaning="An opaque token that was active once is taken for active for five minutes.",
        who=("deciders",),
    ),
    # Answers, headers, logs
    Defect(name="refusal_as_500", meaning="A bad token is answered with 500 instead of 401 or 403."),
    Defect(name="outage_as_401", meaning="What could not be decided is answered with 401 instead of 503."),
    Defect(
        name="identity_headers_passed_through",
        meaning="Identity headers that a client sends reach the service, and are believed.",
        who=("gateways", "deciders"),
    ),
    Defect(
        name="service_trusts_anyone",
        meaning="A service takes whoever reaches it for its gateway.",
        who=("trusting services",),
    ),
    Defect(
        name="gateway_secret_by_prefix",
        meaning="A service compares its gateway's secret only as far as it is shown one: an empty one is right.",
        who=("trusting services",),
    ),
    Defect(
        name="raw_tokens_in_logs",
        meaning="Whole tokens are written to the logs.",
        who=("idp", "validators"),
    ),
)
