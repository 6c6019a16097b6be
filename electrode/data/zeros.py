"""The zeros of energy and potential of each method, fitted together.

Raising every potential by c raises E by c Q and Phi by c, so that a method m differs from a common level by

    E_k   = E_k^0   + sum_Z N_Zk e_mZ + c_m Q_k
    Phi_k = Phi_k^0 + c_m

with the same c_m in both.  E^0 and Phi^0 come from a model or from a reference method at the same structures and charges; e and c
from least squares.  Taking the zeros off leaves dE/dQ = Phi, the forces and every capacitance as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase.data import chemical_symbols

from electrode.data.problems import did_you_mean, fault
from electrode.data.record import CONVERTIBLE_ZEROS, ElectrifiedFrame

ENERGY_SCALE, POTENTIAL_SCALE = 0.01, 0.05  # errors that count alike in the fit [eV per atom], [V]
SAME_CHARGE = 1e-6  # charges of one structure in two methods that are compared [e]
_RANK = 1e-9  # singular values below this share of the largest are zero


@dataclass(frozen=True)
class MethodZero:
    """The zeros of one method.

    Parameters
    ----------
    method_id : name of the method
    elements : (atomic number, e_Z [eV])
    shift : c [V]
    n_energies, n_potentials : labels that were fitted
    energy_rms : what the fit leaves of the energies [eV per atom];  potential_rms : of the potentials [V]
    rank, n_unknowns : directions that the labels determine, of all
    undetermined : names that the labels do not determine one by one; they hold the solution of least norm
    """

    method_id: str
    elements: tuple[tuple[int, float], ...]
    shift: float
    n_energies: int = 0
    n_potentials: int = 0
    energy_rms: float = 0.0
    potential_rms: float = 0.0
    rank: int = 0
    n_unknowns: int = 0
    undetermined: tuple[str, ...] = ()

    def atoms_energy(self, numbers: np.ndarray) -> float:
        """Return sum_Z N_Z e_Z of some atoms [eV].

        Raises
        ------
        DataError
            for an element that the method's labels did not hold.
        """
        known = dict(self.elements)
        missing = sorted({chemical_symbols[z] for z in np.unique(numbers) if z not in known})
        if missing:
            raise fault(self.method_id, f"no element energy for {', '.join(missing)}", "fit the zeros to frames that hold these elements")
        return float(sum(known[z] * count for z, count in zip(*(x.tolist() for x in np.unique(numbers, return_counts=True)))))


@dataclass(frozen=True)
class EnergyZeros:
    """The zeros of several methods over one common level.

    Parameters
    ----------
    methods : one entry for each
    relative_to : what the common level is: "model", or the name of the reference method
    """

    methods: tuple[MethodZero, ...]
    relative_to: str = "model"

    def of(self, method_id: str | None) -> MethodZero:
        """Return the zeros of a method.

        Raises
        ------
        DataError
            for a method that was not fitted.
        """
        known = {m.method_id: m for m in self.methods}
        if method_id not in known:
            raise fault("zeros", f"no zeros of the method {method_id!r}{did_you_mean(method_id, known)}; there are {', '.join(known)}", "fit them with its frames, or correct eir_method_id")
        return known[method_id]

    def apply(self, frame: ElectrifiedFrame) -> ElectrifiedFrame:
        """Return the frame on the common level: E - sum e - c Q, Phi - c, and what follows from them.

        Omega = E - Phi Q loses the elements alone, and Omega_total, which counts n_neutral electrons more, also c n_neutral;
        mu and its target rise by c; the level of SHE falls by c, so that a potential against SHE or RHE stays.

        Raises
        ------
        DataError
            for an unknown method or element, or an energy whose shift needs a number that the frame lacks.
        """
        return _moved(frame, self.of(frame.method_id), 1.0)

    def restore(self, frame: ElectrifiedFrame) -> ElectrifiedFrame:
        """Return a frame of the common level on the level of its method: the inverse of `apply`."""
        return _moved(frame, self.of(frame.method_id), -1.0)


def _moved(frame: ElectrifiedFrame, zero: MethodZero, sign: float) -> ElectrifiedFrame:
    c = sign * zero.shift
    add = lambda value, step: None if value is None else value + step
    return replace(
        frame,
        energy=add(frame.energy, 0.0 if frame.energy_kind == "none" else -sign * zero.atoms_energy(frame.geometry.numbers) + c * _electrons_counted(frame, zero)),
        mu=add(frame.mu, c),
        mu_target=add(frame.mu_target, c),
        phi_she=add(frame.phi_she, -c),
        u=add(frame.u, -c if frame.u_scale == "abs" else 0.0),
    )


def _electrons_counted(frame: ElectrifiedFrame, zero: MethodZero) -> float:
    """Return by how much the frame's kind of energy rises when every potential falls by 1 V: n, 0 for Omega, -n_neutral for Omega_total."""
    if frame.energy is None or frame.energy_kind == "Omega" or zero.shift == 0.0:
        return 0.0
    name, sign = ("nelect_neutral", -1.0) if frame.energy_kind == "Omega_total" else ("n_excess", 1.0)
    if frame.energy_kind not in ("E", "enthalpy", "Omega_total") or getattr(frame, name) is None:
        raise fault(frame.where, f"an energy of kind {frame.energy_kind} cannot change its zero of potential without {name}", f"state the kind of the energy, and {name}")
    return sign * getattr(frame, name)


