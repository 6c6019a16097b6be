"""The ASE calculator: energy, forces, charge and potential at the electronic control you name."""

from __future__ import annotations

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.singlepoint import SinglePointCalculator

from electrode.changes import changes_of, structure_of
from electrode.data.checks import WORDS
from electrode.models.committee import Committee
from electrode.models.domain import check_domain, check_elements
from electrode.models.fields import refuse_branch
from electrode.models.store import load_model
from electrode.physics.kept_neighbours import KeptNeighbours
from electrode.physics.neighbours import found_by
from electrode.references import Absolute, reference as potential_reference
from electrode.state import Control
from electrode.thermo import evaluate

_HOLDS = ("potential", "charge", "excess_electrons")
_SCALE = ("she_absolute", "ph", "pzc")
_SETTINGS = (*_HOLDS, "field", "reference", *_SCALE, "temperature", "strict")
# keys of atoms.info that other tools read as a control; here they must agree with the calculator's or be absent (the
# record's own eir_* keys are labels of the frame, not a control)
_INFO_KEYS = {
    "charge": "charge", "total_charge": "charge", "net_charge": "charge", "Q": "charge", "excess_electrons": "excess_electrons",
    "ne": "excess_electrons", "electric_field": "field", "external_field": "field", "field": "field", "efield": "field",
    "potential": "potential", "electrode_potential": "potential", "U": "potential",
}  # fmt: skip


