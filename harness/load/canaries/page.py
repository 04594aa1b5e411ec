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
