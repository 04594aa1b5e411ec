"""Checks that are made at the same time, each within the same limit: one that hangs keeps no other from being told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from idchaos.errors import IdchaosError
from idchaos.targets.gateways.checks import Finding

Check = Callable[[], Iterable[Finding]]
FIRST = "nothing can be run before that is right"


def side_by_side(checks: Mapping[str, Check], within_s: float) -> Iterator[Finding]:
    """What each found, in their order; of one that is not done in time what it had found, and that. Nobody waits for it
    any more: it goes on in a thread that ends with the process.

    Raises:
        Exception: whatever a check raised that is no error of ours: it has not checked what it should.
    """
    ends = time.monotonic() + within_s
    found: dict[str, list[Finding]] = {name: [] for name in checks}
    broken: dict[str, Exception] = {}

    def gather(name: str) -> None:
        try:
            _gather(checks[name], found[name])
        except Exception as error:
            broken[name] = error

    threads = {name: threading.Thread(target=gather, args=(name,), daemon=True) for name in checks}
    for thread in threads.values():
        thread.start()
    for name, thread in threads.items():
        thread.join(max(0.0, ends - time.monotonic()))
        late = thread.is_alive()
        yield from list(found[name])
        if name in broken:
            raise broken[name]
        if late:
            yield Finding(ok=False, what=f"{name}: not done within {within_s:g} s", advice="it should answer sooner")


def tried(act: Callable[[], object], well: str) -> Finding:
    """Whether something can be done."""
    try:
        act()
    except IdchaosError as error:
        return Finding(ok=False, what=str(error), advice=FIRST)
    return Finding(ok=True, what=well)


def _gather(check: Check, found: list[Finding]) -> None:
    try:
        for each in check():
            found.append(each)
    except IdchaosError as error:
        found.append(Finding(ok=False, what=str(error), advice=FIRST))
