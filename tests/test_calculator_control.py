"""The calculator for ASE: when it calculates again, and which controls it refuses."""

import warnings

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.optimize import BFGS
from calculators import with_calculator
from teacher import interface
from toys import ChargeToy, FieldToy

from electrode.calculator import ElectrodeCalculator
from electrode.models.base import ModelCard
from electrode.models.baseline import Baseline
from electrode.models.domain import OutsideTrainedRange


def test_nothing_is_calculated_twice():
    atoms = with_calculator()
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    atoms.get_potential_energy()
    assert atoms.calc.model.calls == 1
    atoms.positions[0, 0] += 0.1
    assert atoms.get_potential_energy() != energy and not np.allclose(atoms.get_forces(), forces) and atoms.calc.model.calls == 2


@pytest.mark.parametrize("change", [{"charge": 0.2}, {"charge": None, "potential": 0.1, "reference": "SHE"}, {"charge": None, "excess_electrons": 0.3}])
def test_another_control_is_calculated(change):
    atoms = with_calculator()
    before = atoms.get_potential_energy()
    atoms.calc.set(**change)
    assert atoms.calc.results == {} and atoms.get_potential_energy() != before and atoms.calc.model.calls == 2


def test_another_potential_scale_or_field_is_calculated():
    atoms = with_calculator(potential=0.1, reference="SHE")
    energies = [atoms.get_potential_energy()]
    for change in ({"potential": 0.2}, {"she_absolute": 4.6}, {"reference": "RHE", "ph": 7.0}, {"temperature": 350.0}):
        atoms.calc.set(**change)
        energies.append(atoms.get_potential_energy())
    assert len(set(energies)) == 5 and atoms.calc.model.calls == 5
    atoms = with_calculator(FieldToy(), charge=0.1)
    energies = [atoms.get_potential_energy()]
    for field in ((0, 0, 0.1), np.array([0, 0, 0.2])):
        atoms.calc.set(field=field)
        energies.append(atoms.get_potential_energy())
    assert len(set(energies)) == 3


def test_the_same_control_again_is_no_change():
    atoms = with_calculator()
    atoms.get_potential_energy()
    atoms.calc.set(charge=0.1)
    atoms.get_potential_energy()
    assert atoms.calc.model.calls == 1


def test_a_refused_change_leaves_everything_as_it_was():
    atoms = with_calculator(potential=0.1, reference="SHE")
    before, scale = atoms.get_potential_energy(), atoms.calc.reference
    for change in ({"charge": 0.1}, {"potential": float("nan")}, {"reference": "RHE"}, {"reference": None}, {"field": (0, 0, 1)}, {"potental": 0.0}):
        with pytest.raises(ValueError):
            atoms.calc.set(**change)
    assert atoms.get_potential_energy() == before and atoms.calc.reference == scale and atoms.calc.parameters["potential"] == 0.1
    assert atoms.calc.model.calls == 1


def test_tags_and_region_are_seen():
    atoms = with_calculator(atoms=Atoms("AuH", [[0.1, 0, 0], [0, 0.2, 1.5]], cell=[3, 3, 20], pbc=(True, True, False)))
    energies = [atoms.get_potential_energy()]
    atoms.set_tags([2, 1])
    energies.append(atoms.get_potential_energy())
    atoms.set_tags([0, 1])
    atoms.set_array("eir_region", np.array([0, 1]))
    energies.append(atoms.get_potential_energy())
    atoms.arrays["eir_region"][:] = 1
    energies.append(atoms.get_potential_energy())
    assert np.diff(energies) == pytest.approx([0.1, -0.1, -0.1]) and atoms.calc.model.calls == 4


def test_cell_and_elements_are_seen():
    atoms = with_calculator(Baseline(), interface(), charge=0.02)
    energies = [atoms.get_potential_energy()]
    atoms.set_cell(atoms.cell.array * [1.02, 1.0, 1.0])
    energies.append(atoms.get_potential_energy())
    atoms.symbols[-1] = "O"
    energies.append(atoms.get_potential_energy())
    del atoms[-1]
    energies.append(atoms.get_potential_energy())
    assert len(set(energies)) == 4


