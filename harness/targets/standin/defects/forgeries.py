"""Forged, odd and malformed tokens: signatures, headers, claims."""

from __future__ import annotations

from idchaos.targets.standin.defects.model import KEYS, listed

FORGERIES = (
    listed(
        {
            "crit_ignored": "A header's crit is not looked at (RFC 7515, 4.1.11).",
            "b64_ignored": "A header's b64 is not looked at (RFC 7797).",
            "typ_ignored": "A header's typ is not looked at: any JWT of the issuer may do (RFC 8725, 3.11).",
            "alg_of_token_obeyed": "Any asymmetric alg that a token names is used, if its key bears it.",
            "none_in_other_case_accepted": "An unsigned token is accepted if its alg is None, NONE, nOnE.",
            "hmac_other_spellings_accepted": (
                "A token signed by HMAC is accepted, with a rarer spelling of the public key for a secret."
            ),
            "default_hmac_secret": "A token signed by HMAC and a default secret is accepted (CVE-2022-29266).",
            "jwk_header_trusted": "The key that a token brings along (jwk) verifies it (CVE-2018-0114).",
            "jku_trusted": "The keys that a token leads to (jku) verify it.",
            "x5u_trusted": "The certificate that a token leads to (x5u) verifies it.",
            "x5c_trusted": "The certificate that a token brings along (x5c) verifies it.",
            "ecdsa_zero_accepted": "An ECDSA signature of zeros verifies everything (CVE-2022-21449).",
            "empty_signature_accepted": "A token without a signature is accepted, whatever its alg.",
            "kid_mismatch_ignored": "Any published key verifies a token, also one that its kid does not name.",
            "issuer_prefix_match": "An issuer need only begin like the right one.",
            "issuer_case_ignored": "An issuer may be spelled in other letters, upper or lower.",
            "exp_missing_accepted": "A token without exp is good for ever.",
            "exp_string_accepted": "An exp that is no number is read as one, or as never (CVE-2026-25537).",
            "exp_fraction_ignored": "An exp with a fraction of a second is taken for none at all.",
            "cnf_ignored": "A token that is bound to a key is accepted from any bearer.",
            "exp_zero_ignored": "An exp of 0 is taken for none at all.",
            "exp_out_of_range_accepted": "An exp beyond any time is taken for one far off.",
            "nbf_wraps": "An nbf beyond 2038 is cut to 32 bits and lies in the past.",
            "issued_in_future_accepted": "A token that was issued in the future is accepted.",
            "some_signatures_refused": "One good signature in 16 is called a bad one.",
            "enc_key_verifies": "A published key for encryption verifies tokens.",
        },
        needs=KEYS,
    )
    + listed(
        {
            "audience_substring_match": "An audience need only hold the right one somewhere.",
            "respelled_token_accepted": "A token may be spelled in several ways, by bits that base64url leaves unused.",
            "respelled_token_dodges_revocation": "A revoked token that is spelled otherwise is not known as such.",
        },
        who=("deciders",),
        needs=KEYS,
    )
    + listed(
        {
            "jwe_wrapped_unsigned_accepted": "An unsigned JWT within a JWE is accepted (CVE-2026-29000).",
            "zip_bomb_inflated": "An encrypted token is inflated as far as it goes.",
            "p2c_obeyed": "A key is derived in as many rounds as a token asks for (CVE-2023-50967).",
            "scope_ignored": "A token's scope is not looked at.",
            "scope_substring_match": "A scope need only be part of a token's scope.",
            "scope_case_ignored": "A scope may be spelled in other letters, upper or lower.",
        },
        who=("deciders",),
    )
    + listed(
        {
            "malformed_as_500": "What is no token is answered with 500.",
            "expired_as_403": "An expired token is answered with 403, so that no client asks for another one.",
            "scope_as_401": "A scope that lacks is answered with 401, so that clients refresh for ever.",
            "malformed_hangs": "What is no token is not answered for a minute.",
            "many_dots_hang": "A token of more than a hundred parts is not answered for a minute.",
        }
    )
)
