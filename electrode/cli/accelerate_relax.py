"""`electrode relax --accelerate`: a relaxed structure with few calls of the user's calculator."""

from __future__ import annotations

from electrode.cli import few_calls
from electrode.cli.options import read_structure
from electrode.cli.parser import Parser, UsageError
from electrode.output import refuse_existing, replacing, write_json

OWN = ("calls", *few_calls.OWN)  # options of --accelerate alone
MAX_CALLS = 30


def add_arguments(parser: Parser) -> None:
    """Add --accelerate and what belongs to it."""
    group = parser.add_argument_group("few calls of a calculator of your own, in place of --model")
    group.add_argument("--accelerate", metavar="FILE.py", help="defines calculator(charge=None), calculator(potential=None) or calculator(), see electrode neb --help; its own forces at the end are below --fmax")
    group.add_argument("--calls", metavar="FOLDER", help="keeps every call of it the moment it is known")
    few_calls.add_options(group, "failed ones included", MAX_CALLS)
    parser.known += [f"--{name.replace('_', '-')}" for name in ("accelerate", *OWN)]


def check(arguments) -> None:
    """Refuse options that do not go together, before any file is read."""
    if not few_calls.given(arguments, OWN, "calls"):
        return
    if arguments.model is not None or arguments.strict:
        raise UsageError(f"--accelerate does not go with --{'model' if arguments.model else 'strict'}; it takes its forces from {arguments.accelerate}")
    if arguments.potential is not None and arguments.reference is None:
        raise UsageError("a potential needs its scale: expected --reference SHE, RHE (with --ph), PZC (with --pzc) or absolute; got none")


def run(arguments) -> int:
    """Relax, print and write; return 0 if the forces converged."""
    from electrode.learn.relaxation import accelerated_relaxation
    from electrode.learn.source import Source
    from electrode.relax import fixed_bottom_layer

    refuse_existing([arguments.calls], force=True)  # the folder that holds it must be there
    atoms = read_structure(arguments.structure)
    atoms = atoms if arguments.free else fixed_bottom_layer(atoms)
    found = accelerated_relaxation(
        atoms, Source.from_file(arguments.accelerate), potential=arguments.potential, charge=arguments.charge, reference=arguments.reference,
        she_absolute=arguments.she_absolute, ph=arguments.ph, pzc=arguments.pzc, folder=arguments.calls, resume=arguments.resume,
        prior=few_calls.prior_named(arguments.prior or "bonds"), progress=print, fmax=arguments.fmax, max_steps=arguments.max_steps,
        max_calls=MAX_CALLS if arguments.max_calls is None else arguments.max_calls,
    )  # fmt: skip
    result = _result(found)
    print(", ".join(f"{k} {v:.6g}" if isinstance(v, float) else f"{k} {v}" for k, v in result.items() if k != "failures"))
    _write(found.label, atoms, arguments)
    if arguments.json:
        write_json(arguments.json, result, arguments.force)
    return 0 if found.converged else 1


def _result(found) -> dict:
    label = found.label
    out = {"converged": found.converged, "status": found.status, "fmax_eV_per_A": found.fmax_eV_per_A, "model_calls": found.calls, "canonical_energy_eV": label.energy}
    if label.charge is not None:
        out |= {"grand_energy_eV": label.energy - label.potential * label.charge, "charge_e": label.charge, "potential_absolute_V": label.potential}
    return out | {"failures": list(found.failures)}


def _write(label, atoms, arguments) -> None:
    import ase.io

    from electrode.learn.frames import frame_of
    from electrode.learn.saddle import with_results

    moved = with_results(atoms, label.positions, label.energy, label.forces)
    if label.charge is not None:
        frame = frame_of(label, atoms, method=arguments.accelerate, trajectory="relaxed").to_atoms()
        moved.info, moved.arrays["REF_forces"] = frame.info, label.forces
    with replacing(arguments.output, arguments.force) as part:
        ase.io.write(part, moved)
