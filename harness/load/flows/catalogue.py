"""All flows: those of this package, and those that a plan names by their file."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType, ModuleType

from pydantic import ValidationError

from idchaos.errors import UsageError
from idchaos.experiment import FlowPlan, LoadPlan, Stream
from idchaos.load import flows as package
from idchaos.load.engine.job import Roles
from idchaos.load.flows.base import Flow
from idchaos.targets.endpoints import Endpoints


@cache
def flows() -> Mapping[str, type[Flow]]:
    """The flows of this package by their name, in alphabetical order."""
    modules = (f"{package.__name__}.{info.name}" for info in pkgutil.iter_modules(package.__path__))
    found = [flow for name in modules for flow in _defined_in(importlib.import_module(name))]
    return MappingProxyType({flow.name: flow for flow in sorted(found, key=lambda flow: flow.name)})


def planned(streams: Iterable[Stream], given: Iterable[Flow] = ()) -> tuple[FlowPlan, ...]:
    """How the arrivals of these streams are sent: as ``given``, or by a flow of this package as it is by default.

    Raises:
        UsageError: there is no such flow, or it has settings without a default.
    """
    by_name = {flow.name: flow for flow in given}
    for name in dict.fromkeys(stream.flow for stream in streams):
        if name not in by_name:
            by_name[name] = _by_default(name)
    return tuple(flow.plan() for flow in by_name.values())


def _by_default(name: str) -> Flow:
    if name not in flows():
        raise UsageError(f"flow: {name!r} is unknown; there are {', '.join(flows())}")
    try:
        return flows()[name]()
    except ValidationError as error:
        missing = ", ".join(str(each["loc"][0]) for each in error.errors())
        raise UsageError(f"flow: {name} must be told {missing}") from None


def flow_of(plan: FlowPlan) -> Flow:
    """The flow that a plan describes, with its settings.

    Raises:
        UsageError: its module can't be read, has no such flow, or it can't have these settings.
    """
    try:
        module = _module(plan.module)
    except (ImportError, OSError, SyntaxError) as error:
        raise UsageError(f"flow {plan.name}: {plan.module} can't be imported: {error}") from None
    found = next((flow for flow in _defined_in(module) if flow.name == plan.name), None)
    if found is None:
        raise UsageError(f"flow {plan.name}: {plan.module} defines no Flow of that name")
    try:
        return found.model_validate(plan.settings)
    except ValidationError as error:
        raise UsageError(f"flow {plan.name}: {error.errors()[0]['msg']}") from None


def flows_of(plan: LoadPlan, endpoints: Endpoints, roles: Roles) -> dict[str, Flow]:
    """The flows that a plan has arrivals of, by name; refuses what can't be carried out at this target.

    Raises:
        UsageError: names the flow and what is missing for it.
    """
    if not endpoints.gateways or not endpoints.routes:
        raise UsageError("the target has no gateway or no route to send requests to")
    found = flows_in(plan)
    for name, flow in found.items():
        if lacking := flow.lacks(roles, endpoints):
            raise UsageError(f"flow {name} needs {lacking} at the target")
    return found


def flows_in(plan: LoadPlan) -> dict[str, Flow]:
    """The flows that a plan has arrivals of, by name.

    Raises:
        UsageError: there is no such flow.
    """
    given = {each.name: each for each in plan.flows}
    names = dict.fromkeys(stream.flow for stream in plan.streams)
    return {name: flow_of(given[name]) if name in given else _by_default(name) for name in names}


def _module(where: str) -> ModuleType:
    if not where.endswith(".py"):
        return importlib.import_module(where)
    name = f"idchaos_flows_{Path(where).stem}"
    spec = importlib.util.spec_from_file_location(name, where)
    if spec is None or spec.loader is None:
        raise ImportError("no Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _defined_in(module: ModuleType) -> Iterator[type[Flow]]:
    for found in vars(module).values():
        if (
            isinstance(found, type)
            and issubclass(found, Flow)
            and found.__module__ == module.__name__
            and "name" in vars(found)
        ):
            yield found
