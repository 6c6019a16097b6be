"""`electrode capacitance`."""

from __future__ import annotations

import math

import numpy as np

from electrode.cli.inputs import read_data
from electrode.cli.options import add_outputs, table
from electrode.cli.parser import Parser, UsageError
from electrode.output import refuse_existing, write_json

NOTES = (
    "Either a curve of an electrolyte (--concentration), potentials against zero charge and bulk;\n"
    "or a fit of E0 + Phi0 Q + Q^2/(2C) to labelled frames (--data), those of one geometry together, Phi0 absolute."
)
EXAMPLE = (
    "electrode capacitance --concentration 0.1 0.01 --valence 1 -1 --stern 3.0 --range -0.5 0.5 --plot capacitance.png\n"
    "  electrode capacitance --data frames.xyz --json fits.json"
)
MODELS = ("gouy-chapman", "gouy-chapman-stern", "bikerman", "bikerman-stern", "poisson-boltzmann", "poisson-boltzmann-stern")
_CURVE = {"valence": [1.0, -1.0], "diameter": None, "stern": None, "stern_permittivity": None, "permittivity": 78.4,
          "saturation": None, "temperature": 298.15, "model": "gouy-chapman-stern", "range": [-0.5, 0.5], "points": 101, "plot": None}  # fmt: skip
