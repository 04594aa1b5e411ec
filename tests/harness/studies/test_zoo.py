"""The judge is judged: what counts as caught, and what the whole zoo says. No run is made here."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from idchaos.errors import IdchaosError, Interrupted, TargetError, UsageError
from idchaos.experiment import Verdict
from idchaos.record.record import Cleanup
from idchaos.run.launch import Prepared
from idchaos.scenarios.zoo import ROWS
from idchaos.studies.zoo.results import Control, Detection, Matrix, SoundRuns
from idchaos.studies.zoo.rows import Row, Trial, choose, suited, together, touched
from idchaos.studies.zoo.tables import detection_markdown, markdown
from idchaos.studies.zoo.trials import Part, plan, run
from idchaos.verdict.verdict import InvariantVerdict, ObjectiveVerdict, RunVerdict

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
OUTAGE = Trial(scenario="jwks_outage", settings={"fault.duration_s": 3})
SKEW = Trial(scenario="clock_skew", settings={"skew.offset_s": 2})
NO_AUD = Row(defect="no_aud_check", trial=OUTAGE, caught_by=("audience_enforced",))
NO_EXP = Row(defect="no_exp_check", trial=OUTAGE, caught_by=("expired_tokens_refused", "api_success_fault"))
ZERO = Row(defect="zero_leeway", trial=SKEW, caught_by=("api_success_fault",))


def came(verdict: Verdict, *, objectives: tuple[str, ...] = (), invariants: tuple[str, ...] = ()) -> RunVerdict:
    """A run's verdict in which these failed, and another objective was met."""
    judged = [(name, FAIL) for name in objectives] + [("api_latency_fault", PASS)]
    return RunVerdict(
        scenario="jwks_outage", variant="refused", profile="quick", seed=1, verdict=verdict,
        reasons=() if verdict is PASS else ("because",), run_dir="reports/x", started_at=0.0, status="completed",
        objectives=tuple(
            ObjectiveVerdict(
                name=name, sli="success_rate", phase="fault", value=1.0, interval=(1.0, 1.0), samples=9, effective=9.0,
                unit="share", bound=">= 0.9", verdict=each, reason="", note="", why="",
            )
            for name, each in judged
        ),
        invariants=tuple(
            InvariantVerdict(name=name, attempts=9, breaches=9, verdict=FAIL, reason="accepted") for name in invariants
        ),
        faults=(), cleanup=Cleanup(clean=True), slis=(), revocation_lag=(), reconciliation=(), generator=(),
    )  # fmt: skip


SOUND = came(PASS)


def zoo(*rows: Row, wrong: RunVerdict | BaseException, sound: RunVerdict = SOUND, times: int = 1) -> Matrix:
    """The matrix of these rows when every defect ends in ``wrong`` and every sound run in ``sound``."""

    def execute(prepared: Prepared) -> RunVerdict:
        result = wrong if prepared.defects else sound
        if isinstance(result, BaseException):
            raise result
        return result

    return Matrix.of(run(plan(rows, sound=times, target="local", reports=Path("reports")), execute))


def test_a_defect_is_caught_when_what_names_it_fails() -> None:
    matrix = zoo(NO_AUD, wrong=came(FAIL, invariants=("audience_enforced",)))
    (row,) = matrix.rows
    assert (row.verdict, row.caught_by, row.besides, row.reason) == (PASS, ("audience_enforced",), (), "")
    assert matrix.verdict is PASS


def test_any_of_several_names_will_do_and_what_else_failed_is_told() -> None:
    (row,) = zoo(NO_EXP, wrong=came(FAIL, objectives=("api_success_fault",), invariants=("issuer_enforced",))).rows
    assert (row.verdict, row.caught_by, row.besides) == (PASS, ("api_success_fault",), ("issuer_enforced",))


def test_failing_under_another_name_alone_is_no_catch() -> None:
    matrix = zoo(NO_AUD, wrong=came(FAIL, objectives=("api_success_fault",)))
    (row,) = matrix.rows
    assert (row.verdict, row.caught_by) == (FAIL, ())
    assert row.reason == "caught by api_success_fault alone, not by audience_enforced"
    assert matrix.verdict is FAIL


