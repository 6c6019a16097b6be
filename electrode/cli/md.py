"""`electrode md`."""

from __future__ import annotations

from pathlib import Path

from electrode.cli.options import add_model, add_outputs, add_potential, read_structure, scale_of
from electrode.cli.parser import Parser, UsageError
from electrode.output import refuse_existing, write_json

MODES = ("constant-charge", "born-oppenheimer", "extended", "thermopotentiostat", "constant-field")
NOTES = """The nuclei have a Langevin thermostat (BAOAB), that of Bussi, a Nose-Hoover chain or none; without velocities they start at --temperature. The layer of
the highest tag is held unless the structure carries constraints. With --restart the run goes on from FILE if it is there, bitwise as if it had not
been interrupted, into a new --output; FILE is written with every frame. Exit code 1 if the run was stopped: charge or potential left the range
the model was trained in, or a step went wrong; the last good frame is then the last of --output."""
EXAMPLE = "electrode md hop-initial --model au111-h --mode thermopotentiostat --potential -0.2 --reference SHE --steps 2000 --output run.traj --restart run.npz"


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("structure", metavar="STRUCTURE", help="any format of ASE")
    add_model(parser)
    parser.add_argument("--mode", required=True, choices=MODES, help="what the charge does")
    add_potential(parser, many=False)
    parser.add_argument("--charge", type=float, metavar="Q", help="net charge of the cell to hold instead of the potential [e]")
    parser.add_argument("--field", type=float, nargs=3, metavar=("X", "Y", "Z"), help="of constant-field [V/A]")
    parser.add_argument("--voltage", type=float, metavar="V", help="over the height of the cell, instead of --field [V]")
    parser.add_argument("--temperature", type=float, default=300.0, metavar="K", help="of nuclei and charge (default %(default)s)")
    parser.add_argument("--timestep", type=float, default=0.5, metavar="FS", help="[fs] (default %(default)s)")
    parser.add_argument("--steps", type=int, default=1000, help="of this run (default %(default)s)")
    parser.add_argument("--thermostat", choices=("langevin", "bussi", "nose-hoover", "none"), default="langevin", help="of the nuclei (default %(default)s)")
    parser.add_argument("--damping", type=float, default=100.0, metavar="FS", help="relaxation time of the nuclei's thermostat [fs] (default %(default)s)")
    _add_charge_arguments(parser)
    parser.add_argument("--output", required=True, metavar="FILE", help="frames with charge and potential, .traj or .xyz")
    parser.add_argument("--interval", type=int, default=10, metavar="N", help="steps from frame to frame (default %(default)s)")
    parser.add_argument("--restart", metavar="FILE", help="state to go on from and to keep, .npz")
    parser.add_argument("--seed", type=int, default=0, help="of velocities and noise (default %(default)s)")
    parser.add_argument("--free", action="store_true", help="move the bottom layer too")
    parser.add_argument("--beyond", action="store_true", help="go on, with a warning, outside the range the model was trained in")
    add_outputs(parser, "a summary")


def _add_charge_arguments(parser: Parser) -> None:
    parser.add_argument("--period", type=float, default=150.0, metavar="FS", help="of an extended charge's oscillation (default %(default)s)")
    parser.add_argument("--charge-thermostat", choices=("langevin", "nose-hoover", "none"), default="langevin", help="of an extended charge (default %(default)s)")
    parser.add_argument("--time-constant", type=float, default=100.0, metavar="FS", help="of the thermopotentiostat, or of an extended charge's thermostat (default %(default)s)")
    parser.add_argument("--capacitance", type=float, metavar="C", help="of the thermopotentiostat, bare electrodes [e/V]; by default the model's")


def run(arguments) -> int:
    """Run, print and write; return 0 if all steps were made."""
    refuse_existing([arguments.json, arguments.output], arguments.force)
    if arguments.steps < 1 or arguments.interval < 1:
        raise UsageError(f"md: expected at least one step, and one from frame to frame; got {arguments.steps} and {arguments.interval}")
    if arguments.restart and not arguments.restart.endswith(".npz"):
        raise UsageError(f"{arguments.restart}: expected a name that ends in .npz")
    from electrode.simulate import ChargeRecorder, DynamicsStopped

    dynamics = _dynamics(arguments)
    if arguments.restart and Path(arguments.restart).is_file():
        dynamics.load(arguments.restart)
    recorder = ChargeRecorder(dynamics)
    dynamics.attach(recorder)
    if Path(arguments.output).exists():
        Path(arguments.output).unlink()
    dynamics.write_frames(arguments.output, arguments.interval)
    stopped = None
    try:
        _run(arguments, dynamics)
    except DynamicsStopped as error:
        stopped = str(error)
    if arguments.restart:
        dynamics.save(arguments.restart, force=True)
    _report(arguments, dynamics, recorder.columns(), stopped)
    return 0 if stopped is None else 1


def _run(arguments, dynamics) -> None:
    from tqdm import tqdm

    with tqdm(total=arguments.steps, disable=None, unit="step") as bar:
        dynamics.attach(lambda: bar.update(dynamics.nsteps > 0))
        if arguments.restart:
            dynamics.attach(lambda: dynamics.save(arguments.restart, force=True), interval=arguments.interval)
        dynamics.run(arguments.steps)


