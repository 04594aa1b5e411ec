"""Tokens that the userinfo endpoint must not answer: dead ones, and those that were made for something else."""

from __future__ import annotations

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.kinds.tampered import other_signature
from idchaos.load.canaries.mints import TokenSpec
from idchaos.load.canaries.party import Held, Party, userinfo
from idchaos.load.idp.client import Step
from idchaos.load.idp.tokens import peek

_OVER_S = 600
_LIFE_S = 60


def _expired(party: Party) -> Step | None:
    """One made to order, whose twin is good but for its end; without orders, one that has come to its end meanwhile."""
    held = party.login()
    twins = party.bench.mint([_of(held, party.bench.now, over) for over in (False, True)]) if held else []
    if any(twins):
        good, bad = twins
        return userinfo(party.idp, bad) if good and bad and party.knows(good) else None
    over = party.expired()
    return userinfo(party.idp, over) if over else None


def _of(held: Held, now: float, over: bool) -> TokenSpec:
    begun = int(now) - (_OVER_S + _LIFE_S if over else 1)
    times = {"iat": begun, "nbf": begun, "exp": begun + _LIFE_S}
    subject = peek(held.id_token)[1].get("sub")
    return TokenSpec({"sub": subject, "scope": "openid", **times}, opaque=held.client.token_format == "opaque")


def _revoked(party: Party) -> Step | None:
    held = party.login()
    if held is None or not party.knows(held.access_token):
        return None
    gone = party.bench.observe(party.idp.revoke(held.client, held.access_token, "access_token"))
    return userinfo(party.idp, held.access_token) if gone else None


def _tampered(party: Party) -> Step | None:
    held = party.login()
    if held is None or not peek(held.access_token)[0] or not party.knows(held.access_token):
        return None
    return userinfo(party.idp, other_signature(held.access_token))


class UserinfoDead(AskedKind):
    name = "userinfo_dead"
    invariant = "userinfo_checks_tokens"
    made = "Userinfo asked with a user's access token that has expired, was revoked, or whose signature was changed."
    bad = "From the end or the revocation on, which the IdP knows of at once; a changed one from birth."
    why = "Who was locked out goes on reading the user's claims, and whoever writes a token reads anybody's."
    source = "OpenID Connect Core sections 5.3.1 and 5.3.3, RFC 6750 section 3.1"
    needs = ("refresh_tokens", "users")
    asks = (
        Ask("expired", _expired, ("userinfo",)),
        Ask("revoked", _revoked, ("userinfo", "revoke")),
        Ask("tampered", _tampered, ("userinfo",)),
    )


def _without_openid(party: Party) -> Step | None:
    """Where a client is given ``openid`` that it has not asked for, there is no such token."""
    asked = " ".join(each for each in party.scope if each not in ("openid", "profile", "email"))
    held = party.login(scope=asked) if asked else None
    return userinfo(party.idp, held.access_token) if held and "openid" not in held.scope.split() else None


def _id_token(party: Party) -> Step | None:
    held = party.login()
    return userinfo(party.idp, held.id_token) if held and held.id_token else None


def _refresh_token(party: Party) -> Step | None:
    held = party.login()
    return userinfo(party.idp, held.refresh_token) if held and held.refresh_token else None


class UserinfoOtherToken(AskedKind):
    name = "userinfo_other_token"
    invariant = "userinfo_checks_tokens"
    made = "Userinfo asked with a login's ID token, its refresh token, or an access token without the scope `openid`."
    bad = "From birth: none of them was given to ask for claims."
    why = "What was given for one purpose, or to somebody else, tells who the user is."
    source = "OpenID Connect Core sections 5.3 and 5.4, RFC 6749 section 1.5"
    needs = ("refresh_tokens", "users")
    asks = (
        Ask("id_token", _id_token, ("userinfo",)),
        Ask("refresh_token", _refresh_token, ("userinfo",)),
        Ask("without_openid", _without_openid, ("userinfo",)),
    )
