"""Each canary is bad in one way only, and surely so."""

import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import RSAKey, import_key

from idchaos.load.canaries.base import Good, Moment
from idchaos.load.canaries.kinds.alg_none import AlgNone
from idchaos.load.canaries.kinds.expired import Expired, ExpiredOpaque
from idchaos.load.canaries.kinds.hmac_public_key import HMAC_KEYS, HmacPublicKey
from idchaos.load.canaries.kinds.kid_path import KID_PATHS, KidPath
from idchaos.load.canaries.kinds.not_yet_valid import NotYetValid
from idchaos.load.canaries.kinds.odd_times import odd
from idchaos.load.canaries.kinds.retired_key import RetiredKey
from idchaos.load.canaries.kinds.tampered import Tampered
from idchaos.load.canaries.kinds.unknown_kid import UnknownKid
from idchaos.load.canaries.kinds.wrong_audience import WrongAudience, foreign_audiences
from idchaos.load.canaries.kinds.wrong_issuer import NOBODY, WrongIssuer
from idchaos.load.canaries.nobody import Nobody
from idchaos.load.idp.tokens import b64, peek, unb64

PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KEY = RSAKey.import_key(PRIVATE, {"kid": "k1", "alg": "RS256"})
JWK = KEY.as_dict(private=False)
TOKEN = jwt.encode(
    {"alg": "RS256", "typ": "at+jwt", "kid": "k1"},
    {"iss": "https://idp", "sub": "alice", "aud": ["orders"], "iat": 1000, "exp": 1300, "jti": "good"},
    KEY,
)
STRANGER = Nobody()
GOOD = Good(TOKEN, JWK, STRANGER)
MOMENT = Moment(now=10_000.0, margin_s=6.0, number=0, withdrawn={"old": 9_000.0, "older": 8_000.0})


def signed_part(token):
    return token.rpartition(".")[0].encode()


def test_alg_none_carries_no_signature():
    token = AlgNone().forge(GOOD, 0)
    header, claims = peek(token)
    assert header["alg"] == "none"
    assert token.endswith(".")
    assert claims["sub"] == "alice"
    assert claims["jti"].startswith("canary-")


@pytest.mark.parametrize(("number", "form"), list(enumerate(HMAC_KEYS)))
def test_hmac_is_keyed_by_the_bytes_of_the_public_key(number, form):
    token = HmacPublicKey().forge(GOOD, number)
    pem = KEY.as_pem(private=False)
    secret = {
        "pem": pem,
        "pem_stripped": pem.strip(),
        "jwk": json.dumps(JWK, separators=(",", ":"), sort_keys=True).encode(),
        "der": PRIVATE.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "parameter": PRIVATE.public_key().public_numbers().n.to_bytes(256, "big"),
    }[form]
    assert peek(token)[0] == {"alg": "HS256", "typ": "at+jwt", "kid": "k1"}
    assert token.rpartition(".")[2] == b64(hmac.new(secret, signed_part(token), hashlib.sha256).digest())


def test_without_a_published_key_there_is_no_hmac_of_it():
    assert HmacPublicKey().forge(Good(TOKEN, None, STRANGER), 0) is None


