"""The stock of canaries, against an IdP and gateways that are plain objects."""

from types import SimpleNamespace

import gevent
import pytest
from joserfc.jwk import ECKey

from idchaos.experiment import AT_HOME_AGAIN, SHOWN, Canary, CanaryPlan
from idchaos.load.canaries.at_idp import Desk
from idchaos.load.canaries.base import Forged, Good, Order
from idchaos.load.canaries.kinds.resembling import USES
from idchaos.load.canaries.kinds.unknown_kid import junk
from idchaos.load.canaries.mints import SigningKey
from idchaos.load.canaries.nobody import Nobody
from idchaos.load.canaries.rota import Place
from idchaos.load.canaries.stock import Shelf
from idchaos.load.canaries.upkeep import COOKIE, Canaries
from idchaos.load.engine.job import Withdrawn
from idchaos.load.engine.response import Response, cookies_in
from idchaos.load.idp.tokens import bearer_line, peek
from idchaos.planning.redirects import tampered
from idchaos.targets.endpoints import Client
from tests.harness.load.conftest import MARGIN_S, arrival, samples, stock

REDIRECT_URI = "http://127.0.0.1/callback"


def test_a_canary_is_a_request_that_expects_refusal(scene):
    stock(scene, Canary.TAMPERED).canary(arrival(), due=1_000.0)
    (row,) = samples(scene)
    assert (row["flow"], row["canary"], row["expected"], row["replica"]) == ("canary", "tampered", "deny", "gateway-1")
    assert row["outcome"] == "wrongly_accepted"  # these gateways look at nothing but revocations


def test_what_lives_as_long_as_a_good_token_is_made_again_before_that_ends(world, scene):
    canaries = stock(scene, "good_elsewhere")
    token, begun = canaries.bench.round_token, world.now
    assert begun < canaries._next(begun + 10 * token.life_s) < begun + token.life_s / 2
    assert canaries._next(begun + 1.0) == begun + 1.0  # a round is due before
    world.now += token.life_s
    canaries.canary(arrival(), due=world.now)
    assert (samples(scene), scene.recorder.skipped) == ([], {"good_elsewhere": 1})
    canaries._freshen()
    canaries.canary(arrival(), due=world.now)
    assert [row["canary"] for row in samples(scene)] == ["good_elsewhere"]


@pytest.mark.parametrize(
    ("lines", "sent"),
    [
        ("a=1; HttpOnly; Path=/orders", b"Cookie: a=1\r\n"),
        (["a=1", "b=x=y; Secure", "a=2"], b"Cookie: a=2; b=x=y\r\n"),
        ("a=; Max-Age=0", b""),
        ("nonsense", b""),
        (None, b""),
    ],
)
def test_cookies_are_sent_back_whatever_they_are_for(lines, sent):
    assert cookies_in(Response(status=200, headers={"Set-Cookie": lines} if lines else {})) == sent


def test_what_came_with_a_token_as_a_cookie_ends_with_it(scene):
    canaries = stock(scene, Canary.EXPIRED)
    scene.cookies[bearer_line("a.b.c")] = b"Cookie: session=1\r\n"
    order = Order({"exp": 1_010}, shown=True, bad_from=1_016.0, way=SHOWN)
    for value in ("a.b.c", "d.e.f"):
        canaries._put_ordered(Canary.EXPIRED, order, value, canaries._shown)
    alone = [call for call in canaries._shown[Canary.EXPIRED] if call.about.way == COOKIE]
    assert [(call.lines, call.bad_from) for call in alone] == [(b"Cookie: session=1\r\n", 1_016.0)]
    assert not scene.cookies


def test_a_few_canaries_of_a_kind_meet_every_replica(scene):
    canaries = stock(scene, Canary.ALG_NONE, Canary.TAMPERED)
    for kind in (0, 1, 1, 0):
        canaries.canary(arrival(kind), due=1_000.0)
    met = [(row["canary"], row["replica"]) for row in samples(scene)]
    assert sorted(met) == [(kind, name) for kind in ("alg_none", "tampered") for name in ("gateway-1", "gateway-2")]


def test_forged_tokens_have_names_of_their_own(scene):
    canaries = stock(scene, Canary.ALG_NONE, Canary.UNKNOWN_KID)
    for kind in (0, 1, 0, 1):
        canaries.canary(arrival(kind), due=1_000.0)
    rows = samples(scene)
    assert len({row["jti"] for row in rows}) == 4
    assert all(row["jti"].startswith("canary-") for row in rows)


