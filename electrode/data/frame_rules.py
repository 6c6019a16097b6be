"""Rules of one frame about the atoms and their electrons: sizes, signs, units, the cell."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list
from scipy.spatial import cKDTree

from electrode.data.record import CONVERTIBLE_ZEROS, ElectrifiedFrame
from electrode.units import HARTREE

MU_RANGE = (-12.0, 0.0)  # outside: error [eV]
MU_USUAL = (-8.0, -2.0)  # outside: warning [eV]
MU_HARTREE = (-0.45, -0.03)  # numbers that are usual chemical potentials in hartree
SURFACE_ATOM_AREA = 7.0  # area of one atom of a close-packed metal face [A^2]
CHARGE_PER_SURFACE_ATOM = (0.5, 2.0)  # warning, error [e]
CLOSEST = 0.4  # [A]
_REACH = 2.0  # of the list of neighbours, which is slow for a short one in a large cell [A]
FREE_LAYER = 3.0  # least space without electrode along the normal of a slab [A]
STRONG_FIELD = 5.0  # [V/A]
OTHER_ENERGIES = {"sigma0": "extrapolated to zero smearing", "internal": "the internal energy"}  # than the one that forces derive from
VASP_ENERGIES = ("vasp_toten", "vasp_sigma0")  # entries that the reader of VASP keeps: free, extrapolated [eV]

Found = Iterator[tuple[str, str, str]]  # severity, what was expected and found, what to do


def _counts(frame: ElectrifiedFrame) -> Found:
    n = frame.n_excess
    if n is None:
        return
    if None not in (frame.nelect, frame.nelect_neutral) and not abs(frame.nelect - frame.nelect_neutral - n) <= 1e-6:
        yield "error", f"eir_nelect - eir_nelect_neutral = {frame.nelect - frame.nelect_neutral:g}, but eir_n_excess = {n:g}", "correct the electron counts or the sign of eir_n_excess (+ means electrons added)"


def _surface_charge(frame: ElectrifiedFrame) -> Found:
    n, sides = frame.n_excess, frame.sides or 1
    if n is None or frame.normal not in (0, 1, 2) or not np.isfinite(n):
        return
    warn, error = CHARGE_PER_SURFACE_ATOM
    ratio = abs(n) * SURFACE_ATOM_AREA / max(area_of(frame) * sides, 1e-9)
    if ratio > warn:
        severity = "error" if ratio > error else "warning"
        yield severity, f"eir_n_excess = {n:g} e is {ratio:.2g} e per surface atom ({SURFACE_ATOM_AREA:g} A^2), expected at most {warn:g}", "give excess electrons, not the number of electrons, and check the cell"


def _chemical_potential(frame: ElectrifiedFrame) -> Found:
    mu = frame.mu
    if mu is None or frame.mu_zero not in CONVERTIBLE_ZEROS or not np.isfinite(mu):
        return
    if MU_HARTREE[0] <= mu <= MU_HARTREE[1]:
        yield "error", f"eir_mu = {mu:g} eV looks like hartree", f"multiply by 27.2114, which gives {mu * HARTREE:.3f} eV"
    elif mu >= MU_RANGE[1]:
        yield "error", f"eir_mu = {mu:g} eV: expected a negative number, the work function with a minus sign", "write mu = -Phi, or align its zero"
    elif mu <= MU_RANGE[0]:
        yield "error", f"eir_mu = {mu:g} eV: expected {MU_RANGE[0]:g} to {MU_RANGE[1]:g}", "check its unit (Rydberg or hartree converted twice?) and its zero"
    elif not MU_USUAL[0] <= mu <= MU_USUAL[1]:
        yield "warning", f"eir_mu = {mu:g} eV lies outside {MU_USUAL[0]:g} to {MU_USUAL[1]:g}", "check the zero of mu"


def _shape(frame: ElectrifiedFrame) -> Found:
    forces, n = frame.forces, len(frame.geometry)
    if forces is None:
        return
    if forces.shape != (n, 3):
        yield "error", f"REF_forces: expected shape ({n}, 3), got {forces.shape}", "take the forces of this frame"


def _raw(frame: ElectrifiedFrame) -> Found:
    forces, n = frame.forces, len(frame.geometry)
    if forces is None or forces.shape != (n, 3):
        return
    still = ~forces.any(axis=1)
    if still.sum() >= 2 and not still.all():
        frozen = frame.geometry.arrays.get("frozen")
        whose = ", those marked frozen" if frozen is not None and np.array_equal(still, frozen.astype(bool)) else ""
        yield "warning", f"REF_forces: exactly zero on {still.sum()} of {n} atoms{whose}, as a constraint leaves them", "write raw forces (ASE: get_forces(apply_constraint=False)), or leave these atoms out of the fit of forces"


def _smearing(frame: ElectrifiedFrame) -> Found:
    kind = frame.energy_smearing
    if kind not in OTHER_ENERGIES or frame.forces is None or frame.energy is None or frame.energy_kind == "none":
        return
    printed = [frame.info.get(key) for key in VASP_ENERGIES]
    size = f", here by {abs(printed[0] - printed[1]):.4f} eV" if kind == "sigma0" and all(isinstance(p, float) for p in printed) else ""
    what = f"REF_energy is {OTHER_ENERGIES[kind]} (eir_energy_smearing = {kind}), which differs from the free energy that REF_forces derive from{size}"
    yield "warning", what, "write the free energy (eir_energy_smearing = free; VASP: TOTEN), or fit energies and forces apart"


def _slab(frame: ElectrifiedFrame) -> Found:
    pbc, normal = frame.geometry.pbc, frame.normal
    if frame.sides not in (None, 1, 2):
        yield "error", f"eir_sides: expected 1 or 2, got {frame.sides}", "say how many faces carry charge"
    if normal is None:
        return
    if normal not in (0, 1, 2):
        yield "error", f"eir_normal: expected 0, 1 or 2, got {normal}", "name the cell vector along the surface normal"
        return
    if not np.delete(pbc, normal).all():
        yield "error", f"eir_normal = {normal}, but pbc = {pbc.tolist()} is not periodic along the surface", "correct eir_normal or pbc"
    elif pbc[normal] and frame.geometry.cell.rank == 3 and _free_space(frame) < FREE_LAYER:
        yield "error", f"no vacuum or electrolyte along the normal {normal}: the widest gap is {_free_space(frame):.2f} A", "add vacuum or electrolyte, or drop eir_normal for a bulk cell"
    if frame.area is not None and not abs(frame.area - area_of(frame)) <= 1e-4 * area_of(frame):
        yield "error", f"eir_area = {frame.area:g} A^2, but the cell gives {area_of(frame):g}", "drop eir_area or correct the cell"


def _cell(frame: ElectrifiedFrame) -> Found:
    atoms = frame.geometry
    vectors = atoms.cell.array[atoms.pbc]
    if len(vectors) and not np.linalg.det(vectors @ vectors.T) > 1e-10:
        yield "error", f"pbc = {atoms.pbc.tolist()}, but those cell vectors span no volume", "write the Lattice or correct pbc"
        return
    i, j, distance = _pairs(atoms)
    if distance.min(initial=_REACH) < CLOSEST:
        k = distance.argmin()
        yield "error", f"atoms {i[k]} and {j[k]} are {distance[k]:.3f} A apart, expected at least {CLOSEST:g}", "drop the frame or correct positions and cell (bohr?)"


def _pairs(atoms: Atoms) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the atoms of close pairs and their distances [A]."""
    if atoms.pbc.any():
        return neighbor_list("ijd", atoms, _REACH)
    i, j = cKDTree(atoms.positions).query_pairs(CLOSEST, output_type="ndarray").reshape(-1, 2).T
    return i, j, np.linalg.norm(atoms.positions[i] - atoms.positions[j], axis=1)