@pytest.mark.parametrize("key", ["charge", "total_charge", "Q", "net_charge"])
@pytest.mark.parametrize("value", [0.2, -0.1, np.array(0.2), np.array([0.1, 0.1]), "0.1", None, True, float("nan"), [0.2], 0.1j], ids=repr)
def test_a_charge_in_info_that_disagrees_is_refused(key, value):
    atoms = with_calculator()
    atoms.info[key] = value
    with pytest.raises(ValueError, match=rf"atoms.info\['{key}'\].*disagrees"):
        atoms.get_potential_energy()
    assert atoms.calc.model.calls == 0


@pytest.mark.parametrize("info", [{"charge": 0.1}, {"Q": np.float64(0.1)}, {"net_charge": np.array([0.1])}, {"excess_electrons": -0.1}, {"ne": -0.1}])
def test_a_charge_in_info_that_agrees_passes(info):
    atoms = with_calculator()
    atoms.info |= info
    assert atoms.get_potential_energy() == with_calculator().get_potential_energy()


@pytest.mark.parametrize("key, good, bad", [("potential", -0.2, 4.24), ("electrode_potential", -0.2, 0.0), ("U", -0.2, "-0.2"), ("charge", None, 0.0), ("field", None, [0, 0, 0.1])])
def test_a_potential_in_info_is_on_the_calculators_scale(key, good, bad):
    atoms = with_calculator(potential=-0.2, reference="SHE")
    if good is not None:
        atoms.info[key] = good
        atoms.get_potential_energy()
    atoms.info[key] = bad
    with pytest.raises(ValueError, match="disagrees"):
        atoms.get_potential_energy()


def test_a_field_in_info_is_compared_as_an_array():
    atoms = with_calculator(FieldToy(), charge=0.1, field=(0.0, 0.0, 0.1))
    atoms.info["external_field"] = np.array([0.0, 0.0, 0.1])
    atoms.get_potential_energy()
    atoms.info["external_field"][2] = 0.2
    with pytest.raises(ValueError, match="external_field"):
        atoms.get_potential_energy()


def test_info_that_changes_after_a_calculation_is_seen():
    atoms = with_calculator()
    atoms.get_potential_energy()
    atoms.info["charge"] = -0.3
    for ask in (atoms.get_potential_energy, atoms.get_forces):
        with pytest.raises(ValueError, match="calc.set"):
            ask()
    atoms.info["charge"] = 0.1
    atoms.get_potential_energy()
    assert atoms.calc.model.calls == 1


def test_labels_of_the_record_are_no_control():
    atoms = with_calculator()
    atoms.info |= {"eir_n_excess": 0.9, "eir_mu": -3.0, "eir_efield": np.ones(3), "REF_energy": 1.0, "note": "charge"}
    assert atoms.get_potential_energy() == with_calculator().get_potential_energy()


@pytest.mark.parametrize("settings, message", [
    ({}, "exactly one of potential, charge, excess_electrons; got none"),
    ({"charge": 0.0, "potential": 0.0, "reference": "SHE"}, "got potential, charge"),
    ({"charge": 0.0, "excess_electrons": 0.0}, "got charge, excess_electrons"),
    ({"potential": -0.5}, "needs its scale"),
    ({"potential": 0.0}, "needs its scale"),
    ({"potential": -0.5, "reference": "RHE"}, "needs ph"),
    ({"potential": -0.5, "reference": "SHE", "ph": 7.0}, "does not use ph"),
    ({"potential": -0.5, "reference": "PZC"}, "needs pzc"),
    ({"potential": -0.5, "reference": "SEH"}, "Did you mean 'SHE'"),
    ({"potential": -0.5, "reference": "absolute", "she_absolute": 4.4}, "does not use absolute"),
    ({"charge": 0.0, "ph": 7.0}, "ph: expected a reference"),
    ({"charge": float("nan")}, "charge: expected 1 finite number"),
    ({"potential": float("inf"), "reference": "SHE"}, "potential: expected 1 finite"),
    ({"charge": True}, "charge: expected 1 finite"),
    ({"charge": "0.1"}, "charge: expected 1 finite"),
    ({"charge": 0.1j}, "charge: expected 1 finite"),
    ({"charge": [0.1, 0.2]}, "charge: expected 1 finite"),
    ({"charge": 0.1, "field": (0, 0, 0.1)}, "does not read a field"),
])  # fmt: skip
def test_controls_that_do_not_settle_anything_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ElectrodeCalculator(ChargeToy(), **settings)


