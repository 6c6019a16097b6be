"""`electrode sample`."""

from __future__ import annotations

from pathlib import Path

from electrode.cli.options import add_model, add_outputs, add_potential, read_structure, refuse_other_formats, scale_of
from electrode.cli.parser import Parser, UsageError
from electrode.output import refuse_existing, replacing, write_json

ENSEMBLES = ("shared-charge", "charge-per-bead", "held-charge")
NOTES = """shared-charge samples the charge, one for all beads; charge-per-bead gives each bead the charge that its geometry has at the
potential; held-charge needs --charge. Hydrogen has the beads unless --quantised names others. The layer of the highest tag is held unless the
structure carries constraints. With --restart the run goes on from FILE if it is there, bit for bit, and FILE is kept up to date. Exit code 1 if
the run left what the model was trained on; what was sampled before is written."""
EXAMPLE = "electrode sample hop-initial --model au111-h --potential -0.3 --reference SHE --beads 8 --moves 400 --output beads.xyz --json sample.json"


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("structure", metavar="STRUCTURE", help="any format of ASE")
    add_model(parser)
    add_potential(parser, many=False)
    parser.add_argument("--charge", type=float, metavar="Q", help="net charge of the cell, of held-charge [e]")
    parser.add_argument("--ensemble", choices=ENSEMBLES, default="shared-charge", help="what the charge does (default %(default)s)")
    parser.add_argument("--temperature", type=float, default=300.0, metavar="K", help="(default %(default)s)")
    parser.add_argument("--beads", type=int, default=1, metavar="P", help="of each quantised atom; 1 is classical (default %(default)s)")
    parser.add_argument("--quantised", type=int, nargs="+", metavar="INDEX", help="atoms with beads; by default hydrogen")
    parser.add_argument("--moves", type=int, default=1000, help="of this run (default %(default)s)")
    parser.add_argument("--interval", type=int, default=10, metavar="N", help="moves from frame to frame (default %(default)s)")
    _add_sizes(parser)
    parser.add_argument("--hold-distance", type=int, nargs="+", metavar="INDEX", help="hold the distance of CENTRE END, or the difference CENTRE END OTHER, and report dA/ds")
    parser.add_argument("--hold-along", type=float, nargs=4, metavar=("INDEX", "X", "Y", "Z"), help="hold an atom's place along a direction, and report dA/ds")
    parser.add_argument("--place", type=float, metavar="S", help="value of what is held [A]; by default the structure's")
    parser.add_argument("--output", metavar="FILE", help="frames with charge and potential, one for each bead, .traj or .xyz")
    parser.add_argument("--restart", metavar="FILE", help="run to go on from and to keep, .npz")
    parser.add_argument("--seed", type=int, default=0, help="of everything drawn at random (default %(default)s)")
    parser.add_argument("--free", action="store_true", help="move the bottom layer too")
    parser.add_argument("--beyond", action="store_true", help="go on outside the range the model was trained in")
    add_outputs(parser, "a summary")


def _add_sizes(parser: Parser) -> None:
    parser.add_argument("--window", type=float, default=0.1, metavar="E", help="width of an electron move [e] (default %(default)s)")
    parser.add_argument("--charges", type=float, nargs=2, metavar=("LOW", "HIGH"), help="bounds of the charge [e]; by default the model's trained window")
    parser.add_argument("--timestep", type=float, default=1.0, metavar="FS", help="of trajectories [fs] (default %(default)s)")
    parser.add_argument("--steps", type=int, default=5, help="of a trajectory (default %(default)s)")


def run(arguments) -> int:
    """Sample, print and write; return 0 if all moves were made."""
    refuse_existing([arguments.json, arguments.output], arguments.force)
    refuse_other_formats(arguments.output, many=True)
    if arguments.moves < 1 or arguments.interval < 1:
        raise UsageError(f"sample: expected at least one move, and one from frame to frame; got {arguments.moves} and {arguments.interval}")
    if arguments.restart and not arguments.restart.endswith(".npz"):
        raise UsageError(f"{arguments.restart}: expected a name that ends in .npz")
    from electrode.simulate.monte_carlo import LeftTrainedRange
    from electrode.simulate.monte_carlo_files import load_run, save_run

    sampler = _sampler(arguments)
    goes_on = arguments.restart is not None and Path(arguments.restart).is_file()
    seen, stopped = [load_run(arguments.restart, sampler) if goes_on else sampler.start(arguments.seed)], None
    try:
        _advance(arguments, seen)
    except LeftTrainedRange as error:
        stopped = str(error)
    if arguments.restart:
        save_run(arguments.restart, seen[-1], force=True)
    _report(arguments, sampler, seen[1:], stopped)
    return 0 if stopped is None else 1