def _converged(frame: ElectrifiedFrame) -> Found:
    if frame.scf_converged is False:
        yield "error", "eir_scf_converged = F", "drop the frame or converge it; strict=False reads it all the same"


def _target(frame: ElectrifiedFrame) -> Found:
    targets = (frame.mu, frame.mu_target, frame.mu_tol)
    if frame.ensemble == "fixed_mu" and None not in targets and abs(frame.mu - frame.mu_target) > frame.mu_tol:
        yield "warning", f"eir_mu = {frame.mu:g} eV misses its target {frame.mu_target:g} by more than {frame.mu_tol:g}", "use the actual eir_mu; see whether the electron number was updated at all"


def _background(frame: ElectrifiedFrame) -> Found:
    if frame.countercharge == "uniform" and frame.n_excess:
        yield "warning", "uniform background charge: energies of different charge are not comparable", "do not fit dE/dN to these frames"


def _field(frame: ElectrifiedFrame) -> Found:
    if frame.efield is not None and np.abs(frame.efield).max() > STRONG_FIELD:
        yield "warning", f"eir_efield = {frame.efield.tolist()} V/A is stronger than {STRONG_FIELD:g}", "check its unit; 1 atomic unit is 51.42 V/A"


def area_of(frame: ElectrifiedFrame) -> float:
    """Return the area of the cell across the normal [A^2]."""
    a, b = np.delete(frame.geometry.cell.array, frame.normal, axis=0)
    return float(np.linalg.norm(np.cross(a, b)))


def _free_space(frame: ElectrifiedFrame) -> float:
    """Widest gap along a periodic normal between atoms heavier than calcium, or between all if there are none [A]."""
    heavy = frame.geometry.numbers > 20
    along = frame.geometry.get_scaled_positions()[heavy if heavy.any() else slice(None), frame.normal]
    gaps = np.diff(np.sort(along), append=np.sort(along)[:1] + 1.0)
    height = frame.geometry.cell.volume / area_of(frame)
    return float(gaps.max() * height)


RULES = {  # rule of `rules.RULES` -> what finds that it is broken
    "V3": _counts,
    "V4": _surface_charge,
    "V5": _chemical_potential,
    "V8": _shape,
    "V9": _slab,
    "V10": _background,
    "V15": _target,
    "V18": _converged,
    "V19": _cell,
    "V20": _raw,
    "V21": _field,
    "V31": _smearing,
}
