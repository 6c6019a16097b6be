"""`electrode neb`."""

from __future__ import annotations

from electrode.cli import accelerate
from electrode.cli.options import add_model, add_outputs, add_potential, read_structure, refuse_other_formats, table
from electrode.cli.parser import Parser, UsageError
from electrode.output import refuse_existing, replacing, write_json

NOTES = (
    "The layer of the highest tag is held unless the structures carry constraints. --curve gives the barrier at every potential between\n"
    "the bands, from their curvatures. --che counts energies from the interface without the protons, and the bulk's protons and electrons.\n"
    "Exit code 1 if no barrier converged."
)
EXAMPLE = (
    "electrode neb initial.xyz final.xyz --model M --potential -1.0 -0.5 0.0 --reference SHE --plot barrier.png --json barrier.json\n"
    "  electrode neb volmer-initial volmer-final --model au111-h3o --potential -0.6 0.0 --reference SHE --curve curve.json --plot curve.png\n"
    "  electrode neb volmer-initial volmer-final --model au111-h3o --charge -0.4 -0.2"
)


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("initial", metavar="INITIAL", help="first end state, any format of ASE")
    parser.add_argument("final", metavar="FINAL", help="last end state, the same atoms in the same order")
    add_model(parser, required=False)
    add_potential(parser, many=True, required=False)
    parser.add_argument("--charge", type=float, nargs="+", metavar="Q", help="net charge of the cell [e], held in place of a potential")
    parser.add_argument("--temperature", type=float, metavar="K", help="of the electrolyte [K], for RHE and --che (default 298.15)")
    parser.add_argument("--images", type=int, default=7, help="images of the band, end states included (default %(default)s)")
    parser.add_argument("--fmax", type=float, default=0.05, help="force at which the band has converged [eV/A] (default %(default)s)")
    parser.add_argument("--climb-from", type=float, default=0.3, help="force below which the highest image climbs [eV/A] (default %(default)s)")
    parser.add_argument("--max-steps", type=int, default=500, help="optimiser steps for each potential (default %(default)s)")
    parser.add_argument("--keep-ends", action="store_true", help="take the end states as they are, not relaxed at each potential")
    parser.add_argument("--batch-sweep", action="store_true", help="relax the bands of all potentials side by side, from the first's path, in one batched call a step")
    parser.add_argument("--curve", metavar="FILE", help="write the barrier at every potential between the bands, with its error, as JSON")
    parser.add_argument("--she-error", type=float, metavar="V", help="standard error of SHE's absolute potential [V], for the error budget")
    parser.add_argument("--scf-noise", type=float, metavar="EV", help="standard error of one energy of the reference method [eV], for the error budget")
    parser.add_argument("--che", metavar="BARE", help="the interface without the protons that the step takes up: count energies from it too")
    parser.add_argument("--pairs", type=int, metavar="N", help="proton-electron pairs that the end states hold beside BARE (default 1)")
    parser.add_argument("--g-h2", type=float, metavar="EV", help="G(H2) [eV] on the zero of the model's energies, for --che")
    parser.add_argument("--thermal", type=float, nargs=4, metavar="EV", help="thermal terms of bare, initial, saddle and final state [eV], for --che")
    parser.add_argument("--plot", metavar="FILE", help="figure of barrier and profiles, .png, .svg or .pdf")
    parser.add_argument("--path", metavar="FILE", help="write the images of all bands, potential after potential, as .traj or .xyz")
    accelerate.add_arguments(parser)
    add_outputs(parser, "the barriers")


def run(arguments) -> int:
    """Compute, print and write; return 0 if at least one barrier converged."""
    _check(arguments)
    refuse_other_formats(arguments.path, many=True)
    if arguments.accelerate is not None:
        return accelerate.run(arguments)
    ends = read_structure(arguments.initial), read_structure(arguments.final)
    found = _barriers(arguments, *ends)
    rows = found.to_json()
    curve = found.curve() if arguments.curve and sum(r["converged"] for r in rows) > 1 else None
    if arguments.json:
        write_json(arguments.json, rows, arguments.force)
    if curve is not None:
        write_json(arguments.curve, curve.to_json(), arguments.force)
    if arguments.plot:
        from electrode.plot import plot_barriers

        plot_barriers(rows, arguments.plot, curve=None if curve is None else curve.to_json(), force=arguments.force)
    if arguments.path:
        import ase.io

        with replacing(arguments.path, arguments.force) as part:
            ase.io.write(part, [image for band in found.images for image in band])
    print(_summary(rows))  # after the files, which a reader that closes the pipe would cost
    if arguments.curve and curve is None:
        print("no curve: it needs two converged barriers")
    return 0 if any(row["converged"] for row in rows) else 1


