"""A code that was given before its session ended, and is redeemed afterwards."""

from __future__ import annotations

from idchaos.load.canaries.asking import Ask, AskedKind
from idchaos.load.canaries.kinds.logout import signed_out
from idchaos.load.canaries.party import Party
from idchaos.load.idp.client import Step
from idchaos.targets.endpoints import Client


def _redeemed(party: Party, client: Client | None, method: str = "GET") -> Step | None:
    """A browser that is signed in gets a second code, which nobody redeems before the logout."""
    held = party.login()
    if held is None or client is None or not held.id_token:
        return None
    asked, code = party.idp.silent_code(client, held.cookies)
    if not party.bench.observe(asked) or code is None or not signed_out(party, held, method):
        return None
    return party.idp.redeem(client, code, code.verifier)[0]


class CodeAfterLogout(AskedKind):
    name = "code_after_logout"
    invariant = "logout_ends_codes"
    made = "A code of a browser's session, redeemed after its user has logged out: its client's own, and another's."
    bad = "From the logout on: what the code stands for, a user who is signed in, is over."
    why = "Whoever holds a code back gets tokens of a user who has left, and whose logout could not end them."
    source = "OpenID Connect RP-Initiated Logout 1.0 section 2, OpenID Connect Core section 2, RFC 9700 section 4.5"
    needs = ("refresh_tokens", "users")
    asks = (
        Ask("own", lambda party: _redeemed(party, party.confidential), ("end_session",)),
        Ask("sibling", lambda party: _redeemed(party, party.sibling), ("end_session",)),
        Ask("by_post", lambda party: _redeemed(party, party.confidential, "POST"), ("end_session",)),
    )
