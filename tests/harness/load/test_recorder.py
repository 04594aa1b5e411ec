import math

import pytest

from idchaos.errors import StoreError
from idchaos.load.engine.recorder import About, Recorder, quantile
from idchaos.load.engine.response import Response
from idchaos.load.idp.client import Step
from idchaos.record.samples import COLUMNS, read_stream


@pytest.fixture
def recorder(tmp_path):
    made = Recorder(tmp_path / "samples.jsonl", now=lambda: 100.0)
    yield made
    made.close()


def request(recorder, due=100.0, **changes):
    values = {
        "due": due,
        "sent": due + 0.25,
        "ended": due + 1.0,
        "flow": "api",
        "endpoint": "/orders",
        "status": 200,
        "decision": "accept",
        "expected": "accept",
        "scheduled": True,
    }
    recorder.add(**(values | changes))


def rows(tmp_path):
    return [dict(zip(COLUMNS, row, strict=True)) for row in read_stream(tmp_path / "samples.jsonl")]


def test_latency_counts_from_when_a_request_was_due(recorder, tmp_path):
    request(recorder, token=About(session="s1.1", kid="k", jti="j", format="jwt", exp=400.0))
    recorder.write(recorder.take())
    (row,) = rows(tmp_path)
    assert (row["latency_s"], row["service_time_s"], row["outcome"]) == (1.0, 0.75, "ok")
    assert (row["session"], row["kid"], row["token_exp"]) == ("s1.1", "k", 400.0)


def test_a_request_never_sent_is_a_sample_too(recorder, tmp_path):
    recorder.unsent(due=100.0, flow="api", endpoint="/orders", error_code="dropped")
    recorder.write(recorder.take())
    (row,) = rows(tmp_path)
    assert math.isnan(row["sent_at"]) and math.isnan(row["latency_s"])
    assert (row["decision"], row["outcome"], row["error_code"]) == ("undecided", "unavailable", "dropped")


def test_progress_counts_the_last_spans(recorder):
    request(recorder)
    request(recorder, decision="deny", status=401)
    recorder.unsent(due=100.0, flow="api", endpoint="/orders", error_code="no_token")
    line = recorder.progress()
    assert (line["sent"], line["ok"], line["bad"]) == (2, 1, 2)
    assert line["by_outcome"] == {"ok": 1, "wrongly_denied": 1, "unavailable": 1}
    assert (line["p95_s"], line["late_p99_s"]) == (1.0, 0.25)
    for _ in range(5):
        line = recorder.progress()
    assert (line["sent"], line["ok"], line["p95_s"]) == (2, 0, None)


def test_what_becomes_of_bad_tokens_says_nothing_of_how_users_fare(recorder):
    request(recorder)
    request(recorder, expected="deny", canary="expired")
    line = recorder.progress()
    assert (line["ok"], line["bad"]) == (1, 0)
    assert line["by_outcome"] == {"ok": 1, "wrongly_accepted": 1}


def test_lateness_is_of_scheduled_requests_alone(recorder):
    request(recorder)
    request(recorder, sent=105.0, ended=106.0, scheduled=False)
    assert recorder.late_p99_s() == 0.25


def test_a_stream_is_never_written_over(recorder, tmp_path):
    with pytest.raises(StoreError, match="cannot be made"):
        Recorder(tmp_path / "samples.jsonl", now=lambda: 0.0)


@pytest.mark.parametrize(
    ("values", "share", "value"), [([], 0.5, None), ([3.0], 0.99, 3.0), ([1.0, 2.0, 3.0, 4.0], 0.5, 2.0)]
)
def test_a_quantile_is_one_of_the_values(values, share, value):
    assert quantile(values, share) == value


@pytest.mark.parametrize(
    "answer", [Response(200, retry=1), Response(0, error="connect_refused", retry=1)], ids=["then served", "then not"]
)
def test_an_attempt_whose_connection_was_cut_may_have_reached_the_idp_before_the_next_one(scene, answer):
    scene.upkeep(Step("authorize", answer, "undecided", ""))
    assert scene.recorder.resent == {"authorize": 1}
