"""Counts of what an IdP did with what may be used once, and with answers to logins."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from idchaos.planning.redirects import ALWAYS
from idchaos.record.record import RunRecord
from idchaos.verdict import sli

Make = Callable[..., RunRecord]
Traffic = Callable[..., list[dict[str, Any]]]
ACCEPTED = {"decision": "accept", "status": 200, "outcome": "ok"}
DENIED = {"decision": "deny", "status": 400, "error_code": "invalid_grant", "outcome": "denied"}
UNDECIDED = {"decision": "undecided", "status": 503, "error_code": "http_503", "outcome": "unavailable"}


def row(**fields: Any) -> dict[str, Any]:
    return {"due_at": 115.0, "sent_at": 115.0, "endpoint": "token", "replica": "", "service": ""} | fields


def used(session: str, *answers: dict[str, Any]) -> list[dict[str, Any]]:
    """One parallel replay, and what each of its requests met."""
    way = session.split("-", maxsplit=1)[0]
    return [row(flow="parallel_replay", session=session, way=way, expected="either") | answer for answer in answers]


# --- used by several at once


def test_the_most_that_were_served_of_one_replay(make_record: Make) -> None:
    rows = used("code-1", ACCEPTED, DENIED, DENIED) + used("refresh-2", ACCEPTED, ACCEPTED, DENIED)
    measured = sli.measure(make_record(rows), "parallel_uses_accepted", "fault")
    assert (measured.value, measured.high, measured.samples) == (2, 2, 6)
    assert measured.note == "code: 1; refresh: 2"


@pytest.mark.parametrize(
    "rows",
    [
        [],
        used("code-1", DENIED, DENIED),  # none was served: nothing is known of a second one
        used("code-1", ACCEPTED, UNDECIDED),  # which may have been the second one
    ],
)
def test_nothing_is_claimed_of_replays_that_show_nothing(make_record: Make, rows: list[dict[str, Any]]) -> None:
    assert math.isnan(sli.measure(make_record(rows), "parallel_uses_accepted", "fault").value)


def test_two_that_were_served_are_two_whatever_became_of_a_third(make_record: Make) -> None:
    rows = used("code-1", ACCEPTED, ACCEPTED, UNDECIDED)
    assert sli.measure(make_record(rows), "parallel_uses_accepted", "fault").value == 2


# --- answers to logins


def test_answers_that_are_not_bound_to_their_request_are_counted_by_why(make_record: Make) -> None:
    flawed = UNDECIDED | {"status": 302, "error_code": "state_mismatch"}
    rows = [row(flow="login", endpoint="login") | each for each in (ACCEPTED, flawed, flawed, UNDECIDED)]
    rows.append(row(flow="login") | ACCEPTED)
    record = make_record(rows)
    states = sli.measure(record, "unbound_answers{error_code=state_mismatch}", "fault")
    assert (states.value, states.samples) == (2, 3)  # an IdP that failed has answered nothing
    assert sli.measure(record, "unbound_answers{error_code=nonce_mismatch}", "fault").value == 0
    assert sli.measure(record, "unbound_answers", "fault").value == 2
    assert math.isnan(sli.measure(record, "unbound_answers{flow=native_login}", "fault").value)


# --- redirect URIs


def tampered(*ways: str, **fields: Any) -> list[dict[str, Any]]:
    made = {"flow": "canary", "canary": "redirect_tampered", "endpoint": "authorize", "expected": "deny"}
    return [row(session="canary", way=way, **made) | DENIED | fields for way in ways]


def test_ways_that_were_followed_are_counted_and_named(make_record: Make) -> None:
    rows = tampered(*ALWAYS) + tampered("suffix", "suffix", "fragment+wrong_request", **ACCEPTED)
    measured = sli.measure(make_record(rows), "tampered_redirects_accepted", "fault")
    assert (measured.value, measured.note) == (2, "accepted: fragment, suffix")


def test_nothing_is_known_before_each_way_was_decided(make_record: Make) -> None:
    *most, last = sorted(ALWAYS)
    rows = tampered(*most) + tampered(last, **UNDECIDED)
    measured = sli.measure(make_record(rows), "tampered_redirects_accepted", "fault")
    assert math.isnan(measured.value)
    assert last in measured.note
    assert sli.measure(make_record(tampered(*ALWAYS)), "tampered_redirects_accepted", "fault").value == 0


# --- lifetimes


def test_sessions_that_were_refreshed_beyond_their_age(make_record: Make) -> None:
    old = {"flow": "refresh", "expected": "deny"}
    rows = [row(session=name, **old) | answer for name in "ab" for answer in (ACCEPTED, ACCEPTED)]
    rows += [row(session="c", **old) | DENIED, row(session="d", **old) | UNDECIDED, row(session="e", flow="refresh")]
    measured = sli.measure(make_record(rows), "sessions_beyond_policy", "fault")
    assert (measured.value, measured.samples) == (2, 5)
    assert math.isnan(sli.measure(make_record(rows[-2:]), "sessions_beyond_policy", "fault").value)


def test_the_longest_life_of_a_token_that_was_used(make_record: Make, traffic: Traffic) -> None:
    lives = {"token_iat": 100.0, "token_exp": lambda n: 104.0 + 60 * (n == 7), "jti": str}
    measured = sli.measure(make_record(traffic(110, 120, rate=2, **lives)), "token_lifetime_max", "fault")
    assert (measured.value, measured.samples) == (64, 20)
    assert math.isnan(sli.measure(make_record(traffic(110, 120)), "token_lifetime_max", "fault").value)


def thief_at(at: float, answer: dict[str, Any], replica: str = "gateway-1", loot: str = "access") -> dict[str, Any]:
    where = {"endpoint": "/orders", "service": "orders", "replica": replica, "session": "theft", "way": loot}
    return row(due_at=at, sent_at=at, latency_s=0.01, flow="thief", expected="either") | where | answer


def test_a_theft_lasts_from_its_first_use_to_the_last_that_was_accepted_anywhere(make_record: Make) -> None:
    uses = [thief_at(at, ACCEPTED if at < 115 else DENIED) for at in range(111, 119)]
    uses += [thief_at(at + 0.5, ACCEPTED if at < 116 else DENIED, "gateway-2") for at in range(111, 119)]
    measured = sli.measure(make_record(uses), "theft_window_max{way=access}", "fault")
    assert (measured.value, measured.low) == (pytest.approx(4.5, abs=0.02), pytest.approx(4.5, abs=0.02))
    assert measured.high == pytest.approx(5.5, abs=0.02)


def test_a_theft_that_nobody_ended_is_unbounded_and_one_that_gave_nothing_unknown(make_record: Make) -> None:
    going_on = [thief_at(at, ACCEPTED) for at in range(111, 119)]
    assert sli.measure(make_record(going_on), "theft_window_max", "fault").high == math.inf
    in_vain = [thief_at(at, DENIED) for at in range(111, 119)]
    assert math.isnan(sli.measure(make_record(in_vain), "theft_window_max", "fault").value)
    assert math.isnan(sli.measure(make_record([]), "theft_window_max", "fault").value)


# --- registrations


def registration(name: str, *codes: str, at: float = 112.0) -> list[dict[str, Any]]:
    """The attempts of one client, a second apart; an empty code is success."""
    return [
        row(flow="registration", endpoint="register", session=name, due_at=at + n, sent_at=at + n)
        | (UNDECIDED | {"status": 429, "error_code": code} if code else ACCEPTED)
        for n, code in enumerate(codes)
    ]


def test_clients_that_were_registered_in_the_end_by_when_they_began(make_record: Make) -> None:
    rows = registration("a", "") + registration("b", "rate_limited", "rate_limited", "", at=119.0)
    rows += registration("c", "http_503", "http_503") + registration("d", "", at=121.0)
    measured = sli.measure(make_record(rows), "registration_completion_rate", "fault")
    assert (measured.value, measured.samples) == (pytest.approx(2 / 3), 3)
    assert sli.measure(make_record(rows), "registration_error_rate", "fault").samples == 4


def test_limits_that_do_not_say_when_to_come_back(make_record: Make) -> None:
    rows = registration("a", "rate_limited", "rate_limit_untold", "")
    measured = sli.measure(make_record(rows), "limits_untold", "fault")
    assert (measured.value, measured.samples) == (1, 2)
    assert math.isnan(sli.measure(make_record(registration("a", "")), "limits_untold", "fault").value)


# --- detectors


def counted(detected: int | None) -> dict[str, Any]:
    """The IdP before and after the load."""
    states = ({}, {}) if detected is None else ({"replays_detected": 5}, {"replays_detected": 5 + detected})
    before, after = ({"idp": {"issuer": "i", "requests": {"token": {"total": n}}} | states[n]} for n in (0, 1))
    return {"before": before, "after": after}


@pytest.mark.parametrize(("detected", "missed"), [(3, 0), (4, 0), (1, 2), (0, 3)])
def test_refused_replays_that_the_detector_did_not_count(make_record: Make, detected: int, missed: int) -> None:
    rows = [row(flow="canary", canary=kind, expected="deny") | DENIED for kind in ("replayed", "code_replayed")]
    rows.append(row(flow="canary", canary="assertion_replayed", expected="deny") | DENIED)
    measured = sli.measure(make_record(rows, counts=counted(detected)), "replays_unnoticed", "all")
    assert (measured.value, measured.samples) == (missed, 3)


def test_without_a_detector_or_a_replay_nothing_is_known(make_record: Make) -> None:
    rows = [row(flow="canary", canary="replayed", expected="deny") | DENIED]
    for record in (make_record(rows, counts=counted(None)), make_record([], counts=counted(3))):
        assert math.isnan(sli.measure(record, "replays_unnoticed", "all").value)