class ElectrodeCalculator(Calculator):
    """Energies, forces, charge and potential of a model in a fixed electronic control, for ASE.

    `energy` and `free_energy` are the scalar whose gradient the forces are: Omega when the potential is held, E when the
    charge is, H or Omega with a field.

    Parameters
    ----------
    model : a Model, a folder, or the name of a shipped model
    potential : float [V] on the scale `reference`, which must then be named
    charge, excess_electrons : float [e], net charge of the cell or its opposite; one of potential, charge, excess_electrons
    field : 3 floats [V/A], a charge q feels +qF
    reference : "SHE", "RHE" (with `ph`), "PZC" (with `pzc`) or "absolute"; results report `electrode_potential` on it
    she_absolute : float [V], absolute potential of SHE; by default the model's own, else 4.44
    strict : raise, rather than warn, outside the range that the model was trained in

    Raises
    ------
    ValueError
        on a missing, double or unknown control, a potential without scale, or `atoms.info` that disagrees with the control.
    """

    discard_results_on_any_change = True

    def __init__(
        self, model, *, potential=None, charge=None, excess_electrons=None, field=None, reference=None, she_absolute=None,
        ph=None, pzc=None, temperature=298.15, strict=False,
    ):  # fmt: skip
        self.model = load_model(model)
        self.implemented_properties = [
            "energy", "free_energy", "forces", "charges", "canonical_energy", "grand_energy", "charge", "excess_electrons",
            "potential", "electrode_potential", "capacitance",
        ]  # fmt: skip
        self.implemented_properties += ["dipole"] if self.model.uses_field else []
        self.implemented_properties += ["energy_std", "forces_std"] if isinstance(self.model, Committee) else []
        self._structure, self._neighbours, self._warm, self._warned = None, KeptNeighbours(), None, False
        super().__init__(
            potential=potential, charge=charge, excess_electrons=excess_electrons, field=field, reference=reference,
            she_absolute=she_absolute, ph=ph, pzc=pzc, temperature=temperature, strict=strict,
        )  # fmt: skip

    def set(self, **changes):
        """Change the control or another setting, and discard the results; None drops a setting.

        Raises
        ------
        ValueError
            for an unknown name, or settings that do not go together; the old ones then stay.
        """
        unknown = sorted(set(changes) - set(_SETTINGS))
        if unknown:
            raise ValueError(f"ElectrodeCalculator has no setting {', '.join(unknown)}; it has {', '.join(_SETTINGS)}")
        changes = {k: _plain(v, k) for k, v in changes.items()}
        self.reference, self._control = self._settled({**self.parameters, **changes})
        self._warned = False
        return super().set(**changes)

    @property
    def control(self) -> Control:
        """The control that is held, in absolute units."""
        return self._control

    def _settled(self, s) -> tuple:
        """Return the scale of potentials and the control of some settings."""
        given = [k for k in _HOLDS if s[k] is not None]
        if len(given) != 1:
            raise ValueError(f"ElectrodeCalculator needs exactly one of {', '.join(_HOLDS)}; got {', '.join(given) or 'none'}. Set the others to None")
        if s["field"] is not None and not self.model.uses_field:
            raise ValueError(f"{type(self.model).__name__} does not read a field; drop field, or use a model of a field scheme")
        unused = [k for k in _SCALE if s[k] is not None]
        if given[0] != "potential" and s["reference"] is None and unused:
            raise ValueError(f"{', '.join(unused)}: expected a reference that uses them, got none. Give reference, or drop them")
        scale = Absolute()
        if given[0] == "potential" or s["reference"] is not None:
            absolute = s["she_absolute"]
            if absolute is None and str(s["reference"]).strip().lower() in ("she", "rhe"):
                absolute = self.model.card.she_absolute
            scale = potential_reference(s["reference"], absolute=absolute, ph=s["ph"], pzc=s["pzc"], temperature=s["temperature"])
        field = None if s["field"] is None else torch.tensor([s["field"]], dtype=torch.float64)
        value = s[given[0]]
        if given[0] == "potential":
            return scale, Control(potential=scale.to_absolute(value), field=field)
        return scale, Control(charge=value if given[0] == "charge" else -value, field=field)

    def check_state(self, atoms, tol=1e-15):
        """Return what changed since the last calculation: ASE's list, tags and region included."""
        return changes_of(self.atoms, atoms, tol)

    def get_property(self, name, atoms=None, allow_calculation=True):
        """Return a result; a control in `atoms.info` that disagrees with the calculator's raises first."""
        if atoms is not None:
            self._check_info(atoms)
        return super().get_property(name, atoms, allow_calculation)

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        """Fill `results`; raises ValueError where the model or the structure allow no answer, and never returns NaN."""
        super().calculate(atoms, properties, system_changes)
        self._check_info(self.atoms)
        last, self._structure = self._structure, None  # none is kept of atoms that are refused
        self._structure = structure = structure_of(self.atoms, last, system_changes)
        check_elements(self.model, structure)
        left_out = refuse_branch(self.model, structure, self._control.field, properties)
        with found_by(self._neighbours.find):
            out = evaluate(self.model, structure, self._control, guess=self._warm if "numbers" not in system_changes else None)
        if "forces_std" in properties:
            natural = Control(**{self.model.natural: out[self.model.natural]}, field=self._control.field)
            out["forces_std"] = self.model.forces_std(structure, natural)
        results = {k: v for k, v in as_results(out, self._control, self.reference)[0].items() if k not in left_out}
        self._warned = check_domain(self.model, structure, out, strict=self.parameters["strict"], warned=self._warned)
        self._warm, self.results = out[self.model.natural], results

    def _check_info(self, atoms) -> None:
        held = {k: self.parameters[k] for k in (*_HOLDS, "field") if self.parameters[k] is not None}
        if "potential" not in held:
            held |= {"charge": float(self._control.charge[0]), "excess_electrons": -float(self._control.charge[0])}
        for key in _INFO_KEYS.keys() & atoms.info.keys():
            value, wanted = np.asarray(atoms.info[key]), np.asarray(held.get(_INFO_KEYS[key], np.nan), dtype=float)
            if value.dtype.kind in "if" and value.size == wanted.size and np.allclose(value.ravel(), wanted.ravel(), rtol=0.0, atol=1e-9):
                continue
            raise ValueError(
                f"atoms.info[{key!r}] = {atoms.info[key]!r} disagrees with the calculator, which holds {held}. The control lives on "
                f"the calculator: call calc.set(...) and delete atoms.info[{key!r}]"
            )


