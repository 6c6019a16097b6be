"""`electrode neb`."""

from __future__ import annotations

from electrode.cli.options import add_model, add_outputs, add_potential, read_structure, scale_of, table
from electrode.cli.parser import Parser
from electrode.output import refuse_existing, replacing, write_json

NOTES = "The layer of the highest tag is held unless the structures carry constraints. Exit code 1 if no barrier converged."
EXAMPLE = "electrode neb initial.xyz final.xyz --model M --potential -1.0 -0.5 0.0 --reference SHE --plot barrier.png --json barrier.json"


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("initial", metavar="INITIAL", help="first end state, any format of ASE")
    parser.add_argument("final", metavar="FINAL", help="last end state, the same atoms in the same order")
    add_model(parser)
    add_potential(parser, many=True)
    parser.add_argument("--images", type=int, default=7, help="images of the band, end states included (default %(default)s)")
    parser.add_argument("--fmax", type=float, default=0.05, help="force at which the band has converged [eV/A] (default %(default)s)")
    parser.add_argument("--climb-from", type=float, default=0.3, help="force below which the highest image climbs [eV/A] (default %(default)s)")
    parser.add_argument("--max-steps", type=int, default=500, help="optimiser steps for each potential (default %(default)s)")
    parser.add_argument("--keep-ends", action="store_true", help="take the end states as they are, not relaxed at each potential")
    parser.add_argument("--plot", metavar="FILE", help="figure of barrier and profiles, .png, .svg or .pdf")
    parser.add_argument("--path", metavar="FILE", help="write the images of all bands, potential after potential, as .traj or .xyz")
    add_outputs(parser, "the barriers")


def run(arguments) -> int:
    """Compute, print and write; return 0 if at least one barrier converged."""
    refuse_existing([arguments.json, arguments.plot, arguments.path], arguments.force)
    if arguments.plot:
        from electrode.plot import check_suffix

        check_suffix(arguments.plot)
    ends = read_structure(arguments.initial), read_structure(arguments.final)
    found = _barriers(arguments, *ends)
    rows = found.to_json()
    print(_summary(rows))
    if arguments.json:
        write_json(arguments.json, rows, arguments.force)
    if arguments.plot:
        from electrode.plot import plot_barriers

        plot_barriers(rows, arguments.plot, force=arguments.force)
    if arguments.path:
        import ase.io

        with replacing(arguments.path, arguments.force) as part:
            ase.io.write(part, [image for band in found.images for image in band])
    return 0 if any(row["converged"] for row in rows) else 1


def _barriers(arguments, initial, final):
    from tqdm import tqdm

    from electrode.models.store import load_model
    from electrode.neb import barriers

    model = load_model(arguments.model)
    scale_of(arguments, model)
    with tqdm(total=len(set(arguments.potential)), disable=None, unit="potential") as bar:

        def progress(text: str) -> None:
            bar.set_postfix_str(text)
            bar.update()

        return barriers(
            initial, final, model, arguments.potential, arguments.reference, she_absolute=arguments.she_absolute,
            ph=arguments.ph, pzc=arguments.pzc, strict=arguments.strict, progress=progress, images=arguments.images,
            fmax=arguments.fmax, climb_from=arguments.climb_from, max_steps=arguments.max_steps,
            relax_endpoints=not arguments.keep_ends,
        )  # fmt: skip


def _summary(rows: list[dict]) -> str:
    heads = ("potential/V", "barrier/eV", "+-/eV", "reverse/eV", "reaction/eV", "slope/e", "charge change/e", "model calls", "status")
    names = ("potential_V", "barrier_eV", "barrier_std_eV", "reverse_barrier_eV", "reaction_energy_eV", "barrier_slope_e")
    body = [[*(r[n] for n in names), r["charge_e"][-1] - r["charge_e"][0], r["model_calls"], r["status"]] for r in rows]
    return table(heads, body)
