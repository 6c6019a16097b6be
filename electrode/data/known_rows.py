"""The table of known sets; see `known_sets` for the meaning of a row."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from electrode.data.known_sets import SHE, SJM_TOLERANCE, KnownSet, Read, folder_of

_RECORD = {"eir_version": 1, "eir_scf_converged": True}
_NEUTRAL = {**_RECORD, "eir_n_excess": 0.0, "eir_ensemble": "fixed_n", "eir_countercharge": "none"}
_SJM = {**_RECORD, "eir_mu_zero": "electrolyte", "eir_countercharge": "jellium_slab", "eir_solvation": "sjm", "eir_normal": 2, "eir_sides": 1, "eir_phi_she": SHE}
_NO_FIELD = np.zeros(3)
_E_N_MU = {"REF_energy_N": Read("REF_energy"), "n_excess_electrons": Read("eir_n_excess"), "electrode_potential_abs": Read("eir_mu", -1.0)}


def _target(found: Mapping) -> dict:
    """Return the ensemble of a frame of the solvated jellium method; the target may stand in the name of its file."""
    named = re.search(r"(?:^|/)pot_([0-9.]+)\.traj$", str(found.get("source", "")))
    target = found.get("potential_target_abs", named and float(named.group(1)))
    if target is None:
        return {"eir_ensemble": "fixed_n"}
    return {"eir_ensemble": "fixed_mu", "eir_mu_target": -float(target), "eir_mu_tol": SJM_TOLERANCE}


def _catheory(found: Mapping) -> dict:
    source = str(found["source"])
    series = found.get("kind") == "neb" or source.rpartition("/")[2].startswith("sp_")
    forces = None if not found["has_forces"] else np.asarray(found["REF_forces"], dtype=float)
    return {**_target(found), "trajectory": folder_of(source) if series else source, "system": str(found["repo"]), "REF_forces": forces}


def _mlneb(found: Mapping) -> dict:
    return {**_target(found), "trajectory": str(found["source"]), "system": f"{found['metal']}_{found['reaction']}"}


def _treci(found: Mapping) -> dict:
    target = found.get("U_target_vs_SHE")
    more = {"printed_energy": float(found["energy"]), "trajectory": str(found["case"])} if "case" in found else {"printed_energy": float(found["energy"])}
    if target is None:
        return {**more, "eir_ensemble": "fixed_n"}
    return {**more, "eir_ensemble": "fixed_mu", "eir_mu_target": -(float(target) + SHE), "eir_mu_tol": SJM_TOLERANCE}


def _fireann(found: Mapping) -> dict:
    # a cubic box of 12.4 A for water, of 40 A without periods for the molecule
    periodic = len(np.asarray(found["REF_forces"])) > 100
    more = {"eir_method_id": "fireann_water" if periodic else "fireann_nma"}
    if periodic:
        more["eir_polarization_branch"] = "force_only"
    number = re.search(r"(\d+)\s*$", str(found.get("point", "")))
    return {**more, "point_number": int(number.group(1))} if number else more


def _zero_dipole(found: Mapping) -> dict:
    return {"REF_dipole": None} if not np.any(found["REF_dipole"]) else {}


def _plates(found: Mapping) -> dict:
    return {"eir_region": np.where(np.asarray(found["electrode"]) == 1, 0, 3)}


_SJM_NOTE = "energy at fixed charge E (key REF_energy_N); REF_omega = E + Phi n was compared and left out"

KNOWN_SETS = (
    KnownSet(
        "CatTheoryDTU solvated jellium trajectories", "github.com/CatTheoryDTU", ("REF_energy_N", "n_excess_electrons", "electrode_potential_abs", "has_forces", "source", "repo"),
        _E_N_MU, {**_SJM, "eir_energy_kind": "E", "eir_method_id": "gpaw_sjm_beef_vdw"}, more=_catheory,
        notes=(
            _SJM_NOTE, "the trajectory is the folder of a band or of a series of single points, else the file",
            "where frozen_forces_zeroed is set, the forces on frozen atoms are zeros that stand for no value",
        ),
    ),
    KnownSet(
        "CatTheoryDTU alkaline hydrogen evolution bands", "https://doi.org/10.1016/j.electacta.2025.147476", ("REF_omega", "potential_target_abs", "reaction", "metal", "label"),
        {"REF_omega": Read("REF_energy"), "potential_target_abs": Read("eir_mu", -1.0)},
        {**_SJM, "eir_phi_she": 4.4, "eir_energy_kind": "Omega", "eir_method_id": "gpaw_sjm_beef_vdw_alkaline"}, more=_mlneb,
        notes=("eir_mu is the target, the files hold no charge and no actual potential", "images without the label dft_sjm are predictions of a Gaussian process, not electronic structure"),
    ),
    KnownSet(
        "Amp dual-learning example, Au(111)/water", "npj Comput. Mater. 9, 73 (2023)", ("REF_energy_N", "n_excess_electrons", "electrode_potential_abs", "grand_output"),
        _E_N_MU, {**_SJM, "eir_energy_kind": "E", "eir_method_id": "gpaw_sjm_rpbe"}, more=_target,
        notes=(_SJM_NOTE, "there is no trajectory: split by positions, equal geometries come at several potentials"),
    ),
    KnownSet(
        "TRECI, Cu(111)/water by the double reference method", "arXiv:2511.19338", ("NELECT", "NELECT0", "energy", "free_energy"),
        {"free_energy": Read("REF_energy"), "NELECT": Read("eir_nelect"), "NELECT0": Read("eir_nelect_neutral"), "U_vs_SHE": Read("eir_mu", -1.0, -SHE),
         "initial_charges": Read("REF_charges"), "forces": Read("REF_forces")},
        {**_RECORD, "eir_energy_kind": "E", "eir_energy_smearing": "free", "eir_mu_zero": "electrolyte", "eir_phi_she": SHE, "eir_countercharge": "uniform", "eir_normal": 2, "eir_sides": 2,
         "eir_method_id": "vasp_r2scan_treci"}, more=_treci,
        notes=("the energy is F(n), key free_energy; the key energy is kept as printed_energy and is not one kind in all frames", "Bader charges as REF_charges"),
    ),
    KnownSet(
        "TRECI, neutral frames of Cu(111)/water", "arXiv:2511.19338", ("step", "tag", "energy", "free_energy", "forces"),
        {"free_energy": Read("REF_energy"), "forces": Read("REF_forces"), "charges": Read("REF_charges")},
        {**_NEUTRAL, "eir_energy_kind": "E", "eir_energy_smearing": "free", "eir_normal": 2, "eir_sides": 2, "eir_method_id": "vasp_r2scan_treci"}, lacks=("NELECT",),
    ),
    KnownSet(
        "PaiNN set of Au(111)/water, neutral", "Chem. Sci. 14, 3913 (2023)", ("REF_energy", "n_excess_electrons", "REF_dipole", "frozen"),
        {"n_excess_electrons": Read("eir_n_excess"), "REF_energy": Read("REF_energy"), "REF_forces": Read("REF_forces"), "REF_dipole": Read("REF_dipole")},
        {**_NEUTRAL, "eir_energy_kind": "E", "eir_normal": 2, "eir_sides": 1, "eir_method_id": "vasp_pbe_d3_painn"}, lacks=("electrode_potential_abs",), more=_zero_dipole,
        notes=("dipoles of exactly zero are placeholders and left out",),
    ),
    KnownSet(
        "FIREANN frames in a uniform field", "Nat. Commun. 14, 6424 (2023)", ("external_field", "REF_dipole", "REF_polarizability_raw"),
        {"REF_energy": Read("REF_energy"), "REF_forces": Read("REF_forces"), "external_field": Read("eir_efield"), "REF_dipole": Read("REF_dipole", -1.0),
         "REF_polarizability_raw": Read("REF_polarizability", -1.0)},
        {**_NEUTRAL, "eir_energy_kind": "enthalpy"}, more=_fireann,
        notes=("REF_dipole of the files is +dH/dF, so it is read with the opposite sign", "the code and functional are not stated"),
    ),
    KnownSet(
        "Allegro-pol crystals, electronic structure", "Nat. Commun. 16, 4031 (2025)", ("total_energy", "polarization", "polarizability", "born_charge"),
        {"total_energy": Read("REF_energy"), "forces": Read("REF_forces"), "polarization": Read("REF_dipole"), "polarizability": Read("REF_polarizability"), "born_charge": Read("REF_bec")},
        {**_NEUTRAL, "eir_energy_kind": "enthalpy", "eir_efield": _NO_FIELD, "eir_polarization_branch": "modulo_lattice", "eir_method_id": "qe_pbe_finite_field"},
        notes=("the polarisation is known up to a lattice vector times e",),
    ),
    KnownSet(
        "Allegro-pol crystals, predictions of the published model", "Nat. Commun. 16, 4031 (2025)", ("energies", "energy", "polarization", "polarizability", "born_charge"),
        {"energy": Read("REF_energy"), "forces": Read("REF_forces"), "polarization": Read("REF_dipole"), "polarizability": Read("REF_polarizability"), "born_charge": Read("REF_bec")},
        {**_NEUTRAL, "eir_energy_kind": "enthalpy", "eir_efield": _NO_FIELD, "eir_polarization_branch": "modulo_lattice", "eir_method_id": "allegro_pol_published", "pbc": True}, lacks=("total_energy",),
        notes=("these are predictions of a model, not electronic structure", "the files say pbc = F F F of a crystal, read as periodic"),
    ),
    KnownSet(
        "APTNN polar tensors of liquid water", "J. Chem. Theory Comput. 19, 705 (2023)", ("REF_apt",), {"REF_apt": Read("REF_bec")},
        {**_NEUTRAL, "eir_energy_kind": "none", "eir_efield": _NO_FIELD, "eir_method_id": "aptnn_water"},
        notes=("the nine components are kept in the order of the files, [polarisation, displacement]",),
    ),
    KnownSet(
        "Born charges of water (LES)", "arXiv:2504.05169", ("REF_bec", "free_energy", "forces"),
        {"free_energy": Read("REF_energy"), "forces": Read("REF_forces"), "REF_bec": Read("REF_bec")},
        {**_NEUTRAL, "eir_energy_kind": "enthalpy", "eir_energy_smearing": "free", "eir_efield": _NO_FIELD, "eir_method_id": "les_water"},
    ),
    KnownSet(
        "two Au electrodes of the LAMMPS ELECTRODE examples", "J. Chem. Phys. 157, 084801 (2022)", ("electrode", "eta_inv_A", "dV_V"), {},
        {**_NEUTRAL, "eir_energy_kind": "none", "eir_countercharge": "two_electrode", "eir_normal": 2, "eir_sides": 2, "eir_method_id": "lammps_electrode"}, more=_plates,
        notes=("a difference of potential between two electrodes, no chemical potential",),
    ),
)  # fmt: skip
