"""Bad inputs, rows 17 to 30, 35, 39, 44 to 51 and 53: controls, structures, bands, dynamics; the table stands in test_bad_inputs_table.py.

A row that waits for a feature is a test that must fail until the feature is there (xfail, strict).
"""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.lj import LennardJones
from ase.io import read
from ase.md.verlet import VelocityVerlet
from ase.units import fs
from teacher import SMALL, TERMS, interface, labelled, pupil
from toys import ChargeToy, FieldToy, HopToy, PotentialToy, ToyConfig, hop_ends, one_atom

from electrode import Control, ElectrodeCalculator, Structure, evaluate
from electrode.data.checks import check_frame
from electrode.data.problems import DataError
from electrode.data.record import ElectrifiedFrame
from electrode.models.base import ModelCard
from electrode.models.baseline import Baseline
from electrode.models.domain import OutsideTrainedRange
from electrode.neb import barriers
from electrode.physics.capacitance import fit_capacitor
from electrode.physics.ewald_sum import ewald
from electrode.physics.neighbours import neighbour_list
from electrode.simulate import BornOppenheimer, ChargeLangevin, ChargeNoseHoover, DynamicsStopped, ElectrodeDynamics, ExtendedCharge, Limits, Thermopotentiostat
from electrode.simulate.engines import CannotCarry, require_agreed
from electrode.simulate.lammps_driver import LammpsDriver
from electrode.simulate.socket_client import serve
from electrode.train.config import TrainConfig
from electrode.train.train import card_of, train


def energy(model, atoms, **control):
    atoms = atoms.copy()
    atoms.calc = ElectrodeCalculator(model, **control)
    return atoms.get_potential_energy()


def limited(**card):
    model = ChargeToy()
    model.card = replace(model.card, **card)
    return model


def slab(**changes):
    """A frame of H on Au(111); `changes` are its fields."""
    (frame,) = labelled(interface(height=1.1), (0.001,))
    return replace(frame, **changes)


def moved(change):
    """The frame with its geometry changed."""
    atoms = slab().atoms
    change(atoms)
    return slab(geometry=atoms)


def said(frame, severity="error"):
    return " ".join(p.what for p in check_frame(frame) if p.severity == severity)


def test_row_17_outside_the_trained_range():
    model = limited(potential_range=(4.0, 4.2))
    with pytest.warns(OutsideTrainedRange, match="4 to 4.2 V absolute"):
        energy(model, one_atom(), potential=5.5, reference="absolute")
    with pytest.raises(ValueError, match="4 to 4.2 V absolute"):
        energy(model, one_atom(), potential=5.5, reference="absolute", strict=True)


def test_row_18_a_target_that_no_charge_gives():
    class Saturated(ChargeToy):
        def forward(self, structure, control, description):
            q = control.charge
            return {"natural_energy": 0.0 * structure.total(description["positions"][:, 0]) + 4.5 * q + q.cosh().log()}

    with pytest.raises(ValueError, match=r"potential = 6 V.*Tried \d+ pairs"):
        energy(Saturated(), one_atom(), potential=6.0, reference="absolute")


def test_row_19_a_negative_capacitance():
    with pytest.raises(ValueError, match="(?s)rise with the charge.*Q/e"):
        fit_capacitor([-0.1, 0.0, 0.1], potentials=[4.6, 4.5, 4.4])
    with pytest.raises(ValueError, match="capacitance"):
        energy(ChargeToy(ToyConfig(stiffness=-1.0)), one_atom(), potential=5.0, reference="absolute")


def test_row_20_fewer_points_than_parameters_or_one_potential():
    for charges, potentials in (([0.1], [4.5]), ([0.1, 0.1, 0.1], [4.5, 4.6, 4.7]), ([0.0, 0.1, 0.2], [4.4, 4.4, 4.4])):
        with pytest.raises(ValueError, match="(?s)expected.*Q/e|expected"):
            fit_capacitor(charges, potentials=potentials)


def test_row_21_an_element_that_the_model_does_not_know():
    with pytest.raises(ValueError, match=r"\[78\]"):
        energy(limited(elements=(1, 79)), Atoms("Pt", cell=[3, 3, 20], pbc=(True, True, False)), charge=0.0)


def test_row_22_a_cell_without_volume():
    for change in (lambda a: a.set_cell(np.zeros((3, 3))), lambda a: a.set_cell([[4, 0, 0], [4, 0, 0], [0, 0, 20]])):
        assert "span no volume" in said(moved(change))
        with pytest.raises(ValueError, match="span no volume"):
            energy(Baseline(), moved(change).atoms, charge=0.0)


