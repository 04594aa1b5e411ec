"""Forgeries that public advisories tell of: each is what it says, and bad in one way only."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwe, jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, RSAKey, import_key

from idchaos.load.canaries.base import Forged, Good, Moment
from idchaos.load.canaries.kinds.alg_none import SPELLINGS, AlgNone
from idchaos.load.canaries.kinds.critical_header import HEADERS, CriticalHeader
from idchaos.load.canaries.kinds.degenerate_signature import DegenerateSignature
from idchaos.load.canaries.kinds.embedded_key import EmbeddedKey
from idchaos.load.canaries.kinds.encrypted import ITERATIONS, Encrypted
from idchaos.load.canaries.kinds.hmac_guessable import GUESSES, HmacGuessable
from idchaos.load.canaries.kinds.id_token import TYPES, IdToken
from idchaos.load.canaries.kinds.malformed import WAYS, Malformed, shapes
from idchaos.load.canaries.kinds.odd_times import OddTimes, odd
from idchaos.load.canaries.kinds.other_key import OtherKey
from idchaos.load.canaries.kinds.revoked import respelled
from idchaos.load.canaries.kinds.wrong_issuer import foreign_issuers
from idchaos.load.canaries.kinds.wrong_scope import WrongScope, lacking
from idchaos.load.canaries.nobody import ELSE, Nobody, alg_of
from idchaos.load.idp.tokens import peek, unb64

KEY = RSAKey.import_key(rsa.generate_private_key(public_exponent=65537, key_size=2048), {"kid": "k1", "alg": "RS256"})
EC = ECKey.generate_key("P-256", {"kid": "e1", "alg": "ES256"})
NOBODY = Nobody()
CLAIMS = {"iss": "https://idp", "sub": "alice", "aud": ["orders"], "scope": "orders:read", "exp": 1300, "jti": "good"}
TOKEN = jwt.encode({"alg": "RS256", "typ": "at+jwt", "kid": "k1"}, CLAIMS, KEY)
PUBLISHED = (KEY.as_dict(private=False), EC.as_dict(private=False))
GOOD = Good(TOKEN, PUBLISHED[0], NOBODY, published=PUBLISHED)


def moment(number: int = 0) -> Moment:
    return Moment(
        now=10_000.0, margin_s=6.0, number=number, scopes=("accounts:read", "orders:read"), issuer="https://idp",
        published=PUBLISHED, signing_kid="k1",
    )  # fmt: skip


@pytest.mark.parametrize("number", range(len(SPELLINGS)))
def test_none_is_spelled_in_many_ways(number: int) -> None:
    token = AlgNone().forge(GOOD, number)
    assert peek(token)[0]["alg"] == SPELLINGS[number]
    assert token.endswith(".")


@pytest.mark.parametrize("number", range(len(HmacGuessable.ways)))
def test_a_guessed_secret_is_the_one_that_signed(number: int) -> None:
    way = HmacGuessable.ways[number]
    token = HmacGuessable().forge(GOOD, number)
    said = {**CLAIMS, "kid": "k1"}
    secret = GUESSES.get(way, str(said.get(way, "")).encode())
    signed, _, signature = token.rpartition(".")
    assert hmac.digest(secret, signed.encode(), "sha256") == unb64(signature)
    assert (peek(token)[0]["alg"], peek(token)[1]["sub"]) == ("HS256", "alice")


@pytest.mark.parametrize("name", ["client_id", "azp", "cid"])
def test_a_client_is_guessed_wherever_the_token_names_it(name: str) -> None:
    named = jwt.encode({"alg": "RS256", "kid": "k1"}, CLAIMS | {name: "batch"}, KEY)
    token = HmacGuessable().forge(replace(GOOD, token=named), HmacGuessable.ways.index("client_id"))
    signed, _, signature = token.rpartition(".")
    assert hmac.digest(b"batch", signed.encode(), "sha256") == unb64(signature)


@pytest.mark.parametrize(("first", "alg"), [(0, "RS256"), (2, "ES256")])
def test_an_embedded_key_is_the_one_that_signed(first: int, alg: str) -> None:
    by_jwk, by_certificate = (EmbeddedKey().forge(GOOD, number) for number in (first, first + 1))
    embedded = peek(by_jwk)[0]["jwk"]
    signed, _, signature = by_jwk.rpartition(".")
    assert jws.JWSRegistry.algorithms[alg].verify(signed.encode(), unb64(signature), import_key(embedded))
    (der,) = peek(by_certificate)[0]["x5c"]
    held = x509.load_der_x509_certificate(base64.b64decode(der)).public_key()
    assert (
        import_key(held.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), embedded["kty"]).as_dict()
        == embedded
    )


@pytest.mark.parametrize(
    ("number", "kid", "signature"),
    [(0, "k1", b""), (1, "k1", bytes(256)), (2, "e1", bytes(64)), (3, "e1", None)],
)
def test_a_degenerate_signature_is_the_same_for_every_message(number: int, kid: str, signature: bytes | None) -> None:
    token = DegenerateSignature().forge(GOOD, number)
    assert token is not None
    assert peek(token)[0]["kid"] == kid
    found = unb64(token.rpartition(".")[2])
    assert found == signature if signature is not None else found[:32] == found[32:] != bytes(32)


@pytest.mark.parametrize("alg", ["RS256", "PS512", "ES384", "ES256K", "EdDSA", "Ed448"])
def test_nobody_signs_as_good_tokens_are_signed(alg: str) -> None:
    assert alg_of({"alg": alg}) == alg
    signed, _, signature = NOBODY.sign(Forged({"alg": alg}, {"sub": "x"})).rpartition(".")
    key = import_key(NOBODY.jwk(alg))
    assert jws.JWSRegistry.algorithms[alg].verify(signed.encode(), unb64(signature), key)
    assert x509.load_der_x509_certificate(base64.b64decode(NOBODY.certificate(alg))).serial_number == 1


@pytest.mark.parametrize("alg", ["HS256", "none", "RS1", "", "ML-DSA-44"])
def test_what_nobody_could_sign_is_signed_by_something_else(alg: str) -> None:
    assert alg_of({"alg": alg}) == ELSE


def test_without_a_published_curve_there_is_no_signature_of_zeros_for_it() -> None:
    assert DegenerateSignature().forge(Good(TOKEN, PUBLISHED[0], NOBODY, published=PUBLISHED[:1]), 2) is None


def test_one_key_is_named_and_another_signs() -> None:
    (order,) = OtherKey().orders(moment())
    assert (order.kid, order.header) == ("e1", {"kid": "k1"})
    assert (
        list(OtherKey().orders(Moment(now=0.0, margin_s=0.0, number=0, published=PUBLISHED[:1], signing_kid="k1")))
        == []
    )


def test_a_jwe_holds_an_unsigned_token() -> None:
    token = Encrypted().forge(GOOD, 0)
    assert token is not None
    inner = jwe.decrypt_compact(token, KEY).plaintext
    assert inner is not None
    assert peek(inner.decode())[0]["alg"] == "none"
    assert len(Encrypted().forge(GOOD, 1) or "") < 7_000


def test_a_password_asks_for_endless_work() -> None:
    header = json.loads(unb64((Encrypted().forge(GOOD, 2) or "").partition(".")[0]))
    assert header["p2c"] == ITERATIONS


@pytest.mark.parametrize("number", range(len(HEADERS)))
def test_a_critical_header_names_what_nobody_knows(number: int) -> None:
    (order,) = CriticalHeader().orders(moment(number))
    assert "crit" in order.header
    assert order.claims["exp"] > 10_000


def test_no_scope_is_the_one_that_is_asked_for() -> None:
    ways = lacking(("orders:read",))
    assert set(ways) == {"none", "empty", "another", "longer", "shorter", "case", "comma"}
    assert all("orders:read" not in (claim or "").split() for claim in ways.values())
    seen = {order.way for number in range(20) for order in WrongScope().orders(moment(number))}
    assert seen == set(lacking(moment().scopes))


def test_no_issuer_is_the_right_one() -> None:
    ways = foreign_issuers("https://idp")
    assert "https://idp" not in [claim for claim in ways.values() if isinstance(claim, str)]
    assert ways["slash"] == "https://idp/"
    assert foreign_issuers("") == {"nobody": "https://nobody.invalid"}


def test_odd_times_are_never_those_of_a_good_token() -> None:
    for way, claims in odd(moment()).items():
        value = next(iter(claims.values()))
        good = type(value) is int and 10_000 < value < 10**12 and "exp" in claims
        assert not good, way
    seen = {order.way for number in range(20) for order in OddTimes().orders(moment(number))}
    assert seen == set(odd(moment())) == set(OddTimes().each_way)


@pytest.mark.parametrize("number", range(len(WAYS)))
def test_what_is_malformed_is_no_token_and_fits_a_header(number: int) -> None:
    token = Malformed().forge(GOOD, number)
    with pytest.raises((ValueError, TypeError, KeyError, RecursionError, JoseError)):
        jwt.decode(token, KEY, algorithms=["RS256"])
    assert len(token) < 8_000
    assert token.isascii()
    assert set(shapes(TOKEN)) == set(WAYS)


def test_a_respelled_token_decodes_to_the_same() -> None:
    other = respelled(TOKEN)
    assert other != TOKEN
    assert [unb64(part) for part in other.split(".")] == [unb64(part) for part in TOKEN.split(".")]


def test_a_secret_made_of_the_published_key_opens_what_everybody_can_close() -> None:
    token = Encrypted().forge(GOOD, Encrypted.ways.index("public_secret"))
    assert token is not None
    pem = KEY.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    secret = OctKey.import_key(hashlib.sha256(pem).digest())
    inner = jwe.decrypt_compact(token, secret, algorithms=["dir", "A256GCM"]).plaintext
    assert inner is not None
    assert inner.endswith(b".")
    assert peek(inner.decode())[0]["alg"] == "none"


@pytest.mark.parametrize(("typ", "ways"), [("at+jwt", TYPES), ("application/AT+JWT", TYPES), ("JWT", ()), ("", ())])
def test_another_type_is_bad_only_where_access_tokens_have_one(typ: str, ways: tuple[str, ...]) -> None:
    typed = [Moment(now=10_000.0, margin_s=6.0, number=number, typ=typ) for number in range(len(TYPES))]
    orders = [order for moment in typed for order in IdToken().orders(moment)]
    assert tuple(order.header["typ"] for order in orders) == ways
