"""The canaries at real stand-ins: refused by sound ones, and each accepted by the one defect that it is made for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.experiment import Canary, CanaryPlan, LoadPlan, Stream
from harness.generator import Generator
from harness.launch import new_run_id
from harness.load.job import LoadJob
from harness.samples import COLUMNS, read_stream
from harness.settings import CommonSettings
from harness.targets import local
from harness.targets.topology import GATEWAYS, IDP

pytestmark = pytest.mark.e2e

FOUND_BY = {
    ("gateways", "kid_path_followed"): Canary.KID_PATH,
    ("gateways", "identity_headers_passed_through"): Canary.IDENTITY_HEADERS,
    ("idp", "code_redeemable_twice"): Canary.CODE_REPLAYED,
    ("idp", "pkce_not_checked"): Canary.PKCE_MISMATCH,
    ("idp", "redirect_uri_prefix_match"): Canary.REDIRECT_TAMPERED,
    ("idp", "refresh_reuse_not_detected"): Canary.REPLAYED,
}
KINDS = tuple(FOUND_BY.values())
LOAD_S = 2.0

Outcomes = dict[Canary, set[str]]


@pytest.fixture
def canaries_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Outcomes]]:
    """Sends canaries to a system with these defects; the outcomes that each kind met."""
    plain = local.settings_documents
    run_id = new_run_id()
    target, generator = local.LocalTarget(CommonSettings(), run_id), Generator(run_id, tmp_path / "load.log")

    def outcomes(where: str = "", *defects: str) -> Outcomes:
        at = GATEWAYS if where == "gateways" else (IDP,)

        def documents(*args: Any) -> dict[str, dict[str, Any]]:
            found = plain(*args)
            return found | {name: found[name] | {"defects": list(defects)} for name in at}

        monkeypatch.setattr(local, "settings_documents", documents)
        target.start(tmp_path)
        plan = LoadPlan(
            streams=(Stream(flow="canary", rate=10 * len(KINDS), arrivals="constant"),),
            canaries=CanaryPlan(kinds=KINDS, clock_margin_s=10.0),
        )
        path = tmp_path / "samples.stream"
        generator.launch(LoadJob(plan=plan, endpoints=target.endpoints, seed=7, duration_s=LOAD_S, samples_path=path))
        generator.wait_ready()
        generator.begin(0.0)
        generator.finish(30.0)
        met: Outcomes = defaultdict(set)
        for row in read_stream(path):
            sample = dict(zip(COLUMNS, row, strict=True))
            met[Canary(sample["canary"])].add(sample["outcome"])
        return met

    yield outcomes
    generator.stop()
    assert target.stop() == []


def test_sound_stand_ins_refuse_all_of_them(canaries_at: Callable[..., Outcomes]) -> None:
    assert canaries_at() == {kind: {"denied"} for kind in KINDS}


@pytest.mark.parametrize(("where", "defect"), FOUND_BY)
def test_each_defect_is_found_by_the_canary_made_for_it(
    canaries_at: Callable[..., Outcomes], where: str, defect: str
) -> None:
    met = canaries_at(where, defect)
    assert [kind for kind in KINDS if "wrongly_accepted" in met[kind]] == [FOUND_BY[where, defect]]
