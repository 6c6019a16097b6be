"""Cases of electrostatics, charge equilibration and electrodes at constant potential."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.spatial.distance import pdist

from electrode.physics.charge_constraints import Constraints, Electrode, Frozen
from electrode.physics.charge_interactions import Bulk, Planar
from electrode.physics.charges import ChargeModel, Charges, equilibrate_charges
from electrode.physics.electrode_solver import ElectrodeSolver
from electrode.physics.electrostatics import coulomb
from electrode.physics.neighbours import neighbour_list
from electrode.units import COULOMB, EPSILON_0
from validation._case_checks import CaseError, Checks, per_atom

_CONDITIONS = ("gap_nuclei_A", "cell_A", "positions_A", "electrode", "symbols", "pbc", "lammps")
_FAR = 8.0  # height from which the image plane is fitted [A]


def _interaction(system: Mapping, parameters: Mapping) -> Planar | Bulk:
    """Return the sum that goes with the system: three-dimensional, corrected for a slab, planar or open."""
    cell = np.asarray(system.get("cell_A", np.zeros((3, 3))), float)
    corrected = bool(parameters.get("slab_ew3dc", False))
    if not any(system.get("pbc", [False] * 3)):
        return Planar.open()
    if parameters.get("slab") and not corrected:
        return Planar(cell)
    return Bulk(cell, slab=corrected, background=not corrected)


def electrostatics(case: dict, checks: Checks) -> None:
    """Compare energy, forces and potentials of given charges."""
    system, parameters = case["system"], case["parameters"]
    q = np.asarray(parameters["charges"], float)
    sigma = None if parameters.get("model", "point") == "point" else _width(_first(parameters, "eta", "eta_1_A"), system["symbols"])
    positions = np.asarray(system["positions_A"], float)
    pairs = _interaction(system, parameters).at(positions, np.zeros(len(q)) if sigma is None else sigma)
    potentials, forces = pairs.potentials(q), pairs.forces(q)
    energy = 0.5 * q @ potentials
    expected = case["expected"]
    computed = {
        "energy_eV": ("energy", energy),
        "forces_eV_A": ("forces", forces),
        "forces_max": ("forces", np.abs(forces).max()),
        "potentials_V": ("potentials", potentials),
        "madelung_constant": ("energy", lambda: -2.0 * energy * expected.get("r0_A", pdist(positions).min()) / (COULOMB * q @ q)),
    }
    checks.compare_known(computed, expected, skip=("r0_A",))


def equilibration(case: dict, checks: Checks) -> None:
    """Compare charges that minimise chi.q + q.H.q/2 at fixed total charge."""
    system, parameters = case["system"], case["parameters"]
    symbols = system["symbols"]
    if "ffield" in parameters:
        field = parameters["ffield"]
        column = lambda name: np.array([field[s][name] for s in symbols], float)
        chi, hardness, gamma = column("chi"), 2.0 * column("eta"), column("gamma")
    else:
        chi, hardness = per_atom(_first(parameters, "chi_eV", "chi"), symbols), per_atom(_first(parameters, "J_eV", "J"), symbols)
        gamma = per_atom(parameters["gamma_1_A"], symbols) if "gamma_1_A" in parameters else None
    positions, interaction = np.asarray(system["positions_A"], float), _interaction(system, parameters)
    sigma, own = np.zeros(len(chi)), 0.0
    if gamma is not None:
        interaction = _Shielded(system, gamma, parameters["rc_A"], parameters.get("k_e", COULOMB))
    elif "eta_1_A" in parameters:
        sigma = _width(parameters["eta_1_A"], symbols)
        own = COULOMB / (sigma * np.sqrt(np.pi))  # replaced by the hardness
    total = float(parameters.get("total_charge", system.get("charge", 0.0)))
    found = equilibrate_charges(ChargeModel(chi, hardness - own, sigma, interaction), positions, Constraints(total=total))
    q = found.charges
    computed = {"charges_e": ("charges", q), "energy_eV": ("energy", found.energy), "lagrange_eV": ("energy", found.level)}
    computed |= {f"q_{s}": ("charges", q[symbols.index(s)]) for s in symbols}
    if gamma is None:
        computed["forces_eV_A"] = ("forces", lambda: found.forces)
    checks.compare_known(computed, case["expected"])


def constant_potential(case: dict, checks: Checks) -> None:
    """Compare electrodes of Gaussian charges at given potentials, beside fixed point charges."""
    parameters, expected = case["parameters"], case["expected"] if "expected" in case else {}
    if "slab_positions_A" in case.get("system", {}):
        _image_charge(case, checks)
    elif "systems" in case:
        gaps = []
        for k, system in enumerate(case["systems"]):
            computed = _electrodes(system, parameters)
            gaps.append((system.get("gap_nuclei_A", np.nan), computed["eff_gap_A"][1]()))
            checks.compare_known(computed, system, f"system {k} ", _CONDITIONS)
        slope, offset = np.polyfit(*np.transpose(gaps), 1) if len(gaps) > 1 else (np.nan, np.nan)
        line = {"fitted_slope": ("slope", slope), "slope_effgap_vs_gap": ("slope", slope), "two_delta_A": ("gap", offset), "eps0_e_per_V_A": ("slope", EPSILON_0)}
        checks.compare_known(line, expected)
    else:
        checks.compare_known(_electrodes(case["system"], parameters), expected)


def _electrodes(system: Mapping, parameters: Mapping) -> dict:
    """Return what is known of one cell with a bottom (1) and a top (2) electrode."""
    group = np.asarray(system["electrode"], int)
    held, positions = group > 0, np.asarray(system["positions_A"], float)
    fixed = np.asarray(parameters.get("fixed_charges", np.zeros(len(group))), float)
    interaction = _interaction({"pbc": [True] * 3, **system}, parameters)
    hardness = np.where(held, parameters.get("thomas_fermi_diag_add_V_per_e", 0.0), 0.0)
    model = ChargeModel(np.zeros(len(group)), hardness, np.where(held, _gaussian(parameters), 0.0), interaction)
    dv = parameters["dV"]
    wanted = {1: parameters.get("V_bottom", -0.5 * dv), 2: parameters.get("V_top", 0.5 * dv)}
    found = equilibrate_charges(model, positions, Constraints(
        electrodes=[Electrode(group == k, wanted.get(k, 0.0)) for k in np.unique(group[held])],
        frozen=Frozen(~held, fixed[~held]),
        total=parameters.get("total_charge", 0.0),
        field=parameters.get("external_field_z_V_A", 0.0),
    ))  # fmt: skip
    top, area = found.charges[group == 2].sum(), np.linalg.norm(np.cross(*interaction.cell[:2]))
    return {**_table(found), "Q_top_e": ("charges", top), "Q_per_area_e_A2": ("charges", top / area), "eff_gap_A": ("gap", lambda: EPSILON_0 * dv * area / top)}


def _table(found: Charges) -> dict:
    return {
        "charges_e": ("charges", found.charges), "energy_eV": ("energy", found.energy), "Omega_eV": ("energy", found.grand_energy),
        "forces_eV_A": ("forces", lambda: found.forces), "lagrange_V": ("energy", -found.level),
    }  # fmt: skip


def _image_charge(case: dict, checks: Checks) -> None:
    """Compare a point charge of +1 e at several heights above a slab that shares one potential and holds -1 e."""
    system, parameters, expected = case["system"], case["parameters"], case["expected"]
    metal, xy = np.asarray(system["slab_positions_A"], float), system["ion_xy_A"]
    model = ChargeModel.metal(len(metal), _gaussian(parameters), _interaction(system, parameters))
    electrode = Electrode(np.arange(len(metal)), 0.0)
    solver = ElectrodeSolver(model, metal, Constraints(electrodes=[electrode], total=parameters.get("total_charge", 0.0)))
    heights_forces = []
    for point in expected["points"]:
        z = point["z_A"]
        found = solver.solve([[*xy, z]], [1.0])
        q, force = found.charges, found.forces[-1, 2]
        heights_forces.append((z, force))
        computed = _table(found) | {"Fz_ion": ("forces", force), "q_slab_sum": ("charges", q[:-1].sum()), "q_min": ("charges", q.min()), "q": ("charges", q)}
        if "z_image_A" in expected:
            gap = z - expected["z_image_A"]
            computed |= {"F_image_lattice": ("forces", _image_force(system, gap)), "F_isolated_image": ("forces", -COULOMB / (4.0 * gap**2))}
        checks.compare_known(computed, point, f"z {z} ", ("z_A",))
    if "z_image_A" in expected:
        checks.compare("z_image_A", "z_image", _image_plane(system, heights_forces), expected["z_image_A"])


def _image_force(system: Mapping, gap: float) -> float:
    """Return the force of a planar lattice of images of -1 e on +1 e at the distance 2 gap [eV/A]."""
    pair = np.array([[0.0, 0.0, gap], [0.0, 0.0, -gap]])
    charges = np.array([[1.0, -1.0], [-1.0, 1.0]])
    return -coulomb(pair, np.asarray(system["cell_A"], float), [True, True, False], np.zeros(2)).pull(charges)[0, 2]


def _image_plane(system: Mapping, found: list[tuple[float, float]]) -> float:
    """Return the image plane that the forces at the far heights agree on best [A]."""
    from scipy.optimize import least_squares

    far = [(z, f) for z, f in found if z >= _FAR] or found[-1:]
    return float(least_squares(lambda p: [f - _image_force(system, z - p[0]) for z, f in far], [0.0], x_scale=0.1, xtol=1e-10).x[0])


class _Shielded:
    """k Tap(r)/(r^3 + (g_i g_j)^(-3/2))^(1/3) summed over all images within the cutoff; an interaction without forces."""

    normal = np.array([0.0, 0.0, 1.0])

    def __init__(self, system: Mapping, gamma: np.ndarray, cutoff: float, k: float):
        cell, pbc = np.asarray(system.get("cell_A", np.zeros((3, 3))), float), system.get("pbc", [False] * 3)
        positions = np.asarray(system["positions_A"], float)
        pairs = neighbour_list(positions, cell, pbc, cutoff)
        i, j = np.repeat(np.arange(len(gamma)), np.diff(pairs.first)), pairs.index
        r = np.linalg.norm(pairs.vectors(positions), axis=1)
        x = r / cutoff
        taper = 1.0 + x**4 * (-35.0 + x * (84.0 + x * (-70.0 + 20.0 * x)))
        self.matrix = np.zeros((len(gamma), len(gamma)))
        np.add.at(self.matrix, (i, j), k * taper / np.cbrt(r**3 + (gamma[i] * gamma[j]) ** -1.5))

    def at(self, positions: np.ndarray, width: np.ndarray) -> _Shielded:
        """Return itself: it was made for one set of positions."""
        return self

    def potentials(self, charges: np.ndarray) -> np.ndarray:
        """Return A q (N,) [V]."""
        return self.matrix @ charges

    def check(self, total: float) -> None:
        """Accept any net charge [e]."""


def _gaussian(parameters: Mapping) -> float:
    return 1.0 / (np.sqrt(2.0) * parameters["eta_1_A"])


def _width(eta, symbols) -> np.ndarray:
    return 1.0 / (np.sqrt(2.0) * per_atom(eta, symbols))


def _first(parameters: Mapping, *names: str):
    for name in names:
        if name in parameters:
            return parameters[name]
    raise CaseError(f"parameters hold none of {', '.join(names)}")
