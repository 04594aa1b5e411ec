"""The page of faults in the docs, made of the catalogue.

``python -m idchaos.faults.page > docs/faults.md`` writes it anew.
"""

from __future__ import annotations

from idchaos.faults.catalogue import CATALOGUE, Entry, parameters
from idchaos.faults.transforms import CHANGES

_HEAD = """\
# Faults

What can go wrong in the fault phase of any scenario, beside what the scenario itself lets go wrong:

```console
$ idchaos run idp_brownout --fault slow:latency_s=0.5 --fault clock:component=gateway-1,offset_s=2,after_s=4
$ idchaos list --faults
```

Each is applied, proved by itself (by the control plane, by a probe, and by what others than the harness met), healed,
and proved to be gone; the ledger undoes it should the run be killed. Faults that would hide each other are refused
before anything starts. The scenario's objectives are asked as ever.

Each begins with the phase, or `after_s` later, and ends with it. A `link` is the name of a group (`gateway-to-idp`) or
of one proxy (`gateway-1-to-idp`); several are joined by `+`.
"""

_CHANGED = """\
## Answers that are changed

The live answer of an endpoint, changed on its way out (`odd_jwks`, `odd_discovery`, `odd_introspection`). The scenarios
`odd_jwks` and `odd_discovery` try each of them, with objectives that tell a sound reader from a broken one.
"""


def page() -> str:
    """The page, as Markdown."""
    return "\n".join((_HEAD, *(_entry(name, entry) for name, entry in CATALOGUE.items()), _CHANGED, *_changes(), ""))


def _changes() -> list[str]:
    rows = ["| transform | of | what | a sound reader | source |", "|---|---|---|---|---|"]
    for name, change in CHANGES.items():
        does = "goes by it" if change.legitimate else "goes on with what it has"
        rows.append(f"| `{name}` | {change.endpoint} | {change.meaning} | {does} | {change.source} |")
    return rows


def _entry(name: str, entry: Entry) -> str:
    lines = [f"### {name}\n", f"{entry.meaning[:1].upper()}{entry.meaning[1:]}.\n"]
    for key, (default, what) in parameters(entry).items():
        if key == "after_s":
            continue  # every fault has it
        lines.append(f"- `{key}`: {what}" + (f" (`{default}`)" if default != "" else ""))
    return "\n".join((*lines, ""))


if __name__ == "__main__":
    print(page(), end="")
