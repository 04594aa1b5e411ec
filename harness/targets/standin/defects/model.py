"""What a defect is: a name, what it means, and who can have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from idchaos.topologies import Need, Topology
from idchaos.values import Value

Who = Literal["idp", "gateways", "deciders", "second decider", "deciding gateways", "validators", "trusting services"]
"""``deciders`` decide about clients' tokens; ``deciding gateways`` do, and see a client's request as it was sent;
``validators`` do too, or check again; ``trusting services`` do neither without a gateway. Which parts these are depends
on the topology.
"""
KEYS = (Need.KEYS,)


class Defect(Value):
    """One way to be wrong."""

    name: str
    meaning: str
    """One sentence."""
    who: tuple[Who, ...] = ("validators",)
    """Who can be wrong in that way."""
    told: str = ""
    """What their settings call it, where that is not its name."""
    needs: tuple[Need, ...] = ()
    """What a topology must have, or nobody could have this defect."""

    def parts(self, topology: Topology) -> tuple[str, ...]:
        """The components that are told of it: none where nobody could have it."""
        if topology.lacks(self.needs):
            return ()
        graph = topology.graph
        deciding = graph.validators_of_tokens
        found: dict[Who, tuple[str, ...]] = {
            "idp": graph.idps,
            "gateways": graph.gateways,
            "deciders": deciding,
            "second decider": deciding[1:2],
            "deciding gateways": tuple(name for name in graph.gateways if name in deciding),
            "validators": (*deciding, *graph.keepers_of_keys),
            "trusting services": tuple(name for name in graph.services if name not in deciding),
        }
        return tuple(dict.fromkeys(part for who in self.who for part in found[who]))


def listed(
    meanings: Mapping[str, str], who: tuple[Who, ...] = ("validators",), needs: tuple[Need, ...] = ()
) -> tuple[Defect, ...]:
    """Defects that the same parts can have, from their meanings by name."""
    return tuple(Defect(name=name, meaning=meaning, who=who, needs=needs) for name, meaning in meanings.items())