def to_record(atoms: Atoms) -> Atoms:
    """Return a copy of the atoms that keeps the calculator's results through any writer.

    ASE's writers drop results that they do not know, charge and potential among them.  The copy carries them as entries of
    the electrified-interface record in `info`, which .traj and extended XYZ keep, and energy and forces as standard results.

    Raises
    ------
    ValueError
        if the atoms carry no ElectrodeCalculator.
    """
    calc = atoms.calc
    if not isinstance(calc, ElectrodeCalculator):
        raise ValueError(f"to_record: expected atoms with an ElectrodeCalculator, got {type(calc).__name__}; set atoms.calc")
    energy, forces = atoms.get_potential_energy(), atoms.get_forces(apply_constraint=False)
    copy = atoms.copy()
    copy.info |= record_entries(calc.model.card, calc.control, calc.results, atoms.pbc)
    she = getattr(calc.reference, "absolute", calc.model.card.she_absolute)
    copy.info |= {} if she is None else {"eir_phi_she": she}
    copy.arrays["REF_forces"] = forces
    copy.calc = SinglePointCalculator(copy, energy=energy, forces=forces)
    return copy


def record_entries(card, control: Control, results: dict, pbc) -> dict:
    """Return what the electrified-interface record says of one system's results, for `atoms.info`.

    Parameters
    ----------
    card : of the model
    control : of one system;  results : its results for ASE
    pbc : periodic directions
    """
    held_potential, field = control.held == "potential", control.field
    entries = {
        "eir_version": 1, "REF_energy": results["energy"], "eir_energy_kind": "Omega" if held_potential else ("E" if field is None else "enthalpy"),
        "eir_n_excess": results["excess_electrons"], "eir_mu": -results["potential"], "eir_mu_zero": card.potential_zero,
        "eir_ensemble": "fixed_mu" if held_potential else "fixed_n", "eir_scf_converged": True,
        "eir_countercharge": card.countercharge if card.countercharge in WORDS["countercharge"] else "unknown",
        "eir_method_id": "_".join(("electrode", *card.method_ids)),
    }  # fmt: skip
    entries |= {"eir_normal": 2, "eir_sides": 1} if pbc[0] and pbc[1] else {}
    entries |= {} if card.countercharge_gap is None else {"eir_countercharge_gap": card.countercharge_gap}
    entries |= {"eir_mu_target": -float(control.potential[0]), "eir_mu_tol": 1e-6} if held_potential else {}
    return entries | ({} if field is None else {"eir_efield": field[0].tolist()})


def as_results(out: dict, control: Control, scale) -> list[dict]:
    """Return ASE results of every system of a batch from what `evaluate` gave.

    Raises
    ------
    FloatingPointError
        if an energy or force is not finite.
    """
    held = "grand_energy" if control.held == "potential" else "canonical_energy"
    arrays = {k: v.detach().double().numpy() for k, v in out.items()}
    for name in (held, "forces"):
        if not np.isfinite(arrays[name]).all():
            raise FloatingPointError(f"the model gave {name} that is not finite; check the structure and the model's trained range")
    n_systems = len(arrays["charge"])
    counts = len(arrays["forces"]) // n_systems
    return [_one_result(arrays, k, slice(k * counts, (k + 1) * counts), held, scale) for k in range(n_systems)]


def _one_result(arrays, k, rows, held, scale) -> dict:
    scalar = {n: float(arrays[n][k]) for n in ("canonical_energy", "grand_energy", "charge", "excess_electrons", "potential", "capacitance")}
    results = {"energy": float(arrays[held][k]), "free_energy": float(arrays[held][k]), "forces": arrays["forces"][rows], **scalar}
    results["electrode_potential"] = scale.from_absolute(scalar["potential"])
    if "potential_slope" in arrays:
        results["potential_slope"] = float(arrays["potential_slope"][k])
    if "atomic_charges" in arrays:
        results["charges"] = arrays["atomic_charges"][rows]
    if "dipole" in arrays:
        results["dipole"] = arrays["dipole"][k]
    if "energy_std" in arrays:
        results["energy_std"] = float(arrays["energy_std"][k])
    if "forces_std" in arrays:
        results["forces_std"] = arrays["forces_std"][rows]
    return results


def _plain(value, name: str):
    """Return a setting as plain Python numbers; controls must be finite numbers."""
    size = 3 if name == "field" else 1
    if value is None or name not in (*_HOLDS, "field"):
        return value
    array = np.asarray(value)
    if array.dtype.kind not in "if" or array.size != size or not np.isfinite(array).all():
        raise ValueError(f"{name}: expected {size} finite number{'s' if size > 1 else ''}, got {value!r}")
    return tuple(array.astype(float).ravel().tolist()) if size > 1 else float(array.ravel()[0])
