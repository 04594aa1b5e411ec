"""Lines for a terminal: folded at words, and nothing of them is lost."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest

from idchaos.commands import list as listing
from idchaos.commands import validate
from idchaos.commands.canary import table
from idchaos.commands.lines import columns, entry, folded
from idchaos.commands.terminal import Unquitting, show_detection, show_matrix, show_skipped, show_verdicts
from idchaos.experiment import Verdict
from idchaos.studies.zoo.results import Control, Detection, Matrix, SoundRuns
from idchaos.targets.idps.catalogue import adapters
from tests.harness.studies.test_zoo import came

LINE = "zoo: 3 of 67: jwks_outage · refused: exp_zero_ignored, resource_of_any_client, scope_as_401"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_line_is_folded_at_words_and_what_follows_stands_to_the_right(width: int) -> None:
    first, *rest = folded(LINE, width).splitlines()
    assert " ".join([first, *(each.strip() for each in rest)]) == LINE
    assert all(len(each) <= width for each in (first, *rest))
    assert all(each.startswith("  ") for each in rest)


def test_a_name_that_is_longer_than_the_terminal_is_wide_stays_whole() -> None:
    assert "resource_of_any_client," in folded(LINE, 20)


def test_what_is_set_in_stays_set_in() -> None:
    assert folded("    a b", 20) == "    a b"
    assert folded("    " + "word " * 6, 20).splitlines()[1].startswith("      word")


class Closed(io.StringIO):
    """A pipe whose reader is gone."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError


def test_that_nobody_reads_on_is_no_verdict() -> None:
    with pytest.raises(BrokenPipeError):
        Unquitting(file=Closed()).print("PASS")


class Terminal(io.StringIO):
    """Somebody watches."""

    def isatty(self) -> bool:
        return True

    @property
    def plain(self) -> str:
        """What they see, without its colours."""
        return re.sub(r"\x1b\[[0-9;]*m", "", self.getvalue())


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Terminal]:
    """Stdout as a terminal of so many columns."""

    def of(width: int) -> Terminal:
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(sys, "stdout", Terminal())
        assert isinstance(sys.stdout, Terminal)
        return sys.stdout

    return of


LONGEST = "access_token_accepted_as_refresh_token"


def row(defect: str, verdict: Verdict) -> Control:
    caught = ("audience_enforced", "expired_tokens_refused") if verdict is Verdict.PASS else ()
    return Control(
        defect=defect, scenario="introspection_brownout", variant="refused", verdict=verdict, caught_by=caught,
        reason="" if caught else "the load generator was late: p99 of 80 ms in fault, at most 50 ms",
    )  # fmt: skip


ROWS = [
    row(LONGEST, Verdict.PASS), row("aud_unchecked", Verdict.FAIL),
    row("zero_leeway", Verdict.INCONCLUSIVE),
]  # fmt: skip
SOUND = [SoundRuns(scenario=name, variant="refused", verdicts=(Verdict.PASS,)) for name in ("jwks_outage", "odd_jwks")]
SENT = [
    {"replica": f"gateway-{number}", "endpoint": "/accounts/1", "decision": decision, "status": status,
     "error_code": reason}
    for number, decision, status, reason in ((1, "deny", 401, "token_expired"), (2, "accept", 200, ""))
]  # fmt: skip


def canary() -> None:
    print("\n".join(table(SENT, columns(sys.stdout))))


