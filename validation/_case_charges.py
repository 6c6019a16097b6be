"""Cases of electrostatics, charge equilibration and electrodes at constant potential."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.spatial.distance import pdist

from electrode.physics.electrostatics import coulomb
from electrode.physics.ewald import ewald, ewald_matrix
from electrode.physics.neighbours import neighbour_list
from electrode.units import COULOMB, EPSILON_0
from validation._case_checks import CaseError, Checks, per_atom

_CONDITIONS = ("gap_nuclei_A", "cell_A", "positions_A", "electrode", "symbols", "pbc", "lammps")
_FAR = 8.0  # height from which the image plane is fitted [A]


class Space:
    """Positions in a cell and the sum that goes with it: three-dimensional, corrected for a slab, planar or open."""

    def __init__(self, system: Mapping, parameters: Mapping, sigma=None, positions=None):
        self.positions = np.asarray(system["positions_A"] if positions is None else positions, float)
        self.sigma = np.zeros(len(self.positions)) if sigma is None else np.asarray(sigma, float)
        self.cell = np.asarray(system.get("cell_A", np.zeros((3, 3))), float)
        self.pbc = [bool(p) for p in system.get("pbc", [False] * 3)]
        self.corrected = bool(parameters.get("slab_ew3dc", False))
        self.planar = not any(self.pbc) or (bool(parameters.get("slab")) and not self.corrected)

    def matrix(self) -> np.ndarray:
        """Return A (N, N) [V/e]."""
        if self.planar:
            return coulomb(self.positions, self.cell, self.pbc, self.sigma).value
        return ewald_matrix(self.positions, self.cell, self.sigma, slab=self.corrected)

    def forces(self, q: np.ndarray) -> np.ndarray:
        """Return -dE/dR at fixed charges [eV/A]."""
        if self.planar:
            return -coulomb(self.positions, self.cell, self.pbc, self.sigma).pull(np.outer(q, q))
        return ewald(self.positions, self.cell, q, self.sigma, slab=self.corrected).forces


def electrostatics(case: dict, checks: Checks) -> None:
    """Compare energy, forces and potentials of given charges."""
    system, parameters = case["system"], case["parameters"]
    q = np.asarray(parameters["charges"], float)
    sigma = None if parameters.get("model", "point") == "point" else _width(_first(parameters, "eta", "eta_1_A"), system["symbols"])
    space = Space(system, parameters, sigma)
    potentials = space.matrix() @ q
    energy, forces = 0.5 * q @ potentials, space.forces(q)
    expected = case["expected"]
    computed = {
        "energy_eV": ("energy", energy),
        "forces_eV_A": ("forces", forces),
        "forces_max": ("forces", np.abs(forces).max()),
        "potentials_V": ("potentials", potentials),
        "madelung_constant": ("energy", lambda: -2.0 * energy * expected.get("r0_A", pdist(space.positions).min()) / (COULOMB * q @ q)),
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
    eta = parameters.get("eta_1_A")
    sigma = None if eta is None else _width(eta, symbols)
    space = Space(system, parameters, sigma)
    matrix = space.matrix() if gamma is None else _shielded(space, gamma, parameters)
    own = 0.0 if sigma is None else COULOMB / (sigma * np.sqrt(np.pi))  # replaced by the hardness
    matrix += np.diag(hardness - own)
    q, level = _stationary(matrix, -chi, float(parameters.get("total_charge", system.get("charge", 0.0))))
    computed = {"charges_e": ("charges", q), "energy_eV": ("energy", q @ chi + 0.5 * q @ matrix @ q), "lagrange_eV": ("energy", -level)}
    computed |= {f"q_{s}": ("charges", q[symbols.index(s)]) for s in symbols}
    if gamma is None:
        computed["forces_eV_A"] = ("forces", space.forces(q))
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
    held = group > 0
    fixed = np.asarray(parameters.get("fixed_charges", np.zeros(len(group))), float)
    sigma = np.where(held, 1.0 / (np.sqrt(2.0) * parameters["eta_1_A"]), 0.0)
    space = Space({"pbc": [True] * 3, **system}, parameters, sigma)
    dv, field = parameters["dV"], parameters.get("external_field_z_V_A", 0.0)
    wanted = np.select([group == 1, group == 2], [parameters.get("V_bottom", -0.5 * dv), parameters.get("V_top", 0.5 * dv)])
    matrix = space.matrix() + np.diag(np.where(held, parameters.get("thomas_fermi_diag_add_V_per_e", 0.0), 0.0))
    q = np.where(held, 0.0, fixed)
    outside = field * space.positions[:, 2]
    drive = (wanted + outside - matrix @ q)[held]
    q[held], level = _stationary(matrix[np.ix_(held, held)], drive, parameters.get("total_charge", 0.0) - q.sum())
    energy, top = 0.5 * q @ matrix @ q, q[group == 2].sum()
    area = np.linalg.norm(np.cross(*space.cell[:2]))
    forces = space.forces(q) + np.outer(q, [0.0, 0.0, field])
    return {
        "charges_e": ("charges", q), "Q_top_e": ("charges", top), "Q_per_area_e_A2": ("charges", top / area),
        "energy_eV": ("energy", energy), "Omega_eV": ("energy", energy - q[held] @ wanted[held] - q @ outside),
        "forces_eV_A": ("forces", forces), "lagrange_V": ("energy", level),
        "eff_gap_A": ("gap", lambda: EPSILON_0 * dv * area / top),
    }  # fmt: skip


def _image_charge(case: dict, checks: Checks) -> None:
    """Compare a point charge of +1 e at several heights above a slab that shares one potential and holds -1 e."""
    system, parameters, expected = case["system"], case["parameters"], case["expected"]
    metal, xy = np.asarray(system["slab_positions_A"], float), system["ion_xy_A"]
    sigma = np.append(np.full(len(metal), 1.0 / (np.sqrt(2.0) * parameters["eta_1_A"])), 0.0)
    total, found = parameters.get("total_charge", 0.0), []
    for point in expected["points"]:
        z = point["z_A"]
        space = Space(system, parameters, sigma, np.vstack([metal, [*xy, z]]))
        matrix, q = space.matrix(), np.ones(len(sigma))
        q[:-1], level = _stationary(matrix[:-1, :-1], -matrix[:-1, -1], total - 1.0)
        force = space.forces(q)[-1, 2]
        found.append((z, force))
        computed = {
            "energy_eV": ("energy", 0.5 * q @ matrix @ q), "Fz_ion": ("forces", force), "q_slab_sum": ("charges", q[:-1].sum()),
            "q_min": ("charges", q.min()), "lagrange_V": ("energy", level), "q": ("charges", q),
        }  # fmt: skip
        if "z_image_A" in expected:
            gap = z - expected["z_image_A"]
            computed |= {"F_image_lattice": ("forces", _image_force(system, gap)), "F_isolated_image": ("forces", -COULOMB / (4.0 * gap**2))}
        checks.compare_known(computed, point, f"z {z} ", ("z_A",))
    if "z_image_A" in expected:
        checks.compare("z_image_A", "z_image", _image_plane(system, found), expected["z_image_A"])


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


def _stationary(matrix: np.ndarray, drive: np.ndarray, total: float) -> tuple[np.ndarray, float]:
    """Return the charges with matrix.q + level = drive and sum q = total, and the level."""
    n = len(matrix)
    bordered = np.ones((n + 1, n + 1))
    bordered[:n, :n], bordered[n, n] = matrix, 0.0
    solution = np.linalg.solve(bordered, np.append(drive, total))
    return solution[:n], float(solution[n])


def _shielded(space: Space, gamma: np.ndarray, parameters: Mapping) -> np.ndarray:
    """Return k Tap(r)/(r^3 + (g_i g_j)^(-3/2))^(1/3) summed over all images within the cutoff."""
    cutoff, k = parameters["rc_A"], parameters.get("k_e", COULOMB)
    pairs = neighbour_list(space.positions, space.cell, space.pbc, cutoff)
    i, j = np.repeat(np.arange(len(gamma)), np.diff(pairs.first)), pairs.index
    r = np.linalg.norm(pairs.vectors(space.positions), axis=1)
    x = r / cutoff
    taper = 1.0 + x**4 * (-35.0 + x * (84.0 + x * (-70.0 + 20.0 * x)))
    matrix = np.zeros((len(gamma), len(gamma)))
    np.add.at(matrix, (i, j), k * taper / np.cbrt(r**3 + (gamma[i] * gamma[j]) ** -1.5))
    return matrix


def _width(eta, symbols) -> np.ndarray:
    return 1.0 / (np.sqrt(2.0) * per_atom(eta, symbols))


def _first(parameters: Mapping, *names: str):
    for name in names:
        if name in parameters:
            return parameters[name]
    raise CaseError(f"parameters hold none of {', '.join(names)}")
