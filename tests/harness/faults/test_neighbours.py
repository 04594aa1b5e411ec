"""Each fault's proof takes its own kind of evidence, and refuses what its neighbours would give."""

from __future__ import annotations

import itertools

import pytest

from idchaos.faults.endpoint_effects import met_by_answer, met_by_fetches, well
from idchaos.faults.fetches import Fetch
from idchaos.faults.idp_errors import EMPTY, ERROR_5XX, GARBAGE
from idchaos.faults.link_effects import DOUBT, LinkEffect, Mode
from idchaos.faults.network import LinkFault
from idchaos.faults.symptoms import Met, Symptom, symptom_of
from idchaos.targets.base import EndpointError
from idchaos.targets.oidc import Answer

MET: dict[str, Met] = {
    "nothing": Met(Symptom.ANSWERED, 0.002, 1500),
    "a refusal": Met(Symptom.REFUSED, 0.001),
    "a reset": Met(Symptom.RESET, 0.002),
    "a close": Met(Symptom.CLOSED, 0.002),
    "a hang": Met(Symptom.HUNG, 5.0),
    "an error": Met(Symptom.UNUSABLE, 0.002),
    "a late answer": Met(Symptom.ANSWERED, 3.01, 1500),
}
OWN: dict[Mode, str] = {
    "refused": "a refusal",
    "timeout": "a hang",
    "reset": "a reset",
    "slow": "a late answer",
    "bandwidth": "a late answer",
}


def effect(mode: Mode, **fields: float) -> LinkEffect:
    return LinkFault.model_validate({"links": ("gateway-to-idp",), "mode": mode, **fields}).effect


@pytest.mark.parametrize(("mode", "met"), list(itertools.product(OWN, MET)))
def test_a_probe_proves_the_fault_of_its_own_kind_alone(mode: Mode, met: str) -> None:
    assert effect(mode).met_by_probe(MET[met]) == (met == OWN[mode])


@pytest.mark.parametrize(("mode", "met"), list(itertools.product(OWN, MET)))
def test_a_components_own_requests_prove_the_fault_of_their_kind_alone(mode: Mode, met: str) -> None:
    # Of a narrow link nobody can say for how long an answer that was given up would have taken.
    proves = met == OWN[mode] or (mode, met) == ("bandwidth", "a hang")
    assert effect(mode).met_by([MET["nothing"], MET[met]]) == proves


def test_who_gives_up_before_the_delay_is_over_has_met_it_and_who_waits_longer_has_not() -> None:
    assert effect("slow", latency_s=3).met_by([Met(Symptom.HUNG, 2.0)])
    assert not effect("slow", latency_s=3).met_by([Met(Symptom.HUNG, 5.0)])


def test_a_few_among_many_that_are_well_are_not_the_fault() -> None:
    assert not effect("timeout").met_by([MET["a hang"], *[MET["nothing"]] * 3])


@pytest.mark.parametrize("mode", OWN)
def test_nobody_asking_proves_nothing(mode: Mode) -> None:
    assert not effect(mode).met_by([])


@pytest.mark.parametrize(
    ("resets", "others", "proves"),
    [
        (15, ["nothing"] * 15, True),
        (30, [], False),
        (0, ["nothing"] * 30, False),
        (15, ["a refusal"] * 15, False),
        (15, ["a hang"] * 15, False),
        (1, ["nothing"] * 29, False),
    ],
)
def test_a_share_is_neither_all_nor_none_nor_of_another_kind(resets: int, others: list[str], *, proves: bool) -> None:
    met = [MET["a reset"]] * resets + [MET[other] for other in others]
    assert effect("partial", share=0.5).is_share(met) == proves


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.9, 0.95])
def test_probes_are_so_many_that_all_of_them_or_none_disprove_a_share(share: float) -> None:
    of = effect("partial", share=share)
    assert not of.is_share([MET["a reset"]] * of.probes_needed)
    assert not of.is_share([MET["nothing"]] * of.probes_needed)
    reset = round(share * of.probes_needed)
    assert of.is_share([MET["a reset"]] * reset + [MET["nothing"]] * (of.probes_needed - reset))


def test_one_reset_may_be_one_of_a_few_so_that_many_must_be_reset_in_a_row() -> None:
    half_of_them_by_luck = 0.5 ** effect("reset").probes_needed
    assert half_of_them_by_luck < DOUBT
    assert effect("timeout", latency_s=1).probes_needed == effect("slow", latency_s=1).probes_needed == 1


ERRORS: dict[str, EndpointError] = {
    "503": ERROR_5XX,
    "garbage": GARBAGE,
    "empty": EMPTY,
    "late": EndpointError(delay_s=1.0),
    "late 503": EndpointError(status=503, body="upstream connect error", delay_s=1.0),
}
ANSWERS: dict[str, Answer] = {
    "well": Answer(200, 0.002, b'{"keys":[{}]}'),
    "503": Answer(503, 0.002, b"upstream connect error"),
    "garbage": Answer(200, 0.002, (GARBAGE.body or "").encode()),
    "empty": Answer(200, 0.002, b'{"keys":[]}'),
    "late": Answer(200, 1.01, b'{"keys":[{}]}'),
    "late 503": Answer(503, 1.01, b"upstream connect error"),
    "500": Answer(500, 0.002, b"oops"),
    "another 503": Answer(503, 0.002, b"overloaded"),
    "refused": Answer(0, 0.001, error="connect_refused"),
    "reset": Answer(0, 0.001, error="connection_reset"),
    "hung": Answer(0, 2.0, error="timeout"),
}


@pytest.mark.parametrize(("error", "answer"), list(itertools.product(ERRORS, ANSWERS)))
def test_an_answer_proves_the_error_that_it_is(error: str, answer: str) -> None:
    # An answer that is late and wrong is wrong as well.
    proves = answer == error or (error, answer) == ("503", "late 503")
    assert met_by_answer(ERRORS[error], ANSWERS[answer]) == proves


@pytest.mark.parametrize("answer", [name for name in ANSWERS if name not in ("well", "garbage", "empty", "late")])
def test_an_endpoint_that_gives_another_error_is_not_well_either(answer: str) -> None:
    assert not well(ERROR_5XX, ANSWERS[answer])


def fetch(error: str | None, took_s: float = 0.002) -> Fetch:
    return Fetch(1, Met(symptom_of(error), took_s, 1500), error)


FETCHES: dict[str, Fetch] = {
    "well": fetch(None),
    "503": fetch("http_503"),
    "unusable body": fetch("bad_jwks: not JSON"),
    "late": fetch(None, 1.01),
    "late 503": fetch("http_503", 1.01),
    "500": fetch("http_500"),
    "refused": fetch("connect_refused"),
    "reset": fetch("connection_reset"),
    "closed": fetch("connection_closed"),
    "hung": fetch("timeout", 2.0),
    "given up": fetch("timeout", 0.8),
}
FELT = {
    "503": {"503", "late 503"},
    "garbage": {"unusable body"},
    "empty": {"unusable body"},
    "late": {"late", "given up"},
    "late 503": {"late 503", "given up"},
}


@pytest.mark.parametrize(("error", "met"), list(itertools.product(ERRORS, FETCHES)))
def test_key_fetches_prove_the_error_that_they_met(error: str, met: str) -> None:
    assert met_by_fetches(ERRORS[error], [FETCHES[met]]) == (met in FELT[error])


def test_no_key_fetch_proves_no_error() -> None:
    assert not met_by_fetches(ERROR_5XX, [])