def _check(arguments) -> None:
    """Refuse what cannot be carried out before any file is read."""
    refuse_existing([arguments.json, arguments.plot, arguments.path, arguments.curve], arguments.force)
    if arguments.plot:
        from electrode.plot import check_suffix

        check_suffix(arguments.plot)
    accelerate.check(arguments)
    if arguments.accelerate is not None:
        return
    if (arguments.potential is None) == (arguments.charge is None):
        raise UsageError(f"expected exactly one of --potential and --charge, got {'neither' if arguments.charge is None else 'both'}")
    if arguments.potential is not None and arguments.reference is None:
        raise UsageError("a potential needs its scale: expected --reference SHE, RHE (with --ph), PZC (with --pzc) or absolute; got none")
    if arguments.curve and (arguments.potential is None or len(set(arguments.potential)) < 2):
        raise UsageError("--curve: expected at least two values of --potential to lie between")
    extra = [f"--{n.replace('_', '-')}" for n in ("pairs", "g_h2", "thermal") if getattr(arguments, n) is not None]
    if arguments.che is None and extra:
        raise UsageError(f"{', '.join(extra)}: expected --che BARE, which these belong to")
    if arguments.che is not None and arguments.g_h2 is None:
        raise UsageError("--che: expected --g-h2, G(H2) in eV on the zero of the model's energies; there is no default")


def _barriers(arguments, initial, final):
    from tqdm import tqdm

    from electrode.models.store import load_model
    from electrode.neb import barriers, scale_of_potentials

    model, values = load_model(arguments.model), arguments.potential or arguments.charge
    own = {"reference": arguments.reference or "absolute", "she_absolute": arguments.she_absolute, "pzc": arguments.pzc}
    if arguments.che is None or own["reference"].strip().lower() == "rhe":
        own |= {"ph": arguments.ph, "temperature": arguments.temperature}
    scale = scale_of_potentials(model, **own)
    print(f"reference: {scale}; 0 V is {scale.to_absolute(0.0):.4g} V absolute")
    with tqdm(total=len(set(values)), disable=None, unit="potential" if arguments.charge is None else "charge") as bar:

        def progress(text: str) -> None:
            bar.set_postfix_str(text)
            bar.update()

        return barriers(
            initial, final, model, arguments.potential, charges=arguments.charge, **own, strict=arguments.strict, progress=progress,
            batch_sweep=arguments.batch_sweep, curvature=arguments.curve is not None, hydrogen=_hydrogen(arguments),
            she_error=arguments.she_error, scf_noise=arguments.scf_noise, images=arguments.images, fmax=arguments.fmax,
            climb_from=arguments.climb_from, max_steps=arguments.max_steps, relax_endpoints=not arguments.keep_ends,
        )  # fmt: skip


def _hydrogen(arguments):
    """Return the reservoir of protons and electrons that --che asks for."""
    if arguments.che is None:
        return None
    from electrode.neb import HydrogenElectrode

    given = {"pairs": arguments.pairs, "ph": arguments.ph, "temperature": arguments.temperature, "thermal": arguments.thermal}
    return HydrogenElectrode(**({"bare": read_structure(arguments.che), "pairs": 1, "g_h2": arguments.g_h2} | {k: v for k, v in given.items() if v is not None}))


def _summary(rows: list[dict]) -> str:
    """Return the tables on the terminal: barriers, what is known of their errors, and energies over the bare state."""
    charge = rows[0]["held"] == "charge"
    names = {"potential_V": "initial state at/V" if charge else "potential/V", "barrier_eV": "barrier/eV", "barrier_std_eV": "+-/eV", "reverse_barrier_eV": "reverse/eV",
             "reaction_energy_eV": "reaction/eV", **({"dbarrier_dQ": "slope/V"} if charge else {"barrier_slope_e": "slope/e"})}  # fmt: skip
    last = ["charge/e"] if charge else ["charge change/e"]
    body = [[*(r[n] for n in names), r["charge_e"][-1] - (0.0 if charge else r["charge_e"][0]), r["model_calls"], r["status"]] for r in rows]
    parts = [table((*names.values(), *last, "model calls", "status"), body)]
    parts += [_errors(rows)] if any(r["converged"] for r in rows) else []
    over = [[r["potential_V"], *(r["hydrogen_electrode"][n] for n in _OVER)] for r in rows if r["hydrogen_electrode"]]
    parts += ["over the bare state and its proton-electron pairs:\n" + table(("potential/V", *_OVER.values()), over)] if over else []
    return "\n\n".join(parts)


_OVER = {
    "potential_rhe_V": "U RHE/V", "initial_energy_eV": "initial/eV", "barrier_eV": "saddle/eV", "final_energy_eV": "final/eV",
    "integer_electrons": "electrons", "fractional_electrons": "double layer/e", "slope_e": "slope/e",
}  # fmt: skip
_ERRORS = {
    "committee_eV": "committee/eV", "she_zero_eV": "zero of SHE/eV", "scf_noise_eV": "SCF noise/eV", "force_residual_eV": "forces left/eV",
    "total_eV": "total/eV", "beyond_potential_V": "untrained by/V", "beyond_charge_e_per_A2": "untrained by/(e/A2)",
}  # fmt: skip


def _errors(rows: list[dict]) -> str:
    """Return the errors that are known, the distance from the trained window, and what stands beside a barrier; empty columns are left out."""
    columns: dict[str, list] = {"potential/V": []}
    for r in (r for r in rows if r["converged"]):
        check = r["identity_deviation"] or {"barrier": None}
        own = {"potential/V": r["potential_V"], "beta": r["beta"], "at constant charge/eV": r["constant_charge_excess_eV"], "slope check": check["barrier"]}
        for name, value in (own | {_ERRORS[n]: r["error_budget"][n] for n in _ERRORS}).items():
            columns.setdefault(name, []).append(value)
    shown = {n: c for n, c in columns.items() if any(v is not None for v in c)}
    return "beside them, and the errors that are known:\n" + table(list(shown), list(zip(*shown.values())))