def test_a_flood_names_another_unknown_key_each_time_and_goes_on_while_the_idp_is_away(world, scene):
    canaries = stock(scene, Canary.TAMPERED)
    world.away = True
    for _ in range(50):
        canaries.junk(arrival(), due=1_000.0)
    rows = samples(scene)
    assert len({row["kid"] for row in rows}) == 50
    assert {(row["flow"], row["canary"], row["expected"]) for row in rows} == {("junk", "unknown_kid", "deny")}


def test_a_flood_is_of_the_algorithm_of_good_tokens_for_another_would_be_refused_before_its_key_is_looked_for():
    nobody = Nobody()
    good_token = nobody.sign(Forged({"alg": "RS256", "kid": "k", "typ": "at+jwt"}, {"sub": "alice", "exp": 9}))
    made = [junk(Good(good_token, None, nobody)) for _ in range(2)]
    for token in made:
        header, claims = peek(token)
        assert (header["alg"], claims["sub"]) == ("RS256", "alice")
        assert len(token.rpartition(".")[2]) == len(good_token.rpartition(".")[2])
    assert len({peek(token)[0]["kid"] for token in made}) == 2


def test_a_made_up_opaque_token_is_a_canary(scene):
    canaries = stock(scene, Canary.UNKNOWN_OPAQUE)
    canaries.canary(arrival(), due=1_000.0)
    row, same, again = samples(scene)  # two at once, and what was remembered of them is asked of the third
    assert (row["canary"], row["format"], row["kid"]) == ("unknown_opaque", "opaque", "")
    assert {(each["canary"], each["replica"]) for each in (same, again)} == {(row["canary"], row["replica"])}


def test_every_opaque_token_is_asked_about_once_more_when_its_first_answer_can_be_remembered(scene, monkeypatch):
    """Also where JWTs of the same kind come in turn with it."""
    at_once = []
    monkeypatch.setattr(scene, "together", lambda works: at_once.append([work() for work in works]))
    canaries = stock(scene, Canary.TAMPERED)
    in_a_row = []
    for number in range(16):
        canaries.stock[Canary.TAMPERED] = shelf = Shelf(1, "always")
        canaries.bench.put(shelf, "opaque" if number % 2 else "a.b.c", secret=False)
        before, pairs = len(samples(scene)), len(at_once)
        canaries.canary(arrival(), due=1_000.0)
        if number % 2:
            in_a_row.append(len(samples(scene)) - before - 2 * (len(at_once) - pairs))
    assert at_once
    assert all(in_a_row)


def test_the_last_batch_is_used_while_the_idp_is_away(world, scene):
    canaries = stock(scene, Canary.TAMPERED)
    world.away = True
    for _ in range(20):
        canaries.fill()
        canaries.canary(arrival(), due=1_000.0)
    assert len(samples(scene)) == 20 + 20 // 3


def test_every_third_canary_is_sent_twice_to_the_same_place(world, scene):
    canaries = stock(scene, Canary.TAMPERED)
    for _ in range(3):
        canaries.canary(arrival(), due=1_000.0)
    *_, third, again = rows = samples(scene)
    assert len(rows) == 4
    assert [third[name] == again[name] for name in ("replica", "endpoint", "jti", "kid")] == [True] * 4


def test_half_of_those_that_are_sent_twice_are_sent_at_the_same_moment_to_each_replica(scene, monkeypatch):
    together = []
    monkeypatch.setattr(scene, "together", lambda works: together.append([work() for work in works]))
    canaries = stock(scene, Canary.TAMPERED)
    places = []
    for _ in range(12):
        before = len(together)
        canaries.canary(arrival(), due=1_000.0)
        if len(together) > before:
            places.append(samples(scene)[-1]["replica"])
    assert places == ["gateway-1", "gateway-2"]
    assert len(samples(scene)) == 12 + 12 // 3


def test_what_breaks_one_of_those_at_the_same_moment_is_not_lost(scene):
    with pytest.raises(ZeroDivisionError):
        scene.together([lambda: None, lambda: 1 / 0])


def test_a_token_that_was_refused_elsewhere_is_used_where_it_is_good(world, scene):
    canaries = stock(scene, Canary.WRONG_AUDIENCE)
    (home,) = scene.endpoints.routes
    order = Order({"aud": home.audience, "exp": 4_600}, shown=True, good_for=home.audience, way="for_home")
    canaries._put_ordered(Canary.WRONG_AUDIENCE, order, scene.example or "a.e30.c", canaries._shown)
    world.refusing = {"gateway-1"}
    (item, *_) = canaries._shown[Canary.WRONG_AUDIENCE]
    canaries._ask(Canary.WRONG_AUDIENCE, item, Place(0, 0, "GET", around=False), 1_000.0, first=True)
    bad, good = samples(scene)
    assert (bad["canary"], bad["expected"]) == ("wrong_audience", "deny")
    assert (good["canary"], good["expected"], good["service"]) == ("", "accept", home.service)
    assert (good["way"], good["replica"]) == (AT_HOME_AGAIN, "gateway-1")


