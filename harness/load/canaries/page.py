"""The page of canaries in the docs, made of what each kind says of itself.

``python -m idchaos.load.canaries.page > docs/canaries.md`` writes it anew.
"""

from __future__ import annotations

from idchaos.load.canaries.base import Kind, TokenKind
from idchaos.load.canaries.catalogue import LACKING, kinds

_HEAD = """\
# Canaries

Requests that nobody may accept, whatever else fails: they are sent in every phase of every run, and one that is wrongly
accepted is a FAIL. Each is bad in one way only, so a breach says which check is missing. Each kind is a file in
`harness/load/canaries/kinds/`, and this page is made of what they say.

What a target does not offer (*needs*) makes a kind that can't be tried: that is known before the run, and said.
`idchaos canary KIND --scenario NAME` makes one kind afresh and sends it again.

## Where, by which method, and whose

A check may be left out at one replica, on one route, by one method, or for one client's tokens. So those who decide
take strict turns: of two attempts in a row each replica (or, where services decide, each service) has one. Methods of
everyday traffic (GET, and POST where the target's graph says `posts`) and routes take theirs beside them, all pairs
within a few attempts; and where tokens can be made to order they look like each client's and user's. What turns bad
only in the course of a run (tokens that were shown while good, those of each key that is withdrawn) has turns of its
own, and catches up with the rest of its kind.

No PASS without a yes or no on each kind by everybody who decides; by each everyday method, for kinds that are there
from the start; and at everybody who decides, for tokens that were shown while good. Which method at which service,
which client, and which way of a kind nobody came to is named beside the verdict, and `verdict.json` counts every cell
(`coverage`).
"""


def page() -> str:
    """The page, as Markdown."""
    tokens = [kind for kind in kinds().values() if isinstance(kind, TokenKind)]
    at_idp = [kind for kind in kinds().values() if not isinstance(kind, TokenKind)]
    parts = [_HEAD, "## Sent to gateways and services\n", *map(_entry, tokens)]
    return "\n".join([*parts, "## Sent to the IdP\n", *map(_entry, at_idp)])


def _entry(kind: Kind) -> str:
    lines = [
        f"### {kind.name}\n",
        f"- **What:** {kind.made}",
        f"- **Surely bad:** {kind.bad}",
        f"- **A breach means:** {kind.why}",
        f"- **Invariant:** `{kind.invariant}`",
    ]
    if kind.needs:
        lines.append(f"- **Can't be tried with:** {'; '.join(LACKING[need] for need in kind.needs)}")
    return "\n".join([*lines, f"- **Source:** {kind.source}", ""])


if __name__ == "__main__":
    print(page(), end="")
