"""Refresh tokens that are good for somebody else, or were good for a session that is over."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle

from idchaos.load.canaries.at_idp import Fresh, StockedDesk, about_way
from idchaos.load.canaries.base import IdpKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.logging_out import logged_out
from idchaos.load.canaries.stock import Replay
from idchaos.load.engine.job import Roles
from idchaos.load.idp.client import Step
from idchaos.load.idp.journey import Cookies
from idchaos.targets.endpoints import Client

_LATER_S = 3.5
"""Who remembers used codes for less than that notices only thieves who are quick."""

_REFRESHES = {"": 0, "refreshed": 1, "used_twice": 2}
"""With the first token of a session. Used twice, as in two tabs: what both uses gave is one family all the same."""


class RefreshOfAnother(IdpKind):
    name = "refresh_of_another"
    invariant = "refresh_tokens_bound_to_clients"
    made = "A good refresh token, used by another client that proves who it is."
    bad = "From birth: it was given to somebody else."
    why = "Whoever steals a refresh token needs no secret of its owner's."
    source = "RFC 6749 section 6, RFC 9700 section 4.14"
    needs = ("refresh_tokens", "users", "two_clients")

    def desk(self, bench: Bench) -> _OfAnother:
        return _OfAnother(bench, self)


class RefreshAfterLogout(IdpKind):
    name = "refresh_after_logout"
    invariant = "logout_ends_grants"
    made = (
        "The refresh token of a session of its own, whose user has logged out (RP-initiated logout); some had been "
        "refreshed before, or, where there is a grace, twice with one token."
    )
    bad = "From the logout on."
    why = "Logging out at a lost device, or a borrowed one, does nothing to who has its tokens."
    source = "OpenID Connect RP-Initiated Logout 1.0 section 2, RFC 9700 section 4.14.2"
    needs = ("refresh_tokens", "users")

    def desk(self, bench: Bench) -> _AfterLogout:
        return _AfterLogout(bench, self)


class FamilyReused(IdpKind):
    name = "family_reused"
    invariant = "reuse_ends_the_family"
    made = "The newest refresh token of a session of its own, whose first one was used again after its grace."
    bad = "From that second use on: one of the two who have this family's tokens has stolen them."
    why = "The thief who was first to refresh stays logged in; the theft was noticed, and only its victim thrown out."
    source = "RFC 9700 section 4.14.2, hydra #1831"
    needs = ("refresh_tokens", "users")

    def desk(self, bench: Bench) -> _Family:
        return _Family(bench, self)


class CodeReused(IdpKind):
    name = "code_reused"
    invariant = "code_reuse_ends_its_tokens"
    made = "The refresh token of a session of its own, whose code was used again: at once, and some seconds later."
    bad = "From that second use on: one of the two who had this code has stolen it."
    why = "The thief who was first to redeem a code stays logged in; the theft was noticed, and had no effect."
    source = "RFC 6749 section 4.1.2, RFC 9700 section 4.5"
    needs = ("refresh_tokens", "users")

    def desk(self, bench: Bench) -> _AfterReuse:
        return _AfterReuse(bench, self)


class ScopeWidened(IdpKind):
    name = "scope_widened"
    invariant = "scopes_not_widened"
    made = "A refresh that asks for one scope more than its user has granted, and its client may ask for."
    bad = "From birth: a refresh may narrow what was granted, and never widen it. It counts when that scope is given."
    why = "What a user refused is taken later, behind their back."
    source = "RFC 6749 section 6, OAuth 2.1 section 4.3.1"
    needs = ("refresh_tokens", "users")

    def desk(self, bench: Bench) -> _Widened:
        return _Widened(bench, self)


class _Sessions(StockedDesk[Replay]):
    """Begins sessions of its own, and spoils them."""

    def whose(self, roles: Roles) -> tuple[Client, ...]:
        """Those that have refresh tokens."""
        return roles.going_on

    def use(self, item: Replay) -> Step:
        return self.scene.idp.refresh(item.client, item.token)[0]

    def begin(self, without: str = "", cookies: Cookies | None = None) -> tuple[Client, str, str] | None:
        """A new session: its client, refresh token and ID token; ``None`` when the IdP does not do its part.

        ``without``: a scope that is not asked for. ``cookies``: its browser's, kept there.
        """
        turn = self.turn()
        if turn is None:
            return None
        client = turn.client
        if without:
            narrower = " ".join(scope for scope in client.scope.split() if scope != without)
            client = client.model_copy(update={"scope": narrower})
        _, body = self.scene.idp.login(client, turn.user, self.bench.observe, cookies=cookies)
        refresh, hint = body.get("refresh_token"), body.get("id_token")
        if not isinstance(refresh, str) or self.scene.stopping:
            return None
        return client, refresh, hint if isinstance(hint, str) else ""


class _OfAnother(_Sessions):
    def fill(self) -> None:
        while not self.is_full and (begun := self.begin()):
            owner, refresh, _ = begun
            other = self.another(owner)
            if other is None:
                return
            self.shelf.put(Replay(about=about_way("other_client"), client=other, token=refresh))


class _AfterLogout(_Sessions):
    def __init__(self, bench: Bench, kind: IdpKind) -> None:
        super().__init__(bench, kind)
        in_grace = ("used_twice",) if bench.plan.replayed_after_s else ()
        self._histories = cycle(("refreshed", "", *in_grace))

    def fill(self) -> None:
        while self.scene.idp.has("end_session") and not self.is_full:
            browser = Cookies()
            begun = self.begin(cookies=browser)
            if begun is None:
                return
            client, first, hint = begun
            history, refresh = next(self._histories), first
            for _ in range(_REFRESHES[history]):
                step, body = self.scene.idp.refresh(client, first)
                refresh = str(body.get("refresh_token", refresh))
                if not self.bench.observe(step):
                    return
            if not hint or not logged_out(self.bench, client, hint, browser):
                return
            way = f"{history}_then_logged_out" if history else "logged_out"
            self.shelf.put(Replay(about=about_way(way), client=client, token=refresh))


class _AfterReuse(_Sessions):
    ways = ("code_reused", "code_reused_later")

    def __init__(self, bench: Bench, kind: IdpKind) -> None:
        super().__init__(bench, kind)
        self._ripening: list[tuple[float, Fresh, str]] = []
        """From when a code is used again, and the refresh token that it gave."""

    @property
    def is_full(self) -> bool:
        return self.scene.stopping or len(self._ripening) + self.shelf.lasting(self.bench.now) >= self.bench.depth

    def fill(self) -> None:
        """Codes that were redeemed as they should be; then again, which must be refused, or there is no reuse."""
        ripe = [each for each in self._ripening if each[0] <= self.bench.now]
        self._ripening = [each for each in self._ripening if each not in ripe]
        for _, redeemed, given in ripe:
            # An IdP may have forgotten a code that is over.
            if self.bench.now < redeemed.bad_until:
                self._reuse(redeemed, given)
        for _ in range(self.bench.depth):
            found = self.code()
            if found is None:
                return
            step, body = self.scene.idp.redeem(found.client, found.code, found.code.verifier)
            refresh = body.get("refresh_token")
            if not self.bench.observe(step) or not isinstance(refresh, str):
                return
            if found.way == "code_reused":
                self._reuse(found, refresh)
            else:
                self._ripening.append((self.bench.now + _LATER_S, found, refresh))

    def _reuse(self, found: Fresh, refresh: str) -> None:
        again, _ = self.scene.idp.redeem(found.client, found.code, found.code.verifier)
        self.scene.upkeep(again)
        if again.decision == "deny" and again.code not in self.says_nothing:
            self.shelf.put(Replay(about=about_way(found.way), client=found.client, token=refresh))


class _Widened(_Sessions):
    says_nothing = frozenset()
    """It asks for more than it may: however that is refused, it is."""

    def fill(self) -> None:
        """Sessions without the last scope of all that their client may have."""
        while not self.is_full:
            wider = next((each.scope.split()[-1] for each in self.bench.roles.going_on if " " in each.scope), "")
            begun = self.begin(without=wider) if wider else None
            if begun is None:
                return
            client, refresh, _ = begun
            way = about_way(wider)
            self.shelf.put(Replay(about=way, client=client, token=refresh))

    def use(self, item: Replay) -> Step:
        wider = item.about.way
        step, body = self.scene.idp.refresh(item.client, item.token, scope=f"{item.client.scope} {wider}")
        told = body.get("scope")
        if step.decision == "accept" and isinstance(told, str) and wider not in told.split():
            return replace(step, decision="deny", code="scope_not_given")
        return step


class _Family(_Sessions):
    def __init__(self, bench: Bench, kind: IdpKind) -> None:
        super().__init__(bench, kind)
        self._ripening: list[tuple[float, Client, str, str]] = []
        """From when the first token is past its grace; the client; the first token, and the second."""

    def fill(self) -> None:
        """Sessions that were refreshed once wait until their first token is past its grace; then it is used again."""
        while len(self._ripening) + self.shelf.lasting(self.bench.now) < self.bench.depth and self._begin_family():
            pass
        ripe = [each for each in self._ripening if each[0] <= self.bench.now]
        self._ripening = [each for each in self._ripening if each not in ripe]
        for _, client, first, second in ripe:
            step, _ = self.scene.idp.refresh(client, first)
            self.scene.upkeep(step)
            # Where the first one is good again there is no theft to be noticed: another canary is about that.
            if step.decision == "deny" and step.code not in self.says_nothing:
                self.shelf.put(Replay(about=about_way("family"), client=client, token=second))

    def _begin_family(self) -> bool:
        begun = self.begin()
        if begun is None:
            return False
        client, first, _ = begun
        step, body = self.scene.idp.refresh(client, first)
        second = body.get("refresh_token")
        if not self.bench.observe(step) or not isinstance(second, str) or second == first:
            return False  # no answer, or an IdP that does not rotate: there is no family
        self._ripening.append((self.bench.now + self.bench.plan.replayed_after_s, client, first, second))
        return True
