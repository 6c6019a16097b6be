"""`electrode sweep`."""

from __future__ import annotations

import contextlib
import io
import shlex
from string import Formatter

from electrode.cli.options import table
from electrode.cli.parser import Parser, UsageError
from electrode.output import refuse_existing, write_json

NOTES = """COMMAND is what follows `electrode`, in quotation marks; {NAME} stands for a value of --over NAME=A,B,C. Every combination is run, here one after the other, or
side by side with --scheduler: local, or the address of a scheduler of dask whose workers see the same files. Give each run an --output of its own, such as
run-{seed}.traj. Exit code 1 if a run's was not 0."""
EXAMPLE = 'electrode sweep "scan hop-initial --model au111-h --potential {u} --reference SHE --json scan_{u}.json" --over u=-0.4,-0.2,0.0 --json all.json'


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("command", metavar="COMMAND", help="a verb and its arguments, with {NAME} for what varies")
    parser.add_argument("--over", nargs="+", required=True, metavar="NAME=A,B,C", help="values of each name")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="run side by side: local, or the address of a scheduler of dask")
    parser.add_argument("--workers", type=int, metavar="N", help="processes of --scheduler local")
    parser.add_argument("--json", metavar="FILE", help="write values, exit code and output of each run as JSON")
    parser.add_argument("--force", action="store_true", help="replace an existing JSON file")


def run(arguments) -> int:
    """Run every combination, print and write; return 0 if all succeeded."""
    from electrode.sweeps import grid, map_runs

    refuse_existing([arguments.json], arguments.force)
    entries = grid(_axes(arguments.over))
    commands = _commands(arguments.command, entries)
    rows = [None] * len(entries)
    for outcome in map_runs(call, commands, scheduler=arguments.scheduler, workers=arguments.workers):
        code, said = outcome.value or (2, f"electrode: {outcome.failure}")
        rows[outcome.place] = {"values": entries[outcome.place], "command": shlex.join(commands[outcome.place]), "exit_code": code, "output": said}
        print(f"{' '.join(f'{k}={v}' for k, v in entries[outcome.place].items())}: exit code {code}", flush=True)
    names = list(entries[0])
    print(table([*names, "exit code", "last line"], [[*(r["values"][n] for n in names), r["exit_code"], (r["output"].strip().splitlines() or [""])[-1]] for r in rows]))
    if arguments.json:
        write_json(arguments.json, rows, arguments.force)
    return 0 if all(r["exit_code"] == 0 for r in rows) else 1


def call(words: list[str]) -> tuple[int, str]:
    """Return exit code and output of a command line."""
    from electrode.cli import main

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(words)
    return code, said.getvalue()


def _axes(pairs: list[str]) -> dict[str, list[str]]:
    axes = {}
    for pair in pairs:
        name, equals, values = pair.partition("=")
        if not equals or not name.isidentifier() or not all(values.split(",")) or name in axes:
            raise UsageError(f"--over: expected NAME=A,B,C with each name once, got {pair!r}")
        axes[name] = values.split(",")
    return axes


def _commands(command: str, entries: list[dict]) -> list[list[str]]:
    """Return the words of every run."""
    try:
        used = {name for _, name, _, _ in Formatter().parse(command) if name is not None}
    except ValueError as error:
        raise UsageError(f"COMMAND: {error}; expected {{NAME}} for what varies") from error
    if used != set(entries[0]):
        raise UsageError(f"COMMAND has {{{', '.join(sorted(used))}}} and --over gives {', '.join(entries[0])}; expected the same names")
    commands = [[word.format(**entry) for word in shlex.split(command)] for entry in entries]
    if commands[0][:1] == ["sweep"]:
        raise UsageError("COMMAND: expected another verb than sweep; give --over several names")
    return commands