@pytest.mark.parametrize("number", [0, 1])
def test_a_tampered_token_no_longer_verifies(number):
    forged = Tampered().forge(GOOD, number)
    public = PRIVATE.public_key()
    public.verify(unb64(TOKEN.rpartition(".")[2]), signed_part(TOKEN), padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(InvalidSignature):
        public.verify(unb64(forged.rpartition(".")[2]), signed_part(forged), padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize(("number", "alg"), [(0, "RS256"), (2, "ES256")])
def test_an_unknown_kid_is_signed_properly_by_a_key_of_nobody_as_good_tokens_are_and_by_another_algorithm(number, alg):
    token = UnknownKid().forge(GOOD, number)
    assert peek(token)[0]["kid"].startswith("unknown-")
    assert jwt.decode(token, import_key(STRANGER.jwk(alg)), algorithms=[alg]).claims["sub"] == "alice"
    with pytest.raises(BadSignatureError):
        jwt.decode(token, import_key(Nobody().jwk(alg)), algorithms=[alg])


def test_half_of_the_unknown_kids_are_left_to_the_idp_s_own_key_where_that_can_be_had():
    minting = Good(TOKEN, JWK, STRANGER, mints=True)
    assert [UnknownKid().forge(minting, number) is None for number in range(4)] == [False, True, False, True]
    (order,) = UnknownKid().orders(MOMENT)
    assert order.header["kid"].startswith("unknown-")


@pytest.mark.parametrize(("number", "path"), list(enumerate(KID_PATHS)))
def test_a_path_as_kid_leads_to_an_empty_file_and_the_empty_secret(number, path):
    token = KidPath().forge(GOOD, number)
    assert peek(token)[0] == {"alg": "HS256", "typ": "at+jwt", "kid": path}
    assert token.rpartition(".")[2] == b64(hmac.new(b"", signed_part(token), hashlib.sha256).digest())
    assert (Path("/etc/keys") / path).resolve().read_bytes() == b""


def test_time_claims_lie_beyond_their_bound_by_the_margin_for_as_long_as_a_canary_is_used():
    (expired,) = Expired().orders(MOMENT)
    assert expired.claims["exp"] < 10_000 - 6
    near, far = NotYetValid().orders(MOMENT)
    for early in (near, far):
        assert early.claims["nbf"] - early.bad_until >= 6
        assert early.bad_until > 10_000
    assert near.claims["nbf"] <= 10_000 + 6 + 10  # close enough to find a leeway that is too wide
    assert far.bad_until > near.bad_until + 3_600


def test_what_comes_too_early_lies_beyond_the_leeway_on_nbf_and_what_is_expired_beyond_that_on_exp():
    moment = replace(MOMENT, margin_s=6.0, early_margin_s=306.0)
    assert all(order.claims["nbf"] > 10_306 for order in NotYetValid().orders(moment))
    assert min(odd(moment)["iat_ahead"]["iat"], odd(moment)["nbf_fraction"]["nbf"]) > 10_306
    (over, *_) = Expired().orders(moment)
    assert 9_992 <= over.claims["exp"] < 9_994


@pytest.mark.parametrize("kind", [WrongAudience, WrongIssuer, UnknownKid, RetiredKey])
def test_each_token_made_to_order_is_bad_in_one_way_only(kind):
    for order in kind().orders(MOMENT):
        assert order.claims["nbf"] <= 10_000 < order.claims["exp"]


def test_a_retired_key_s_tokens_are_bad_when_it_must_be_forgotten():
    assert {order.kid: order.bad_from for order in RetiredKey().orders(MOMENT)} == {"old": 9_000.0, "older": 8_000.0}
    assert not list(RetiredKey().orders(Moment(now=10_000.0, margin_s=6.0, number=0)))


def test_audiences_are_taken_in_turn():
    ways = foreign_audiences(["orders"])
    rounds = [Moment(10_000.0, 6.0, number, audiences=["orders"]) for number in range(5)]
    made = [order for each in rounds for order in WrongAudience().orders(each)]
    assert [order.way for order in made] == [ways[n % len(ways)].way for n in range(len(made))]
    assert {order.way for order in made} == {each.way for each in ways}, "a few rounds come to all of them"


def test_an_audience_is_another_s_as_a_string_as_a_list_and_beside_a_third():
    found = foreign_audiences(["accounts", "orders"])
    assert [each.claim for each in found if each.good_for == "orders"] == [
        "orders",
        ["orders"],
        [NOBODY, "orders"],
    ]


def test_what_names_no_service_is_good_for_none():
    found = [each for each in foreign_audiences(["accounts", "orders"]) if not each.good_for]
    named = {name for each in found for name in ([each.claim] if isinstance(each.claim, str) else each.claim or [])}
    assert "ORDERS" in named
    assert "orders-attacker" in named
    assert not named & {"accounts", "orders"}


def test_of_a_single_service_no_token_is_another_s():
    assert not any(each.good_for for each in foreign_audiences(["orders"]))


@pytest.mark.parametrize(("kind", "opaque"), [(Expired(), False), (ExpiredOpaque(), True)], ids=["jwt", "opaque"])
def test_one_token_of_each_format_is_good_at_first_and_surely_expired_when_no_leeway_can_save_it(kind, opaque):
    moment = Moment(now=10_000.5, margin_s=10.0, number=0, shows=("jwt", "opaque"), expired_after_s=6.0)
    over, *shown = kind.orders(moment)
    assert (over.opaque, over.shown, over.bad_from) == (opaque, False, 0.0)
    assert [(order.opaque, order.shown) for order in shown] == [(opaque, True)]
    for order in shown:
        assert order.claims["exp"] > moment.now + 1
        assert order.bad_from == order.claims["exp"] + 6.0


def test_a_token_of_another_audience_is_shown_there_first():
    moments = [Moment(10_000.0, 6.0, n, audiences=["accounts", "orders"]) for n in range(16)]
    orders = [order for moment in moments for order in WrongAudience().orders(moment)]
    assert {order.good_for for order in orders if order.shown} == {"accounts", "orders"}
    assert all(order.shown == bool(order.good_for) for order in orders)
