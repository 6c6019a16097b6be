"""`electrode learn`."""

from __future__ import annotations

from electrode.cli.few_calls import prior_named, results_in
from electrode.cli.options import read_structure
from electrode.cli.parser import Parser, UsageError
from electrode.output import refuse_existing, replacing, write_json

NOTES = (
    "A Gaussian process learns from every call and says where the next one helps most. Every call is kept in the folder the moment it is known;\n"
    "--resume goes on after an interruption. Give end states relaxed with the same calculator: the bottom layer is held unless the structures carry\n"
    "constraints. Exit code 1 if the saddle did not converge."
)
EXAMPLE = "electrode learn initial.xyz final.xyz --calculator emt --output search --json saddle.json"


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("initial", metavar="INITIAL", help="first end state, relaxed, any format of ASE")
    parser.add_argument("final", metavar="FINAL", help="last end state, the same atoms in the same order")
    parser.add_argument("--calculator", required=True, metavar="C", help="FILE.py that defines calculator(), or MODULE:FACTORY, which returns an ASE calculator; or emt")
    parser.add_argument("--output", required=True, metavar="FOLDER", help="keeps all calls, and at the end saddle.traj and path.traj")
    parser.add_argument("--resume", action="store_true", help="go on with the calls that the folder holds")
    parser.add_argument("--fmax", type=float, default=0.05, help="largest force of the calculator at the saddle [eV/A] (default %(default)s)")
    parser.add_argument("--images", type=int, default=9, help="images of the band, end states included (default %(default)s)")
    parser.add_argument("--max-calls", type=int, default=50, help="of the calculator, end states included (default %(default)s)")
    parser.add_argument("--known-ends", action="store_true", help="take energy and forces of the end states from their files; they must be this calculator's")
    parser.add_argument("--prior", metavar="P", default="metals", help="metals, bonds (those to non-metals too), none, or a cheap calculator as --calculator takes it (default %(default)s)")
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON")
    parser.add_argument("--force", action="store_true", help="replace an existing JSON file")


def run(arguments) -> int:
    """Search, print and write; return 0 if the saddle converged."""
    refuse_existing([arguments.json], arguments.force)
    refuse_existing([arguments.output], force=True)  # the folder that holds it must be there
    found = _search(arguments)
    result = found.to_json()
    _write(found, arguments.output)
    if arguments.json:
        write_json(arguments.json, result, arguments.force)
    print(_summary(result))
    return 0 if found.converged else 1


def _search(arguments):
    from electrode.learn.saddle import find_saddle
    from electrode.relax import fixed_bottom_layer

    prior, ends = prior_named(arguments.prior), []
    for path in (arguments.initial, arguments.final):
        atoms = read_structure(path)
        held = fixed_bottom_layer(atoms)
        held.calc = results_in(path) if arguments.known_ends else None
        ends.append(held)
    return find_saddle(
        *ends, _calculator(arguments.calculator), folder=arguments.output, resume=arguments.resume, prior=prior,
        known_ends=arguments.known_ends, progress=print, fmax=arguments.fmax, images=arguments.images, max_calls=arguments.max_calls,
    )  # fmt: skip


def _calculator(description: str):
    from electrode.learn.source import Source
    from electrode.models.neutral_calculators import called, make_calculator

    if not description.endswith(".py"):
        return make_calculator(description)
    source = Source.from_file(description)
    if source.holds is not None:
        raise UsageError(f"{description}: its calculator takes a {source.holds}; electrode neb --accelerate searches at the potentials that you name")
    return called(source.factory, description)


def _summary(result: dict) -> str:
    numbers = {"barrier": "barrier_eV", "reverse": "reverse_barrier_eV", "reaction energy": "reaction_energy_eV"}
    energies = ", ".join(f"{name} {'-' if result[key] is None else format(result[key], '.4f')} eV" for name, key in numbers.items())
    force = "-" if result["fmax_eV_per_A"] is None else f"{result['fmax_eV_per_A']:.3f}"
    return f"{result['status']}: {energies}; largest force at the saddle {force} eV/A; {result['calls']} calls, and {result['end_state_calls']} for the end states"


def _write(found, folder: str) -> None:
    from pathlib import Path

    import ase.io

    for name, what in (("saddle.traj", found.saddle), ("path.traj", list(found.images))):
        if what is not None:
            with replacing(Path(folder) / name, force=True) as part:
                ase.io.write(part, what)
