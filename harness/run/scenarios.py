"""Where scenarios come from: this package, packages that offer some, the folder one stands in, and files by path.

A package offers scenarios by entry points of the group ``idchaos.scenarios``, each of which names a ``Scenario``.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from idchaos.errors import UsageError, told, unknown
from idchaos.files import SCENARIO, defines_scenario
from idchaos.run.scenario import Scenario
from idchaos.settings import plain

PACKAGE = "idchaos.scenarios"
"""Of our own scenarios, and the group of others' entry points."""
OWN_FOLDER = "scenarios"
"""Of a user's own scenarios, in the folder where a command is called."""


@dataclass(frozen=True)
class Found:
    """Every scenario by name, in alphabetical order; and, a line each, what should be one and is none."""

    scenarios: Mapping[str, Scenario[Any]]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """A scenario that is there, and has not been read."""

    where: str
    load: Callable[[], object]


def find_scenarios() -> Found:
    """All that can be run by name from here. What is broken, or has another's name, is a problem, and left out."""
    found: dict[str, Scenario[Any]] = {}
    places: dict[str, str] = {}
    problems: list[str] = []
    for source in _sources():
        try:
            scenario = _read(source)
        except UsageError as error:
            problems.append(str(error))
            continue
        if scenario.name in found:
            first = places[scenario.name]
            problems.append(f"{source.where}: a scenario {scenario.name!r} is in {first} already: rename one")
            continue
        found[scenario.name], places[scenario.name] = scenario, source.where
    return Found(dict(sorted(found.items())), tuple(problems))


def all_scenarios() -> dict[str, Scenario[Any]]:
    """Every scenario by name, in alphabetical order.

    Raises:
        UsageError: one is broken, or has another's name: all of them is all of them.
    """
    found = find_scenarios()
    if found.problems:
        raise UsageError("; ".join(found.problems))
    return dict(found.scenarios)


def scenario_named(name: str) -> Scenario[Any]:
    """The scenario of that name, or in that file.

    Raises:
        UsageError: there is none, or it is broken.
    """
    if name.endswith(".py") or "/" in name:
        return scenario_in(Path(name))
    found = find_scenarios()
    if name in found.scenarios:
        return found.scenarios[name]
    raise UsageError("; ".join((unknown("scenario", name, found.scenarios), *found.problems)))


def settings_of(scenario: str, variant: str | None) -> dict[str, Any]:
    """The settings that a variant of a scenario changes; none without a variant.

    Raises:
        UsageError: the scenario or the variant is unknown.
    """
    if variant is None:
        return {}
    variants = scenario_named(scenario).variants
    if variant not in variants:
        raise UsageError(unknown(f"--variant: {scenario}", variant, variants))
    return dict(variants[variant])


def scenario_in(path: Path) -> Scenario[Any]:
    """The ``SCENARIO`` of a file.

    Raises:
        UsageError: the file can't be read, is broken, or has none; names file, line and what is wrong.
    """
    return _read(Source(str(path), partial(_from_file, path)))


def handle(scenario: Scenario[Any], path: Path) -> str:
    """What finds the scenario of a file again from here: its name where it has one, its path otherwise."""
    folders = (folder for folder in (_folder_of_package(), Path(OWN_FOLDER)) if folder.is_dir())
    if any(path.parent.is_dir() and path.parent.samefile(folder) for folder in folders):
        return scenario.name
    here = Path.cwd()
    return f"./{path.relative_to(here)}" if path.is_relative_to(here) else str(path)


def is_of_a_user(scenario: Scenario[Any]) -> bool:
    """Whether its design stands in a file that is none of ours."""
    return not scenario.design.__module__.startswith("idchaos.")


def broken_design(scenario: Scenario[Any], error: BaseException) -> BaseException:
    """What the error of a design is to its user: in a file of theirs bad input, in one of ours the error itself."""
    module = scenario.design.__module__
    if isinstance(error, UsageError) or not is_of_a_user(scenario):
        return error
    where, here = Path(sys.modules[module].__file__ or module), Path.cwd()
    return _bad_code(str(where.relative_to(here) if where.is_relative_to(here) else where), error)


def _sources() -> Iterator[Source]:
    ours = _folder_of_package()
    for path in _files(ours):
        yield Source(str(path), partial(_from_module, f"{PACKAGE}.{path.stem}"))
    for entry in entry_points(group=PACKAGE):
        yield Source(f"entry point {entry.name} = {entry.value}", partial(_from_entry_point, entry))
    own = Path(OWN_FOLDER)
    if own.is_dir() and not own.samefile(ours):
        for path in _files(own):
            yield Source(str(path), partial(_from_file, path))


def _folder_of_package() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(f"{PACKAGE} is not installed: install idchaos again")
    return Path(next(iter(spec.submodule_search_locations)))


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.py")) if defines_scenario(path)]


def _read(source: Source) -> Scenario[Any]:
    try:
        scenario = source.load()
    except UsageError:
        raise
    except (Exception, SystemExit) as error:  # whoever ends the program while it is imported would end in a PASS
        raise _bad_code(source.where, error) from None
    if isinstance(scenario, Scenario):
        return scenario
    raise UsageError(f"{source.where}: {SCENARIO} should be a Scenario, and is {type(scenario).__name__}")


def _bad_code(where: str, error: BaseException) -> UsageError:
    return UsageError(f"{_place(where, error)}: {_in_a_line(error)}")


def _in_a_line(error: BaseException) -> str:
    """What went wrong in somebody's code; of a value that can't be, which it is, by its class and member."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join((error.title, *map(str, first['loc'])))}: {plain(first['msg'])}"
    return f"{type(error).__name__}: {told(error)}"


def _place(where: str, error: BaseException) -> str:
    """The file, with the line in it that led to the error."""
    if isinstance(error, SyntaxError) and error.filename == str(Path(where).absolute()):
        return f"{where}:{error.lineno}"
    file = str(Path(where).absolute())
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"{where}:{lines[-1]}" if lines else where


def _from_module(name: str) -> object:
    return _scenario_of(importlib.import_module(name))


def _from_entry_point(entry: EntryPoint) -> object:
    loaded = entry.load()
    return _scenario_of(loaded) if isinstance(loaded, ModuleType) else loaded


def _from_file(path: Path) -> object:
    file = path.absolute()
    if not file.is_file():
        raise UsageError(f"{path}: there is no such file")
    # Pydantic looks the annotations of a class up in its module, by name.
    name = f"idchaos_own_{abs(hash(file)):x}"
    if name in sys.modules:
        return _scenario_of(sys.modules[name])
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path}: should be a Python file, *.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return _scenario_of(module)


def _scenario_of(module: ModuleType) -> object:
    if not hasattr(module, SCENARIO):
        raise UsageError(f"{module.__file__}: has no {SCENARIO}")
    return getattr(module, SCENARIO)
