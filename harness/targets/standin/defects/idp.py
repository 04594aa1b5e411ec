"""The flaws of an IdP beyond its flows: who it gives what to, what it forgets to end, what it tells."""

from __future__ import annotations

from idchaos.targets.standin.defects.model import listed

IDP_STATE = listed(
    {
        "any_client_secret": "Every secret is a client's.",
        "any_password": "Every password is a user's.",
        "code_redeemed_by_other_client": "A code may be redeemed by another client than it was given to.",
        "refresh_by_other_client": "A refresh token may be used by another client than it was given to.",
        "logout_keeps_grants": "Who logs out leaves refresh and access tokens alive.",
        "reuse_ends_token_only": "A refresh token that is used again is refused, and its family lives on.",
        "code_replay_keeps_tokens": "A code that is used again is refused, and what it gave lives on.",
        "revocation_keeps_access_tokens": "Whatever ends a grant leaves its access tokens alive.",
        "revoke_does_nothing": "The revocation endpoint answers 200 and revokes nothing.",
        "revoked_jwt_active": "Introspection calls a revoked JWT active.",
        "expired_opaque_active": "Introspection calls an opaque token active that has expired.",
        "withdrawn_key_active": "Introspection calls a JWT active whose key was withdrawn.",
        "code_never_expires": "A code can be redeemed however old it is.",
        "redirect_uri_not_compared": "A code is redeemed whatever redirect URI is named with it.",
        "anyone_may_introspect": "Every client may introspect every token.",
        "scope_widened_on_refresh": "A refresh may ask for more than its user has allowed.",
        "error_repeats_credentials": "Errors of the IdP quote what the client authenticated with.",
        "token_answer_repeats_credentials": "A header of a token answer quotes what the client proved itself by.",
        "introspection_repeats_token": "Introspection quotes the token that it was asked about.",
        "login_page_repeats_password": "The page after a wrong password quotes it.",
        "login_redirect_repeats_password": "The redirect at the end of a login carries the password.",
        "private_keys_published": "The JWKS holds the private keys.",
        "token_answers_storable": "Answers with tokens may be kept by any cache on the way.",
        "codes_counted": "Codes are numbers that count up.",
        "idp_slower_after_fault": "After the first injected error the token endpoint takes 0.4 s longer, for good.",
    },
    who=("idp",),
)

IDP_ENDPOINTS = listed(
    {
        "userinfo_expired_accepted": "Userinfo answers access tokens that have expired.",
        "userinfo_revoked_accepted": "Userinfo answers JWTs that were revoked.",
        "userinfo_signature_unchecked": "Userinfo reads JWTs and verifies no signature.",
        "userinfo_scope_unchecked": "Userinfo answers access tokens without the scope openid.",
        "userinfo_id_token_accepted": "Userinfo answers ID tokens.",
        "userinfo_refresh_token_accepted": "Userinfo answers refresh tokens.",
        "revoked_by_other_client": "A client may revoke tokens of other clients.",
        "pkce_challenge_as_verifier": "The PKCE challenge itself is taken for its verifier.",
        "pkce_verifier_optional": "A code that was asked for with a PKCE challenge is redeemed without a verifier.",
        "pkce_empty_verifier_accepted": "An empty PKCE verifier fits every challenge.",
        "pkce_verifier_of_another_login": "A PKCE verifier fits the challenge of any login.",
        "post_logout_uri_unchecked": "After a logout the browser is sent wherever the request says.",
        "logout_unconfirmed": "Any site can sign its visitors out: nobody is asked, and no ID token is needed.",
        "logout_keeps_cookie": "After a logout the browser's cookie still logs its user in.",
        "logout_keeps_siblings": "A logout ends the grant of the first client alone, and not those of the others.",
        "refresh_without_client_auth": "A client with a secret may refresh without it.",
        "code_without_client_auth": "A client with a secret may redeem codes without it.",
        "introspection_without_client_auth": "Introspection answers whoever asks.",
        "revocation_without_client_auth": "A client with a secret may revoke without it.",
        "registration_token_unchecked": "Clients that registered themselves are read and deleted by anybody.",
        "registration_token_of_any_client": "The registration access token of one client is good for all.",
        "code_accepted_as_refresh_token": "A code is taken for a refresh token, without its verifier.",
        "access_token_accepted_as_refresh_token": "An access token is taken for a refresh token.",
        "refresh_token_accepted_as_code": "A refresh token is taken for a code, as often as one likes.",
        "token_by_get": "The token endpoint answers GET.",
        "token_parameters_from_query": "The token endpoint reads its parameters from the URL as well.",
        "duplicate_parameters_accepted": "Of a parameter that is there twice the first one counts.",
    },
    who=("idp",),
)
"""What its single endpoints don't look at."""
