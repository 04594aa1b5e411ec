"""Lines for a terminal: folded at words, and nothing of them is lost."""

from __future__ import annotations

import io

import pytest

from idchaos.commands.terminal import Unquitting, folded

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