@pytest.mark.parametrize("field", [0.1, (0.1, 0.2), (0, 0, float("nan")), "z"])
def test_a_field_is_three_finite_numbers(field):
    with pytest.raises(ValueError, match="field: expected 3 finite numbers"):
        ElectrodeCalculator(FieldToy(), charge=0.1, field=field)


def test_unknown_settings_are_refused():
    with pytest.raises(TypeError, match="potental"):
        ElectrodeCalculator(ChargeToy(), potental=0.1)
    with pytest.raises(ValueError, match="no setting potental; it has potential"):
        with_calculator().calc.set(potental=0.1)


class Broken(ChargeToy):
    """Gives NaN above 2 A."""

    def forward(self, structure, control, description):
        out = super().forward(structure, control, description)
        return {"natural_energy": out["natural_energy"] + torch.sqrt(2.0 - description["positions"][:, 2]).sum()}


def test_a_model_that_gives_nan_raises_and_recovers():
    atoms = with_calculator(Broken(), Atoms("H", [[0, 0, 1.0]]), charge=0.1)
    energy = atoms.get_potential_energy()
    atoms.positions[0, 2] = 2.5
    for ask in (atoms.get_forces, atoms.get_potential_energy):
        with pytest.raises(FloatingPointError, match="not finite"):
            ask()
    atoms.positions[0, 2] = 1.0
    assert atoms.get_potential_energy() == energy
    with pytest.raises(ValueError, match="NaN"):
        with_calculator(atoms=Atoms("H", [[0, 0, float("nan")]])).get_potential_energy()


def test_optimisers_stop_at_nan():
    atoms = with_calculator(Broken(), Atoms("H", [[0, 0, 1.99]]), charge=0.1)
    atoms.positions[0, 2] = 2.01
    with pytest.raises(FloatingPointError):
        BFGS(atoms, logfile=None).run(fmax=0.01, steps=5)


def known(**card):
    model = ChargeToy()
    model.card = ModelCard(**card)
    return model


def test_elements_that_are_not_in_the_model():
    with pytest.raises(ValueError, match=r"elements \[1\].*knows \[8, 79\]"):
        with_calculator(known(elements=(8, 79))).get_potential_energy()


def test_outside_the_trained_range_is_warned_of_once():
    atoms = with_calculator(known(surface_charge_range=(-0.01, 0.01), potential_range=(4.0, 6.0)), charge=0.3)
    with pytest.warns(OutsideTrainedRange, match=r"charge per area 0.03333 e/A\^2 is outside the trained range -0.01 to 0.01"):
        atoms.get_potential_energy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            atoms.positions += 0.01
            atoms.get_forces()
    atoms.calc.set(charge=-0.4)
    with pytest.warns(OutsideTrainedRange, match="-0.04444"):
        atoms.get_potential_energy()


def test_outside_the_trained_range_is_an_error_when_strict():
    atoms = with_calculator(known(potential_range=(4.0, 4.2)), potential=0.0, reference="SHE", strict=True)
    for _ in range(2):
        with pytest.raises(ValueError, match="4 to 4.2 V absolute.*strict=False"):
            atoms.get_potential_energy()
    atoms.calc.set(potential=-0.3)
    atoms.get_potential_energy()
