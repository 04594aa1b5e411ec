"""What a target can do is asked of the very target."""

import pytest

from idchaos.errors import FaultError
from idchaos.targets.capabilities import Granted, Kind, ReportsState, SkewsClock, required


class Clocks:
    """Can do one thing."""

    def skew(self, component: str, offset_s: float, drift_ppm: float = 0.0) -> None:
        """Nothing is kept."""


class Mine:
    """A target that was granted what a file says."""

    name = "mine"

    def __init__(self, granted: Granted) -> None:
        self.granted = granted

    def capability(self, kind: type[Kind]) -> Kind | None:
        return self.granted.capability(kind)


def test_what_was_granted_is_there_and_what_was_not_is_named() -> None:
    clocks = Clocks()
    target = Mine(Granted({SkewsClock: clocks}))
    assert required(target, SkewsClock) is clocks
    assert target.capability(ReportsState) is None
    with pytest.raises(FaultError, match="the target mine is none where its parts tell of themselves"):
        required(target, ReportsState)


def test_whoever_lacks_the_methods_of_a_capability_is_not_granted_it() -> None:
    with pytest.raises(TypeError, match="Clocks does not do what ReportsState says"):
        Granted({ReportsState: Clocks()})
