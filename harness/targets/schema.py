"""What editors are told of the files that users write: JSON schemas, made of the models that read these files."""

from __future__ import annotations

from typing import Any, Final

from idchaos.targets.gateways.file import GatewayFile
from idchaos.targets.systems.file import TargetFile
from idchaos.targets.tables import Table

FILES: Final[dict[str, tuple[type[Table], str]]] = {
    "target": (TargetFile, "A system of your own: idchaos run --target FILE"),
    "gateway": (GatewayFile, "A gateway of your own: idchaos run --gateway FILE"),
}
"""By what ``idchaos init`` calls them: who reads one, and what it is."""
DRAFT: Final = "http://json-schema.org/draft-07/schema#"
"""What editors of TOML know (Taplo, Even Better TOML); the keywords that are used mean the same in later drafts."""
DEFINITIONS: Final = "definitions"


def schema_of(file: str) -> dict[str, Any]:
    """The schema of a kind of file, by its name in :data:`FILES`. Pure.

    Whatever it refuses, the reader of that kind refuses as well. The reader knows more: which hosts are allowed, and
    what fits together.
    """
    model, title = FILES[file]
    made = model.model_json_schema(ref_template=f"#/{DEFINITIONS}/{{model}}")
    definitions = {name: _plain(each) for name, each in made.pop("$defs").items()}
    whole = {name: value for name, value in _plain(made).items() if name != "description"}
    return {"$schema": DRAFT, "title": title, **whole, DEFINITIONS: definitions}


def _plain(node: Any) -> Any:
    """As TOML has it and draft 7 reads it: no null; nothing beside a reference; no title that repeats a name."""
    if isinstance(node, list):
        return [_plain(each) for each in node]
    if not isinstance(node, dict):
        return node
    found = {name: value for name, value in node.items() if not _says_nothing(name, value)}
    others = [each for each in found.get("anyOf", ()) if each != {"type": "null"}]
    if len(others) == 1:
        found = others[0] | {name: value for name, value in found.items() if name != "anyOf"}
    if "$ref" in found and len(found) > 1:
        found = {"allOf": [{"$ref": found.pop("$ref")}], **found}
    if isinstance(said := found.get("description"), str):
        found["description"] = " ".join(said.replace("``", "`").split())
    return {name: _plain(value) for name, value in found.items()}


def _says_nothing(name: str, value: Any) -> bool:
    return (name == "title" and isinstance(value, str)) or (
        name == "default" and (isinstance(value, dict) or value in (None, "", []))
    )
