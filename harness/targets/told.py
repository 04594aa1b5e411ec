"""What components tell of themselves, as the types of the contract (:mod:`idchaos.contract`)."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError

from idchaos.contract import ComponentDocument, Document, IdpDocument
from idchaos.errors import TargetError
from idchaos.targets.base import Target
from idchaos.targets.capabilities import ReportsState, required

Kept = TypeVar("Kept", bound=Document)


def told_by(target: Target, component: str) -> ComponentDocument:
    """What a gateway, a service, or whoever else validates tells of itself now.

    Raises:
        FaultError: the target's parts tell nothing.
        TargetError: it does not answer, or not as the contract says.
    """
    return _told(target, component, ComponentDocument)


def told_by_idp(target: Target, idp: str) -> IdpDocument:
    """The same of an IdP."""
    return _told(target, idp, IdpDocument)


def _told(target: Target, component: str, kind: type[Kept]) -> Kept:
    document = required(target, ReportsState).state(component)
    try:
        return kind.of(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "document"
        raise TargetError(f"{component}: GET /state: {where}: {first['msg']}") from None
