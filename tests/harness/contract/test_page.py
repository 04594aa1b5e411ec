"""The page on the contract names every member of it, and every fact."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel

from idchaos.contract import VERSION, ComponentDocument, Fact, IdpDocument
from idchaos.reasons import Reason

PAGE = (Path(__file__).parents[3] / "docs" / "component-contract.md").read_text()


def test_every_member_is_there() -> None:
    named = set(re.findall(r"[a-z_]+", PAGE))
    assert {name for model in (ComponentDocument, IdpDocument) for name in _members(model)} <= named


def test_every_fact_is_there() -> None:
    facts = set(re.findall(r"\(\*([a-z ]+)\*\)|\(fact \*([a-z ]+)\*\)", PAGE))
    assert {str(fact) for fact in Fact} == {left or right for left, right in facts}


def test_its_version_and_its_reasons_are_todays() -> None:
    assert f"**version {VERSION}**" in PAGE
    reasons = re.findall(r"`([a-z_]+)`", PAGE.partition("## Reasons")[2].partition("## Is mine right?")[0])
    assert reasons
    assert set(reasons) <= set(Reason)


def _members(model: type[BaseModel]) -> set[str]:
    """Names of its members and of theirs."""
    names = set(model.model_fields)
    for field in model.model_fields.values():
        for kind in _models_in(field.annotation):
            names |= _members(kind)
    return names


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [kind for part in getattr(annotation, "__args__", ()) for kind in _models_in(part)]
