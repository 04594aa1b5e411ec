"""What a scenario file offers: settings, variants, and a pure function from settings to an experiment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic

from idchaos.experiment import PhaseName, Plan
from idchaos.faults.base import Fault
from idchaos.settings import Overrides, Settings, fill, profile
from idchaos.topologies import DEFAULT_TOPOLOGY, Need, TopologyName, topology_named

DEFAULT_PROFILE = "quick"


@dataclass(frozen=True)
class Experiment:
    """A plan, and the faults that are in force during each of its phases."""

    plan: Plan
    faults: Mapping[PhaseName, tuple[Fault, ...]]


@dataclass(frozen=True)
class Scenario(Generic[Settings]):
    """One scenario. Its ``design`` is pure: the same settings give the same experiment."""

    name: str
    summary: str
    covers: tuple[str, ...]
    """The guide's rows that it answers: ``F1`` ... ``M10``."""
    settings: type[Settings]
    variants: Mapping[str, Overrides]
    """Named overrides; the first one is the default."""
    variant_of: Callable[[Settings], str]
    """Which variant (or other short name) settings amount to."""
    design: Callable[[Settings], Experiment]
    profiles: Mapping[str, Overrides] = field(default_factory=dict)
    """What this scenario changes about a profile."""
    needs: tuple[Need, ...] = ()
    """What a topology must have for it to make sense."""
    of_ones_own: Overrides = field(default_factory=dict)
    """What is another default at a system of one's own, whose parts tell nothing and can't be told to be wrong."""
    decided: tuple[str, ...] = ()
    """Settings that say what somebody has decided about a system: of one of one's own, no other can know them."""

    def fill(self, profile_name: str, *layers: Overrides, topology: TopologyName = DEFAULT_TOPOLOGY) -> Settings:
        """Settings from defaults, profile, this scenario's own layers, then ``layers``.

        Raises:
            UsageError: for an unknown profile or setting, or a value out of range.
        """
        known = {name: value for name, value in profile(profile_name).items() if self._has(name)}
        settings = fill(self.settings, known, self.profiles.get(profile_name, {}), *layers)
        return settings.model_copy(update={"topology": topology})

    def why_not_on(self, topology: str) -> str:
        """Why it can't be run on a topology; empty when it can.

        Raises:
            UsageError: the topology is unknown.
        """
        lacking = topology_named(topology).lacks(self.needs)
        return f"{self.name} needs {' and '.join(lacking)}, which the topology {topology} has not" if lacking else ""

    def _has(self, name: str) -> bool:
        group, _, leaf = name.partition(".")
        model: Any = self.settings.model_fields.get(group)
        return model is not None and leaf in model.annotation.model_fields
