"""The electrified-interface record, version 1: one frame of atoms with its charge, potential and labels.

Signs: n excess electrons, Q = -n, mu the electron chemical potential, Phi = -mu/e the absolute electrode potential,
E the energy at fixed charge, Omega = E - mu n = E + Phi n the energy at fixed potential.  Unknown values stay None.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType

import numpy as np
from ase import Atoms

from electrode.data.aliases import ALIAS_KEYS, expand, resolve
from electrode.data.problems import fault
from electrode.data.values import SHAPES, parse_value

CONVERTIBLE_ZEROS = ("electrolyte", "vacuum_top", "vacuum_bottom")  # zeros of mu on which Phi = -mu/e


def _key(key: str, kind: str):
    return field(default=None, metadata={"key": key, "kind": kind})


@dataclass(frozen=True, eq=False)
class ElectrifiedFrame:
    """One frame of the record; a field is None where the file says nothing.

    Parameters
    ----------
    geometry : Atoms without labels; `atoms` gives a copy
    where : file and frame, for messages;  info : other entries of the comment line, kept as they are
    energy : float [eV], of the kind `energy_kind`: E, Omega (excess electrons), Omega_total (all electrons), enthalpy
        or none
    forces : (N, 3) [eV/A], as computed, no constraint applied
    n_excess, nelect, nelect_neutral : float [e], excess electrons, electrons, electrons of the neutral cell
    mu, mu_target, mu_tol : float [eV], on the zero `mu_zero`
    phi_she : float [V], absolute potential of the standard hydrogen electrode in this method
    u, u_scale : float [V] and its scale (abs, she, rhe, pzc)
    efield : (3,) [V/A], a charge q feels +qF
    area : float [A^2];  normal : 0, 1 or 2;  sides : faces that carry charge, 1 or 2
    debye_length, countercharge_z, countercharge_thickness, countercharge_gap : float [A], the gap from the top metal layer
    dipole : (3,) [e A];  atomic_charges : (N,) [e];  born_charges : (N, 9) [e]
    polarizability : (9,) [e A^2/V];  hardness : float [eV/e^2]
    region : (N,) int, 0 electrode, 1 adsorbate, 2 electrolyte, 3 fixed counter electrode
    trajectory : what splits group by;  system : name of the system
    """

    geometry: Atoms
    where: str = "frame"
    info: Mapping = field(default_factory=dict)
    version: int | None = _key("eir_version", "int")
    energy: float | None = _key("REF_energy", "float")
    energy_kind: str | None = _key("eir_energy_kind", "word")
    energy_smearing: str | None = _key("eir_energy_smearing", "word")
    n_excess: float | None = _key("eir_n_excess", "float")
    nelect: float | None = _key("eir_nelect", "float")
    nelect_neutral: float | None = _key("eir_nelect_neutral", "float")
    mu: float | None = _key("eir_mu", "float")
    mu_zero: str | None = _key("eir_mu_zero", "word")
    ensemble: str | None = _key("eir_ensemble", "word")
    mu_target: float | None = _key("eir_mu_target", "float")
    mu_tol: float | None = _key("eir_mu_tol", "float")
    phi_she: float | None = _key("eir_phi_she", "float")
    ph: float | None = _key("eir_ph", "float")
    temperature: float | None = _key("eir_temperature", "float")
    u: float | None = _key("eir_u", "float")
    u_scale: str | None = _key("eir_u_scale", "word")
    efield: np.ndarray | None = _key("eir_efield", "vector")
    polarization_branch: str | None = _key("eir_polarization_branch", "word")
    countercharge: str | None = _key("eir_countercharge", "word")
    solvation: str | None = _key("eir_solvation", "word")
    debye_length: float | None = _key("eir_debye_length", "float")
    normal: int | None = _key("eir_normal", "int")
    sides: int | None = _key("eir_sides", "int")
    area: float | None = _key("eir_area", "float")
    scf_converged: bool | None = _key("eir_scf_converged", "flag")
    method_id: str | None = _key("eir_method_id", "word")
    source: str | None = _key("eir_source", "word")
    countercharge_z: float | None = _key("eir_countercharge_z", "float")
    countercharge_gap: float | None = _key("eir_countercharge_gap", "float")
    countercharge_thickness: float | None = _key("eir_countercharge_thickness", "float")
    hardness: float | None = _key("REF_hardness", "float")
    dipole: np.ndarray | None = _key("REF_dipole", "vector")
    polarizability: np.ndarray | None = _key("REF_polarizability", "tensor")
    forces: np.ndarray | None = _key("REF_forces", "rows")
    atomic_charges: np.ndarray | None = _key("REF_charges", "column")
    born_charges: np.ndarray | None = _key("REF_bec", "row_tensors")
    region: np.ndarray | None = _key("eir_region", "regions")
    trajectory: str | int | None = _key("trajectory", "label")
    system: str | int | None = _key("system", "label")

    @property
    def atoms(self) -> Atoms:
        """A copy of the geometry as ASE Atoms with its regions and the distance of its counter-charge, without calculator and without labels."""
        atoms = self.geometry.copy()
        if self.countercharge_gap is not None:
            atoms.info[KEY_OF["countercharge_gap"]] = self.countercharge_gap
        if self.region is not None:
            atoms.set_array("eir_region", np.array(self.region))
        return atoms

    @property
    def charge(self) -> float:
        """Net charge of the cell, Q = -n [e]."""
        return -self._need("n_excess", "the charge")

    @property
    def potential(self) -> float:
        """Absolute electrode potential, Phi = -mu/e [V]; raises where the zero of mu allows no conversion."""
        mu = self._need("mu", "the potential")
        if self.mu_zero not in CONVERTIBLE_ZEROS:
            raise fault(self.where, f"eir_mu_zero = {self.mu_zero}: mu on this zero is no electrode potential; expected one of {', '.join(CONVERTIBLE_ZEROS)}", "align mu to the electrolyte or the vacuum plateau")
        return -mu

    @property
    def fixed_charge_energy(self) -> float:
        """The scalar at fixed charge whose derivative by n is mu: E, or the enthalpy in a field [eV]."""
        kind = self.energy_kind
        if kind not in ("E", "Omega", "Omega_total", "enthalpy"):
            raise fault(self.where, f"eir_energy_kind = {kind}: no energy can be derived", "state the kind E, Omega, Omega_total or enthalpy")
        energy = self._need("energy", "an energy")
        if kind in ("E", "enthalpy"):
            return energy
        electrons = self._need("n_excess", f"an energy of kind {kind}")
        if kind == "Omega_total":
            electrons += self._need("nelect_neutral", "an energy of kind Omega_total")
        return energy + self._need("mu", f"an energy of kind {kind}") * electrons

    @property
    def canonical_energy(self) -> float:
        """Energy at fixed charge: E = Omega + mu n = Omega_total + mu (n + n_neutral) [eV]."""
        if self.energy_kind == "enthalpy" and self.efield is not None and np.any(self.efield):
            raise fault(self.where, "the energy is an enthalpy in a field, H; E = H + F.P holds only where P does not depend on F", "use enthalpy")
        return self.fixed_charge_energy

    @property
    def enthalpy(self) -> float:
        """Energy at fixed charge and field, H [eV]; without a field it is E."""
        if self.energy_kind != "enthalpy" and self.efield is not None and np.any(self.efield):
            raise fault(self.where, f"eir_energy_kind = {self.energy_kind} in a field: the enthalpy is not known", "state the kind enthalpy if the energy holds the -F.P term")
        return self.fixed_charge_energy

    @property
    def grand_energy(self) -> float:
        """Energy at fixed potential: Omega = E - mu n = E + Phi n [eV]; with the enthalpy for E in a field."""
        electrons = self._need("n_excess", "the grand energy")
        return self.fixed_charge_energy - self._need("mu", "the grand energy") * electrons

    @property
    def geometry_id(self) -> str:
        """A name that frames with equal atoms, cell and positions (to 1e-4 A) share."""
        digest = hashlib.sha256(np.asarray([*self.geometry.numbers, *self.geometry.pbc], dtype=np.int64).tobytes())
        for array in (self.geometry.cell.array, self.geometry.positions):
            digest.update((np.round(array, 4) + 0.0).tobytes())
        return f"geometry_{digest.hexdigest()[:16]}"

    def canonical(self) -> ElectrifiedFrame:
        """Return the same frame with its energy converted to the kind E."""
        return replace(self, energy=self.canonical_energy, energy_kind="E")

    @classmethod
    def from_atoms(cls, atoms: Atoms, where: str = "frame", assume: Mapping | None = None) -> ElectrifiedFrame:
        """Build a frame from `atoms.info` and `atoms.arrays`, and warn of every alias that was read.

        Parameters
        ----------
        atoms : ASE Atoms
        where : file and frame, for messages
        assume : key or word of the record -> value where the frame lacks it; and `aliases.resolve`'s three words

        Raises
        ------
        DataError
            if an alias is ambiguous, or a value has the wrong type or shape.
        """
        frame, notes = build(atoms, where, assume)
        if notes:
            warnings.warn(f"{where}: assumed {'; '.join(notes)}", UserWarning, stacklevel=2)
        return frame

    def to_atoms(self) -> Atoms:
        """Return ASE Atoms with `eir_*` and `REF_*` entries, the trajectory, the system and the other entries."""
        atoms = self.atoms
        atoms.info.update(self.info)
        for row in COLUMNS:
            value = getattr(self, row.name)
            if value is None:
                continue
            if SHAPES.get(row.metadata["kind"], (0,))[0] == -1:
                atoms.set_array(row.metadata["key"], np.array(value))
            else:
                atoms.info[row.metadata["key"]] = np.array(value) if isinstance(value, np.ndarray) else value
        return atoms

    def _need(self, name: str, purpose: str) -> float:
        value = getattr(self, name)
        if value is None:
            raise fault(self.where, f"{KEY_OF[name]} is missing, {purpose} needs it", f"give {KEY_OF[name]}")
        return value


COLUMNS = tuple(f for f in fields(ElectrifiedFrame) if "key" in f.metadata)
KEY_OF = {f.name: f.metadata["key"] for f in COLUMNS}


def build(atoms: Atoms, where: str, assume: Mapping | None) -> tuple[ElectrifiedFrame, list[str]]:
    """Return the frame of an ASE Atoms object and a note for each thing assumed; see `ElectrifiedFrame.from_atoms`."""
    found = {**atoms.info, **{k: v for k, v in atoms.arrays.items() if k not in ("numbers", "positions")}}
    for key, value in found.items():
        if isinstance(value, str) and value.split("=")[0].isidentifier() and "=" in value:
            raise fault(where, f"{key} = {value!r} holds a key of its own", f"give {key} a value; an empty one swallows the next entry, pbc included")
    results = getattr(atoms.calc, "results", {})
    keys, notes = resolve(found, results, expand(assume, KEY_OF, where), where)
    values = {}
    for row in COLUMNS:
        key, kind = row.metadata["key"], row.metadata["kind"]
        value = keys.get(key, found.get(key))
        values[row.name] = None if value is None else parse_value(value, kind, key, len(atoms), where)
    if values["n_excess"] is None and None not in (values["nelect"], values["nelect_neutral"]):
        values["n_excess"] = values["nelect"] - values["nelect_neutral"]
    consumed = ALIAS_KEYS | set(KEY_OF.values())
    info = {k: v for k, v in atoms.info.items() if k not in consumed}
    return ElectrifiedFrame(_bare(atoms, consumed), where, MappingProxyType(info), **values), notes


def _bare(atoms: Atoms, consumed) -> Atoms:
    bare = atoms.copy()
    bare.info = {}
    for key in set(bare.arrays) & consumed:
        del bare.arrays[key]
    return bare