def _dynamics(arguments):
    import numpy as np

    from electrode.relax import fixed_bottom_layer
    from electrode.simulate import ElectrodeDynamics, Limits
    from electrode.simulate.start import with_velocities

    rng = np.random.default_rng(arguments.seed)
    atoms = read_structure(arguments.structure)
    atoms = with_velocities(atoms if arguments.free else fixed_bottom_layer(atoms), arguments.temperature, rng)
    mode = _mode(arguments)
    atoms.calc = _calculator(arguments, atoms)
    return ElectrodeDynamics(_nuclei(arguments, atoms, rng), mode, seed=arguments.seed, limits=Limits(window=not arguments.beyond))


def _calculator(arguments, atoms):
    from electrode.calculator import ElectrodeCalculator
    from electrode.models.store import load_model
    from electrode.simulate.held import field_of_voltage

    if (arguments.potential is None) == (arguments.charge is None):
        raise UsageError("md needs exactly one of --potential [V] and --charge [e] to hold; give one")
    if (arguments.mode == "constant-field") != ((arguments.field is None) != (arguments.voltage is None)):
        raise UsageError("--mode constant-field needs one of --field and --voltage, and other modes neither")
    field = arguments.field if arguments.voltage is None else field_of_voltage(atoms, arguments.voltage)
    model, settings = load_model(arguments.model), {"field": field, "strict": arguments.strict or not arguments.beyond}
    if arguments.charge is not None:
        return ElectrodeCalculator(model, charge=arguments.charge, **settings)
    absolute = scale_of(arguments, model).to_absolute(arguments.potential)
    return ElectrodeCalculator(model, potential=absolute, reference="absolute", **settings)


def _nuclei(arguments, atoms, rng):
    from ase.md.bussi import Bussi
    from ase.md.langevinbaoab import LangevinBAOAB
    from ase.md.nose_hoover_chain import NoseHooverChainNVT
    from ase.md.verlet import VelocityVerlet
    from ase.units import fs

    from electrode.simulate.charge_state import require_positive

    require_positive("md", timestep=arguments.timestep, temperature=arguments.temperature, damping=arguments.damping)
    step, damping = arguments.timestep * fs, arguments.damping * fs
    if arguments.thermostat == "none":
        return VelocityVerlet(atoms, step)
    if arguments.thermostat == "bussi":
        return Bussi(atoms, step, arguments.temperature, damping, rng=rng)
    if arguments.thermostat == "nose-hoover":
        return NoseHooverChainNVT(atoms, step, temperature_K=arguments.temperature, tdamp=damping)
    return LangevinBAOAB(atoms, step, temperature_K=arguments.temperature, T_tau=damping, rng=rng)


def _mode(arguments):
    from electrode.simulate import BornOppenheimer, ChargeLangevin, ChargeNoseHoover, ConstantCharge, ConstantField, ExtendedCharge, Thermopotentiostat

    temperature, constant = arguments.temperature, arguments.time_constant
    if arguments.mode == "extended":
        baths = {"langevin": ChargeLangevin, "nose-hoover": ChargeNoseHoover}
        bath = baths[arguments.charge_thermostat](temperature, constant) if arguments.charge_thermostat in baths else None
        return ExtendedCharge(bath, period=arguments.period)
    if arguments.mode == "thermopotentiostat":
        return Thermopotentiostat(temperature, constant, arguments.capacitance)
    return {"constant-charge": ConstantCharge, "born-oppenheimer": BornOppenheimer, "constant-field": ConstantField}[arguments.mode]()


def _report(arguments, dynamics, columns, stopped: str | None) -> None:
    """Print the averages with their errors, and write them."""
    result = {"mode": arguments.mode, "completed": stopped is None, "step": dynamics.nsteps, "time_fs": dynamics.time, "drift_eV_per_atom": dynamics.drift}
    result |= _averages(dynamics, columns)
    print("\n".join(f"{k:28s} {v:.6g}" if isinstance(v, float) else f"{k:28s} {v}" for k, v in result.items()))
    if stopped is not None:
        print(stopped)
    if arguments.json:
        write_json(arguments.json, result | {"stopped": stopped}, arguments.force)


def _averages(dynamics, columns) -> dict:
    """Return means with errors, and the capacitance where the potential is held, of runs long enough for errors."""
    import numpy as np

    from electrode.simulate.analysis import BLOCKS, capacitance, estimate

    if len(columns["step"]) < 2 * BLOCKS:
        return {}
    found = {name: estimate(np.mean, columns[name]) for name in ("temperature_K", "charge_e", "potential_V")}
    if dynamics.target is not None:
        held = dynamics.target, max(float(columns["temperature_K"].mean()), 1.0)
        parts = capacitance(columns["charge_e"], columns["potential_V"], columns["capacitance_e_per_V"], *held)
        found |= {f"{name}_capacitance_e_per_V": getattr(parts, name) for name in ("electronic", "structural", "total")}
    return {k: v for name, x in found.items() for k, v in ((name, x.value), (f"{name}_error", x.error))}
