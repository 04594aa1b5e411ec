"""Tokens that the IdP would not issue, signed by its key: by its control API, or by a key that the harness holds."""

import json

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from idchaos.load.canaries.mints import ControlApi, SigningKey, TokenSpec
from idchaos.load.engine.response import Response
from idchaos.load.idp.tokens import peek

KEY = ECKey.generate_key("P-256", {"kid": "k1", "alg": "ES256"})
EXAMPLE = jwt.encode(
    {"alg": "ES256", "typ": "at+jwt", "kid": "k1"},
    {"iss": "https://idp", "aud": ["orders"], "sub": "machine", "iat": 100, "exp": 400, "jti": "good"},
    KEY,
)


def by_key(example=EXAMPLE):
    return SigningKey(KEY.as_dict(private=True), lambda: example, now=lambda: 5_000.0)


def test_a_token_by_the_key_is_a_good_one_but_for_what_was_ordered():
    (made,) = by_key().mint("machine", [TokenSpec(claims={"aud": "somebody"})])
    found = jwt.decode(made, KEY, algorithms=["ES256"])
    assert found.header == {"alg": "ES256", "typ": "at+jwt", "kid": "k1"}
    assert found.claims.pop("jti") != "good"
    assert found.claims == {"iss": "https://idp", "aud": "somebody", "sub": "machine", "iat": 5_000, "exp": 5_300}


def test_a_claim_that_is_ordered_away_is_missing():
    (made,) = by_key().mint("machine", [TokenSpec(claims={"aud": None})])
    assert "aud" not in peek(made)[1]


def test_another_header_is_signed_too():
    (made,) = by_key().mint("machine", [TokenSpec(header={"kid": "nobody"})])
    assert peek(made)[0]["kid"] == "nobody"
    assert jwt.decode(made, KEY, algorithms=["ES256"]).claims["sub"] == "machine"


def test_a_header_that_a_library_would_refuse_to_write_is_signed():
    (made,) = by_key().mint("machine", [TokenSpec(header={"crit": ["urn:idchaos:unknown"], "b64": True})])
    assert peek(made)[0]["crit"] == ["urn:idchaos:unknown"]


def test_of_several_keys_the_one_that_the_good_token_names_is_in_use():
    other = ECKey.generate_key("P-256", {"kid": "k2", "alg": "ES256"})
    mints = SigningKey(other.as_dict(private=True), lambda: EXAMPLE, further=(KEY.as_dict(private=True),))
    in_use, asked_for = mints.mint("machine", [TokenSpec(), TokenSpec(kid="k2")])
    assert jwt.decode(in_use, KEY, algorithms=["ES256"]).header["kid"] == "k1"
    assert jwt.decode(asked_for, other, algorithms=["ES256"]).header["kid"] == "k2"


@pytest.mark.parametrize("spec", [TokenSpec(kid="retired"), TokenSpec(opaque=True)])
def test_what_the_key_cannot_make_is_none(spec):
    assert [made is None for made in by_key().mint("machine", [spec, TokenSpec()])] == [True, False]


@pytest.mark.parametrize("example", [None, "opaque"])
def test_without_a_jwt_to_go_by_none_is_made(example):
    assert by_key(example).mint("machine", [TokenSpec()]) == [None]


class Control:
    """A control API that answers as told."""

    base = ""

    def __init__(self, *tokens, status=200):
        self.tokens, self.status, self.asked = tokens, status, []

    def head(self, method, target, headers):
        return f"{method} {target} {headers['Authorization']}".encode()

    def send(self, head, body=b"", *, replayable=True):
        self.asked.append((head, json.loads(body)))
        return Response(status=self.status, body=json.dumps({"tokens": [{"token": t} for t in self.tokens]}).encode())


def test_the_control_api_is_asked_for_what_differs():
    control = Control("a", "b")
    specs = [TokenSpec(claims={"aud": None}), TokenSpec(kid="old", header={"kid": "x"}, opaque=True)]
    assert ControlApi(control, "secret").mint("machine", specs) == ["a", "b"]
    ((head, body),) = control.asked
    assert head == b"POST /mint Bearer secret"
    assert body["tokens"] == [
        {"client_id": "machine", "claims": {"aud": None}},
        {"client_id": "machine", "claims": {}, "header": {"kid": "x"}, "kid": "old", "opaque": True},
    ]


@pytest.mark.parametrize("control", [Control("a"), Control("a", "b", status=503)])
def test_the_control_api_makes_all_or_none(control):
    assert ControlApi(control, "secret").mint("machine", [TokenSpec(), TokenSpec()]) == [None, None]


def like(**claims):
    """A key's mint whose good token has these claims as well."""
    return by_key(jwt.encode({"alg": "ES256", "kid": "k1"}, {"iss": "https://idp", "aud": "orders"} | claims, KEY))


@pytest.mark.parametrize(
    ("example", "ordered", "made"),
    [
        ({"scope": "read"}, {"scope": "write all"}, {"scope": "write all"}),
        ({"scp": "read"}, {"scope": "write all"}, {"scp": "write all"}),
        ({"scp": ["read"]}, {"scope": "write all"}, {"scp": ["write", "all"]}),
        ({"roles": ["read"]}, {"scope": ""}, {"roles": [""]}),
        ({"scp": ["read"]}, {"scope": None}, {}),
        ({"cid": "a"}, {"client_id": "b"}, {"cid": "b"}),
        ({}, {"scope": "write"}, {"scope": "write"}),
    ],
)
def test_what_is_ordered_stands_where_tokens_of_this_idp_have_it(example, ordered, made):
    (token,) = like(**example).mint("machine", [TokenSpec(claims=ordered)])
    names = {"scope", "scp", "roles", "cid", "client_id"}
    assert {name: value for name, value in peek(token)[1].items() if name in names} == made


def test_many_tokens_are_asked_for_in_several_requests(world):
    asked = []

    class Site:
        head = staticmethod(lambda *_: b"")

        @staticmethod
        def send(head, body=b""):
            orders = json.loads(body)["tokens"]
            asked.append(len(orders))
            return Response(status=200, body=json.dumps({"tokens": [{"token": "t"}] * len(orders)}).encode())

    assert ControlApi(Site(), "secret").mint("machine", [TokenSpec()] * 250) == ["t"] * 250
    assert asked == [100, 100, 50]
