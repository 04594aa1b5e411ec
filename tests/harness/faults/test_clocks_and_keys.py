"""Clocks that go wrong and keys that come and go: each act is seen, or proves nothing."""

from __future__ import annotations

import time
from typing import Any

import pytest

from idchaos.faults.base import NOTHING, Applied
from idchaos.faults.clock import ClockSkew
from tests.harness.faults.known import FAULTS, carried_out, proved, rotation, sources, work

pytestmark = pytest.mark.usefixtures("impatient")


def test_a_clock_that_does_not_move_gives_no_proof(target: Any) -> None:
    target.stuck_clock = True
    fault = FAULTS["ahead"]
    before = fault.snapshot(target)
    fault.apply(target, 0)
    assert not any(item.ok for item in fault.check_applied(target, before))


@pytest.mark.parametrize("fault", [
    ClockSkew(component="idp", offsets_s=(0.3,)),
    ClockSkew(component="idp", offsets_s=(3,), drift_ppm=100_000),
    ClockSkew(component="idp", offsets_s=(0,), drift_ppm=100_000),
])  # fmt: skip
def test_neither_a_small_error_nor_a_drift_is_proved_by_a_clock_that_is_right(fault: ClockSkew, target: Any) -> None:
    target.stuck_clock = True
    before = {"at": time.time() - 60, "work": 0}
    target.issued = 5
    assert not proved(fault.check_applied(target, before))
    assert not proved(fault.check_held(target, before))


def test_an_error_that_cannot_be_seen_from_outside_is_not_proved_by_the_components_word(target: Any) -> None:
    fault = ClockSkew(component="idp", offsets_s=(0.01,))
    before = fault.snapshot(target)
    fault.apply(target, 0)
    assert [(item.source, item.ok) for item in fault.check_applied(target, before)] == [
        ("control", True), ("probe", False),
    ]  # fmt: skip


def test_a_clock_that_was_put_right_too_early_gives_no_proof(target: Any) -> None:
    fault = FAULTS["ahead"]
    before = fault.snapshot(target)
    fault.apply(target, 0)
    work(target)
    target.skew("idp", 0.0)  # as a restart in the meantime would
    assert sources(item for item in fault.check_held(target, before) if not item.ok) == {"control", "probe"}


def test_a_drift_that_left_the_clock_where_it_was_gives_no_proof(target: Any) -> None:
    """The component says that it drifts; after a minute its time is still off by the first step alone."""
    fault = ClockSkew(component="idp", offsets_s=(3,), drift_ppm=100_000)
    fault.apply(target, 0)
    work(target)
    held = fault.check_held(target, {"at": time.time() - 60, "work": 0})
    assert sources(item for item in held if not item.ok) == {"control", "probe"}


def test_a_drift_that_goes_on_is_not_healed(target: Any) -> None:
    fault = ClockSkew(component="idp", offsets_s=(0,), drift_ppm=100_000)
    fault.apply(target, 0)
    assert not proved(fault.check_healed(target))


def test_the_offset_that_was_observed_is_recorded_beside_the_one_asked_for(target: Any) -> None:
    target.stuck_clock = True
    (event,) = FAULTS["ahead"].apply(target, 0).events
    assert event.fields["offset_s"] == 30
    assert abs(event.fields["observed_s"]) < 0.5


@pytest.mark.parametrize(
    ("mode", "acts"),
    [
        ("overlap", [(0, ["key_published"]), (5, ["key_signing"]), (25, ["key_withdrawn"])]),
        ("abrupt", [(0, ["key_published", "key_signing"]), (20, ["key_withdrawn"])]),
        ("publish_late", [(0, ["key_signing"]), (3, ["key_published"]), (23, ["key_withdrawn"])]),
        ("emergency", [(0, ["key_published", "key_signing", "key_withdrawn"])]),
    ],
)
def test_publishing_signing_and_retiring_are_separate_acts(mode: str, acts: Any, target: Any) -> None:
    fault = rotation(mode)
    known = NOTHING
    done = []
    for step, at in enumerate(fault.steps()):
        did = fault.apply(target, step, known)
        known = known.then(did)
        done.append((at, [event.event for event in did.events]))
    assert done == acts
    assert known.done == {"old_kid": "old", "new_kid": "new"}


def test_only_an_emergency_makes_tokens_of_the_old_key_bad(target: Any) -> None:
    withdrawn = {}
    for mode in ("overlap", "emergency"):
        withdrawn[mode] = carried_out(rotation(mode), target).events[-1].fields["compromised"]
    assert withdrawn == {"overlap": False, "emergency": True}


def test_a_rotation_without_lead_is_proved_although_the_next_act_has_been_done(target: Any) -> None:
    fault = rotation("overlap")
    before = fault.snapshot(target)
    assert proved(fault.check_applied(target, before, carried_out(fault, target, steps=2)))


def test_rotations_that_broke_off_leave_the_last_key_that_was_begun_signing(target: Any) -> None:
    fault = FAULTS["twice"]
    fault.heal(target, carried_out(fault, target, steps=3))  # publish and sign the first, publish the second
    assert [kid for kid, key in target.known.items() if key.signing] == ["newer"]


def test_each_rotation_begins_with_the_key_that_the_one_before_brought(target: Any) -> None:
    assert carried_out(FAULTS["twice"], target).done == {
        "old_kid 1": "old", "new_kid 1": "new", "old_kid 2": "new", "new_kid 2": "newer",
    }  # fmt: skip


def test_the_key_that_is_removed_is_the_one_that_signs(target: Any) -> None:
    target.add_key("asked for", "ES256", publish=True, sign=True)
    assert FAULTS["removed"].apply(target, 0).done == {"kid": "new"}


def test_a_missing_key_is_no_withdrawal_so_its_tokens_stay_good(target: Any) -> None:
    events = [event.event for event in FAULTS["removed"].apply(target, 0).events]
    assert events == ["key_removed"]
    assert target.known["old"].signing
    assert not target.known["old"].published


def test_a_cache_that_outlives_the_removal_is_named(target: Any) -> None:
    fault, removed = FAULTS["removed"], Applied(done={"kid": "old"})
    held = fault.check_held(target, {}, removed)
    assert not any(item.ok for item in held)
    assert "gateway-2 still serves from its cache" in " ".join(item.what for item in held)


def test_a_rotation_that_broke_off_is_completed_by_healing(target: Any) -> None:
    fault = rotation("publish_late")
    fault.heal(target, carried_out(fault, target, steps=1))
    assert target.known["new"].published
    assert target.known["new"].signing


def test_a_sweep_takes_its_offsets_one_after_the_other(target: Any) -> None:
    fault = ClockSkew(component="idp", offsets_s=(2, 5, 8), dwell_s=2.5)
    assert fault.steps() == (0, 2.5, 5)
    for step, offset in enumerate(fault.offsets_s):
        fault.apply(target, step)
        assert target.offsets["idp"] == offset
