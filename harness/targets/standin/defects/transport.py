"""How keys are fetched and read, and where from."""

from __future__ import annotations

from idchaos.targets.standin.defects.model import KEYS, listed

TRANSPORT = listed(
    {
        "unknown_key_breaks_set": "One key of an unknown type or curve spoils the whole set.",
        "first_of_one_kid_counts": "Of several keys with one kid only the first verifies.",
        "keys_of_one_kid_dropped": "Several keys with one kid are all thrown away.",
        "nameless_key_breaks_set": "One key without a kid spoils the whole set.",
        "few_keys_read": "Of a set only the first ten keys are read.",
        "key_without_alg_dropped": "A key that does not say for which algorithm it is, is thrown away.",
        "key_without_use_dropped": "A key that does not say that it is for signatures is thrown away.",
        "unknown_member_breaks_set": "A key that says something unknown of itself spoils the whole set.",
        "algorithm_pinned": "The first good token tells by which algorithm all others must be signed.",
        "new_key_unverified": "In the first seconds after a key came, signatures by it are taken on trust.",
        "new_material_ignored": "New material under an old kid is not looked for before the keys grow old.",
        "no_cooldown": "After a failed fetch the next request fetches again, and so does every unknown kid.",
        "jwks_without_timeout": "A fetch of the keys is waited for without an end.",
        "fail_open_on_timeout": "When fetching the keys has timed out, a token's signature is taken on trust.",
        "jwks_size_unbounded": "A key set may be of any size, also once it is inflated.",
        "sockets_left_open": "Each poll of the revocations that fails leaves sockets open.",
        "gzip_unknown": "A key set that comes compressed is not understood.",
        "redirects_followed": "Keys are fetched from wherever a redirect leads.",
        "retry_after_ignored": "A failing JWKS is asked again however long it wants to be left alone.",
        "retry_after_unbounded": "A failing JWKS is left alone for as long as it says, be it for ever.",
        "max_age_obeyed": "Keys are kept for as long as their response says: not at all, or for ever.",
        "discovery_only_at_boot": "The issuer's metadata are read once.",
        "discovery_failure_final": "Metadata that can't be had at the start are never asked for again.",
        "discovered_issuer_unchecked": "Metadata of another issuer are taken.",
    },
    needs=KEYS,
)
