"""A token that was revoked."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Final

from idchaos.experiment import RESTED
from idchaos.load.canaries.base import SESSION, Need, TokenKind
from idchaos.load.canaries.bench import PERIOD_S, USERS, Bench
from idchaos.load.canaries.stock import Call, Shelf
from idchaos.load.idp.revoking import can_revoke, revoke
from idchaos.load.idp.tokens import Token, bearer_line, token_from
from idchaos.planning.turns import turns
from idchaos.targets.endpoints import Client

LISTED: Final = 50
"""So many more are revoked in the preparation: who keeps a list of them must keep all of it, the first and the last."""
HOT: Final = 25
"""So often one is used everywhere before: what comes often is remembered elsewhere, and longer."""
HOT_EVERY: Final = 4
"""The first is, and every fourth from then on."""
RESTED_AT_ONCE: Final = 4
"""One of each round rests; those that no outage has found resting are used, and give way to later ones."""
_LEEWAY: Final = "leeway"
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class Revoked(TokenKind):
    name = "revoked"
    invariant = "revoked_tokens_refused"
    made = (
        f"An everyday token, shown to everybody, some of them {HOT} times, then revoked at the IdP, one of many; used "
        "again until its leeway is over. JWTs also respelled. Some rest for long before it."
    )
    bad = "From the revocation on, and the longest that a cache may hold what it heard before."
    why = "Who was locked out stays in: a stolen token can't be stopped."
    source = "RFC 7009 section 2, RFC 7662 section 4, golang-jwt #502"
    needs: ClassVar[tuple[Need, ...]] = ("revocation",)
    makes = 4
    reuse = "always"
    once = True

    def client(self, bench: Bench) -> Client | None:
        """Whose tokens are revoked; ``None``: nobody's."""
        return bench.roles.machine

    def gain(self, bench: Bench, shelf: Shelf[Call]) -> None:
        """Sent when no cache may still accept it, until it expires: then, a refusal says nothing about revocation, and
        it is no breach, but no attempt either.
        """
        client = self.client(bench)
        if client is None or not can_revoke(bench.scene.idp):
            return
        after = bench.plan.revoked_after_s
        # Those that will have expired by the time a new one is ripe don't count.
        ripe = bench.now + after + PERIOD_S
        lasting = sum(call.bad_until > ripe and call.about.way != _LEEWAY and call.lot != RESTED for call in shelf)
        for made in range(1 + max(0, bench.depth - lasting)):
            token = bench.machine_token(client)
            # An opaque one that was never asked about says nothing of what is remembered: it would be refused anyway.
            if token is None or (not bench.show(token.value) and token.about.format == "opaque"):
                return
            if bench.forged[self.name] % HOT_EVERY == 0:
                bench.heat(
                    token.value, HOT, bench.forged[self.name] // HOT_EVERY, until=token.obtained_at + token.life_s / 2
                )
            bench.forged[self.name] += 1
            if bench.now >= bench.until(token):  # showing it took too long: what has ended can't be revoked
                return
            if not _revoke(bench, client, token.value) or bench.clock_jumped(token):
                return
            call = Call(
                lines=token.bearer,
                about=replace(token.about, obtained_at=bench.now),  # from when on it may be known
                bad_from=bench.now + after,
                bad_until=bench.until(token),
                known_at=set() if bench.under_load else None,
            )
            if made == 0 and (rested := _rested(call, bench)).bad_from < call.bad_until:
                shelf.put(rested, of_lot=RESTED_AT_ONCE)
                continue
            shelf.put(call)
            shelf.put(_in_its_leeway(call, token, bench))
            if token.about.format == "jwt":
                about = replace(call.about, way="respelled")
                shelf.put(replace(call, lines=bearer_line(respelled(token.value)), about=about))
                _make_the_list_long(bench, client)


class RevokedOpaque(Revoked):
    name = "revoked_opaque"
    made = "An opaque token, shown to everybody, then revoked at the IdP."
    why = "What the IdP once said of a token is believed whatever it says later: a stolen token can't be stopped."
    source = "RFC 7009 section 2, RFC 7662 section 4"
    needs = ("revocation", "opaque_tokens")
    makes = 3

    def client(self, bench: Bench) -> Client | None:
        return bench.roles.machine_opaque