def test_row_23_atoms_that_coincide():
    close = moved(lambda a: a.positions.__setitem__(3, a.positions[2] + [0, 0, 0.3]))
    assert "0.300 A apart" in said(close)
    for model, control in ((Baseline(), {"charge": 0.0}), (pupil(), {"potential": 5.0, "reference": "absolute"})):
        with pytest.raises(ValueError, match="0.300 A apart"):
            energy(model, close.atoms, **control)


def test_row_24_another_periodicity_and_a_normal_that_is_none():
    assert "not periodic along the surface" in said(slab(normal=0))
    for pbc in (True, (True, False, True)):
        with pytest.raises(ValueError, match="expected pbc|first two lattice vectors"):
            energy(Baseline(), moved(lambda a: a.set_pbc(pbc)).atoms, charge=0.0)
    other = one_atom()
    other.set_cell([3, 3, 5])
    other.pbc = True
    message = "periodic along a, b and c, the training data along a and b"
    with pytest.warns(OutsideTrainedRange, match=message):
        energy(limited(pbc=(True, True, False)), other, charge=0.0)
    with pytest.raises(ValueError, match=message):
        energy(limited(pbc=(True, True, False)), other, charge=0.0, strict=True)
    assert card_of([slab()]).pbc == card_of([moved(lambda a: a.set_pbc(True))]).pbc == (True, True, False)  # vacuum ends a slab in either cell
    bulky = moved(lambda a: (a.set_cell([*a.cell.array[:2], [0, 0, 9]]), a.set_pbc(True)))
    assert card_of([bulky]).pbc == (True, True, True) and card_of([slab(), bulky]).pbc is None


def test_row_25_slabs_across_the_boundary_two_slabs_and_no_gap():
    def across(atoms):
        atoms.pbc = True
        atoms.positions[:, 2] += 13.0
        atoms.wrap()

    def full(atoms):
        atoms.pbc, atoms.cell[2, 2] = True, 7.5

    control = {"potential": 5.0, "reference": "absolute"}
    assert said(moved(across)) == "" and energy(pupil(), moved(across).atoms, **control) == pytest.approx(energy(pupil(), slab().atoms, **control), abs=1e-8)
    assert "no vacuum or electrolyte" in said(moved(full))
    two = slab().atoms + slab().atoms
    two.positions[4:, 2] += 14.0
    two.set_cell([*two.cell.array[:2], [0, 0, 45.0]])
    with pytest.raises(ValueError, match="in two parts"):
        energy(pupil(), two, **control)


def test_row_26_a_left_handed_and_a_very_thin_cell():
    positions, cell = np.array([[0.0, 0, 0], [0.4, 1.1, 2.0]]), np.array([[2.9, 0, 0], [1.4, 2.5, 0], [0, 0, 20.0]])
    right = neighbour_list(positions, cell, np.array([True, True, False]), 6.0)
    left = neighbour_list(positions, cell[[1, 0, 2]], np.array([True, True, False]), 6.0)
    lengths = [np.sort(np.linalg.norm(x.vectors(positions), axis=1)) for x in (right, left)]
    assert np.allclose(*lengths)
    thin = neighbour_list(positions[:1], np.array([[0.7, 0, 0], [0, 9.0, 0], [0, 0, 20.0]]), np.array([True, True, False]), 6.0)
    assert len(thin.index) == 16  # eight images to either side


def test_row_27_a_cell_smaller_than_the_cutoff():
    atoms = interface(height=1.1)
    assert atoms.cell.lengths()[0] < 3.0 < Baseline().config.cutoff
    one, four = (energy(Baseline(), a, charge=0.001 * k) for a, k in ((atoms, 1), (atoms.repeat((2, 2, 1)), 4)))
    assert four == pytest.approx(4 * one, abs=1e-7)


def test_row_28_a_net_charge_without_a_counter_charge():
    assert "eir_countercharge is missing" in said(slab(countercharge=None))
    with pytest.raises(ValueError, match="neutral slab"):
        ewald(np.zeros((1, 3)), 9.0 * np.eye(3), [1.0], slab=True)
    with pytest.raises(ValueError, match="expected pbc"):
        energy(Baseline(), bulk("Au"), charge=0.1)


