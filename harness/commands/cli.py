"""The command ``idchaos``: words on a command line to acts, errors to one line and an exit code."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

import click

from idchaos.commands.validate import validate
from idchaos.commands.zoo import zoo
from idchaos.errors import ExitCode, IdchaosError, Interrupted, StoreError, UsageError, told
from idchaos.settings import PROFILES, names, parse_assignments
from idchaos.studies.single import NotStored
from idchaos.topologies import DEFAULT_TOPOLOGY, TOPOLOGIES

if TYPE_CHECKING:
    from idchaos.run.scenario import Scenario
    from idchaos.verdict.verdict import RunVerdict

Command = TypeVar("Command", bound=Callable[..., Any])
EXIT_BY_VERDICT = {"PASS": ExitCode.PASS, "FAIL": ExitCode.FAIL, "INCONCLUSIVE": ExitCode.INCONCLUSIVE}


def main(arguments: list[str] | None = None) -> None:
    """Entry point. Never a traceback: what a user did wrong, or what failed, is one line on stderr."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        code = cli.main(args=arguments, prog_name="idchaos", standalone_mode=False)
    except click.UsageError as error:
        _fail(error.format_message(), ExitCode.USAGE)
    except click.ClickException as error:
        _fail(error.format_message(), ExitCode.USAGE)
    except (click.Abort, KeyboardInterrupt) as error:
        # Click wraps what interrupted a run, which may have a note of what the run left behind.
        first = error.__cause__ if isinstance(error.__cause__, Interrupted) else error
        _fail(told(first) if isinstance(first, Interrupted) else "interrupted", ExitCode.INTERRUPTED)
    except IdchaosError as error:
        _fail(told(error), error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.HARNESS)
    except Exception as error:
        if os.environ.get("IDCHAOS_TRACEBACK"):
            raise
        what = f"{type(error).__name__}: {told(error)}" if str(error) else told(error)
        _fail(f"internal error: {what} (IDCHAOS_TRACEBACK=1 shows where)", ExitCode.HARNESS)
    sys.exit(code if isinstance(code, int) else ExitCode.PASS)


def _fail(message: str, code: ExitCode) -> None:
    line = " ".join(message.split())
    print(f"idchaos: {line}", file=sys.stderr)
    sys.exit(code)


def _terminated(_number: int, _frame: FrameType | None) -> None:
    raise Interrupted("interrupted")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="idchaos")
def cli() -> None:
    """Chaos and load testing for identity infrastructure.

    Exit codes: 0 PASS, 1 FAIL, 2 INCONCLUSIVE, 64 bad usage or input, 70 the harness itself failed, 130 interrupted.
    A run that left something behind keeps its verdict, but never exits 0 or 2: it exits 70 unless it is a FAIL.
    """


def _run_options(command: Command) -> Command:
    for option in reversed(
        (
            click.option("--target", default="local", show_default=True, help="local (processes) or docker."),
            click.option("--gateway", default="standin", show_default=True, help="Which gateway is tested."),
            click.option(
                "--topology",
                default=DEFAULT_TOPOLOGY,
                show_default=True,
                help=f"Where it is decided whether a token is good: {', '.join(TOPOLOGIES)}.",
            ),
            click.option(
                "--profile", default="quick", show_default=True, help=f"How long and how much: {', '.join(PROFILES)}."
            ),
            click.option(
                "--defect",
                "defects",
                multiple=True,
                metavar="NAME",
                help="Let the stand-ins do something wrong, to see it caught; list --defects shows what.",
            ),
        )
    ):
        command = option(command)
    return command


_set_option = click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Change a setting.")
_json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, nothing else there.")
_reports_option = click.option(
    "--reports", type=click.Path(path_type=Path, file_okay=False), default=Path("reports"), show_default=True,
    help="Where run directories are made.",
)  # fmt: skip


