"""The ASE calculator: energy, forces, charge and potential at the electronic control you name."""

from __future__ import annotations

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.singlepoint import SinglePointCalculator

from electrode.models.store import load_model
from electrode.models.domain import check_domain, check_elements
from electrode.references import Absolute, reference as potential_reference
from electrode.state import Control, Structure
from electrode.thermo import evaluate

_CONTROLS = ("charge", "potential", "excess_electrons", "field")
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

    implemented_properties = [
        "energy", "free_energy", "forces", "charges", "dipole", "canonical_energy", "grand_energy", "charge", "excess_electrons",
        "potential", "electrode_potential", "capacitance", "energy_std", "forces_std",
    ]  # fmt: skip
    discard_results_on_any_change = True

    def __init__(
        self, model, *, potential=None, charge=None, excess_electrons=None, field=None, reference=None, she_absolute=None,
        ph=None, pzc=None, temperature=298.15, strict=False,
    ):  # fmt: skip
        self.model = load_model(model)
        settings = dict(
            potential=potential, charge=charge, excess_electrons=excess_electrons, field=field, reference=reference,
            she_absolute=she_absolute, ph=ph, pzc=pzc, temperature=temperature, strict=strict,
        )  # fmt: skip
        super().__init__(**settings)

    def set(self, **changes):
        """Change the control or another setting; results are discarded. Raises ValueError for an unknown name."""
        known = ("potential", "charge", "excess_electrons", "field", "reference", "she_absolute", "ph", "pzc", "temperature", "strict")
        unknown = sorted(set(changes) - set(known))
        if unknown:
            raise ValueError(f"ElectrodeCalculator has no setting {', '.join(unknown)}; it has {', '.join(known)}")
        self._settle({**self.parameters, **changes})
        return super().set(**changes)

    def reset(self):
        """Forget results and the last atoms; settings stay."""
        super().reset()
        self._warm, self._warned = None, False

    @property
    def control(self) -> Control:
        """The control that is held, in absolute units."""
        return self._control

    def _settle(self, s) -> None:
        given = [k for k in ("potential", "charge", "excess_electrons") if s.get(k) is not None]
        if len(given) != 1:
            raise ValueError(f"ElectrodeCalculator needs exactly one of potential, charge or excess_electrons; got {', '.join(given) or 'none'}")
        for name in given:
            _finite(s[name], name, 1)
        absolute = s["she_absolute"] if s["she_absolute"] is not None else self.model.card.she_absolute
        if given[0] == "potential" or s["reference"] is not None:
            uses_she = str(s["reference"]).strip().lower() in ("she", "rhe")
            kelvin = {"temperature": s["temperature"]}
            self.reference = potential_reference(s["reference"], absolute=absolute if uses_she else s["she_absolute"], ph=s["ph"], pzc=s["pzc"], **kelvin)
        else:
            self.reference = Absolute()
        field = None if s["field"] is None else torch.tensor([_finite(s["field"], "field", 3)])
        if given[0] == "potential":
            self._control = Control(potential=self.reference.to_absolute(float(s["potential"])), field=field)
        else:
            self._control = Control(charge=float(s["charge"]) if given[0] == "charge" else -float(s["excess_electrons"]), field=field)

    def check_state(self, atoms, tol=1e-15):
        """Return what changed since the last calculation: ASE's list, tags and region included."""
        changes = super().check_state(atoms, tol=tol)
        for name in ("tags", "eir_region"):
            before = None if self.atoms is None else self.atoms.arrays.get(name)
            if self.atoms is not None and not np.array_equal(atoms.arrays.get(name), before):
                changes.append(name)
        return changes

    def get_property(self, name, atoms=None, allow_calculation=True):
        """Return a result; a control in `atoms.info` that disagrees with the calculator's raises first."""
        if atoms is not None:
            self._check_info(atoms)
        return super().get_property(name, atoms, allow_calculation)

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        """Fill `results`; raises ValueError where the model or the structure allow no answer, and never returns NaN."""
        super().calculate(atoms, properties, system_changes)
        self._check_info(self.atoms)
        structure = Structure.from_atoms(self.atoms)
        check_elements(self.model, structure)
        guess = self._warm if "numbers" not in system_changes else None
        out = evaluate(self.model, structure, self._control, guess=guess)
        self._warned = check_domain(self.model, structure, out, strict=self.parameters["strict"], warned=self._warned)
        self._warm = out[self.model.natural]
        self.results = as_results(out, self._control, self.reference)[0]

    def _check_info(self, atoms) -> None:
        held = {k: self.parameters[k] for k in _CONTROLS if self.parameters.get(k) is not None}
        if "charge" in held or "excess_electrons" in held:
            held |= {"charge": float(self._control.charge[0]), "excess_electrons": -float(self._control.charge[0])}
        for key in _INFO_KEYS.keys() & atoms.info.keys():
            value, wanted = np.asarray(atoms.info[key]), np.asarray(held.get(_INFO_KEYS[key], np.nan), dtype=float)
            if value.dtype.kind in "if" and value.shape == wanted.shape and np.allclose(value, wanted, rtol=0.0, atol=1e-9):
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
    held_potential, field, card = calc.control.held == "potential", calc.control.field, calc.model.card
    kind = "Omega" if held_potential else ("E" if field is None else "enthalpy")
    copy = atoms.copy()
    copy.info |= {
        "eir_version": 1, "eir_energy_kind": kind, "eir_n_excess": calc.results["excess_electrons"], "eir_mu": -calc.results["potential"],
        "eir_mu_zero": card.potential_zero, "eir_ensemble": "fixed_mu" if held_potential else "fixed_n", "eir_scf_converged": True,
        "eir_countercharge": card.countercharge, "eir_normal": 2, "eir_sides": 1, "eir_method_id": "_".join(("electrode", *card.method_ids)),
    }  # fmt: skip
    if card.countercharge_gap is not None:
        copy.info["eir_countercharge_gap"] = card.countercharge_gap
    if held_potential:
        copy.info |= {"eir_mu_target": -float(calc.control.potential[0]), "eir_mu_tol": 1e-6}
    if field is not None:
        copy.info["eir_efield"] = field[0].tolist()
    copy.calc = SinglePointCalculator(copy, energy=energy, forces=forces)
    return copy


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
    if "atomic_charges" in arrays:
        results["charges"] = arrays["atomic_charges"][rows]
    for name in ("dipole", "energy_std"):
        if name in arrays:
            results[name] = arrays[name][k] if name == "dipole" else float(arrays[name][k])
    if "forces_std" in arrays:
        results["forces_std"] = arrays["forces_std"][rows]
    return results


def _finite(value, name: str, size: int):
    array = np.asarray(value)
    if array.dtype.kind not in "if" or array.size != size or not np.isfinite(array).all():
        raise ValueError(f"{name}: expected {size} finite number{'s' if size > 1 else ''}, got {value!r}")
    return array.astype(float).tolist()