def fit_zeros(frames: Sequence[ElectrifiedFrame], energies: Sequence[float], potentials: Sequence[float] | None = None, relative_to: str = "model") -> EnergyZeros:
    """Return the zeros of every method among the frames over a common level, by least squares.

    Residuals count in units of 0.01 eV per atom and 0.05 V.  Where elements always come in one ratio, or every cell is neutral and
    has no potential, the labels leave directions open: the solution of least norm is taken and `undetermined` names what is open.

    Parameters
    ----------
    frames : F labelled frames, each with a method
    energies : (F,) E^0 of each [eV];  potentials : (F,) Phi^0 [V absolute], NaN where unknown
    relative_to : name of the common level

    Raises
    ------
    DataError
        for a frame without method, values that do not match the frames, or a method without an energy.
    """
    energies, potentials = np.ravel(energies), np.full(len(frames), np.nan) if potentials is None else np.ravel(potentials)
    if not len(frames) or len(energies) != len(frames) or len(potentials) != len(frames) or not np.isfinite(energies).all():
        raise fault("zeros", f"expected a finite energy for each of at least one frame, got {len(energies)} energies and {len(potentials)} potentials for {len(frames)}", "evaluate the model on these frames")
    base = np.column_stack([energies, potentials]).astype(float)
    methods: dict[str, list[int]] = {}
    for k, frame in enumerate(frames):
        if frame.method_id is None:
            raise fault(frame.where, "eir_method_id is missing, zeros belong to a method", "write eir_method_id")
        methods.setdefault(frame.method_id, []).append(k)
    return EnergyZeros(tuple(_fit_method(name, [frames[k] for k in rows], base[rows]) for name, rows in sorted(methods.items())), relative_to)