def _advance(arguments, seen: list) -> None:
    from tqdm import tqdm

    from electrode.simulate.monte_carlo import advance

    def observe(run) -> None:
        seen.append(run)
        bar.update()

    with tqdm(total=arguments.moves, disable=None, unit="move") as bar:
        advance(seen[0], arguments.moves, observer=observe)


def _sampler(arguments):
    from electrode.models.store import load_model
    from electrode.relax import fixed_bottom_layer
    from electrode.simulate.monte_carlo import Sampler
    from electrode.simulate.schedule import Schedule

    atoms = read_structure(arguments.structure)
    atoms = atoms if arguments.free else fixed_bottom_layer(atoms)
    coordinate = _coordinate(arguments)
    if arguments.place is not None:
        if coordinate is None:
            raise UsageError("--place says where a coordinate is held: expected --hold-distance or --hold-along beside it")
        atoms.set_positions(coordinate.placed(atoms.positions, arguments.place), apply_constraint=False)
    bounds = None if arguments.charges is None else tuple(arguments.charges)
    schedule = Schedule(window=arguments.window, charges=bounds, timestep=arguments.timestep, steps=arguments.steps)
    quantised = None if arguments.quantised is None else tuple(arguments.quantised)
    ensemble = _ensemble(arguments, load_model(arguments.model), atoms)
    return Sampler(ensemble, atoms, arguments.temperature, arguments.beads, quantised, coordinate, schedule, not arguments.beyond)


def _ensemble(arguments, model, atoms):
    from electrode.simulate.ensembles import ChargePerBead, HeldCharge, SharedCharge

    holds_charge = arguments.ensemble == "held-charge"
    if (arguments.charge is not None) != holds_charge or (arguments.potential is None) != holds_charge:
        raise UsageError("sample: held-charge needs --charge [e], the other ensembles --potential [V], and neither the other one")
    if holds_charge:
        return HeldCharge(model, atoms, arguments.charge)
    kind = SharedCharge if arguments.ensemble == "shared-charge" else ChargePerBead
    return kind(model, atoms, scale_of(arguments, model).to_absolute(arguments.potential))


def _coordinate(arguments):
    from electrode.simulate.coordinates import Along, Distance

    if arguments.hold_distance and arguments.hold_along:
        raise UsageError("sample: expected one of --hold-distance and --hold-along, got both")
    if arguments.hold_along:
        index, *direction = arguments.hold_along
        if index != int(index):
            raise UsageError(f"--hold-along: expected a whole number for the atom, got {index:g}")
        return Along(int(index), tuple(direction))
    if arguments.hold_distance and len(arguments.hold_distance) not in (2, 3):
        raise UsageError(f"--hold-distance: expected 2 or 3 atoms, got {len(arguments.hold_distance)}")
    return Distance(*arguments.hold_distance) if arguments.hold_distance else None


def _report(arguments, sampler, runs: list, stopped: str | None) -> None:
    from electrode.simulate.sampled import summary

    result = summary(sampler, runs) | {"completed": stopped is None, "stopped": stopped}
    if arguments.output and runs:
        _write(arguments, sampler, runs)
    if arguments.json:
        write_json(arguments.json, result, arguments.force)
    print("\n".join(f"{k} {v:.6g}" if isinstance(v, float) else f"{k} {v}" for k, v in result.items()))


def _write(arguments, sampler, runs: list) -> None:
    import ase.io

    from electrode.simulate.sampled import frames

    last = len(runs) - 1
    chosen = [image for k, run in enumerate(runs) if (k + 1) % arguments.interval == 0 or k == last for image in frames(sampler, run, k + 1)]
    with replacing(arguments.output, arguments.force) as part:
        ase.io.write(part, chosen)