def test_what_resembles_a_token_comes_right_after_it_was_used_there(world, scene):
    canaries = stock(scene, "resembling")
    world.forged = {call.lines.decode().split()[2] for call in canaries.stock["resembling"]}
    canaries.canary(arrival(), due=1_000.0)
    *used, bad = samples(scene)
    assert [(row["outcome"], row["canary"]) for row in used] == [("ok", "")] * USES
    assert (bad["outcome"], bad["canary"]) == ("denied", "resembling")
    assert {row["replica"] for row in used} == {bad["replica"]}


def test_where_a_token_is_not_accepted_the_refusal_of_what_resembles_it_shows_nothing(world, scene):
    canaries = stock(scene, "resembling")
    world.refusing = {"gateway-1", "gateway-2"}
    canaries.canary(arrival(), due=1_000.0)
    assert {(row["canary"], row["decision"]) for row in samples(scene)} == {("", "deny"), ("resembling", "undecided")}


@pytest.fixture
def presenting(world, scene, time_passes):
    """A stock with a key that is to be retired; its tokens are presented to both gateways when it is made ready."""
    canaries = stock(scene, Canary.RETIRED_KEY, control=world.control(), retired_kid="old")
    canaries._keep = lambda: None
    canaries.start()
    return canaries


def rest(canaries):
    """Until what was started in the background is done."""
    gevent.joinall(canaries.keepers)


def test_a_key_is_accepted_everywhere_before_it_is_withdrawn_and_tried_again_afterwards(world, scene, presenting):
    assert world.presented == {"gateway-1": 1, "gateway-2": 1}
    presenting.canary(arrival(), due=world.now)
    assert samples(scene) == []  # it is still a good one
    presenting.withdrawn(Withdrawn(kid="old", forgotten_from=world.now + 5))
    rest(presenting)
    presenting.canary(arrival(), due=world.now)
    assert samples(scene) == []  # caches may still hold it
    world.now += 5
    presenting.canary(arrival(), due=world.now)
    (row,) = samples(scene)
    assert (row["canary"], row["kid"], row["expected"]) == ("retired_key", "old", "deny")


def test_a_key_withdrawn_under_load_is_tried_beside_the_first(world, scene, presenting):
    for kid in ("old", "older"):
        presenting.withdrawn(Withdrawn(kid=kid, forgotten_from=world.now))
    rest(presenting)
    for _ in range(4):
        presenting.canary(arrival(), due=world.now)
    assert {row["kid"] for row in samples(scene)} == {"old", "older"}


def test_a_replica_that_never_knew_the_key_need_not_forget_it(world, scene, time_passes, monkeypatch):
    monkeypatch.setattr("idchaos.load.canaries.upkeep._PRESENT_AGAIN_S", 0.0)
    world.refusing = {"gateway-2"}
    canaries = stock(scene, Canary.RETIRED_KEY, control=world.control(), retired_kid="old")
    canaries._keep = lambda: None
    canaries.start()
    canaries.withdrawn(Withdrawn(kid="old", forgotten_from=world.now))
    rest(canaries)
    canaries.canary(arrival(), due=world.now)
    assert samples(scene) == []
    assert scene.recorder.skipped == {"retired_key": 1}


def test_tokens_made_like_a_good_one_are_presented_before_anything_else_is_made(world, scene, time_passes):
    key = ECKey.generate_key("P-256", {"kid": "old", "alg": "ES256"}, private=True).as_dict(private=True)
    scene.mints, scene.retired_kid = SigningKey(key, lambda: scene.example), "old"
    canaries = Canaries(scene, CanaryPlan(kinds=(Canary.RETIRED_KEY,), clock_margin_s=MARGIN_S), rate=1.0)
    canaries._keep = lambda: None
    canaries.start()
    assert world.presented == {"gateway-1": 1, "gateway-2": 1}
    assert canaries._presented.keys() == {"old"}


def test_a_replay_uses_a_refresh_token_that_was_used_before_once_for_each_family(scene):
    canaries = stock(scene, Canary.REPLAYED)
    ready = canaries.bench.depth
    for _ in range(ready + 1):
        canaries.canary(arrival(), due=1_000.0)
    rows = samples(scene)
    assert [(row["endpoint"], row["outcome"]) for row in rows] == [("token", "denied")] * ready
    assert scene.recorder.skipped == {"replayed": 1}