def test_row_29_a_field_along_a_periodic_direction():
    with pytest.raises(ValueError, match="along a periodic direction has no energy"):
        evaluate(FieldToy(), Structure.from_atoms(one_atom()), Control(charge=0.1, field=(0.1, 0.0, 0.0)))
    with pytest.raises(ValueError, match="Ask for forces alone"):
        energy(FieldToy(), one_atom(), charge=0.0, field=(0.1, 0.0, 0.0))
    atoms = one_atom()
    atoms.calc = ElectrodeCalculator(FieldToy(), charge=0.0, field=(0.1, 0.0, 0.0))
    assert np.isfinite(atoms.get_forces()).all() and not {"energy", "free_energy", "dipole"} & set(atoms.calc.results)
    with pytest.raises(ValueError, match="energy in a field"):
        atoms.get_potential_energy()
    energy(FieldToy(), one_atom(), charge=0.1, field=(0.0, 0.0, 0.1))
    safe = FieldToy()
    safe.branch_safe = True
    energy(safe, one_atom(), charge=0.0, field=(0.1, 0.0, 0.0))


def test_row_30_a_field_of_other_shape_or_unit():
    for field in (0.1, (0.0, 0.1), np.zeros((3, 3))):
        with pytest.raises(ValueError, match="field"):
            ElectrodeCalculator(FieldToy(), charge=0.0, field=field)
    assert "stronger than 5" in said(slab(efield=np.array([0.0, 0.0, 51.4])), "warning")


def test_row_35_another_energy_than_that_of_the_forces():
    printed = {"vasp_toten": -14.2, "vasp_sigma0": -14.196}
    assert "sigma0" in said(slab(energy_smearing="sigma0"), "warning") and "internal" in said(slab(energy_smearing="internal"), "warning")
    assert "here by 0.0040 eV" in said(slab(energy_smearing="sigma0", info=printed), "warning")
    for fine in (slab(energy_smearing="sigma0", forces=None), slab(energy_smearing="free", info=printed), slab(energy_smearing="sigma0", energy=None, energy_kind="none")):
        assert said(fine, "warning") == ""


def test_row_39_a_capacitance_from_one_charge():
    with pytest.raises(ValueError, match="charge"):
        fit_capacitor([0.1, 0.1, 0.1], potentials=[4.5, 4.5, 4.5])


def test_row_39_training_on_one_charge():
    frames = [f for k, h in enumerate((0.9, 1.0, 1.1)) for f in labelled(interface(height=h, seed=k), (0.001,), f"h{k}")]
    config = TrainConfig(TERMS, epochs=1, batch_size=4, validate_every=1)
    with pytest.raises(ValueError, match="all 2 training frames have the charge 0.00749.* e.*leave the term 'conjugate' out"):
        train("dual", frames[:2], frames[2:], config, choices=SMALL)
    held = [replace(f, mu=-5.0, n_excess=0.01 * k) for k, f in enumerate(frames)]
    with pytest.raises(ValueError, match="have the potential 5 V absolute"):
        train("dual", held[:2], held[2:], config, choices=SMALL)
    assert train("dual", frames[:2], frames[2:], replace(config, terms=TERMS[:2]), choices=SMALL).history


def test_row_44_images_that_share_a_calculator_but_not_a_charge():
    calculator = ElectrodeCalculator(ChargeToy(), excess_electrons=0.1)
    images = [one_atom(), one_atom(1)]
    for image, electrons in zip(images, (0.1, 0.3)):
        image.info["excess_electrons"], image.calc = electrons, calculator
    images[0].get_potential_energy()
    with pytest.raises(ValueError, match=r"control lives on the calculator: call calc.set\(...\) and delete"):
        images[1].get_potential_energy()


def test_row_45_end_states_that_do_not_belong_together():
    initial, final = hop_ends()
    final.set_cell(final.cell.array * 1.01)
    for other, message in ((final, "same cell"), (hop_ends()[1][[1, 0]], "atom 0 is Au in the first and H in the second"), (initial[:1], "got 2 and 1")):
        with pytest.raises(ValueError, match=message):
            barriers(initial, other, HopToy(), [0.0])


def test_row_46_a_start_of_the_search_far_off_changes_nothing():
    structure = Structure.from_atoms([one_atom(k) for k in range(4)])
    model, held = PotentialToy(ToyConfig(quartic=0.01)), Control(charge=[0.1, 0.2, -0.1, 0.0])
    out = evaluate(model, structure, held)
    far = evaluate(model, structure, held, guess=out["potential"] + out["potential"].new_tensor([3.0, -2.0, 5.0, 0.5]))
    assert np.allclose(far["canonical_energy"], out["canonical_energy"], atol=1e-9) and np.allclose(far["potential"], out["potential"], atol=1e-7)


