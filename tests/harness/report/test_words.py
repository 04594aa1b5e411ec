import pytest

from idchaos.report import words
from idchaos.report.findings import duration, percent


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.00042, "0.42 ms"), (0.0042, "4.2 ms"), (0.9999, "1.00 s"), (1.3, "1.30 s"), (42, "42.0 s"), (300, "300 s")],
)
def test_durations(seconds: float, text: str):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1, "100 %"),
        (0, "0 %"),
        (0.995, "99.5 %"),
        (0.999999, "99.9999 %"),
        (1 - 1e-9, "> 99.9999 %"),
        (1e-9, "< 0.0001 %"),
    ],
)
def test_a_share_is_never_rounded_to_all_or_nothing(share: float, text: str):
    assert percent(share) == text


@pytest.mark.parametrize(
    ("text", "unit", "shown"),
    [
        (">= 0.995", "share", "≥ 99.5 %"),
        ("<= 30 s", "s", "≤ 30.0 s"),
        ("<= 3 1/min", "1/min", "≤ 3/min"),
        ("anything <b>", "s", "anything <b>"),
        ("", "s", ""),
        ("<= 8.2", "per 1,000", "≤ 8.2 per 1,000"),
        ("<= 2.5", "times", "≤ 2.5×"),
    ],
)
def test_bounds(text: str, unit: str, shown: str):
    assert words.bound(text, unit) == shown


def test_intervals_with_open_ends():
    assert words.interval((0.5, None), "s") == "500 ms to ∞"
    assert words.interval((None, None), "s") == words.NOTHING


def test_evidence_on_one_line():
    assert words.plain({"a": {"b": True}, "c": [1, 2.5], "d": None}) == "a.b: yes; c: 1, 2.5; d: none"
    assert words.plain("two\nlines") == "two lines"
    assert len(words.plain("x" * 9999)) <= words.LONGEST_EVIDENCE + 1


def test_a_time_that_is_no_time():
    assert words.utc(1e300) == "unknown"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (-0.0125, "share", "−1.25 points"),
        (0.0042, "s", "+4.2 ms"),
        (0.0, "share", "±0 points"),
        (None, "s", words.NOTHING),
    ],
)
def test_a_change_has_a_sign(value: float | None, unit: str, text: str) -> None:
    assert words.change(value, unit) == text


def test_a_change_may_be_open_at_an_end() -> None:
    assert words.change_interval((None, 0.003), "share") == "−∞ to +0.3 points"
    assert words.change_interval((-0.25, None), "s") == "−250 ms to ∞"