def test_a_code_is_redeemed_as_it_should_be_once_before_it_is_a_canary(world, scene):
    canaries = stock(scene, Canary.CODE_REPLAYED)
    before = list(world.redemptions)
    canaries.canary(arrival(), due=1_000.0)
    assert world.redemptions == [*before, before[0]]
    (row,) = samples(scene)
    assert (row["endpoint"], row["outcome"], row["way"]) == ("token", "denied", "used_code")


def test_a_code_is_redeemed_with_a_wrong_verifier_and_with_none(world, scene):
    canaries = stock(scene, Canary.PKCE_MISMATCH)
    assert world.redemptions == []
    for _ in range(2):
        canaries.canary(arrival(), due=1_000.0)
    wrong, missing = (verifier for _, _, verifier in world.redemptions)
    assert len(wrong) >= 43
    assert missing is None
    assert [row["way"] for row in samples(scene)] == ["other_verifier", "no_verifier"]


@pytest.mark.parametrize("kind", [Canary.CODE_REPLAYED, Canary.PKCE_MISMATCH])
def test_a_code_that_may_have_expired_is_not_sent(world, scene, kind):
    canaries = stock(scene, kind)
    world.now += 31
    canaries.canary(arrival(), due=1_031.0)
    assert samples(scene) == []
    assert scene.recorder.skipped == {kind: 1}


@pytest.mark.parametrize("kind", [Canary.CODE_REPLAYED, Canary.PKCE_MISMATCH, Canary.REPLAYED])
def test_what_never_reached_the_idp_is_not_used_up(world, scene, kind):
    canaries = stock(scene, kind)
    world.away = True
    for _ in range(canaries.bench.depth + 3):
        canaries.canary(arrival(), due=1_000.0)
    world.away = False
    canaries.canary(arrival(), due=1_000.0)
    outcomes = [row["outcome"] for row in samples(scene)]
    assert outcomes == ["unavailable"] * (canaries.bench.depth + 3) + ["denied"]


def test_a_refusal_of_the_client_says_nothing_about_its_code(world, scene):
    canaries = stock(scene, Canary.PKCE_MISMATCH)
    world.refuses_with = "invalid_client"
    canaries.canary(arrival(), due=1_000.0)
    (row,) = samples(scene)
    assert (row["outcome"], row["error_code"]) == ("unavailable", "invalid_client")


def test_every_manipulation_of_the_redirect_uri_has_its_turn(world, scene):
    canaries = stock(scene, Canary.REDIRECT_TAMPERED)
    ways = tampered(REDIRECT_URI, native=False)
    for _ in ways:
        canaries.canary(arrival(), due=1_000.0)
    assert world.tampered == list(ways.values())
    # Half of the requests are wrong besides: an IdP may look for that first, and redirect the error.
    tried = [row["way"].partition("+") for row in samples(scene)]
    assert [way for way, _, _ in tried] == list(ways)
    assert {wrong for _, _, wrong in tried} == {"", "wrong_request"}


def test_forged_identity_headers_are_accepted_only_where_the_service_believes_them(world, scene):
    canaries = stock(scene, Canary.IDENTITY_HEADERS)
    for believes in (False, True):
        world.believes_clients = believes
        for _ in range(3):
            canaries.canary(arrival(), due=1_000.0)
    assert {(row["way"], row["outcome"], row["kid"]) for row in samples(scene)} == {
        ("with_token", "denied", ""),
        ("without_token", "denied", ""),
        ("empty_secret", "denied", ""),
        ("with_token", "wrongly_accepted", ""),
        ("without_token", "wrongly_accepted", ""),
        ("empty_secret", "wrongly_accepted", ""),
    }


def test_upkeep_is_counted_though_it_is_no_sample(world, scene):
    stock(scene, Canary.REVOKED)
    counted = dict(scene.recorder.unsampled)
    assert counted["token"] == counted["revoke"] + 1 > 1
    world.away = True
    stock(scene, Canary.REVOKED)
    assert scene.recorder.unsampled == counted  # a refused connection never reached the IdP


def test_each_client_is_the_other_one_of_somebody():
    clients = tuple(Client(client_id=name) for name in ("web", "spa", "web-opaque"))
    desk = SimpleNamespace(clients=clients)
    assert [Desk.another(desk, owner).client_id for owner in clients] == ["spa", "web-opaque", "web"]
    assert Desk.another(SimpleNamespace(clients=clients[:1]), clients[0]) is None
