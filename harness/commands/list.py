"""``idchaos list``: what can be run, which faults can be added, or which defects the stand-ins can be given."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from idchaos.commands import options
from idchaos.commands.lines import columns, entry
from idchaos.errors import ExitCode, UsageError
from idchaos.settings import names
from idchaos.topologies import DEFAULT_TOPOLOGY, TOPOLOGIES

if TYPE_CHECKING:
    from idchaos.run.scenario import Scenario


@click.command("list")
@click.option("--defects", is_flag=True, help="List the defects that the stand-ins can be given instead.")
@click.option("--faults", is_flag=True, help="List the faults that can be added to any scenario instead.")
@click.option("--gateways", is_flag=True, help="List the gateways that can be tested, and what installs them, instead.")
@click.option("--idps", is_flag=True, help="List the IdPs that can be had, and what installs them, instead.")
@options.as_json
def command(*, defects: bool, faults: bool, gateways: bool, idps: bool, as_json: bool) -> int:
    """List the scenarios, their variants, and what they cover: ours, and those in ./scenarios.

    Exit code 64: a file there is broken, or takes another's name.
    """
    instead = {
        "--defects": (defects, _list_defects),
        "--faults": (faults, _list_faults),
        "--gateways": (gateways, _list_gateways),
        "--idps": (idps, _list_idps),
    }
    asked = [name for name, (wanted, _) in instead.items() if wanted]
    if len(asked) > 1:
        raise UsageError(f"list: {' or '.join(asked)}, not both")
    if asked:
        instead[asked[0]][1](as_json)
        return ExitCode.PASS
    from idchaos.run.scenarios import find_scenarios

    found = find_scenarios()
    scenarios = found.scenarios.values()
    code = _tell(found.problems)
    if as_json:
        print(json.dumps([_document(scenario) for scenario in scenarios], indent=2))
        return code
    _entries({scenario.name: _about(scenario) for scenario in scenarios})
    return code


def _entries(found: Mapping[str, Sequence[str]], commands: Mapping[str, str] = MappingProxyType({})) -> None:
    """Each name with what is told of it, in two columns, and what is to be typed at its end, which is not folded."""
    column, width = max(map(len, found)) + 2, columns(sys.stdout)
    for name, texts in found.items():
        end = "" if name not in commands else f" {commands[name]}" if width is None else f"\n    {commands[name]}"
        print(entry(name, texts, column, width) + end)


def _about(scenario: Scenario[Any]) -> list[str]:
    told = [scenario.summary, f"variants: {', '.join(scenario.variants)}; covers {', '.join(scenario.covers)}"]
    where = _topologies(scenario)
    return told if len(where) == len(TOPOLOGIES) else [*told, f"topologies: {', '.join(where)}"]


def _tell(problems: tuple[str, ...]) -> ExitCode:
    for problem in problems:
        print(f"idchaos: {problem}", file=sys.stderr)
    return ExitCode.USAGE if problems else ExitCode.PASS


def _document(scenario: Scenario[Any]) -> dict[str, Any]:
    return {
        "name": scenario.name,
        "summary": scenario.summary,
        "covers": list(scenario.covers),
        "variants": list(scenario.variants),
        "topologies": _topologies(scenario),
        "settings": {
            name: {"default": _default(scenario.settings, name), "description": description}
            | _values(scenario.settings, name)
            for name, description in names(scenario.settings).items()
        },
    }


def _topologies(scenario: Scenario[Any]) -> list[str]:
    return [name for name in TOPOLOGIES if not scenario.why_not_on(name)]


def _default(model: type[Any], name: str) -> Any:
    group, _, leaf = name.partition(".")
    return getattr(getattr(model(), group), leaf)


RANGES = {"minimum": "at_least", "exclusiveMinimum": "above", "maximum": "at_most", "exclusiveMaximum": "below"}


def _values(model: type[Any], name: str) -> dict[str, Any]:
    """What a setting may be: ``choices``, or a range (``at_least``, ``above``, ``at_most``, ``below``)."""
    group, _, leaf = name.partition(".")
    schema = model.model_fields[group].annotation.model_json_schema()["properties"][leaf]
    choices = schema.get("enum") or ([schema["const"]] if "const" in schema else None)
    found = {told: schema[key] for key, told in RANGES.items() if key in schema}
    return {**({"choices": choices} if choices else {}), **found}


def _list_defects(as_json: bool) -> None:
    from idchaos.targets.standin.defects import DEFECTS

    if as_json:
        told = [
            {"name": each.name, "meaning": each.meaning, "parts": list(each.parts(TOPOLOGIES[DEFAULT_TOPOLOGY]))}
            for each in DEFECTS.values()
        ]
        print(json.dumps(told, indent=2))
        return
    _entries({defect.name: [defect.meaning] for defect in DEFECTS.values()})


def _list_faults(as_json: bool) -> None:
    from idchaos.faults.catalogue import CATALOGUE, parameters

    if as_json:
        told = [
            {
                "name": name,
                "meaning": fault.meaning,
                "settings": {
                    key: {"default": default, "description": what} for key, (default, what) in parameters(fault).items()
                },
            }
            for name, fault in CATALOGUE.items()
        ]
        print(json.dumps(told, indent=2))
        return
    _entries(
        {
            name: [
                fault.meaning,
                *(
                    f"{key}={default}: {what}" if default != "" else f"{key}: {what}"
                    for key, (default, what) in parameters(fault).items()
                ),
            ]
            for name, fault in CATALOGUE.items()
        }
    )


def _list_gateways(as_json: bool) -> None:
    from idchaos.targets.gateways.catalogue import adapters

    told = [
        {
            "name": each.name,
            "meaning": each.meaning,
            "installed": not (lacks := each.missing()),
            "lacks": "not installed" if lacks else "",
            "version": "" if lacks else each.version(),
            "install": each.install,
            "settings": dict(each.knobs),
            "unpromised": dict(each.unpromised),
        }
        for each in adapters().values()
    ]
    _installable(told, as_json)


def _list_idps(as_json: bool) -> None:
    from idchaos.targets.idps.catalogue import adapters

    told = [
        {
            "name": each.name,
            "meaning": each.meaning,
            "installed": not (lacks := each.missing()),
            "lacks": lacks,
            "version": each.version(),
            "install": each.install,
            "unpromised": dict(each.unpromised),
        }
        for each in adapters().values()
    ]
    _installable(told, as_json)


def _installable(told: list[dict[str, Any]], as_json: bool) -> None:
    """What is here with its version, and what is not with the one command that installs it."""
    if as_json:
        print(json.dumps(told, indent=2))
        return
    _entries(
        {
            each["name"]: [
                each["meaning"],
                f"installed: {each['version']}" if each["installed"] else f"{each['lacks']}:",
            ]
            for each in told
        },
        {each["name"]: each["install"] for each in told if not each["installed"]},
    )