@cli.command("list")
@click.option("--defects", is_flag=True, help="List the defects that the stand-ins can be given instead.")
@_json_option
def list_scenarios(defects: bool, as_json: bool) -> None:
    """List the scenarios, their variants, and what they cover."""
    from idchaos.run.scenario import all_scenarios

    if defects:
        _list_defects(as_json)
        return

    scenarios = all_scenarios().values()
    if as_json:
        document = [
            {
                "name": scenario.name,
                "summary": scenario.summary,
                "covers": list(scenario.covers),
                "variants": list(scenario.variants),
                "topologies": _topologies(scenario),
                "settings": {
                    name: {"default": _default(scenario.settings, name), "description": description}
                    for name, description in names(scenario.settings).items()
                },
            }
            for scenario in scenarios
        ]
        print(json.dumps(document, indent=2))
        return
    width = max(len(scenario.name) for scenario in scenarios)
    for scenario in scenarios:
        print(f"{scenario.name:<{width}}  {scenario.summary}")
        print(f"{'':<{width}}  variants: {', '.join(scenario.variants)}; covers {', '.join(scenario.covers)}")
        if len(where := _topologies(scenario)) < len(TOPOLOGIES):
            print(f"{'':<{width}}  topologies: {', '.join(where)}")


def _topologies(scenario: Scenario[Any]) -> list[str]:
    return [name for name in TOPOLOGIES if not scenario.why_not_on(name)]


def _list_defects(as_json: bool) -> None:
    from idchaos.targets.standin.defects import DEFECTS

    if as_json:
        told = [
            {"name": each.name, "meaning": each.meaning, "parts": list(each.parts(TOPOLOGIES[DEFAULT_TOPOLOGY]))}
            for each in DEFECTS.values()
        ]
        print(json.dumps(told, indent=2))
        return
    for defect in DEFECTS.values():
        print(f"{defect.name:<36} {defect.meaning}")


def _default(model: type[Any], name: str) -> Any:
    group, _, leaf = name.partition(".")
    return getattr(getattr(model(), group), leaf)


@cli.command("run")
@click.argument("scenarios", nargs=-1, metavar="SCENARIO...")
@click.option("--all", "every", is_flag=True, help="Run every scenario there is.")
@_run_options
@click.option("--rate", type=float, help="API requests per second; short for --set load.rate=R.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Same seed, same plan.")
@_set_option
@_reports_option
@_json_option
def run_scenarios(
    scenarios: tuple[str, ...], every: bool, assignments: tuple[str, ...], as_json: bool, **options: Any
) -> int:
    """Run scenarios one after the other; the worst verdict decides the exit code.

    With --all, scenarios that need what the topology has not are skipped, and named.

    Exit code 70 also says that a run, whatever its verdict short of FAIL, left something behind: idchaos recover.
    """
    from idchaos.commands.terminal import show_skipped, show_verdicts, watching
    from idchaos.run.launch import Request, prepare
    from idchaos.studies.single import run

    scenarios, skipped = _chosen(scenarios, every, options["topology"])
    overrides = parse_assignments(assignments)
    rate = options.pop("rate")
    if rate is not None:
        overrides["load.rate"] = rate
    command = ("idchaos", *sys.argv[1:])
    prepared = [prepare(Request(scenario=name, overrides=overrides, command=command, **options)) for name in scenarios]
    if not as_json:
        show_skipped(skipped or {})
    verdicts: list[Any] = []
    try:
        for each in prepared:
            with watching(each, quiet=as_json) as observer:
                verdicts.append(run(each, observer))
            _show(verdicts[-1], as_json)
    except (IdchaosError, KeyboardInterrupt) as error:
        if isinstance(error, NotStored):
            _show(error.verdict, as_json)
            verdicts.append(error.verdict)
        # What was judged is not lost with the run that could not be completed.
        if as_json:
            _conclude(verdicts, as_json, skipped, error=told(error))
        raise
    if len(verdicts) > 1 and not as_json:
        show_verdicts(verdicts)
        show_skipped(skipped or {})
    return _conclude(verdicts, as_json, skipped)


def _chosen(scenarios: tuple[str, ...], every: bool, topology: str) -> tuple[tuple[str, ...], dict[str, str] | None]:
    """What is to be run; and, of all scenarios, what is not: by name, why."""
    from idchaos.run.scenario import all_scenarios

    if every == bool(scenarios):
        raise UsageError("run: name scenarios, or ask for --all of them; `idchaos list` shows what there is")
    if not every:
        return scenarios, None
    found = {name: scenario.why_not_on(topology) for name, scenario in all_scenarios().items()}
    chosen = tuple(name for name, why_not in found.items() if not why_not)
    if not chosen:
        raise UsageError(f"run: no scenario can be run on the topology {topology}")
    return chosen, {name: why_not for name, why_not in found.items() if why_not}


def _show(verdict: Any, as_json: bool) -> None:
    if not as_json:
        from idchaos.commands.terminal import show_verdict

        show_verdict(verdict)