def dynamics(mode, step=0.5, **settings):
    atoms = one_atom()
    atoms.set_momenta([[0.5, 0.2, 0.1]])
    atoms.calc = ElectrodeCalculator(settings.pop("model", ChargeToy()), potential=4.6, reference="absolute")
    return ElectrodeDynamics(VelocityVerlet(atoms, step * fs), mode, **settings)


def test_row_47_unstable_dynamics_end_at_the_last_good_frame(tmp_path):
    narrow = ChargeToy()
    narrow.card = ModelCard(potential_range=(4.595, 4.605))
    for wrong in (dynamics(BornOppenheimer(), 40.0), dynamics(Thermopotentiostat(300.0), model=narrow), dynamics(BornOppenheimer(), limits=Limits(temperature=1.0))):
        wrong.write_frames(tmp_path / f"{id(wrong)}.xyz", interval=1000)
        with pytest.raises(DynamicsStopped, match="at that step"):
            wrong.run(300)
        assert np.isfinite(wrong.atoms.positions).all() and read(tmp_path / f"{id(wrong)}.xyz").info["md_step"] == wrong.nsteps
    with pytest.raises(ValueError, match="at least 10 steps"):
        dynamics(ExtendedCharge(None, mass=1.0))


def test_row_48_a_restart_of_another_model_or_mass(tmp_path):
    dynamics(ExtendedCharge(None, mass=600.0)).save(tmp_path / "s.npz")
    for other, name in ((dynamics(ExtendedCharge(None, mass=601.0)), "mode"), (dynamics(ExtendedCharge(None, mass=600.0), model=ChargeToy(ToyConfig(capacitance=0.41))), "model")):
        with pytest.raises(ValueError, match=rf"another run: {name} \(here"):
            other.load(tmp_path / "s.npz")


def test_row_49_a_thermostat_without_temperature_mass_or_time():
    for make in (Thermopotentiostat, ChargeLangevin, ChargeNoseHoover):
        for values in ((0.0,), (-300.0,), (float("nan"),), (300.0, 0.0), (300.0, -5.0)):
            with pytest.raises(ValueError, match="expected a positive"):
                make(*values)
    for values in ({"mass": 0.0}, {"mass": -660.0}, {"period": 0.0}):
        with pytest.raises(ValueError, match="expected a positive"):
            ExtendedCharge(None, **values)


def test_row_50_a_device_or_precision_that_there_is_not():
    for setting in ({"device": "cuda"}, {"dtype": "float32"}):
        with pytest.raises(TypeError, match="unexpected keyword"):
            ElectrodeCalculator(ChargeToy(), charge=0.0, **setting)


def test_row_51_no_atom_one_atom_and_very_many():
    with pytest.raises(ValueError, match="at least one atom"):
        energy(ChargeToy(), Atoms(cell=[3, 3, 20], pbc=(True, True, False)), charge=0.0)
    assert np.isfinite(energy(Baseline(), Atoms("Au", cell=[3, 3, 20], pbc=(True, True, False)), charge=0.01))
    many = bulk("Cu", cubic=True).repeat((30, 30, 28))
    found = neighbour_list(many.positions, many.cell.array, many.pbc, 2.7)
    assert len(many) > 100_000 and len(found.index) == 12 * len(many)


def test_row_53_an_engine_that_cannot_carry_the_control():
    """Refused before any connection or step: a charge that moves, a calculator that names no control, a control that the engine has otherwise."""
    atoms = one_atom()
    for wrong, charge in ((LennardJones(), "held"), (ElectrodeCalculator(ChargeToy(), charge=0.1), "fluctuating")):
        atoms.calc = wrong
        for start in (lambda: serve(atoms, unix="no_server_here", charge=charge), lambda: LammpsDriver(None, atoms, charge=charge)):
            with pytest.raises(CannotCarry, match="ElectrodeCalculator|fluctuating"):
                start()
    with pytest.raises(CannotCarry, match="asks for potential = 4.5"):
        require_agreed("potential : 4.5", atoms, "the server")


def test_a_good_frame_has_no_fault():
    """So that each row above fails for its own reason."""
    assert check_frame(slab()) == [] and isinstance(slab(), ElectrifiedFrame) and issubclass(DataError, ValueError)
