"""A fault of each kind, and what its tests ask of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from idchaos.faults.base import NOTHING, Applied, Evidence, Fault
from idchaos.faults.clock import ClockSkew
from idchaos.faults.idp_errors import EMPTY, ERROR_5XX, GARBAGE, EndpointFault
from idchaos.faults.key_removal import KeyRemoval
from idchaos.faults.keys import KeyRotation
from idchaos.faults.network import LinkFault
from idchaos.faults.process import ProcessFault
from idchaos.faults.rotations import Rotations
from idchaos.targets.base import (
    EndpointError,
)

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
