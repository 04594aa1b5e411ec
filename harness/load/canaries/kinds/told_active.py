"""What the IdP itself says of tokens that are good no more."""

from __future__ import annotations

from collections import deque
from itertools import cycle

from idchaos.load.canaries.at_idp import StockedDesk, about_way
from idchaos.load.canaries.base import IdpKind
from idchaos.load.canaries.bench import Bench
from idchaos.load.canaries.mints import TokenSpec
from idchaos.load.canaries.stock import Replay
from idchaos.load.idp.client import Step
from idchaos.load.idp.tokens import Token
from idchaos.targets.endpoints import Client

_OVER_S = 600
_STOCK = 4
_REMEMBERED = 6
"""Of the first that were revoked: whatever happens in the run happens after."""


class ToldActive(IdpKind):
    name = "told_active"
    invariant = "bad_tokens_told_inactive"
    made = (
        "Introspection of a token that was revoked, that has expired, or whose key was withdrawn: JWTs, and opaque. "
        "Revoked ones, most of them called active seconds after they were issued, are asked about again and again: "
        "what happens later must not bring them back."
    )
    bad = "From the revocation, the end or the withdrawal on: the IdP knows of it at once."
    why = "Everybody who asks the IdP instead of looking for themselves is told the wrong thing."
    source = "RFC 7662 section 2.2 and section 4, RFC 7009 section 2"
    needs = ("revocation", "introspection")
    costs_a_login = False

    def desk(self, bench: Bench) -> _Desk:
        return _Desk(bench, self)


class _Desk(StockedDesk[Replay]):
    says_nothing = frozenset({"invalid_client", "unauthorized_client", "unsupported_token_type"})
    """Nor does an IdP that is not asked about such tokens say what becomes of them."""

    def __init__(self, bench: Bench, kind: IdpKind) -> None:
        super().__init__(bench, kind)
        self._ways = cycle(("withdrawn", "revoked", "expired"))
        self._revoked: deque[Replay] = deque(maxlen=_REMEMBERED)
        self._again = cycle((False, True))
        self._growing: dict[str, Token | None] = {}
        """By client, one that was issued in an earlier round."""

    @property
    def is_full(self) -> bool:
        """Only some: what turns bad later must have its turn."""
        return self.scene.stopping or self.shelf.lasting(self.bench.now) >= _STOCK

    def send(self, due: float) -> bool:
        if not next(self._again) or not self._revoked:
            return super().send(due)
        item = self._revoked[0]
        self._revoked.rotate(-1)
        self.record(self.use(item), item.about, due, item.client)
        return True

    def use(self, item: Replay) -> Step:
        return self.scene.idp.introspect(item.client, item.token)

    def fill(self) -> None:
        """Each way in turn, as far as it can be had."""
        asking = self.scene.endpoints.introspection_client
        if asking is None or not self.scene.idp.has("introspect"):
            return
        for _ in range(3 * self.bench.depth):  # some can't be had
            if self.is_full:
                return
            way = next(self._ways)
            for client in self.bench.machines:
                if value := self._made(way, asking, client):
                    made = Replay(about=about_way(f"{way}_{client.token_format}"), client=asking, token=value)
                    self.shelf.put(made)
                    if way == "revoked" and len(self._revoked) < _REMEMBERED:
                        self._revoked.append(made)

    def _made(self, way: str, asking: Client, client: Client) -> str | None:
        if way == "revoked":
            token = self._grown(asking, client) or self.bench.machine_token(client)
            if token is None or not self.scene.idp.has("revoke"):
                return None
            self._growing[client.client_id] = self.bench.machine_token(client)
            revoked = self.bench.observe(self.scene.idp.revoke(client, token.value, "access_token"))
            return token.value if revoked else None
        if way == "expired":
            over = int(self.bench.now - self.bench.plan.clock_margin_s - _OVER_S)
            spec = TokenSpec({"iat": over - _OVER_S, "nbf": over - _OVER_S, "exp": over}, opaque=_is_opaque(client))
            return self.bench.mint([spec])[0]
        kid = next(iter(self.bench.withdrawn), "")
        return self.bench.mint([TokenSpec(kid=kid)])[0] if kid and not _is_opaque(client) else None

    def _grown(self, asking: Client, client: Client) -> Token | None:
        """A token of an earlier round, which the IdP has just called active; ``None``: there is none that still is."""
        token = self._growing.pop(client.client_id, None)
        if token is None or self.bench.now >= self.bench.until(token):
            return None
        return token if self.bench.observe(self.scene.idp.introspect(asking, token.value)) else None


def _is_opaque(client: Client) -> bool:
    return client.token_format == "opaque"
