"""The ensembles of a model: one batched evaluation, the same numbers as one by one; runs that stop, go on and refuse."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from toys import ChargeToy, PotentialToy, ToyConfig, one_atom

from electrode import Control, Structure, evaluate
from electrode.models.base import ModelCard
from electrode.simulate.coordinates import Distance
from electrode.simulate.ensembles import ChargePerBead, HeldCharge, SharedCharge
from electrode.simulate.monte_carlo import LeftTrainedRange, Sampler, advance
from electrode.simulate.monte_carlo_files import load_run, save_run
from electrode.simulate.sampled import frames, summary
from electrode.simulate.schedule import Schedule

PHI, CHARGES = 4.6, (-1.0, 1.0)
SCHEDULE = Schedule(charges=CHARGES, window=0.3, timestep=2.0, steps=2)


def beads(count=5):
    return one_atom().positions[None] + 0.1 * np.random.default_rng(0).normal(size=(count, 1, 3))


@pytest.mark.parametrize("toy", [ChargeToy, PotentialToy])
def test_energies_and_forces_of_each_ensemble(toy):
    """Means over the beads of E - Phi Q, Omega and E, from evaluations of one bead at a time; forces by finite differences."""
    model, positions, atoms = toy(ToyConfig(spread=0.1)), beads(), one_atom()
    for ensemble, control, value, shift in (
        (SharedCharge(model, atoms, PHI), {"charge": 0.15}, "canonical_energy", -PHI * 0.15),
        (ChargePerBead(model, atoms, PHI), {"potential": PHI}, "grand_energy", 0.0),
        (HeldCharge(model, atoms, 0.15), {"charge": 0.15}, "canonical_energy", 0.0),
    ):
        state = ensemble.state(positions, 0.15)
        alone = []
        for bead in positions:
            atoms.positions = bead
            alone.append(evaluate(model, Structure.from_atoms(atoms), Control(**control)))
        assert state.energy == pytest.approx(np.mean([float(out[value]) for out in alone]) + shift, abs=1e-12)
        np.testing.assert_allclose(state.charge, [float(out["charge"]) for out in alone], atol=1e-9)
        np.testing.assert_allclose(state.potential, [float(out["potential"]) for out in alone], atol=1e-9)
        step = np.zeros_like(positions)
        step[2, 0, 1] = 1e-5
        numerical = (ensemble.state(positions + step, 0.15).energy - ensemble.state(positions - step, 0.15).energy) / 2e-5
        assert state.forces[2, 0, 1] == pytest.approx(-len(positions) * numerical, rel=1e-6)


def test_one_bead_shared_charge_is_the_grand_energy_but_for_the_root_of_the_capacitance():
    """int dQ exp(-beta (E - Phi Q)) = exp(-beta Omega) sqrt(2 pi kT C), so the two ensembles differ by kT ln(C) / 2."""
    model, atoms, kt = ChargeToy(ToyConfig(spread=0.1)), one_atom(), 0.02585
    charges = np.linspace(-4, 4, 8001)
    structure = Structure.from_atoms(atoms)
    out = evaluate(model, structure.repeat(len(charges)), Control(charge=charges))
    weights = np.exp(-(out["canonical_energy"].numpy() - PHI * charges) / kt)
    grand = evaluate(model, structure, Control(potential=PHI))
    marginal = -kt * np.log(np.trapezoid(weights, charges))
    assert marginal == pytest.approx(float(grand["grand_energy"]) - 0.5 * kt * np.log(2 * np.pi * kt * float(grand["capacitance"])), abs=1e-6)


def test_a_run_that_was_stopped_goes_on_bit_for_bit(tmp_path):
    model = ChargeToy(ToyConfig(spread=0.1))
    sampler = Sampler(SharedCharge(model, one_atom(), PHI), one_atom(), 300.0, 3, schedule=SCHEDULE)
    whole = advance(sampler.start(3), 30)
    save_run(tmp_path / "r.npz", advance(sampler.start(3), 11))
    rest = advance(load_run(tmp_path / "r.npz", sampler), 19)
    assert (rest.state.positions == whole.state.positions).all() and (rest.state.charge == whole.state.charge).all()
    assert rest.state.energy == whole.state.energy and rest.generator == whole.generator and rest.counts == whole.counts
    other = Sampler(SharedCharge(model, one_atom(), 4.7), one_atom(), 310.0, 3, schedule=SCHEDULE)
    with pytest.raises(ValueError, match="another run: held .* temperature"):
        load_run(tmp_path / "r.npz", other)
    with pytest.raises(FileExistsError):
        save_run(tmp_path / "r.npz", rest)


def test_a_run_ends_where_the_model_does():
    """A state outside the trained window is not accepted in silence; the observer has all before it."""
    model, seen = ChargeToy(), []
    model.card = ModelCard(potential_range=(4.55, 4.65), surface_charge_range=(-0.1, 0.1))
    sampler = Sampler(SharedCharge(model, one_atom(), PHI), one_atom(), 300.0, schedule=replace(SCHEDULE, charges=None, electrons=0.9))
    with pytest.raises(LeftTrainedRange, match="potential .* outside the trained range"):
        advance(sampler.start(1, charge=0.05), 500, observer=seen.append)
    assert sampler.moves["electrons"][1].low == pytest.approx(-0.9) and sampler.moves["electrons"][1].high == pytest.approx(0.9)
    beyond = replace(sampler, stop_outside=False)
    assert advance(beyond.start(1, charge=0.05), 60).state.messages


def test_where_there_is_no_state_there_is_a_wall():
    """A move to a structure whose capacitance is negative, where no charge is stable, is turned down and counted."""
    ensemble = SharedCharge(PotentialToy(ToyConfig(spread=0.8)), one_atom(), PHI)
    sampler = Sampler(ensemble, one_atom(), 3000.0, schedule=replace(SCHEDULE, charges=(-9.0, 9.0), timestep=20.0, steps=1))
    capacitances = []
    run = advance(sampler.start(0), 80, observer=lambda r: capacitances.append(0.4 + 0.8 * np.tanh(r.state.centroid[0, 2] - r.state.centroid[0, 1])))
    count = run.counts["centroids"]
    assert count.stateless > 2 and count.accepted > 2 and min(capacitances) > 0


def test_averages_and_frames():
    model = ChargeToy(ToyConfig())
    start = Atoms("H2", positions=[[0.1, 0.2, 1.5], [0.4, 0.9, 1.6]], cell=[3.0, 3.0, 20.0], pbc=(True, True, False))
    sampler = Sampler(SharedCharge(model, start, 9.2), start, 300.0, 2, (0,), Distance(0, 1), replace(SCHEDULE, charges=(-3.0, 3.0)))
    runs = []
    advance(sampler.start(0), 60, observer=runs.append)
    result = summary(sampler, runs)
    kept = runs[12:]
    assert result["charge_e"] == pytest.approx(np.mean([r.state.charge[0] for r in kept])) and result["coordinate_A"] == pytest.approx(0.7681145747868608)
    assert {"slope_0_eV_per_A", "quantum_kinetic_energy_eV_error", "reservoir_V", "capacitance_e_per_V", "accepted_coordinate"} <= set(result)
    images = frames(sampler, runs[-1], 60)
    assert [a.info["bead"] for a in images] == [0, 1] and images[1].info["eir_n_excess"] == -runs[-1].state.charge[1]
    np.testing.assert_array_equal(images[1].positions, runs[-1].state.positions[1])
    assert "charge_e" not in summary(sampler, runs[:10])


def test_refusals():
    model = ChargeToy()
    for change, match in (({"electrons": 1.0}, "electrons < 1"), ({"window": 0.0}, "window"), ({"steps": -1}, "steps"), ({"charges": (1.0, 0.0)}, "lower bound")):
        with pytest.raises(ValueError, match=match):
            Schedule(**change)
    atoms = one_atom()
    for change, match in (({"temperature": 0.0}, "positive temperature"), ({"n_beads": 4, "schedule": replace(SCHEDULE, beads=4)}, "1 to 3 of 4"), ({"schedule": Schedule()}, "needs bounds")):
        with pytest.raises(ValueError, match=match):
            Sampler(**({"ensemble": SharedCharge(model, atoms, PHI), "atoms": atoms, "temperature": 300.0, "schedule": SCHEDULE} | change))
    with pytest.raises(ValueError, match="a charge from"):
        Sampler(SharedCharge(model, atoms, PHI), atoms, 300.0, schedule=SCHEDULE).start(0, charge=2.0)