_FIT = {"assume": [], "by": "geometry"}


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the verb; None stands for the default, so that one that would not be used is noticed."""
    parser.add_argument("--concentration", type=float, nargs="+", metavar="C", help="of the salt [mol/L], one or several")
    parser.add_argument("--valence", type=float, nargs=2, metavar="Z", help="of cation and anion (default 1 -1)")
    parser.add_argument("--diameter", type=float, nargs="+", metavar="A", help="of the ions, one for both or one each [A], for bikerman and poisson-boltzmann")
    parser.add_argument("--stern", type=float, metavar="A", help="thickness of the Stern layer [A] (default 3), for models that have one")
    parser.add_argument("--stern-permittivity", type=float, metavar="EPS", help="permittivity of the Stern layer (default 6)")
    parser.add_argument("--permittivity", type=float, metavar="EPS", help="of the solvent (default 78.4)")
    parser.add_argument("--saturation", choices=("booth", "grahame"), help="fall of the permittivity with the field, for poisson-boltzmann")
    parser.add_argument("--temperature", type=float, metavar="K", help="(default 298.15)")
    parser.add_argument("--model", choices=MODELS, help="(default gouy-chapman-stern)")
    parser.add_argument("--range", type=float, nargs=2, metavar="V", help="first and last potential (default -0.5 0.5)")
    parser.add_argument("--points", type=int, metavar="N", help="potentials of the curve (default 101)")
    parser.add_argument("--plot", metavar="FILE", help="figure of the curve, .png, .svg or .pdf")
    parser.add_argument("--data", nargs="+", metavar="DATA.xyz", help="labelled frames to fit, extended XYZ")
    parser.add_argument("--by", choices=("geometry", "trajectory"), help="which frames share one capacitor (default geometry)")
    parser.add_argument("--assume", nargs="+", metavar="KEY=VALUE", help="what frames that lack a key of the record may be taken to have")
    add_outputs(parser, "the curve or the fits")


def run(arguments) -> int:
    """Compute, print and write."""
    if (arguments.concentration is None) == (arguments.data is None):
        raise UsageError("electrode capacitance: expected exactly one of --concentration (a curve) and --data (a fit). See electrode capacitance --help")
    ours, others = (_CURVE, _FIT) if arguments.data is None else (_FIT, _CURVE)
    unused = [name for name in others if getattr(arguments, name) is not None]
    if unused:
        raise UsageError(f"--{unused[0].replace('_', '-')} is not used with --{'concentration' if ours is _CURVE else 'data'}. Drop it")
    for name, value in ours.items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    refuse_existing([arguments.json, arguments.plot], arguments.force)
    rows = _curve(arguments) if arguments.data is None else _fits(arguments)
    if arguments.json:
        write_json(arguments.json, rows, arguments.force)
    return 0


def _curve(arguments) -> list[dict]:
    from electrode.plot import check_suffix, plot_capacitance

    if arguments.plot:
        check_suffix(arguments.plot)
    first, last = arguments.range
    if not (first < last and arguments.points >= 2):
        raise UsageError(f"expected --range with the lower potential first and at least 2 --points, got {first:g} {last:g} and {arguments.points}")
    curves = {f"{c:g} mol/L": _rows(arguments, c, np.linspace(first, last, arguments.points)) for c in arguments.concentration}
    names = ("potential_V", "charge_uC_per_cm2", "differential_capacitance_uF_per_cm2", "integral_capacitance_uF_per_cm2", "grand_energy_eV_per_A2")
    for label, rows in curves.items():
        print(f"{label}: {arguments.model}, Debye length {rows[0]['debye_length_A']:.4g} A")
        shown = rows[:: max(1, (len(rows) - 1) // 10)]
        print(table(("potential/V", "charge/(uC/cm2)", "C/(uF/cm2)", "integral C/(uF/cm2)", "Omega/(eV/A2)"), [[row[n] for n in names] for row in shown]))
    if arguments.plot:
        plot_capacitance(curves, arguments.plot, force=arguments.force)
    return [row for rows in curves.values() for row in rows]


def _rows(arguments, concentration: float, potentials: np.ndarray) -> list[dict]:
    from electrode.units import UC_PER_CM2

    electrolyte = _electrolyte(arguments, concentration)
    layer = _layer(arguments, electrolyte)
    charge = layer.charge(potentials)
    columns = {
        "potential_V": potentials,
        "charge_e_per_A2": charge,
        "charge_uC_per_cm2": UC_PER_CM2 * charge,
        "differential_capacitance_uF_per_cm2": UC_PER_CM2 * layer.differential_capacitance(potentials),
        "integral_capacitance_uF_per_cm2": UC_PER_CM2 * layer.integral_capacitance(potentials),
        "grand_energy_eV_per_A2": layer.grand_energy(potentials) + 0.0,  # no -0
    }
    same = {"concentration_mol_per_L": concentration, "model": arguments.model, "debye_length_A": electrolyte.debye_length}
    return [{**same, **dict(zip(columns, map(float, values)))} for values in zip(*columns.values())]


def _electrolyte(arguments, concentration: float):
    """Return the salt's electrolyte; its ions are in the ratio that makes it neutral."""
    from electrode.physics.double_layer import Booth, Constant, Electrolyte, Grahame, Ion

    plus, minus = arguments.valence
    if not (plus > 0 > minus and float(plus).is_integer() and float(minus).is_integer()):
        raise UsageError(f"--valence: expected a positive and a negative integer, got {plus:g} {minus:g}")
    diameters = arguments.diameter or [0.0]
    if len(diameters) > 2:
        raise UsageError(f"--diameter: expected one number or two, got {len(diameters)}")
    shared = math.gcd(int(plus), int(-minus))
    permittivity = {None: Constant, "booth": Booth, "grahame": Grahame}[arguments.saturation](arguments.permittivity)
    ions = (Ion(plus, -concentration * minus / shared, diameters[0]), Ion(minus, concentration * plus / shared, diameters[-1]))
    return Electrolyte(ions, arguments.temperature, permittivity)


def _layer(arguments, electrolyte):
    """Return the model, and refuse what it would not use."""
    from electrode.physics.double_layer import Bikerman, DiffuseLayer, GouyChapman, Helmholtz, Stern

    name = arguments.model.removesuffix("-stern")
    outer = {"gouy-chapman": GouyChapman, "bikerman": Bikerman, "poisson-boltzmann": DiffuseLayer}[name]
    if name == "gouy-chapman" and arguments.diameter is not None:
        raise UsageError(f"--diameter is not used by {arguments.model}, whose ions are points. Drop it, or take --model bikerman-stern")
    if not arguments.model.endswith("-stern"):
        if arguments.stern is not None or arguments.stern_permittivity is not None:
            raise UsageError(f"--stern is not used by {arguments.model}. Drop it, or take --model {arguments.model}-stern")
        return outer(electrolyte)
    thickness = 3.0 if arguments.stern is None else arguments.stern
    permittivity = 6.0 if arguments.stern_permittivity is None else arguments.stern_permittivity
    return Stern(Helmholtz(thickness, permittivity), outer(electrolyte))


