"""`electrode scan`."""

from __future__ import annotations

from electrode.cli.options import add_model, add_outputs, add_potential, read_structure, scale_of, table
from electrode.cli.parser import Parser
from electrode.output import refuse_existing, write_json

NOTES = "The nuclei are not moved."
EXAMPLE = "electrode scan slab.xyz --model M --potential -1.0 -0.5 0.0 0.5 --reference SHE --plot scan.png --json scan.json"


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("structure", metavar="STRUCTURE", help="any format of ASE")
    add_model(parser)
    add_potential(parser, many=True)
    parser.add_argument("--plot", metavar="FILE", help="figure of grand energy, charge and capacitance, .png, .svg or .pdf")
    add_outputs(parser, "the rows")


def run(arguments) -> int:
    """Compute, print and write."""
    refuse_existing([arguments.json, arguments.plot], arguments.force)
    from electrode.models.store import load_model
    from electrode.plot import check_suffix, plot_scan
    from electrode.scan import scan

    if arguments.plot:
        check_suffix(arguments.plot)
    atoms, model = read_structure(arguments.structure), load_model(arguments.model)
    scale = scale_of(arguments, model)
    rows = scan(model, atoms, arguments.potential, scale, strict=arguments.strict).to_json()
    names = ("potential_V", "grand_energy_eV", "canonical_energy_eV", "charge_e", "capacitance_e_per_V", "capacitance_uF_per_cm2")
    heads = ("potential/V", "Omega/eV", "E/eV", "charge/e", "C/(e/V)", "C/(uF/cm2)")
    shown = [[f"{row[n]:.4f}" if n.endswith("energy_eV") else row[n] for n in names] for row in rows]
    if arguments.json:
        write_json(arguments.json, rows, arguments.force)
    if arguments.plot:
        plot_scan(rows, arguments.plot, force=arguments.force)
    print(table(heads, shown))
    return 0