class GrantRevoked(TokenKind):
    name = "grant_revoked"
    invariant = "revocation_ends_the_grant"
    made = (
        "The access tokens of a session of its own, of its login and of a refresh, shown to everybody, whose refresh "
        "token was then revoked."
    )
    bad = "From the revocation on, and the longest that a cache may hold what it heard before."
    why = "Who was thrown out keeps what was got with the same leave."
    source = "RFC 7009 section 2.1"
    needs = ("revocation", "refresh_tokens", "users")
    reuse = "always"
    once = True
    makes = 2

    def gain(self, bench: Bench, shelf: Shelf[Call]) -> None:
        """As for a token that was revoked itself."""
        scene, after = bench.scene, bench.plan.revoked_after_s
        clients, users = bench.roles.going_on, scene.endpoints.users[:USERS]
        if not clients or not users or not scene.idp.has("revoke"):
            return
        if shelf.lasting(bench.now + after + PERIOD_S) >= 2 * bench.depth:
            return
        number, user = next(bench.turns.setdefault(self.name, turns(len(clients), len(users))))
        client = clients[number]
        step, body = scene.idp.login(client, users[user], bench.observe)
        refresh = body.get("refresh_token")
        if step is None or not isinstance(refresh, str):
            return
        tokens = [token_from(body, session=SESSION, asked_at=scene.asked_at(step))]
        again, body = scene.idp.refresh(client, refresh)
        if bench.observe(again) and body:
            tokens.append(token_from(body, session=SESSION, asked_at=scene.asked_at(again)))
            refresh = body.get("refresh_token", refresh)
        if not all(bench.show(token.value, subject=users[user].username) for token in tokens):
            return
        if bench.observe(scene.idp.revoke(client, refresh, "refresh_token")):
            for way, token in zip(("", "refreshed"), tokens, strict=False):
                if bench.clock_jumped(token):
                    continue
                about, ripe, until = replace(token.about, obtained_at=bench.now), bench.now + after, bench.until(token)
                known_at: set[str] | None = set() if bench.under_load else None
                about = replace(about, way=way)
                shelf.put(Call(lines=token.bearer, about=about, known_at=known_at, bad_from=ripe, bad_until=until))


def _revoke(bench: Bench, client: Client, token: str) -> bool:
    return bench.observe(revoke(bench.scene.idp, client, token))


def _rested(call: Call, bench: Bench) -> Call:
    """The same token, not used for so long that whoever could ask would know of it: a fault that begins then finds it
    as it was last heard of. Of one that was asked about in between a refusal is remembered.
    """
    rest_s = bench.scene.plan.timeout_s + PERIOD_S
    return replace(call, about=replace(call.about, way=RESTED), lot=RESTED, bad_from=call.bad_from + rest_s)


def _in_its_leeway(call: Call, token: Token, bench: Bench) -> Call:
    """The same token when it has ended, and would else still be let in somewhere: that it was revoked must be known for
    as long.
    """
    ends = token.obtained_at + token.life_s
    about = replace(call.about, way=_LEEWAY)
    return replace(call, about=about, bad_from=max(ends, call.bad_from), bad_until=ends + bench.expired_after_s)


def _make_the_list_long(bench: Bench, client: Client) -> None:
    """Once, between the first canary and the next: tokens that nobody has seen, revoked like all others."""
    if bench.under_load or bench.revoked_unseen:
        return
    for _ in range(LISTED):
        token = bench.machine_token(client)
        if token is None or not _revoke(bench, client, token.value):
            return
        bench.revoked_unseen += 1


def respelled(token: str) -> str:
    """The same JWT in another spelling: bits of the last character that decode to nothing (RFC 4648 section 3.5), or a
    pad character where those say none.
    """
    spare = {2: 4, 3: 2}.get(len(token.rpartition(".")[2]) % 4)
    if spare is None:
        return f"{token}="
    last = _ALPHABET.index(token[-1])
    return token[:-1] + _ALPHABET[last ^ ((1 << spare) - 1)]