def _fits(arguments) -> list[dict]:
    """Fit each group of frames, print the table and return its rows."""
    groups: dict[str, list] = {}
    for frame in read_data(arguments):
        name = frame.trajectory if arguments.by == "trajectory" else frame.geometry_id
        groups.setdefault("without trajectory" if name is None else str(name), []).append(frame)
    rows = [fit_frames(name, frames) for name, frames in groups.items() if len({frame.charge for frame in frames}) > 2]
    if not rows:
        other = "geometry" if arguments.by == "trajectory" else "trajectory"
        raise ValueError(
            f"electrode capacitance: expected frames of one {arguments.by} at three or more charges, got {len(groups)} groups with fewer. "
            f"Add frames, or group them with --by {other}"
        )
    names = ("name", "frames", "potential_of_zero_charge_V", "potential_of_zero_charge_error_V", "capacitance_e_per_V",
             "capacitance_error_e_per_V", "capacitance_uF_per_cm2", "energy_rmse_eV", "potential_rmse_V")  # fmt: skip
    heads = (arguments.by, "frames", "pzc/V", "+-", "C/(e/V)", "+-", "C/(uF/cm2)", "rms E/eV", "rms Phi/V", "outliers")
    print(table(heads, [[*(row[n] for n in names), ", ".join(row["outliers"]) or None] for row in rows]))
    if len(rows) < len(groups):
        print(f"left out: {len(groups) - len(rows)} of {len(groups)} groups, with fewer than three charges")
    return rows


def fit_frames(name: str, frames: list) -> dict:
    """Return the capacitor of frames that share one, as a row of the table.

    Parameters
    ----------
    name : of the geometry or trajectory
    frames : of `data.record`, at different charges; potentials and energies are fitted where all frames have them

    Raises
    ------
    ValueError
        what `fit_capacitor` raises, with the frames named.
    """
    from electrode.data.record import CONVERTIBLE_ZEROS
    from electrode.physics.capacitance import fit_capacitor
    from electrode.units import UC_PER_CM2

    has_potential = all(f.mu is not None and f.mu_zero in CONVERTIBLE_ZEROS for f in frames)
    has_energy = all(_has_energy(frame) for frame in frames)
    try:
        fit = fit_capacitor(
            [f.charge for f in frames],
            potentials=[f.potential for f in frames] if has_potential else None,
            energies=[f.fixed_charge_energy for f in frames] if has_energy else None,
        )
    except ValueError as error:
        raise ValueError(f"{name} ({frames[0].where} and others): {error}") from error
    area = _area(frames[0])
    rms = lambda x: None if x is None else float(np.sqrt(np.mean(x**2)))
    return {
        "name": name, "frames": len(frames),
        "potential_of_zero_charge_V": fit.zero_charge_potential, "potential_of_zero_charge_error_V": fit.zero_charge_potential_error,
        "capacitance_e_per_V": fit.capacitance, "capacitance_error_e_per_V": fit.capacitance_error,
        "capacitance_uF_per_cm2": None if area is None else UC_PER_CM2 * fit.capacitance / area,
        "energy_eV": fit.energy, "energy_rmse_eV": rms(fit.energy_residuals), "potential_rmse_V": rms(fit.potential_residuals),
        "outliers": [frames[k].where for k in fit.outliers],
    }  # fmt: skip


def _has_energy(frame) -> bool:
    """Say whether the energy at fixed charge is known."""
    known = frame.energy_kind in ("E", "enthalpy") or (frame.energy_kind in ("Omega", "Omega_total") and frame.mu is not None)
    return known and frame.energy is not None


def _area(frame) -> float | None:
    """Return the charged area of a slab [A^2], all faces that carry charge together, or None."""
    if frame.normal is None and frame.area is None:
        return None
    along = [frame.geometry.cell[k] for k in range(3) if k != frame.normal]
    area = np.linalg.norm(np.cross(*along)) if frame.area is None else frame.area
    return float(area) * (frame.sides or 1)
