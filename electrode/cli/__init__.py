"""The command `electrode`: a verb, its arguments, one line of message for a mistake.

Exit codes: 0 success, 1 the work was done but did not reach its aim, 2 a mistake in what was given.
"""

from __future__ import annotations

import os
import sys
import warnings
from importlib import import_module

from electrode.cli.parser import Parser, UsageError
from electrode.data.problems import did_you_mean

VERBS = {  # each is a module of this package with HELP, EXAMPLE, add_arguments(parser) and run(arguments)
    "neb": "barriers between two states at the potentials you name",
    "evaluate": "errors of a model on labelled frames",
    "train": "train a scheme on labelled frames",
    "committee": "join models that were trained apart into a committee",
    "convert": "convert outputs of codes and data of other programs to the record and back",
    "split": "divide labelled frames into train, validation and test",
    "electrify": "make a neutral model aware of charge and potential with a few charged frames",
    "check-data": "say what frames hold, what is wrong with them and what was assumed",
    "doctor": "say whether grand-canonical calculations are sound",
    "schemes": "list the published schemes",
    "info": "show what a stored model is and where it may be trusted",
    "learn": "the saddle between two states with few calls of an expensive calculator",
    "relax": "relax a structure at a potential or charge",
    "explore": "learn a model by dynamics with few calls of an expensive calculator",
    "sweep": "run another verb over potentials, seeds and structures, side by side",
    "md": "molecular dynamics at constant charge, potential or field",
    "sample": "hybrid Monte Carlo at a potential or charge, classical or with path integrals",
    "serve": "forces at a potential or charge for i-PI, or another program that moves the atoms",
    "scan": "grand energy, charge and capacitance of a structure against potential",
    "charges": "equilibrated charges of a structure at a potential or charge",
    "capacitance": "capacitance of an electrolyte against potential, or fitted to labelled frames",
    "plot": "a figure of what another verb wrote with --json",
}
_MISTAKES = (ValueError, OSError, MemoryError, FloatingPointError)


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    argv : words after `electrode`; None for those of the process
    """
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # MODULE:FACTORY finds a user's own module; the installed command's path lacks the folder
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            return _run(list(sys.argv[1:] if argv is None else argv))
    except _MISTAKES as error:
        print(f"electrode: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("electrode: stopped", file=sys.stderr)
        return 130
    except SystemExit as leave:  # argparse leaves so after --help
        return int(leave.code or 0)


def _run(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help"):
        print(_overview())
        return 0 if argv else 2
    verb = argv[0]
    if verb not in VERBS:
        raise UsageError(f"unknown verb {verb!r}: expected one of {', '.join(VERBS)}{did_you_mean(verb, VERBS)}")
    module = import_module(f"electrode.cli.{verb.replace('-', '_')}")
    parser = Parser(verb, f"{VERBS[verb]}\n\n{module.NOTES}", module.EXAMPLE)
    module.add_arguments(parser)
    return module.run(parser.parse(argv[1:]))


def _overview() -> str:
    width = max(map(len, VERBS))
    lines = [f"  {name:{width}}  {text}" for name, text in VERBS.items()]
    example = "electrode neb initial.xyz final.xyz --model M --potential -1.0 -0.5 0.0 --reference SHE --plot barrier.png"
    return "\n".join(["usage: electrode VERB ...", "", "Atoms at electrified interfaces, at the electrode potential you name.", "", *lines, "",
                      "electrode VERB --help says more about each.", "", "example:", f"  {example}"])  # fmt: skip


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:
    print(f"warning: {message}", file=sys.stderr)
