"""`electrode charges`."""

from __future__ import annotations

from electrode.cli.options import add_outputs, add_potential, read_structure, scale_of, table
from electrode.cli.parser import Parser, UsageError
from electrode.output import refuse_existing, write_json

NOTES = """The sets of parameters:
  baseline   the classical baseline: bonds, an electrode that conducts, ions with formal charges, a double layer
  qeq        charge equilibration over all atoms (Rappe and Goddard 1991): no double layer, charge moves over any
             distance; for --potential in open space only, since a charged slab needs a counter-charge
Both give starting values, not fitted ones."""
EXAMPLE = "electrode charges slab.xyz --potential -0.5 --reference SHE --plot charges.png --json charges.json"


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("structure", metavar="STRUCTURE", help="any format of ASE")
    add_potential(parser, many=False)
    parser.add_argument("--charge", type=float, metavar="Q", help="net charge of the cell to hold instead of the potential [e]")
    parser.add_argument("--parameters", choices=("baseline", "qeq"), default="baseline", help="set of parameters (default %(default)s)")
    parser.add_argument("--plot", metavar="FILE", help="atoms coloured by charge, from above and from the side, .png, .svg or .pdf")
    add_outputs(parser, "the charges")


def run(arguments) -> int:
    """Compute, print and write."""
    refuse_existing([arguments.json, arguments.plot], arguments.force)
    if (arguments.potential is None) == (arguments.charge is None):
        raise UsageError("charges needs exactly one of --potential [V] and --charge [e] to hold; give one")
    if arguments.charge is not None and arguments.reference is not None:
        raise UsageError("charges: --reference goes with --potential; drop one of the two")
    from electrode.models.baseline import Baseline
    from electrode.plot import check_suffix
    from electrode.plot_results import plot_result

    if arguments.plot:
        check_suffix(arguments.plot)
    atoms, model = read_structure(arguments.structure), Baseline()
    scale = None if arguments.potential is None else scale_of(arguments, model)
    absolute = None if scale is None else scale.to_absolute(arguments.potential)
    found = _baseline(arguments, atoms, model, absolute) if arguments.parameters == "baseline" else _qeq(arguments, atoms, absolute)
    charges, potential, cited = found
    result = _result(arguments, atoms, charges, potential, cited, scale)
    _show(result)
    if arguments.json:
        write_json(arguments.json, result, arguments.force)
    if arguments.plot:
        plot_result(result, arguments.plot, force=arguments.force)
    return 0


def _baseline(arguments, atoms, model, absolute: float | None):
    """Return the charges, the absolute potential and what to cite."""
    from electrode.models.domain import check_domain, check_elements
    from electrode.state import Control, Structure
    from electrode.thermo import evaluate

    structure = Structure.from_atoms(atoms)
    check_elements(model, structure)
    out = evaluate(model, structure, Control(charge=arguments.charge) if absolute is None else Control(potential=absolute))
    check_domain(model, structure, out, strict=arguments.strict)
    return out["atomic_charges"].numpy(), float(out["potential"][0]), "classical baseline, see electrode.physics.equilibration"


def _qeq(arguments, atoms, absolute: float | None):
    """Return the same of charge equilibration over all atoms."""
    import numpy as np

    from electrode.physics.charge_constraints import Constraints, Electrode
    from electrode.physics.charge_interactions import Bulk, Planar
    from electrode.physics.charge_parameters import QEQ
    from electrode.physics.charges import equilibrate_charges

    if absolute is not None and atoms.pbc.any():
        raise UsageError("charges: --parameters qeq has no counter-charge, which the potential of a charged slab or crystal needs. Hold --charge, or take --parameters baseline")
    interaction = Bulk(atoms.cell.array) if atoms.pbc.all() else Planar(atoms.cell.array, tuple(map(bool, atoms.pbc)))
    if absolute is None:
        constraints = Constraints(total=arguments.charge)
    else:
        constraints = Constraints((Electrode(np.arange(len(atoms)), absolute),), total=None)
    found = equilibrate_charges(QEQ.model(atoms.numbers, interaction), atoms.positions, constraints)
    potential = absolute if absolute is not None else (None if atoms.pbc.any() else found.level)
    return found.charges, potential, f"{QEQ.citation}, doi {QEQ.doi}"


def _result(arguments, atoms, charges, potential: float | None, cited: str, scale) -> dict:
    from electrode.state import electrode_atoms

    electrode = electrode_atoms(atoms)
    rows = [
        {"atom": k, "element": atoms.symbols[k], "position_A": atoms.positions[k].tolist(), "z_A": float(atoms.positions[k, 2]),
         "charge_e": float(charges[k]), "electrode": bool(electrode[k])}  # fmt: skip
        for k in range(len(atoms))
    ]
    return {
        "parameters": arguments.parameters, "citation": cited, "held": "charge" if scale is None else "potential",
        "potential_V": arguments.potential, "reference": None if scale is None else str(scale), "potential_absolute_V": potential,
        "charge_e": float(charges.sum()), "electrode_charge_e": float(charges[electrode].sum()), "rest_charge_e": float(charges[~electrode].sum()),
        "cell_A": atoms.cell.array.tolist(), "pbc": atoms.pbc.tolist(), "atoms": rows,
    }  # fmt: skip


def _show(result: dict) -> None:
    rows = [[r["atom"], r["element"], f"{r['z_A']:.3f}", f"{r['charge_e']:+.4f}", "electrode" if r["electrode"] else "rest"] for r in result["atoms"]]
    print(table(("atom", "element", "z/A", "charge/e", "part"), rows))
    print(f"electrode {result['electrode_charge_e']:+.4f} e, rest {result['rest_charge_e']:+.4f} e, together {result['charge_e']:+.4f} e")
    if result["potential_absolute_V"] is not None:
        print(f"potential {result['potential_absolute_V']:.4f} V absolute")
    print(f"parameters: {result['parameters']} ({result['citation']})")
