"""The flaws of an IdP's flows: codes, redirects, refresh tokens, registration, secrets."""

from __future__ import annotations

from idchaos.targets.standin.defects.model import Defect

IDP_CLASSIC: tuple[Defect, ...] = (
    Defect(
        name="code_redeemable_twice",
        meaning="An authorization code can be redeemed again.",
        who=("idp",),
    ),
    Defect(
        name="code_redeemable_in_a_race",
        meaning="An authorization code can be redeemed by several who ask at the same moment.",
        who=("idp",),
    ),
    Defect(
        name="assertion_replay_not_detected",
        meaning="A client assertion that was used can be used again.",
        who=("idp",),
    ),
    Defect(
        name="nonce_from_another_request",
        meaning="An ID token carries the nonce of another login.",
        who=("idp",),
    ),
    Defect(name="pkce_not_checked", meaning="A code is redeemed without the right PKCE verifier.", who=("idp",)),
    Defect(
        name="pkce_not_checked_for_one",
        meaning="The client that was first to log in redeems codes without the right PKCE verifier.",
        who=("idp",),
    ),
    Defect(
        name="redirect_uri_prefix_match",
        meaning="A redirect URI need only begin like a registered one.",
        who=("idp",),
    ),
    Defect(
        name="redirect_uri_case_ignored",
        meaning="A redirect URI may be spelt in other letters, upper or lower.",
        who=("idp",),
    ),
    Defect(
        name="redirect_uri_decoded_first",
        meaning="A redirect URI is decoded before it is compared.",
        who=("idp",),
    ),
    Defect(
        name="redirect_uri_host_suffix_match",
        meaning="The host of a redirect URI need only end like a registered one.",
        who=("idp",),
    ),
    Defect(
        name="loopback_port_fixed",
        meaning="A native app must come back at the very port that was registered.",
        who=("idp",),
    ),
    Defect(
        name="errors_redirected_anywhere",
        meaning="An error is sent to a redirect URI that was not checked yet.",
        who=("idp",),
    ),
    Defect(
        name="pkce_downgrade_allowed",
        meaning="A code is given without a PKCE challenge, and needs no verifier then.",
        who=("idp",),
    ),
    Defect(name="state_not_echoed", meaning="The answer to a login does not repeat its state.", who=("idp",)),
    Defect(
        name="iss_missing_in_response",
        meaning="The answer to a login does not name the issuer, though the metadata promise it.",
        who=("idp",),
    ),
    Defect(
        name="refresh_reuse_not_detected",
        meaning="A refresh token that was used can be used again.",
        who=("idp",),
    ),
    Defect(
        name="refresh_race_logs_out",
        meaning="A refresh token used twice within its grace ends the session.",
        who=("idp",),
    ),
    Defect(
        name="registration_open",
        meaning="Anybody may register a client, without an initial access token.",
        who=("idp",),
    ),
    Defect(
        name="registration_redirect_unchecked",
        meaning="A client may register any redirect URI, also plain HTTP, scripts and wildcards.",
        who=("idp",),
    ),
    Defect(
        name="registration_limit_untold",
        meaning="Too many registrations are answered with 500, not with 429 and when to try again.",
        who=("idp",),
    ),
    Defect(
        name="session_never_ends",
        meaning="A session can be refreshed for as long as it is used, whatever its absolute limit.",
        who=("idp",),
    ),
    Defect(
        name="machine_tokens_long_lived",
        meaning="Machines are given access tokens that live for a day, whatever the settings say.",
        who=("idp",),
    ),
    Defect(name="old_secret_kept", meaning="A client secret that was replaced stays good.", who=("idp",)),
    Defect(
        name="secret_rotation_keeps_grants",
        meaning="Rotating a compromised client secret leaves the client's tokens alive.",
        who=("idp",),
    ),
)