TOLD: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "matrix": (
        lambda: show_matrix(Matrix.of([*ROWS, *SOUND])),
        (f"caught {LONGEST} introspection_brownout · refused: caught by audience_enforced, "
         "expired_tokens_refused", "MISSED aud_unchecked", "inconclusive: zero_leeway",
         "1 of 3 defects caught by name; 2 of 2 sound runs passed"),
    ),
    "detection": (
        lambda: show_detection(Detection.of([each for each in ROWS for _ in SOUND] + SOUND)),
        ("1 PASS jwks_outage · refused", "2 PASS odd_jwks · refused", f"{LONGEST} ✓ ✓",
         "aud_unchecked · ·", "zero_leeway ? ?", "? inconclusive"),
    ),
    "verdicts": (
        lambda: show_verdicts([came(Verdict.PASS), came(Verdict.FAIL)]),
        ("PASS jwks_outage · refused", "FAIL jwks_outage · refused because"),
    ),
    "skipped": (
        lambda: show_skipped({"cold_start": "cold_start: needs a target where a component can be stopped"}),
        ("SKIPPED cold_start: needs a target where a component can be stopped",),
    ),
    "canary": (
        canary,
        ("1 × accept by gateway-2 at /accounts/1: 200, - 1 × deny by gateway-1 at /accounts/1: 401, token_expired",),
    ),
    "validate": (
        lambda: validate.command.main(["jwks_outage"], standalone_mode=False),
        ("✓ jwks_outage (refused), profile quick:", "Needed: when nothing goes wrong"),
    ),
    "list": (
        lambda: listing.command.main([], standalone_mode=False),
        ("jwks_outage The JWKS can't be fetched: refused, black hole, reset, slow, 5xx, HTML, or an empty set. "
         "variants: refused, timeout, reset,",),
    ),
    "list --faults": (lambda: listing.command.main(["--faults"], standalone_mode=False), ("latency",)),
    "list --defects": (
        lambda: listing.command.main(["--defects"], standalone_mode=False),
        ("underscore_headers_passed Identity headers spelled with underscores reach the service.",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", TOLD)
@pytest.mark.parametrize("width", [40, 80])
def test_nothing_is_broken_at_the_edge_of_the_terminal(
    what: str, width: int, terminal: Callable[[int], Terminal]
) -> None:
    show, says = TOLD[what]
    seen = terminal(width)
    show()
    too_wide = [line for line in seen.plain.splitlines() if len(line.rstrip()) > width and len(line.split()) > 1]
    assert too_wide == []
    text = " ".join(seen.plain.split())
    if (what, width) != ("canary", 80):  # there, in columns
        assert [each for each in says if each not in text] == []


def test_a_canary_has_its_table_where_there_is_room() -> None:
    wide = table(SENT, 80)
    assert wide == table(SENT)
    assert wide[0].split() == ["times", "replica", "route", "decision", "status", "reason"]


def test_a_name_that_does_not_fit_beside_its_mark_stands_below_it(terminal: Callable[[int], Terminal]) -> None:
    seen = terminal(40)
    show_matrix(Matrix.of(ROWS))
    assert seen.plain.splitlines()[:2] == ["  caught", f"  {LONGEST}"]


def test_a_command_that_installs_something_is_whole(
    terminal: Callable[[int], Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IDCHAOS_KEYCLOAK_HOME", raising=False)
    monkeypatch.delenv("KEYCLOAK_HOME", raising=False)
    monkeypatch.setenv("HOME", "/nowhere")
    seen = terminal(40)
    listing.command.main(["--idps"], standalone_mode=False)
    (command,) = (line.strip() for line in seen.plain.splitlines() if "mvn " in line)
    assert command == adapters()["keycloak"].install


def test_in_a_log_nothing_is_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert columns(sys.stdout) is None
    assert folded(LINE, None) == LINE
    assert entry("name", ["word " * 50], 6, None) == "name  " + "word " * 50


def test_a_text_stands_beside_its_name_where_there_is_room_and_below_it_else() -> None:
    texts = ["what it is, in a few words that take a line and a half of it", "more"]
    assert entry("name", texts, 8, 50).splitlines() == [
        "name    what it is, in a few words that take a", "          line and a half of it", "        more",
    ]  # fmt: skip
    assert entry("name", texts, 8, 40).splitlines() == [
        "name", "  what it is, in a few words that take a", "    line and a half of it", "  more",
    ]  # fmt: skip
