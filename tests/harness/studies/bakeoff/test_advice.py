"""What to change in a component's configuration, by its answers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from idchaos.studies.bakeoff.advice import OUTAGES, Component, advise
from idchaos.studies.bakeoff.questions import KINDS
from idchaos.studies.study.figure import Figure


def figure(question: str, text: str, value: float | None = None, high: float | None = None) -> Figure:
    return Figure(question=question, text=text, value=value, interval=(value, high), unit="s")


def component(*figures: Figure, kin: dict[str, Figure] | None = None, **knobs: str) -> Component:
    told = {("mine", each.question): each for each in figures}
    told |= {(name, each.question): each for name, each in (kin or {}).items()}
    sheet: Any = SimpleNamespace(get=lambda gateway, question: told.get((gateway, question)))
    return Component("mine", knobs, sheet, tuple(kin or ()))


def test_the_outages_are_those_that_are_asked_about() -> None:
    assert tuple(f"survives_{kind}" for kind, _ in KINDS) == OUTAGES


def test_the_outage_that_is_borne_for_the_shortest_time_is_the_one_that_is_spoken_of() -> None:
    refused = figure("survives_refused", "≥ 8 s", None)
    page = figure("survives_garbage", "until keys are 2 s old", 2.0, 2.0)
    failed = figure("survives_error_5xx", "until keys are 4 s old", 4.0, 4.0)
    (found,) = advise(component(refused, failed, page, jwks_cache_s="cache_duration"))
    assert (found.question, found.because) == (
        "survives_garbage",
        "goes on until keys are 2 s old, then nobody is served (garbage)",
    )
    assert "`cache_duration`" in found.what


def test_kin_that_bears_that_very_outage_is_named() -> None:
    page = figure("survives_garbage", "until keys are 2 s old", 2.0, 2.0)
    found = advise(component(page, kin={"mine-async": figure("survives_garbage", "≥ 8 s")}))
    assert [each.what for each in found] == ["fetch keys ahead, as `mine-async` does"]


def test_who_bears_all_of_them_is_told_nothing() -> None:
    assert advise(component(*(figure(name, "≥ 8 s") for name in OUTAGES), jwks_cache_s="cache_duration")) == ()


def test_each_wrong_status_is_spoken_of() -> None:
    told = [figure("told_refused", "401"), figure("told_garbage", "500"), figure("told_empty", "503")]
    found = advise(component(*told))
    assert [(each.because, each.question) for each in found] == [
        ("401 in 1 of 3 kinds of outage", "told_refused"),
        ("500 in 1 of 3 kinds of outage", "told_garbage"),
    ]