def test_a_run_that_passes_has_missed_its_defect() -> None:
    matrix = zoo(NO_AUD, wrong=SOUND)
    assert matrix.rows[0].verdict is matrix.verdict is FAIL
    assert matrix.rows[0].reason.startswith("missed")


@pytest.mark.parametrize("wrong", [came(INCONCLUSIVE), TargetError("gateway-1 did not start")])
def test_a_run_that_concludes_nothing_is_no_catch_and_no_miss(wrong: RunVerdict | IdchaosError) -> None:
    matrix = zoo(NO_AUD, wrong=wrong)
    assert matrix.rows[0].verdict is matrix.verdict is INCONCLUSIVE
    assert matrix.rows[0].reason in ("because", "gateway-1 did not start")


@pytest.mark.parametrize("verdict", [FAIL, INCONCLUSIVE])
def test_catching_every_defect_is_worth_nothing_where_a_sound_system_does_not_pass(verdict: Verdict) -> None:
    matrix = zoo(NO_AUD, wrong=came(FAIL, invariants=("audience_enforced",)), sound=came(verdict))
    assert matrix.rows[0].verdict is PASS
    assert matrix.sound[0].verdict is matrix.verdict is verdict
    assert matrix.sound[0].reasons == ("because",)


def test_an_interrupted_zoo_ends_at_once() -> None:
    with pytest.raises(Interrupted):
        zoo(NO_AUD, wrong=Interrupted("interrupted"))


def test_each_trial_is_run_soundly_and_then_with_one_defect_at_a_time() -> None:
    planned = plan((NO_AUD, ZERO, NO_EXP), sound=2, target="local", reports=Path("reports"))
    runs = [[*(one.defects for one in each.sound), *(one.run.defects for one in each.controls)] for each in planned]
    assert runs == [[(), (), ("no_aud_check",), ("no_exp_check",)], [(), (), ("zero_leeway",)]]
    assert len({one.seed for each in planned for one in each.sound}) == 4


def test_parts_share_the_runs_with_defects_and_each_has_the_sound_runs_of_its_trials() -> None:
    rows = [row for row in ROWS if row.besides is None][:5]
    planned = plan(rows, sound=1, target="local", reports=Path("reports"))
    parts = [Part.parse(text).among(planned) for text in ("1/2", "2/2")]
    tried = [sorted(row.defect for trial in part for shared in trial.controls for row in shared.rows) for part in parts]
    assert sorted(tried[0] + tried[1]) == sorted(row.defect for row in rows)
    assert abs(len(tried[0]) - len(tried[1])) == 1
    assert all(trial.sound for part in parts for trial in part)
    assert Part.parse("1/1").among(planned) == planned


def test_a_share_of_the_defects_may_stay_undecided_and_none_may_be_missed() -> None:
    rows = [row for row in ROWS if row.besides is None][:20]

    def matrix(*verdicts: Verdict, sound: Verdict = Verdict.PASS) -> Matrix:
        said = (*verdicts, *[Verdict.PASS] * (20 - len(verdicts)))
        found = [
            Control(defect=row.defect, scenario="s", variant="v", verdict=verdict)
            for row, verdict in zip(rows, said, strict=True)
        ]
        return Matrix.of([*found, SoundRuns(scenario="s", variant="v", verdicts=(sound,))], spared=0.05)

    assert matrix(Verdict.INCONCLUSIVE).verdict is Verdict.PASS
    assert len(matrix(Verdict.INCONCLUSIVE).undecided) == 1
    assert matrix(Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE).verdict is Verdict.INCONCLUSIVE
    assert matrix(Verdict.INCONCLUSIVE, Verdict.FAIL).verdict is Verdict.FAIL
    assert matrix(sound=Verdict.INCONCLUSIVE).verdict is Verdict.INCONCLUSIVE
    assert matrix(*[Verdict.INCONCLUSIVE] * 20).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("text", ["", "2", "0/2", "3/2", "1/0", "-1/2", "a/b", "1/2/3"])
def test_a_part_is_one_of_so_many(text: str) -> None:
    assert refused(lambda: Part.parse(text)) == f"--part: {text!r} should be like 1/2, the first of two parts"


def known(defect: str, *caught_by: str, besides: tuple[str, ...] = ()) -> Row:
    return Row(defect=defect, trial=OUTAGE, caught_by=caught_by, besides=besides)


