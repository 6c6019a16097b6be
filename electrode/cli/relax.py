"""`electrode relax`."""

from __future__ import annotations

from electrode.cli import accelerate_relax
from electrode.cli.options import add_model, add_outputs, add_potential, read_structure, refuse_other_formats, scale_of
from electrode.cli.parser import Parser, UsageError
from electrode.output import refuse_existing, replacing, write_json

NOTES = "The layer of the highest tag is held unless the structure carries constraints. Exit code 1 if the forces did not converge."
EXAMPLE = "electrode relax slab.xyz --model M --potential -0.5 --reference SHE --output relaxed.traj"


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("structure", metavar="STRUCTURE", help="any format of ASE")
    add_model(parser, required=False)
    add_potential(parser, many=False)
    parser.add_argument("--charge", type=float, metavar="Q", help="net charge of the cell to hold instead of the potential [e]")
    parser.add_argument("--output", required=True, metavar="FILE", help="relaxed structure with energy and forces, .traj or .xyz")
    parser.add_argument("--fmax", type=float, default=0.05, help="largest force left [eV/A] (default %(default)s)")
    parser.add_argument("--max-steps", type=int, default=300, help="steps of the optimiser (default %(default)s)")
    parser.add_argument("--free", action="store_true", help="move the bottom layer too")
    accelerate_relax.add_arguments(parser)
    add_outputs(parser, "the result")


def run(arguments) -> int:
    """Relax, print and write; return 0 if the forces converged."""
    refuse_existing([arguments.json, arguments.output], arguments.force)
    if (arguments.potential is None) == (arguments.charge is None) and not (arguments.accelerate and arguments.potential is None):
        raise UsageError("relax needs exactly one of --potential [V] and --charge [e] to hold; give one")
    refuse_other_formats(arguments.output)
    accelerate_relax.check(arguments)
    if arguments.accelerate is not None:
        return accelerate_relax.run(arguments)
    atoms, calculator = read_structure(arguments.structure), _calculator(arguments)
    moved, converged, steps = _relax(arguments, atoms, calculator)
    result = _result(moved, converged, steps)
    _write(moved, arguments)
    if arguments.json:
        write_json(arguments.json, result, arguments.force)
    print(", ".join(f"{k} {v:.6g}" if isinstance(v, float) else f"{k} {v}" for k, v in result.items()))
    return 0 if converged else 1


def _calculator(arguments):
    from electrode.calculator import ElectrodeCalculator
    from electrode.models.store import load_model

    model = load_model(arguments.model)
    if arguments.charge is not None:
        return ElectrodeCalculator(model, charge=arguments.charge, strict=arguments.strict)
    absolute = scale_of(arguments, model).to_absolute(arguments.potential)
    return ElectrodeCalculator(model, potential=absolute, reference="absolute", strict=arguments.strict)


def _relax(arguments, atoms, calculator):
    from tqdm import tqdm

    from electrode.relax import relax

    with tqdm(disable=None, unit="step") as bar:
        settings = {"fmax": arguments.fmax, "max_steps": arguments.max_steps, "fix_bottom": not arguments.free}
        return relax(atoms, calculator, observer=bar.update, **settings)


def _result(atoms, converged: bool, steps: int) -> dict:
    import numpy as np

    energy, force = atoms.get_potential_energy(), float(np.linalg.norm(atoms.get_forces(), axis=1).max())
    known = atoms.calc.results
    return {
        "converged": converged, "steps": steps, "fmax_eV_per_A": force, "energy_eV": energy,
        "grand_energy_eV": known["grand_energy"], "canonical_energy_eV": known["canonical_energy"],
        "charge_e": known["charge"], "potential_absolute_V": known["potential"],
    }  # fmt: skip


def _write(atoms, arguments) -> None:
    import ase.io

    from electrode.calculator import to_record

    with replacing(arguments.output, arguments.force) as part:
        ase.io.write(part, to_record(atoms))
