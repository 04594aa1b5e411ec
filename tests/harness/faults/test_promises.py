"""What a fault leaves is promised to the ledger before it is applied."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from idchaos.faults.base import NOTHING, Applied, Fault
from idchaos.faults.keys import KeyRotation
from idchaos.faults.secret_rotation import SecretRotation
from idchaos.faults.secrets import LeakedSecret
from idchaos.targets.base import (
    ControlsProcesses,
    FlushesCaches,
    InjectsErrors,
    OutlivesRun,
    ProbesUpstream,
    ReportsState,
    RotatesKeys,
    SignsUnpublished,
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
from tests.harness.faults.known import FAULTS, carried_out

pytestmark = pytest.mark.usefixtures("impatient")


def test_toxics_are_promised_to_the_ledger(target: Any) -> None:
    fault = FAULTS["slow"]
    assert {undo.proxy for undo in fault.undos(target)} == {"gateway-1-to-idp", "gateway-2-to-idp", "accounts-to-idp"}  # type: ignore[union-attr]


def test_stand_ins_have_every_capability_that_faults_ask_for() -> None:
    capabilities = (
        ReportsState, ProbesUpstream, RotatesKeys, SignsUnpublished, SkewsClock, InjectsErrors, FlushesCaches,
    )  # fmt: skip
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