NO_ISS, NO_NBF = known("no_iss_check", "issuer_enforced"), known("no_nbf_check", "early_tokens_refused")
HUGE = known("huge_leeway", "expired_tokens_refused", "early_tokens_refused")
WRAPS = known("nbf_wraps", "times_are_checked", besides=("early_tokens_refused",))


def test_defects_that_fail_nothing_in_common_share_a_run() -> None:
    assert together((NO_ISS, NO_AUD, NO_NBF, HUGE)) == ((NO_ISS, NO_NBF), (NO_AUD,), (HUGE,))
    (planned,) = plan((NO_ISS, NO_AUD, NO_NBF), sound=1, target="local", reports=Path("reports"))
    assert [shared.run.defects for shared in planned.controls] == [("no_iss_check", "no_nbf_check"), ("no_aud_check",)]
    (alone,) = plan((NO_ISS, NO_NBF), sound=1, target="local", reports=Path("reports"), alone=True)
    assert [shared.run.defects for shared in alone.controls] == [("no_iss_check",), ("no_nbf_check",)]


def test_what_fails_besides_may_name_no_other_row_of_the_run() -> None:
    assert together((WRAPS, NO_NBF, NO_ISS)) == ((WRAPS, NO_ISS), (NO_NBF,))
    assert together((NO_NBF, WRAPS, NO_ISS)) == ((NO_NBF, NO_ISS), (WRAPS,))


def test_in_a_run_that_is_shared_each_defect_is_caught_by_its_own_name() -> None:
    matrix = zoo(NO_ISS, NO_NBF, wrong=came(FAIL, invariants=("issuer_enforced", "early_tokens_refused")))
    assert [(row.defect, row.verdict, row.caught_by, row.besides) for row in matrix.rows] == [
        ("no_iss_check", PASS, ("issuer_enforced",), ()),
        ("no_nbf_check", PASS, ("early_tokens_refused",), ()),
    ]


def test_what_was_not_caught_in_a_run_that_it_shared_is_tried_by_itself() -> None:
    made: list[tuple[str, ...]] = []

    def execute(prepared: Prepared) -> RunVerdict:
        made.append(prepared.defects)
        seen = {(): SOUND, ("no_nbf_check",): came(FAIL, invariants=("early_tokens_refused",))}
        return seen.get(prepared.defects, came(FAIL, invariants=("issuer_enforced",)))

    matrix = Matrix.of(run(plan((NO_ISS, NO_NBF), sound=1, target="local", reports=Path("reports")), execute))
    assert [row.verdict for row in matrix.rows] == [PASS, PASS]
    assert made == [(), ("no_iss_check", "no_nbf_check"), ("no_nbf_check",)]


def test_a_defect_that_is_missed_by_itself_too_is_missed() -> None:
    matrix = zoo(NO_ISS, NO_NBF, wrong=came(FAIL, invariants=("issuer_enforced",)))
    assert [row.verdict for row in matrix.rows] == [PASS, FAIL]
    assert matrix.rows[1].reason == "caught by issuer_enforced alone, not by early_tokens_refused"


@pytest.mark.parametrize(
    ("path", "rows"),
    [
        ("docs/zoo.md", ()),
        ("tests/harness/test_settings.py", ()),
        ("scenarios/clock_skew.py", (ZERO,)),
        ("fixtures/idp/tokens.py", ()),
        ("fixtures/gateway/proxy.py", (NO_AUD, ZERO)),
        ("harness/verdict/stats.py", (NO_AUD, ZERO)),
        ("scenarios/zoo.py", (NO_AUD, ZERO)),
    ],
)
def test_a_change_touches_the_rows_that_could_notice_it(path: str, rows: tuple[Row, ...]) -> None:
    assert touched((NO_AUD, ZERO), [path]) == rows


def test_the_document_says_who_caught_what() -> None:
    matrix = zoo(NO_AUD, wrong=came(FAIL, invariants=("audience_enforced",)), times=2)
    document = matrix.document()
    assert document["verdict"] == "PASS"
    (row,), (sound,) = document["rows"], document["sound"]
    assert (row["defect"], row["scenario"], row["caught"], row["caught_by"]) == (
        "no_aud_check", "jwks_outage", True, ["audience_enforced"],
    )  # fmt: skip
    assert (sound["scenario"], sound["runs"], sound["verdicts"]) == ("jwks_outage", 2, ["PASS", "PASS"])


