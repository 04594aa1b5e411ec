"""Search a run's logs for secrets: files in, the body of the journal event ``logs_searched`` out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from idchaos.reasons import FORGED_LINE
from idchaos.run.leaks import Searcher, Secret

MOST_SHOWN = 20


def search_logs(folder: Path, secrets: Iterable[Secret]) -> dict[str, Any]:
    """Every ``*.log`` below a folder, line by line.

    ``secrets``: how many were looked for, by kind · ``too_short``: how many could not be · ``lines``: read, by file ·
    ``bytes``: how long each file is · ``unread``: files that could not be read · ``leaked``: how many secrets were
    found · ``hits``: how many times · ``found``: where the first of them stand, as file, line number, kind, length and
    short hash; never the secret · ``forged``: lines that are a client's own words
    (:data:`~idchaos.reasons.FORGED_LINE`), by file.
    """
    searcher = Searcher(secrets)
    lines: dict[str, int] = {}
    sizes: dict[str, int] = {}
    forged: dict[str, int] = {}
    unread: list[str] = []
    found: list[dict[str, Any]] = []
    leaked: set[tuple[str, str]] = set()
    hits = 0
    for path in sorted(folder.glob("*.log")):
        number = 0
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                for number, line in enumerate(file, start=1):
                    if line.startswith(FORGED_LINE):
                        forged[path.name] = forged.get(path.name, 0) + 1
                    for hit in searcher.find(line):
                        hits += 1
                        if (hit.kind, hit.hash) not in leaked and len(found) < MOST_SHOWN:
                            found.append({"file": path.name, "line": number, **hit._asdict()})
                        leaked.add((hit.kind, hit.hash))
        except OSError:
            unread.append(path.name)
            continue
        lines[path.name], sizes[path.name] = number, path.stat().st_size
    return {
        "secrets": searcher.searched,
        "too_short": searcher.too_short,
        "lines": lines,
        "bytes": sizes,
        "unread": unread,
        "leaked": len(leaked),
        "hits": hits,
        "found": found,
        "forged": forged,
    }
