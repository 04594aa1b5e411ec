"""The canaries at real stand-ins: refused by sound ones, and each accepted by the one defect that it is made for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from idchaos.experiment import Canary, CanaryPlan, LoadPlan, Stream
from idchaos.load.engine.job import LoadJob
from idchaos.record.samples import AROUND, COLUMNS, read_stream
from idchaos.run.launch import new_run_id
from idchaos.run.load_process import Generator
from idchaos.settings import CommonSettings
from idchaos.targets.standin.defects import by_part
from idchaos.targets.standin.local import LocalTarget

pytestmark = pytest.mark.e2e

FOUND_BY = {
    "kid_path_followed": Canary.KID_PATH,
    "identity_headers_passed_through": Canary.IDENTITY_HEADERS,
    "code_redeemable_twice": Canary.CODE_REPLAYED,
    "pkce_not_checked": Canary.PKCE_MISMATCH,
    "redirect_uri_prefix_match": Canary.REDIRECT_TAMPERED,
    "refresh_reuse_not_detected": Canary.REPLAYED,
    "pkce_downgrade_allowed": Canary.PKCE_DOWNGRADED,
    "assertion_replay_not_detected": Canary.ASSERTION_REPLAYED,
    "id_token_accepted": Canary.ID_TOKEN,
    "registration_open": Canary.REGISTRATION_UNAUTHORIZED,
    "registration_redirect_unchecked": Canary.REGISTRATION_UNSAFE,
}
KINDS = tuple(FOUND_BY.values())
LOAD_S = 2.0

Outcomes = dict[Canary, set[str]]


@pytest.fixture
def canaries_at(tmp_path: Path) -> Iterator[Callable[..., Outcomes]]:
    """Sends canaries to a system with these defects; the outcomes that each kind met."""
    run_id, running = new_run_id(), ExitStack()

    def outcomes(*defects: str, around: tuple[Canary, ...] = ()) -> Outcomes:
        target, generator = LocalTarget(CommonSettings(), run_id, by_part(defects)), Generator(run_id, log)
        running.callback(lambda: left.extend(target.stop()))
        running.callback(generator.stop)
        target.start(tmp_path)
        plan = LoadPlan(
            streams=(Stream(flow="canary", rate=10 * len(KINDS), arrivals="constant"),),
            canaries=CanaryPlan(kinds=around or KINDS, clock_margin_s=10.0, around=around),
        )
        path = tmp_path / "samples.stream"
        generator.launch(LoadJob(plan=plan, endpoints=target.endpoints, seed=7, duration_s=LOAD_S, samples_path=path))
        generator.wait_ready()
        generator.begin(0.0)
        generator.finish(30.0)
        met: Outcomes = defaultdict(set)
        for row in read_stream(path):
            sample = dict(zip(COLUMNS, row, strict=True))
            if around and not sample["endpoint"].startswith(AROUND):
                continue
            met[Canary(sample["canary"])].add(sample["outcome"])
        return met

    left: list[str] = []
    log = tmp_path / "load.log"
    yield outcomes
    running.close()
    assert left == []


def test_sound_stand_ins_refuse_all_of_them(canaries_at: Callable[..., Outcomes]) -> None:
    assert canaries_at() == {kind: {"denied"} for kind in KINDS}


@pytest.mark.parametrize("defect", FOUND_BY)
def test_each_defect_is_found_by_the_canary_made_for_it(canaries_at: Callable[..., Outcomes], defect: str) -> None:
    met = canaries_at(defect)
    assert [kind for kind in KINDS if "wrongly_accepted" in met[kind]] == [FOUND_BY[defect]]


DIRECTLY = (Canary.WRONG_AUDIENCE, Canary.IDENTITY_HEADERS)


def test_who_reaches_a_service_directly_is_refused_there(canaries_at: Callable[..., Outcomes]) -> None:
    met = canaries_at(around=DIRECTLY)
    assert set(met) == set(DIRECTLY)
    assert met[Canary.WRONG_AUDIENCE] == {"denied"}
    # With a good token and another's name, a refusal is of the way: it says nothing about the name.
    assert met[Canary.IDENTITY_HEADERS] == {"denied", "unavailable"}


def test_a_service_that_trusts_anyone_is_found_by_going_there(canaries_at: Callable[..., Outcomes]) -> None:
    met = canaries_at("service_trusts_anyone", around=DIRECTLY)
    assert all("wrongly_accepted" in met[kind] for kind in DIRECTLY)