def test_the_markdown_matrix_has_a_line_for_each_defect_and_each_sound_trial() -> None:
    text = markdown(zoo(NO_AUD, ZERO, wrong=came(FAIL, invariants=("audience_enforced",))))
    assert "| ✓ | `no_aud_check` | A token for another audience is accepted. |" in text
    assert "**caught by audience\\_enforced alone, not by api\\_success\\_fault**" in text
    assert text.count("| PASS |") == 2


def refused(act: Callable[[], Any]) -> str:
    with pytest.raises(UsageError) as error:
        act()
    return str(error.value)


def test_a_row_whose_scenario_does_not_judge_its_names_is_refused_before_anything_runs() -> None:
    typo = NO_AUD.model_copy(update={"caught_by": ("audience_enforcd",)})
    said = refused(lambda: plan((typo,), sound=1, target="local", reports=Path("reports")))
    assert "jwks_outage judges no audience_enforcd" in said


def test_rows_are_chosen_by_defect() -> None:
    rows = (NO_AUD, NO_EXP, ZERO)
    assert choose(rows, ()) == rows
    assert choose(rows, ("zero_leeway", "no_aud_check")) == (NO_AUD, ZERO)
    assert "did you mean no_aud_check" in refused(lambda: choose(rows, ("no_aud_chek",)))
    assert "has no row for alg_none_accepted" in refused(lambda: choose(rows, ("alg_none_accepted",)))


def test_what_is_inconclusive_is_run_again_at_the_end_and_told_when_it_stands() -> None:
    undecided, caught = came(Verdict.INCONCLUSIVE), came(FAIL, invariants=("audience_enforced",))
    answers = {
        (): [undecided, undecided, came(PASS)],
        ("no_aud_check",): [undecided, caught],
        ("no_exp_check",): [SOUND],
    }
    made: list[tuple[str, ...]] = []
    told: list[str] = []

    def execute(prepared: Prepared) -> RunVerdict:
        made.append(prepared.defects)
        return answers[prepared.defects].pop(0)

    planned = plan((NO_AUD, NO_EXP), sound=1, target="local", reports=Path("reports"))
    matrix = Matrix.of(
        run(planned, execute, tell=lambda each: told.append(each.defect if isinstance(each, Control) else "none"))
    )
    assert made == [(), ("no_aud_check",), ("no_exp_check",), (), (), ("no_aud_check",)]
    assert told == ["no_exp_check", "none", "no_aud_check"]
    assert [row.verdict for row in matrix.rows] == [PASS, FAIL]
    assert matrix.sound[0].verdict is PASS
    assert not matrix.undecided


def test_what_stays_inconclusive_is_not_run_for_ever() -> None:
    tries = [came(INCONCLUSIVE)] * 9
    planned = plan((NO_AUD,), sound=1, target="local", reports=Path("reports"))
    matrix = Matrix.of(run(planned, lambda prepared: tries.pop() if prepared.defects else SOUND))
    assert len(tries) == 5
    assert [each.reason for each in matrix.undecided if isinstance(each, Control)] == ["because"]


def detection(answers: dict[tuple[str, str], RunVerdict]) -> Detection:
    """Two defects in two trials: what came of each, by defect and scenario. Anything else passes."""
    trials = (OUTAGE, SKEW)
    planned = plan((NO_AUD, ZERO), sound=1, target="local", reports=Path("reports"), trials=trials)

    def execute(prepared: Prepared) -> RunVerdict:
        return answers.get((prepared.defects[0], prepared.scenario.name), SOUND) if prepared.defects else SOUND

    return Detection.of(run(planned, execute))


CAUGHT_IN_BOTH = {
    ("no_aud_check", "jwks_outage"): came(FAIL, invariants=("audience_enforced",)),
    ("no_aud_check", "clock_skew"): came(FAIL, invariants=("audience_enforced",)),
    ("zero_leeway", "clock_skew"): came(FAIL, objectives=("api_success_fault",)),
}


