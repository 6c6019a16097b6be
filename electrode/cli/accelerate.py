"""`electrode neb --accelerate`: barriers with few calls of the user's calculator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from electrode.cli import few_calls
from electrode.cli.options import read_structure, table
from electrode.cli.parser import Parser, UsageError
from electrode.output import refuse_existing, replacing, write_json

OWN = ("output", *few_calls.OWN, "known_ends")  # options of --accelerate alone
FOREIGN = {  # options of the band on a model, and their values where they are not given
    "model": None, "charge": None, "temperature": None, "climb_from": 0.3, "max_steps": 500, "keep_ends": False, "batch_sweep": False, "curve": None,
    "she_error": None, "scf_noise": None, "che": None, "pairs": None, "g_h2": None, "thermal": None, "strict": False,
}  # fmt: skip
MAX_CALLS = 50


def add_arguments(parser: Parser) -> None:
    """Add --accelerate and what belongs to it."""
    group = parser.add_argument_group("barriers with few calls of a calculator of your own, in place of --model")
    group.add_argument(
        "--accelerate", metavar="FILE.py",
        help="defines calculator(charge=None) or calculator(potential=None), which return an ASE calculator at that net charge [e] or absolute potential [V]; "
        "with calculator() alone the band knows no potential",
    )  # fmt: skip
    group.add_argument("--output", metavar="FOLDER", help="keeps every call of it the moment it is known")
    few_calls.add_options(group, "at each potential, end states included", MAX_CALLS)
    group.add_argument("--known-ends", action="store_true", help="take energy and forces, at a potential also charge and potential, of the end states from their files; they must be this calculator's")
    parser.known += [f"--{name.replace('_', '-')}" for name in ("accelerate", *OWN)]


def check(arguments) -> None:
    """Refuse options that do not go together, before any file is read."""
    if not few_calls.given(arguments, OWN, "output"):
        return
    other = [n for n, value in FOREIGN.items() if getattr(arguments, n) != value]
    if other:
        raise UsageError(f"--accelerate does not go with --{other[0].replace('_', '-')}; it takes its forces from {arguments.accelerate}")


def run(arguments) -> int:
    """Search, print and write; return 0 if at least one barrier converged."""
    from electrode.learn.source import Source

    refuse_existing([arguments.output], force=True)  # the folder that holds it must be there
    source = Source.from_file(arguments.accelerate)
    if (source.holds is None) != (arguments.potential is None):
        known = "no charge and no potential: leave --potential out" if source.holds is None else f"{source.holds}: expected --potential"
        raise UsageError(f"{arguments.accelerate}: its calculator takes {known}")
    return _at_potentials(arguments, source) if source.holds else _without(arguments, source)


def _at_potentials(arguments, source) -> int:
    from electrode.learn.accelerate import accelerated_barriers

    if arguments.reference is None:
        raise UsageError("a potential needs its scale: expected --reference SHE, RHE (with --ph), PZC (with --pzc) or absolute; got none")
    found = accelerated_barriers(
        *_ends(arguments, few_calls.record_in), source, arguments.potential, arguments.reference, she_absolute=arguments.she_absolute, ph=arguments.ph,
        pzc=arguments.pzc, **_options(arguments, "bonds"),
    )  # fmt: skip
    rows = found.to_json()
    if arguments.json:
        write_json(arguments.json, rows, arguments.force)
    if arguments.plot:
        from electrode.plot import plot_barriers

        plot_barriers(rows, arguments.plot, force=arguments.force)
    _write(found.images, arguments)
    print(_summary(rows))
    return 0 if any(row["converged"] for row in rows) else 1


def _without(arguments, source) -> int:
    from electrode.learn.saddle import find_saddle

    if arguments.plot:
        raise UsageError("--plot: expected --potential, which the barriers are drawn against")
    found = find_saddle(*_ends(arguments, few_calls.results_in), source.factory(), **_options(arguments, "metals"))
    if arguments.json:
        write_json(arguments.json, found.to_json(), arguments.force)
    _write([found.images], arguments)
    print(f"{found.status}: barrier {'-' if found.barrier_eV is None else format(found.barrier_eV, '.4f')} eV; {found.calls} calls, and {found.end_state_calls} for the end states")
    return 0 if found.converged else 1


def _ends(arguments, known: Callable):
    """Return the end states, with what `known` finds in their files where it is asked for."""
    from electrode.relax import fixed_bottom_layer

    ends = [fixed_bottom_layer(read_structure(path)) for path in (arguments.initial, arguments.final)]
    for path, atoms in zip((arguments.initial, arguments.final), ends) if arguments.known_ends else ():
        atoms.calc = known(path)
    return tuple(ends)


def _options(arguments, prior: str) -> dict:
    own = {"folder": arguments.output, "resume": arguments.resume, "known_ends": arguments.known_ends, "progress": print, "images": arguments.images, "fmax": arguments.fmax}
    return own | {"max_calls": MAX_CALLS if arguments.max_calls is None else arguments.max_calls, "prior": few_calls.prior_named(arguments.prior or prior)}


def _write(bands, arguments) -> None:
    import ase.io

    target = Path(arguments.path or Path(arguments.output) / "path.traj")
    with replacing(target, arguments.force or arguments.path is None) as part:
        ase.io.write(part, [image for band in bands for image in band])


def _summary(rows: list[dict]) -> str:
    names = {"potential_V": "potential/V", "barrier_eV": "barrier/eV", "reverse_barrier_eV": "reverse/eV", "reaction_energy_eV": "reaction/eV",
             "fmax_eV_per_A": "force at it/(eV/A)", "fixed_charge_calls": "calls at a charge", "constant_potential_calls": "at a potential",
             "end_state_calls": "of them end states", "status": "status"}  # fmt: skip
    return table(list(names.values()), [[r[n] for n in names] for r in rows])