def _conclude(
    verdicts: list[Any], as_json: bool, skipped: Mapping[str, str] | None = None, error: str | None = None
) -> int:
    """Print the JSON document when asked for; the exit code. An ``error``: not all could be judged."""
    from idchaos.experiment import Verdict

    judged = [verdict.verdict for verdict in verdicts]
    worst = Verdict.worst(judged if error is None else [*judged, Verdict.INCONCLUSIVE])
    if as_json:
        document: dict[str, Any] = {"verdict": worst, "runs": [json.loads(verdict.to_json()) for verdict in verdicts]}
        if skipped is not None:
            document["skipped"] = [{"scenario": name, "reason": reason} for name, reason in skipped.items()]
        print(json.dumps(document if error is None else document | {"error": error}, indent=2))
    return exit_code(verdicts)


def exit_code(verdicts: Sequence[RunVerdict]) -> ExitCode:
    """By the worst verdict. A clean-up that was not clean is our own failure, which only a FAIL outweighs.

    Whoever repeats a run on 70 must not miss a FAIL; whoever trusts 0 must not find a fault still in force.
    """
    from idchaos.experiment import Verdict

    worst = Verdict.worst([verdict.verdict for verdict in verdicts])
    dirty = any(verdict.cleanup.problem for verdict in verdicts)
    return ExitCode.HARNESS if dirty and worst is not Verdict.FAIL else EXIT_BY_VERDICT[worst]


@cli.command()
@click.argument("run_dir", type=click.Path(path_type=Path))
@_json_option
def analyze(run_dir: Path, as_json: bool) -> int:
    """Judge a stored run again, from what is stored alone. Changes nothing but verdict.json."""
    from idchaos.studies.single import store

    _, verdict = _judge(run_dir)
    _show(verdict, as_json)
    code = _conclude([verdict], as_json)
    store(run_dir, verdict)
    return code


@cli.command()
@click.argument("run_dir", type=click.Path(path_type=Path))
def report(run_dir: Path) -> None:
    """Draw the report of a stored run again: report.html, summary.md, junit.xml."""
    from idchaos.studies.single import draw

    draw(run_dir, *_judge(run_dir))
    print(run_dir / "report.html")


def _judge(run_dir: Path) -> tuple[Any, Any]:
    """A stored run's record and verdict; a directory that can't be judged is bad input, not a failure of ours."""
    from idchaos.studies.single import judge

    try:
        return judge(run_dir)
    except StoreError as error:
        raise UsageError(str(error)) from error


@cli.command()
@_run_options
@_set_option
@_json_option
def up(*, assignments: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Start a target, leave it running, and print where everything is."""
    from idchaos.run.standing import bring_up, describe

    standing = bring_up(parse_assignments(assignments), **options)
    print(json.dumps(standing.document(), indent=2) if as_json else describe(standing))


@cli.command()
def down() -> None:
    """Stop the target that ``up`` left running."""
    from idchaos.run.standing import take_down

    print(take_down())


@cli.command()
def recover() -> int:
    """Undo, and check, what runs that were killed could not undo themselves. Exit code 70: something is left."""
    from idchaos.run.standing import recover_all

    lines, clean = recover_all()
    print("\n".join(lines))
    return ExitCode.PASS if clean else ExitCode.HARNESS


cli.add_command(zoo)
cli.add_command(validate)


@cli.command("canary")
@click.argument("kind")
@_run_options
@_set_option
@click.option("--scenario", default="jwks_outage", show_default=True, help="Whose settings and fault.")
@click.option("--in-fault", is_flag=True, help="While that scenario's fault is in force.")
@click.option("--replica", help="Only what this replica decided.")
@click.option("--route", help="Only what was decided on this path.")
@_json_option
def send_canary(  # noqa: PLR0917 - click passes them by name
    kind: str,
    assignments: tuple[str, ...],
    in_fault: bool,
    replica: str | None,
    route: str | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Send one kind of bad token, made afresh, and print what was decided: the way to replay a breach.

    Exit codes: 0 all were refused, 1 one was accepted, 2 nothing was decided.
    """
    from idchaos.commands.canary import send
    from idchaos.run.launch import Request, prepare

    prepared = prepare(Request(overrides=parse_assignments(assignments), command=("idchaos", *sys.argv[1:]), **options))
    return send(kind, prepared, in_fault=in_fault, replica=replica, route=route, as_json=as_json)
