"""Defects: what the stand-ins can be told to do wrong, so that the judge can be judged. The one list of them.

A defect is asked for by name; each part of the stand-in system is told its own share of it in its settings document.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from harness.errors import UsageError
from harness.targets.topology import GATEWAYS, IDP
from harness.values import Value

VALIDATORS = (*GATEWAYS, "accounts")
"""Who validates JWTs: the gateways, and the service that does not trust them."""
IDPS = (IDP,)


class Defect(Value):
    """One way to be wrong."""

    name: str
    meaning: str
    """One sentence."""
    parts: tuple[str, ...] = VALIDATORS
    """The components that are told of it."""
    told: str = ""
    """What their settings call it, where that is not its name."""


DEFECTS: Mapping[str, Defect] = {
    defect.name: defect
    for defect in (
        # Decisions
        Defect(
            name="fail_open_on_jwks_outage",
            meaning="Without usable keys, a token's signature is taken on trust.",
        ),
        Defect(
            name="fail_open_on_introspection_outage",
            meaning="When introspection fails, an opaque token is taken for active.",
        ),
        Defect(name="no_aud_check", meaning="A token for another audience is accepted."),
        Defect(name="id_token_accepted", meaning="An ID token is taken for an access token."),
        Defect(name="no_iss_check", meaning="A token of another issuer is accepted."),
        Defect(name="no_exp_check", meaning="A token that has expired is accepted."),
        Defect(name="no_nbf_check", meaning="A token that is not valid yet is accepted."),
        Defect(name="zero_leeway", meaning="Clocks that differ by a second break good tokens."),
        Defect(name="huge_leeway", meaning="Tokens are accepted for an hour beyond their time claims."),
        # Signatures and keys
        Defect(name="alg_none_accepted", meaning="An unsigned token (alg: none) is accepted."),
        Defect(
            name="hmac_public_key_accepted",
            meaning="A token signed by HMAC, with the public key for a secret, is accepted.",
        ),
        Defect(name="kid_path_followed", meaning="A kid is taken for a file's path, and the file for an HMAC secret."),
        Defect(
            name="unknown_kid_falls_back_to_any_key",
            meaning="When a token's kid is unknown, any published key may verify it.",
        ),
        Defect(name="retired_key_kept_forever", meaning="Keys that the IdP has withdrawn go on being used."),
        Defect(name="keys_never_reloaded", meaning="The key set is fetched once, at the start."),
        # The key cache
        Defect(
            name="jwks_refetched_on_each_unknown_kid",
            meaning="Every token with an unknown kid causes a fetch of the key set.",
        ),
        Defect(name="no_single_flight", meaning="Requests that need a key fetch at the same time each make their own."),
        Defect(name="synchronous_refresh", meaning="Good requests wait while keys that still serve are refreshed."),
        Defect(name="cache_wiped_on_failed_fetch", meaning="A failed fetch throws the good keys away."),
        Defect(name="bad_jwks_replaces_good_keys", meaning="A body that is no key set replaces the good keys."),
        Defect(name="failed_fetch_cached_long", meaning="After a failed fetch, keys are not fetched for five minutes."),
        # Revocation
        Defect(name="revocation_ignored", meaning="Revoked tokens are accepted until they expire.", parts=GATEWAYS),
        Defect(
            name="revocation_lost_on_one_replica",
            meaning="One replica of two accepts revoked tokens until they expire.",
            parts=GATEWAYS[1:],
            told="revocation_ignored",
        ),
        Defect(
            name="revocation_forgotten_after_restart",
            meaning="What was revoked before a gateway started is accepted again.",
            parts=GATEWAYS,
        ),
        # Answers, headers, logs
        Defect(name="refusal_as_500", meaning="A bad token is answered with 500 instead of 401 or 403."),
        Defect(name="outage_as_401", meaning="What could not be decided is answered with 401 instead of 503."),
        Defect(
            name="identity_headers_passed_through",
            meaning="Identity headers that a client sends reach the service.",
            parts=GATEWAYS,
        ),
        Defect(
            name="raw_tokens_in_logs",
            meaning="Whole tokens are written to the logs.",
            parts=(*IDPS, *VALIDATORS),
        ),
        # The IdP
        Defect(
            name="code_redeemable_twice",
            meaning="An authorization code can be redeemed again.",
            parts=IDPS,
        ),
        Defect(
            name="code_redeemable_in_a_race",
            meaning="An authorization code can be redeemed by several who ask at the same moment.",
            parts=IDPS,
        ),
        Defect(
            name="assertion_replay_not_detected",
            meaning="A client assertion that was used can be used again.",
            parts=IDPS,
        ),
        Defect(
            name="nonce_from_another_request",
            meaning="An ID token carries the nonce of another login.",
            parts=IDPS,
        ),
        Defect(name="pkce_not_checked", meaning="A code is redeemed without the right PKCE verifier.", parts=IDPS),
        Defect(
            name="redirect_uri_prefix_match",
            meaning="A redirect URI need only begin like a registered one.",
            parts=IDPS,
        ),
        Defect(
            name="redirect_uri_case_ignored",
            meaning="A redirect URI may be spelt in other letters, upper or lower.",
            parts=IDPS,
        ),
        Defect(
            name="redirect_uri_decoded_first",
            meaning="A redirect URI is decoded before it is compared.",
            parts=IDPS,
        ),
        Defect(
            name="redirect_uri_host_suffix_match",
            meaning="The host of a redirect URI need only end like a registered one.",
            parts=IDPS,
        ),
        Defect(
            name="loopback_port_fixed",
            meaning="A native app must come back at the very port that was registered.",
            parts=IDPS,
        ),
        Defect(
            name="errors_redirected_anywhere",
            meaning="An error is sent to a redirect URI that was not checked yet.",
            parts=IDPS,
        ),
        Defect(
            name="pkce_downgrade_allowed",
            meaning="A code is given without a PKCE challenge, and needs no verifier then.",
            parts=IDPS,
        ),
        Defect(name="state_not_echoed", meaning="The answer to a login does not repeat its state.", parts=IDPS),
        Defect(
            name="iss_missing_in_response",
            meaning="The answer to a login does not name the issuer, though the metadata promise it.",
            parts=IDPS,
        ),
        Defect(
            name="refresh_reuse_not_detected",
            meaning="A refresh token that was used can be used again.",
            parts=IDPS,
        ),
        Defect(
            name="refresh_race_logs_out",
            meaning="A refresh token used twice within its grace ends the session.",
            parts=IDPS,
        ),
        Defect(
            name="registration_open",
            meaning="Anybody may register a client, without an initial access token.",
            parts=IDPS,
        ),
        Defect(
            name="registration_redirect_unchecked",
            meaning="A client may register any redirect URI, also plain HTTP, scripts and wildcards.",
            parts=IDPS,
        ),
        Defect(
            name="registration_limit_untold",
            meaning="Too many registrations are answered with 500, not with 429 and when to try again.",
            parts=IDPS,
        ),
        Defect(
            name="session_never_ends",
            meaning="A session can be refreshed for as long as it is used, whatever its absolute limit.",
            parts=IDPS,
        ),
        Defect(
            name="machine_tokens_long_lived",
            meaning="Machines are given access tokens that live for a day, whatever the settings say.",
            parts=IDPS,
        ),
        Defect(name="old_secret_kept", meaning="A client secret that was replaced stays good.", parts=IDPS),
        Defect(
            name="secret_rotation_keeps_grants",
            meaning="Rotating a compromised client secret leaves the client's tokens alive.",
            parts=IDPS,
        ),
    )
}
"""Every defect by name."""


def known(names: Iterable[str]) -> tuple[str, ...]:
    """The names, each once, in the order given.

    Raises:
        UsageError: one is unknown; names the nearest ones, and where to see all.
    """
    chosen = tuple(dict.fromkeys(names))
    for name in chosen:
        if name not in DEFECTS:
            near = difflib.get_close_matches(name, DEFECTS, n=3, cutoff=0.5)
            hint = f"did you mean {', '.join(near)}? " if near else ""
            raise UsageError(f"--defect: {name!r} is unknown; {hint}all of them: idchaos list --defects")
    return chosen


def by_part(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """What each component is told: component -> the defects, by the names that its settings know."""
    told: dict[str, dict[str, None]] = {}
    for defect in (DEFECTS[name] for name in names):
        for part in defect.parts:
            told.setdefault(part, {})[defect.told or defect.name] = None
    return {part: tuple(found) for part, found in told.items()}
