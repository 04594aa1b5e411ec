import hashlib
import hmac
import json
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import ECKey, RSAKey

from idchaos.experiment import Canary
from idchaos.load.canaries import kinds as canaries
from idchaos.load.idp.tokens import b64, peek, unb64

PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KEY = RSAKey.import_key(PRIVATE, {"kid": "k1", "alg": "RS256"})
JWK = KEY.as_dict(private=False)
TOKEN = jwt.encode(
    {"alg": "RS256", "typ": "at+jwt", "kid": "k1"},
    {"iss": "https://idp", "sub": "alice", "aud": ["orders"], "iat": 1000, "exp": 1300, "jti": "good"},
    KEY,
)


def signed_part(token):
    return token.rpartition(".")[0].encode()


def test_alg_none_carries_no_signature():
    token = canaries.alg_none(TOKEN, "c1")
    header, claims = peek(token)
    assert header["alg"] == "none"
    assert token.endswith(".")
    assert (claims["jti"], claims["sub"]) == ("c1", "alice")


@pytest.mark.parametrize("form", canaries.HMAC_KEYS)
def test_hmac_is_keyed_by_the_bytes_of_the_public_key(form):
    token = canaries.hmac_with_public_key(TOKEN, "c1", JWK, form)
    pem = KEY.as_pem(private=False)
    secret = {
        "pem": pem,
        "pem_stripped": pem.strip(),
        "jwk": json.dumps(JWK, separators=(",", ":"), sort_keys=True).encode(),
    }[form]
    assert peek(token)[0] == {"alg": "HS256", "typ": "at+jwt", "kid": "k1"}
    assert token.rpartition(".")[2] == b64(hmac.new(secret, signed_part(token), hashlib.sha256).digest())


@pytest.mark.parametrize("forged", [canaries.tampered_payload(TOKEN, "c1"), canaries.tampered_signature(TOKEN)])
def test_a_tampered_token_no_longer_verifies(forged):
    signature = unb64(forged.rpartition(".")[2])
    PRIVATE.public_key().verify(
        unb64(TOKEN.rpartition(".")[2]), signed_part(TOKEN), padding.PKCS1v15(), hashes.SHA256()
    )
    with pytest.raises(InvalidSignature):
        PRIVATE.public_key().verify(signature, signed_part(forged), padding.PKCS1v15(), hashes.SHA256())


def test_an_unknown_kid_is_signed_properly_by_a_key_of_nobody():
    own = ec.generate_private_key(ec.SECP256R1())
    token = canaries.unknown_kid(TOKEN, "c1", "nobody", own)
    assert peek(token)[0]["kid"] == "nobody"
    assert jwt.decode(token, ECKey.import_key(own), algorithms=["ES256"]).claims["jti"] == "c1"
    with pytest.raises(BadSignatureError):
        jwt.decode(token, ECKey.generate_key("P-256"), algorithms=["ES256"])


@pytest.mark.parametrize("path", canaries.KID_PATHS)
def test_a_path_as_kid_leads_to_an_empty_file_and_the_empty_secret(path):
    token = canaries.kid_path(TOKEN, "c1", path)
    assert peek(token)[0] == {"alg": "HS256", "typ": "at+jwt", "kid": path}
    assert token.rpartition(".")[2] == b64(hmac.new(b"", signed_part(token), hashlib.sha256).digest())
    assert (Path("/etc/keys") / path).resolve().read_bytes() == b""


def orders(**changes):
    values = {
        "client_id": "machine",
        "now": 10_000.0,
        "margin_s": 6.0,
        "unknown": "nobody",
        "withdrawn": {"old": 9_000.0, "older": 8_000.0},
        "foreign": canaries.ForeignAudience("nobody_listed", [canaries.NOBODY]),
    }
    return canaries.mint_orders(tuple(Canary), **(values | changes))


def by_kind(kind, **changes):
    return [order for order in orders(**changes) if order.kind is kind]


def test_time_claims_lie_beyond_their_bound_by_the_margin_for_as_long_as_a_canary_is_used():
    (expired,) = by_kind(Canary.EXPIRED)
    assert expired.spec["claims"]["exp"] < 10_000 - 6
    near, far = by_kind(Canary.NOT_YET_VALID)
    for early in (near, far):
        assert early.spec["claims"]["nbf"] - early.bad_until >= 6
        assert early.bad_until > 10_000
    assert near.spec["claims"]["nbf"] <= 10_000 + 6 + 10  # close enough to find a leeway that is too wide
    assert far.bad_until > near.bad_until + 3_600


def test_each_minted_canary_is_bad_in_one_way_only():
    for kind in (Canary.WRONG_AUDIENCE, Canary.WRONG_ISSUER, Canary.UNKNOWN_KID, Canary.RETIRED_KEY):
        for order in by_kind(kind):
            claims = order.spec["claims"]
            assert claims["nbf"] <= 10_000 < claims["exp"]
    assert by_kind(Canary.WRONG_AUDIENCE)[0].spec["claims"]["aud"] == [canaries.NOBODY]
    retired = {order.spec["kid"]: order.bad_from for order in by_kind(Canary.RETIRED_KEY)}
    assert retired == {"old": 9_000.0, "older": 8_000.0}


def test_an_audience_is_another_s_as_a_string_as_a_list_and_beside_a_third():
    found = canaries.foreign_audiences(["accounts", "orders"])
    assert [each.claim for each in found if each.good_for == "orders"] == [
        "orders",
        ["orders"],
        [canaries.NOBODY, "orders"],
    ]


def test_what_names_no_service_is_good_for_none():
    found = [each for each in canaries.foreign_audiences(["accounts", "orders"]) if not each.good_for]
    named = {name for each in found for name in ([each.claim] if isinstance(each.claim, str) else each.claim or [])}
    assert "ORDERS" in named
    assert "orders-attacker" in named
    assert not named & {"accounts", "orders"}


def test_of_a_single_service_no_token_is_another_s():
    assert not any(each.good_for for each in canaries.foreign_audiences(["orders"]))


def test_without_a_withdrawn_key_there_is_no_canary_of_it():
    assert by_kind(Canary.RETIRED_KEY, withdrawn={}) == []
