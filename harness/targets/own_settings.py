"""The table ``[settings]`` of a file: what is so in a part of somebody's own, by our names, in their ranges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from idchaos.settings import GatewaySettings, TokenSettings
from idchaos.targets.tables import first_problem

OF_TOKENS: Final = "access_ttl_s"
"""Of our settings of tokens, the one that matters to everybody."""
OF_LOGINS: Final = ("code_ttl_s", "refresh_grace_s")
"""Those that matter where users log in."""
OF_GATEWAYS: Final = tuple(name for name in GatewaySettings.model_fields if name != "idp_path")


def dotted(name: str) -> str:
    """One of them by its whole name: ``gateway.leeway_s``."""
    return f"{'tokens' if name in TokenSettings.model_fields else 'gateway'}.{name}"


def checked(values: dict[str, float], names: tuple[str, ...]) -> dict[str, float]:
    """The same, if each is one of ``names`` and in its range.

    Raises:
        ValueError: says which is not.
    """
    for name in values:
        if name not in names:
            raise ValueError(f"{name!r} is unknown; there are {', '.join(names)}")
    for group in (GatewaySettings, TokenSettings):
        try:
            group.model_validate({name: value for name, value in values.items() if name in group.model_fields})
        except ValidationError as error:
            raise ValueError(first_problem(error)) from None
    return values


def told_editors(names: tuple[str, ...], needed: tuple[str, ...] = ()) -> Callable[[dict[str, Any]], None]:
    """The same for a schema: what changes that of ``dict[str, float]`` into one that knows names and ranges."""

    def told(schema: dict[str, Any]) -> None:
        ours: Mapping[str, Any] = {
            name: member
            for group in (GatewaySettings, TokenSettings)
            for name, member in group.model_json_schema()["properties"].items()
        }
        hidden = {"default", "title"}
        properties = {name: {k: v for k, v in ours[name].items() if k not in hidden} for name in names}
        schema |= {"properties": properties, "additionalProperties": False}
        if needed:
            schema["required"] = list(needed)

    return told
