"""Each fault applies, proves that it is felt, heals, and proves that too. Without effect, no proof."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from idchaos.faults import base
from idchaos.faults.base import NOTHING, Applied, Evidence, Fault
from idchaos.faults.clock import ClockSkew
from idchaos.faults.idp_errors import EMPTY, ERROR_5XX, GARBAGE, EndpointFault
from idchaos.faults.key_removal import KeyRemoval
from idchaos.faults.keys import KeyRotation
from idchaos.faults.network import LinkFault
from idchaos.faults.process import ProcessFault
from idchaos.faults.rotations import Rotations
from idchaos.faults.secret_rotation import SecretRotation
from idchaos.faults.secrets import LeakedSecret
from idchaos.targets.base import (
    ControlsProcesses,
    EndpointError,
    FlushesCaches,
    InjectsErrors,
    OutlivesRun,
    ProbesUpstream,
    ReportsState,
    RotatesKeys,
    SkewsClock,
)
from idchaos.targets.restoring import (
    AnswersNormally,
    ClockRight,
    KeyPublished,
    KeySigns,
    ProcessRuns,
    SecretAsBefore,
    Wanted,
)  # fmt: skip
from idchaos.targets.standin.control import ControlClient
from idchaos.targets.standin.local import LocalTarget
from idchaos.undo.ledger import HttpCall, Undo

LINKS = ("gateway-to-idp", "service-to-idp")
VALIDATORS = ("gateway-1", "gateway-2", "accounts")


def proved(evidence: Iterable[Evidence]) -> bool:
    found = list(evidence)
    return bool(found) and all(item.ok for item in found)


def carried_out(fault: Fault, target: Any, steps: int | None = None) -> Applied:
    """What the first few steps did."""
    applied = NOTHING
    for step in range(len(fault.steps()) if steps is None else steps):
        applied = applied.then(fault.apply(target, step, applied))
    return applied


def sources(evidence: Iterable[Evidence]) -> set[str]:
    return {item.source for item in evidence}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """``eventually`` asks once: what a fake target says does not change by waiting."""
    monkeypatch.setattr(base.time, "monotonic", iter(range(0, 10**6, 60)).__next__)
    monkeypatch.setattr(base.time, "sleep", lambda _: None)


def rotation(mode: str, **fields: Any) -> KeyRotation:
    return KeyRotation.model_validate(
        {"mode": mode, "alg": "RS256", "lead_s": 5, "overlap_s": 20, "late_s": 3,
         "allowed_lag_s": 6, **fields}
    )  # fmt: skip


FAULTS: dict[str, Fault] = {
    "refused": LinkFault(links=LINKS, mode="refused"),
    "timeout": LinkFault(links=LINKS, mode="timeout"),
    "reset": LinkFault(links=LINKS, mode="reset"),
    "slow": LinkFault(links=LINKS, mode="slow", latency_s=3),
    "bandwidth": LinkFault(links=LINKS, mode="bandwidth", rate_kbs=1),
    "partial": LinkFault(links=LINKS, mode="partial", share=0.3),
    "error_5xx": EndpointFault(endpoints=("jwks",), error=ERROR_5XX, label="503"),
    "garbage": EndpointFault(endpoints=("jwks",), error=GARBAGE, label="HTML"),
    "empty": EndpointFault(endpoints=("jwks",), error=EMPTY, label="no keys"),
    "endpoint": EndpointFault(endpoints=("token",), error=EndpointError(status=503), label="503"),
    "late": EndpointFault(endpoints=("introspect",), error=EndpointError(delay_s=1), label="a second late"),
    "brownout": EndpointFault(
        endpoints=("authorize", "login", "token"), error=EndpointError(status=503, share=0.5), label="503"
    ),
    "idp_gone": LinkFault(links=("client-to-idp", *LINKS), mode="refused"),
    "ahead": ClockSkew(component="idp", offsets_s=(30,)),
    "behind": ClockSkew(component="gateway-1", offsets_s=(-300,)),
    "overlap": rotation("overlap"),
    "abrupt": rotation("abrupt"),
    "publish_late": rotation("publish_late"),
    "emergency": rotation("emergency"),
    "twice": Rotations(
        rotations=(rotation("overlap"), rotation("overlap", after_s=6)),
    ),
    "removed": KeyRemoval(),
    "kill": ProcessFault(component="gateway-1", how="kill"),
    "pause": ProcessFault(component="idp", how="pause"),
    "restart": ProcessFault(component="orders", how="restart"),
}


ENDS: dict[str, list[str | None]] = {
    "refused": ["connect_refused"],
    "idp_gone": ["connect_refused"],
    "timeout": ["timeout"],
    "reset": ["connection_reset"],
    "partial": ["connection_reset", None, None],
    "error_5xx": ["http_503"],
    "garbage": ["bad_jwks: not JSON"],
    "empty": ["bad_jwks: no usable key"],
}


def work(target: Any, name: str = "") -> None:
    """What a target does while a fault lasts: validators ask for keys in vain, tokens are issued and used."""
    target.took_s = 3.0
    target.ends = ENDS.get(name, [None])
    for validator in VALIDATORS:
        target.fetches[validator] += 3
    for endpoint, error in target.errors.items():
        target.injected[endpoint] += 100 * error.share
        target.exposed[endpoint] += 100
    target.issued += 7
    for kid in ("new", "newer"):
        target.kids_used[kid] += 5


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_is_felt_proves_itself_and_its_healing(name: str, target: Any) -> None:
    fault = FAULTS[name]
    assert proved(fault.check_before(target))
    before = fault.snapshot(target)
    done = NOTHING
    for step in range(len(fault.steps())):
        done = done.then(fault.apply(target, step, done))
        if step == 0:
            applied = fault.check_applied(target, before, done)
    work(target, name)
    held = fault.check_held(target, before, done)
    assert proved(applied), applied
    assert proved(held), held
    fault.heal(target, done)
    assert proved(fault.check_healed(target, done))
    fault.heal(target, done)  # healing can be repeated
    assert proved(fault.check_healed(target, done))
    assert Applied.model_validate_json(done.model_dump_json()) == done, "a ledger can hold what is known of it"


@pytest.mark.parametrize("name", FAULTS)
def test_proof_comes_from_control_plane_probe_and_target(name: str, target: Any) -> None:
    fault = FAULTS[name]
    before = fault.snapshot(target)
    done = carried_out(fault, target)
    work(target, name)
    during = (*fault.check_applied(target, before, done), *fault.check_held(target, before, done))
    assert sources(during) == {"control", "probe", "target"}


@pytest.mark.parametrize("how", ["kill", "pause", "restart"])
def test_a_component_that_goes_on_as_before_gives_no_proof(how: Any, target: Any) -> None:
    fault = ProcessFault(component="gateway-2", how=how)
    before = fault.snapshot(target)
    target.disturb = target.restore = lambda component, how: None
    fault.apply(target, 0)
    assert "control" in sources(item for item in fault.check_applied(target, before) if not item.ok)


@pytest.mark.parametrize("name", ["refused", "timeout", "reset", "slow", "bandwidth", "partial"])
def test_a_gateway_that_goes_around_the_proxy_gives_no_proof(name: str, target: Any) -> None:
    target.around_the_proxy = True
    fault = FAULTS[name]
    before = fault.snapshot(target)
    fault.apply(target, 0)
    failed = [item for item in fault.check_applied(target, before) if not item.ok]
    assert sources(failed) == {"probe"}


@pytest.mark.parametrize("name", ["refused", "slow", "bandwidth", "partial"])
def test_a_control_plane_that_does_nothing_gives_no_proof(name: str, target: Any) -> None:
    target.links.deaf = True
    fault = FAULTS[name]
    fault.apply(target, 0)
    assert sources(item for item in fault.check_applied(target, {}) if not item.ok) == {"control", "probe"}


@pytest.mark.parametrize(
    "name",
    ["refused", "slow", "bandwidth", "partial", "error_5xx", "empty", "endpoint", "brownout", "ahead", "overlap"],
)
def test_a_target_that_did_nothing_meanwhile_gives_no_proof(name: str, target: Any) -> None:
    fault = FAULTS[name]
    before = fault.snapshot(target)
    fault.apply(target, 0)
    assert not proved(fault.check_held(target, before))


def test_one_validator_that_never_asked_for_keys_is_named(target: Any) -> None:
    fault = FAULTS["refused"]
    before = fault.snapshot(target)
    fault.apply(target, 0)
    work(target, "refused")
    target.fetches["gateway-2"] = 0
    (unfelt,) = [item for item in fault.check_held(target, before) if not item.ok]
    assert "gateway-2" in unfelt.what
    assert "longer than its cache lives" in unfelt.what


def held(fault: Fault, target: Any, *, took_s: float, before: int = 2, during: int = 3) -> list[bool]:
    """What ``check_held`` says of each validator after so many key fetches before and during the fault."""
    target.fetches.update(dict.fromkeys(VALIDATORS, before))
    target.took_s = took_s
    snapshot = fault.snapshot(target)
    fault.apply(target, 0)
    target.fetches.update(dict.fromkeys(VALIDATORS, during))
    return [item.ok for item in fault.check_held(target, snapshot)]


@pytest.mark.parametrize(
    ("fault", "took_s", "proved_by_each"),
    [
        (LinkFault(links=LINKS, mode="slow", latency_s=0.5), 0.51, True),
        (LinkFault(links=LINKS, mode="slow", latency_s=0.5), 0.40, False),
        (LinkFault(links=LINKS, mode="slow", latency_s=0.5, jitter_s=0.2), 0.31, True),
        (LinkFault(links=LINKS, mode="bandwidth", rate_kbs=5), 0.31, True),
        (LinkFault(links=LINKS, mode="bandwidth", rate_kbs=5), 0.20, False),
        # 1500 bytes at 1 MB/s take 1.5 ms: whatever was measured was something else.
        (LinkFault(links=LINKS, mode="bandwidth", rate_kbs=1000), 1.0, False),
    ],
)
def test_slowness_is_proved_by_how_long_key_fetches_took(
    fault: LinkFault, took_s: float, proved_by_each: bool, target: Any
) -> None:
    assert held(fault, target, took_s=took_s) == [proved_by_each] * 3


def test_fetches_from_before_the_fault_prove_nothing(target: Any) -> None:
    fault = LinkFault(links=LINKS, mode="slow", latency_s=0.5)
    assert held(fault, target, took_s=3.0, before=5, during=0) == [False] * 3


@pytest.mark.parametrize(("really", "proved_by_each"), [(0.3, True), (0.0, False), (1.0, False)])
def test_a_share_is_proved_by_a_likely_number_of_failures(really: float, proved_by_each: bool, target: Any) -> None:
    fault = LinkFault(links=LINKS, mode="partial", share=0.3)
    before = fault.snapshot(target)
    fault.apply(target, 0)
    target.links.toxicity = really
    target.fetches.update(dict.fromkeys(VALIDATORS, 4))
    target.ends = {0.0: [None], 0.3: ["connection_reset", None, None, None], 1.0: ["connection_reset"]}[really]
    probes = [item.ok for item in fault.check_applied(target, before) if item.source == "probe"]
    assert probes == [proved_by_each] * 3
    assert [item.ok for item in fault.check_held(target, before)] == [proved_by_each] * 3


@pytest.mark.parametrize(("latency_s", "jitter_s"), [(0.01, 0), (0.2, 0.2)])
def test_a_delay_that_may_be_none_is_no_fault(latency_s: float, jitter_s: float) -> None:
    with pytest.raises(ValueError, match="can't be told from none"):
        LinkFault(links=LINKS, mode="slow", latency_s=latency_s, jitter_s=jitter_s)


def test_errors_that_are_reported_but_not_served_give_no_proof_by_probe(target: Any) -> None:
    fault = FAULTS["endpoint"]
    fault.apply(target, 0)
    told = target.errors.copy()
    target.errors = {"token": EndpointError(status=500)}
    target.state = lambda _: {"errors": {endpoint: error.model_dump() for endpoint, error in told.items()}}
    (probe,) = [item for item in fault.check_applied(target, {}) if not item.ok]
    assert probe.source == "probe"
    assert "none of 1 probes met it" in probe.what


@pytest.mark.parametrize(("hits", "proved_by_them"), [(300, True), (270, True), (100, False), (600, False), (0, False)])
def test_a_share_is_proved_in_proportion(hits: int, *, proved_by_them: bool, target: Any) -> None:
    fault = EndpointFault(endpoints=("token",), error=EndpointError(status=503, share=0.3), label="503")
    before = fault.snapshot(target)
    target.injected["token"] += hits
    target.exposed["token"] += 1000
    (evidence,) = fault.check_held(target, before)
    assert evidence.ok == proved_by_them
    assert f"{hits} of 1000" in evidence.what


@pytest.mark.parametrize(("share", "probes"), [(1, 1), (0.8, 6), (0.5, 14), (0.2, 42)])
def test_the_smaller_a_share_the_more_probes_it_takes_to_meet_it(share: float, probes: int) -> None:
    error = EndpointError(status=503, share=share)
    assert EndpointFault(endpoints=("token",), error=error, label="503").probes == probes


def test_the_clients_link_is_probed_by_a_client(target: Any) -> None:
    fault = FAULTS["idp_gone"]
    fault.apply(target, 0)
    assert "a client to idp during: 1 refused" in " ".join(item.what for item in fault.check_applied(target, {}))


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


def test_toxics_are_promised_to_the_ledger(target: Any) -> None:
    fault = FAULTS["slow"]
    assert {undo.proxy for undo in fault.undos(target)} == {"gateway-1-to-idp", "gateway-2-to-idp", "accounts-to-idp"}  # type: ignore[union-attr]


def test_stand_ins_have_every_capability_that_faults_ask_for() -> None:
    capabilities = (ReportsState, ProbesUpstream, RotatesKeys, SkewsClock, InjectsErrors, FlushesCaches)
    for capability in capabilities:
        assert issubclass(ControlClient, capability)
    assert issubclass(LocalTarget, ControlsProcesses)
    assert {need for fault in FAULTS.values() for need in fault.needs} <= {*capabilities, ControlsProcesses}


@dataclass
class Stays:
    """A target that was there before; it says of each undo what it is to bring about."""

    wanted: list[Wanted] = field(default_factory=list)

    def undo_to(self, wanted: Wanted) -> Undo:
        self.wanted.append(wanted)
        return HttpCall(method="PUT", url=f"http://127.0.0.1:1/{len(self.wanted)}")


def promised(fault: Fault, target: Any, applied: Applied = NOTHING) -> list[Wanted]:
    """What must be so again after a fault at a target that outlives the run."""
    stays = Stays()
    offered = target.capability
    target.capability = lambda kind: stays if kind is OutlivesRun else offered(kind)
    fault.undos(target, applied)
    target.capability = offered
    return stays.wanted


@pytest.mark.parametrize(
    ("fault", "wanted"),
    [
        (FAULTS["ahead"], [ClockRight(component="idp")]),
        (FAULTS["endpoint"], [AnswersNormally(endpoint="token")]),
        (FAULTS["overlap"], [KeySigns(kid="old"), KeyPublished(kid="old")]),
        (FAULTS["twice"], [KeySigns(kid="old"), KeyPublished(kid="old")]),
        (FAULTS["removed"], [KeySigns(kid="old"), KeyPublished(kid="old")]),
        (FAULTS["kill"], [ProcessRuns(component="gateway-1", after="kill")]),
        (SecretRotation(clients=("web",), overlap_s=1), [SecretAsBefore(client_id="web")]),
        (LeakedSecret(clients=("web",), overlap_s=1, contain_after_s=1), [SecretAsBefore(client_id="web")]),
    ],
)
def test_what_a_fault_leaves_is_promised_before_it_is_applied(fault: Fault, wanted: list[Wanted], target: Any) -> None:
    assert promised(fault, target) == wanted


def test_a_new_keys_tokens_stay_good_when_the_run_is_gone(target: Any) -> None:
    for name, new in (("publish_late", ["new"]), ("twice", ["newer"])):
        applied = carried_out(FAULTS[name], target, steps=1)
        assert promised(FAULTS[name], target, applied)[2:] == [KeyPublished(kid=kid) for kid in new]


def test_secrets_that_healing_leaves_changed_are_put_back_at_the_end() -> None:
    assert not SecretRotation.undone_by_healing
    assert not LeakedSecret.undone_by_healing
    assert KeyRotation.undone_by_healing