def test_a_table_of_detection_has_every_defect_in_every_trial() -> None:
    table = detection(CAUGHT_IN_BOTH)
    marks = {defect: "".join(cell.mark for cell in cells) for defect, cells in table.by_defect.items()}
    assert marks == {"no_aud_check": "✓✓", "zero_leeway": "·✓"}
    assert table.verdict is PASS


def test_a_table_fails_for_a_defect_that_no_trial_catches_by_name() -> None:
    other = came(FAIL, objectives=("api_latency_fault",))
    table = detection(CAUGHT_IN_BOTH | {("zero_leeway", "clock_skew"): other})
    assert [cell.mark for cell in table.by_defect["zero_leeway"]] == ["·", "○"]
    assert table.verdict is FAIL


def test_a_table_is_inconclusive_while_a_defect_may_yet_be_caught() -> None:
    table = detection(CAUGHT_IN_BOTH | {("zero_leeway", "clock_skew"): came(INCONCLUSIVE)})
    assert [cell.mark for cell in table.by_defect["zero_leeway"]] == ["·", "?"]
    assert table.verdict is INCONCLUSIVE


def test_the_markdown_table_says_under_which_other_names_a_run_failed() -> None:
    other = came(FAIL, invariants=("issuer_enforced",))
    text = detection_markdown(detection(CAUGHT_IN_BOTH | {("zero_leeway", "jwks_outage"): other}))
    assert "| `no_aud_check` | ✓ | ✓ |" in text
    assert "| `zero_leeway` | ○ | ✓ |" in text
    assert "- ○ `zero_leeway`, jwks\\_outage (refused): `issuer_enforced`" in text


def test_several_runs_may_be_under_way_and_each_answer_finds_its_row() -> None:
    planned = plan((NO_AUD, NO_EXP), sound=2, target="local", reports=Path("reports"))
    names = {"no_aud_check": "audience_enforced", "no_exp_check": "expired_tokens_refused"}

    def execute(prepared: Prepared) -> RunVerdict:
        return came(FAIL, invariants=(names[prepared.defects[0]],)) if prepared.defects else SOUND

    with ThreadPoolExecutor(3) as pool:
        matrix = Matrix.of(run(planned, execute, pool.map))
    assert [row.caught_by for row in matrix.rows] == [("audience_enforced",), ("expired_tokens_refused",)]
    assert matrix.verdict is PASS


def test_what_cannot_be_tried_on_a_topology_is_left_out_and_named() -> None:
    chosen, skipped = suited((NO_AUD, ZERO), "library")
    assert (chosen, skipped) == ((NO_AUD, ZERO), {})
    anywhere = NO_AUD.model_copy(update={"trial": Trial(scenario="audience_confusion", settings={})})
    chosen, skipped = suited((NO_EXP, anywhere), "introspection")
    assert chosen == (anywhere,)
    assert skipped == {"no_exp_check": "nobody in the topology introspection could have it"}
    _, skipped = suited((NO_AUD, anywhere.model_copy(update={"defect": "pkce_not_checked"})), "introspection")
    assert skipped["no_aud_check"].startswith("jwks_outage needs validators that keep the IdP's keys")
    other = NO_AUD.model_copy(update={"elsewhere": anywhere.trial})
    assert suited((other,), "introspection") == ((other.model_copy(update={"trial": anywhere.trial}),), {})
    assert suited((other,), "library") == ((other,), {})
    assert "no_exp_check: nobody" in refused(lambda: suited((NO_EXP,), "introspection"))


def test_what_was_not_tried_is_in_the_document_and_in_the_markdown() -> None:
    planned = plan((NO_AUD,), sound=1, target="local", reports=Path("reports"), topology="library")
    caught = came(FAIL, invariants=("audience_enforced",))
    results = run(planned, lambda prepared: caught if prepared.defects else SOUND)
    matrix = Matrix.of(results, "library", {"zero_leeway": "nobody could have it"})
    assert matrix.document()["topology"] == "library"
    assert matrix.document()["skipped"] == [{"defect": "zero_leeway", "reason": "nobody could have it"}]
    assert "Topology: `library`. Not tried there:\n\n- `zero_leeway`: nobody could have it\n" in markdown(matrix)
    assert "Topology" not in markdown(Matrix.of(results))
