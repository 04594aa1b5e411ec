import base64
from xml.etree import ElementTree as Xml

import pytest

from idchaos.record.record import RunRecord
from idchaos.report import distributions, plots
from idchaos.report.canvas import Picture
from idchaos.report.gallery import gallery
from idchaos.report.palette import DARK, LIGHT
from idchaos.verdict.series import thresholds
from idchaos.verdict.series.axis import Span, TimeAxis
from idchaos.verdict.series.requests import Stack
from idchaos.verdict.series.series import Keys, series_of
from idchaos.verdict.series.states import KeyLane
from idchaos.verdict.series.thresholds import Lag
from idchaos.verdict.skew import SkewStep
from idchaos.verdict.verdict import RunVerdict

AXIS = TimeAxis(0.0, 2.0, phases=(Span("baseline", 0, 1), Span("fault", 1, 2)), faults=(Span("f", 1.1, 1.9),))


def svg(picture: Picture, size: str = "wide", theme: str = "light") -> str:
    return base64.b64decode(picture.images[size, theme].partition(",")[2]).decode()  # type: ignore[index]


def test_a_run_is_drawn_for_both_widths_and_both_themes(record: RunRecord, verdict: RunVerdict):
    found = gallery(record, verdict, series_of(record))
    assert [picture.slug for picture in found.timed] == [
        *("outcomes", "paging", "latency", "jwks-fetches", "keys", "clocks"),
    ]
    assert [picture.slug for picture in found.untimed] == ["token-lifetimes", "revocation-lag"]
    for picture in (*found.timed, *found.untimed):
        assert set(picture.images) == {(size, theme) for size in ("wide", "narrow") for theme in ("light", "dark")}
        assert LIGHT["grid"] in svg(picture) or LIGHT["line"] in svg(picture)
        assert DARK["muted"] in svg(picture, "narrow", "dark")
        assert "#f0f0" not in svg(picture), "a placeholder colour was left"
        Xml.fromstring(svg(picture))


def test_the_same_run_is_drawn_the_same(record: RunRecord, verdict: RunVerdict):
    assert (
        gallery(record, verdict, series_of(record)).timed[0].images
        == gallery(record, verdict, series_of(record)).timed[0].images
    )


@pytest.mark.parametrize("kid", ["$x^2$", "<script>", "a" * 500, "\u202e\x07", "%s{}", "\u9375"])
def test_names_in_plots_are_text_and_nothing_else(kid: str):
    lane = KeyLane(kid, [(0.0, 1.0)], [(0.0, 0.5)])
    picture = plots.keys(Keys(Stack({}, {}), [lane]), AXIS)
    assert "<script>" not in svg(picture)
    Xml.fromstring(svg(picture))


def test_lags_that_are_all_censored_can_be_drawn():
    curves = thresholds.lag_curves([Lag("gateway-1", "jwt", 5.0, censored=True)])
    picture = distributions.revocation_lag(curves, bound_s=3.0)
    assert "1 still accepted when watching ended" in picture.finding


def test_a_sweep_says_where_refusals_begin():
    steps = [SkewStep("idp", offset, 0, 1, 100, 100 * (abs(offset) > 5)) for offset in (-60, -5, 0, 5, 60)]
    picture = distributions.skew_sweep(thresholds.skew_sweep(steps), (5.0, -25.0))
    assert picture.finding.startswith("Nothing was refused from -5 s to +5 s; at -60 s, 100 %")
    assert picture.note.endswith("-25 s and +5 s.")