def fit_zeros_to(frames: Sequence[ElectrifiedFrame], reference: str) -> EnergyZeros:
    """Return the zeros of every method relative to a reference method, from structures at charges that both have.

    The reference's own zeros are 0.  Frames without a partner in the reference are left out.

    Parameters
    ----------
    frames : of several methods
    reference : method whose level is the common one

    Raises
    ------
    DataError
        if the reference has no frames, or a method shares no structure and charge with it.
    """
    place = lambda f: (f.geometry_id, round(f.charge / SAME_CHARGE))
    partners = {place(f): f for f in frames if f.method_id == reference}
    if not partners:
        known = sorted({str(f.method_id) for f in frames})
        raise fault("zeros", f"no frames of the reference {reference!r}{did_you_mean(reference, known)}; there are {', '.join(known)}", "name one of them")
    both = [(f, partners[place(f)]) for f in frames if place(f) in partners]
    lonely = {str(f.method_id) for f in frames} - {str(f.method_id) for f, _ in both}
    if lonely:
        raise fault("zeros", f"{', '.join(sorted(lonely))}: no structure and charge in common with {reference!r}", "fit against a model, or compute some structures with both methods")
    found = fit_zeros([f for f, _ in both], [p.fixed_charge_energy for _, p in both], [_potential(p) for _, p in both], reference)
    own = found.of(reference)
    exact = replace(own, elements=tuple((z, 0.0) for z, _ in own.elements), shift=0.0)
    return EnergyZeros(tuple(exact if m is own else m for m in found.methods), reference)


def _fit_method(name: str, frames: list[ElectrifiedFrame], base: np.ndarray) -> MethodZero:
    elements = np.unique(np.concatenate([f.geometry.numbers for f in frames]))
    counts = np.array([[(f.geometry.numbers == z).sum() for z in elements] for f in frames], dtype=float)
    energy = np.array([_energy(f) for f in frames]) - base[:, 0]
    potential = np.array([_potential(f) for f in frames]) - base[:, 1]
    with_energy, with_potential = np.isfinite(energy), np.isfinite(potential)
    if not with_energy.any():
        raise fault(name, "no frame has an energy at a known charge", "give energies of a stated kind")
    atoms = counts.sum(axis=1)
    charge = np.array([0.0 if f.n_excess is None else f.charge for f in frames])
    weight = 1.0 / (ENERGY_SCALE * atoms[with_energy])
    rows = np.column_stack([counts, charge])[with_energy] * weight[:, None]
    shifts = np.zeros((with_potential.sum(), len(elements) + 1))
    shifts[:, -1] = 1.0 / POTENTIAL_SCALE
    matrix = np.vstack([rows, shifts])
    target = np.concatenate([energy[with_energy] * weight, potential[with_potential] / POTENTIAL_SCALE])
    solution, rank, open_names = _least_norm(matrix, target, [*(chemical_symbols[z] for z in elements), "shift"])
    left = target - matrix @ solution
    rms = lambda values: float(np.sqrt(np.mean(values**2))) if len(values) else 0.0
    return MethodZero(
        name, tuple((int(z), float(e)) for z, e in zip(elements, solution)), float(solution[-1]), int(with_energy.sum()), int(with_potential.sum()),
        rms(left[: len(rows)] * ENERGY_SCALE), rms(left[len(rows) :] * POTENTIAL_SCALE), rank, len(solution), open_names,
    )  # fmt: skip


def _least_norm(matrix: np.ndarray, target: np.ndarray, names: list[str]) -> tuple[np.ndarray, int, tuple[str, ...]]:
    """Return the least-squares solution of least norm, the rank, and the unknowns that are not determined."""
    u, s, vt = np.linalg.svd(matrix, full_matrices=False)
    kept = s > _RANK * s[0]
    solution = vt[kept].T @ ((u[:, kept].T @ target) / s[kept])
    solution += vt[kept].T @ ((u[:, kept].T @ (target - matrix @ solution)) / s[kept])  # once more, for the last digits
    known = (vt[kept] ** 2).sum(axis=0)  # 1 where a coordinate lies in the determined space
    return solution, int(kept.sum()), tuple(name for name, share in zip(names, known) if share < 1.0 - 1e-6)


def _energy(frame: ElectrifiedFrame) -> float:
    if frame.energy is None or frame.energy_kind in (None, "none") or frame.n_excess is None:
        return np.nan
    return frame.fixed_charge_energy


def _potential(frame: ElectrifiedFrame) -> float:
    return frame.potential if frame.mu is not None and frame.mu_zero in CONVERTIBLE_ZEROS else np.nan
