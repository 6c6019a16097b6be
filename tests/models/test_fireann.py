"""Embedded densities in a field: a model's promises, those of one in a field, the published formula, forces alone, the cell voltage."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from field_contract import FieldContract, InField
from fields import FIELD, crystal, hydroxide, labelled, water

from electrode.calculator import ElectrodeCalculator
from electrode.models.fireann import Fireann, FireannConfig
from electrode.nn.embedded_density import components, monomials, multiplicity
from electrode.state import Structure
from electrode.testing import Case, ModelContract
from electrode.train.config import TrainConfig
from electrode.train.labels import labels
from electrode.train.metrics import frame_errors
from electrode.train.train import train

SMALL = {"cutoff": 3.0, "radial_functions": 4, "densities": 6, "hidden": (6,)}


def model(**changes):
    return Fireann(FireannConfig((1, 8), **{**SMALL, **changes})).eval()


class TestInField(FieldContract):
    @pytest.fixture
    def in_field(self):
        return InField(model(), [water(), hydroxide(), crystal()], [0.0, -1.0, 0.0], FIELD)


class TestWithoutField(ModelContract):
    @pytest.fixture
    def case(self):
        return Case(model(), [crystal(), crystal(seed=2)], charge=0.0, potential=4.0)


def test_the_density_is_the_published_sum():
    """Every ordered tuple of axes, 3^L of them, written out for one atom of a molecule."""
    atomic, atoms, field = model(recursions=0).network.atomic, water(), np.array(FIELD)
    seen = []
    structure = Structure.from_atoms(atoms)
    inputs = model(recursions=0).network.inputs(structure, structure.positions, torch.tensor([FIELD], dtype=torch.float64))
    atomic(*inputs, visit=lambda t, density: seen.append(density.detach().numpy()))
    centre, steep, mix = (x.detach().numpy() for x in (atomic.centre, atomic.steepness, atomic.mix))
    wanted = np.zeros(atomic.mix.shape[2])
    for order in range(3):
        for axes in np.ndindex(*(3,) * order):
            orbital = np.prod([field[a] for a in axes]) * np.ones(4)
            for j, z in ((1, 0), (2, 0)):  # neighbours of the oxygen, both in the row of hydrogen
                apart = atoms.positions[j] - atoms.positions[0]
                r = np.linalg.norm(apart)
                cut = (0.5 * (1 + np.cos(np.pi * r / 3.0))) ** 2
                orbital = orbital + np.prod([apart[a] / r for a in axes]) * np.exp(-np.exp(steep[z]) * (r - centre[z]) ** 2) * cut
            wanted += (orbital @ mix[order]) ** 2
    assert np.abs(seen[0][0] - wanted).max() < 1e-12


def test_monomials_are_named_once_with_their_number():
    assert components(2) == [(), (0,), (1,), (2,), (0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    assert [multiplicity(a) for a in components(2)] == [1, 1, 1, 1, 1, 2, 2, 1, 2, 1] and sum(multiplicity(a) for a in components(3)) == 1 + 3 + 9 + 27
    assert monomials(torch.tensor([[2.0, 3.0, 5.0]]), 2).tolist() == [[1, 2, 3, 5, 4, 6, 10, 9, 15, 25]]


def test_it_trains_on_frames_that_are_good_for_forces_alone():
    frames = [replace(f, polarization_branch="force_only") for f in labelled(16)]
    known = labels(model(), frames)
    in_field = torch.tensor([bool(f.efield.any()) for f in frames])
    assert torch.isnan(known["energy"]).equal(in_field) and torch.isnan(known["dipole"]).all() and torch.isnan(known["polarizability"]).all()
    config = TrainConfig.for_scheme("fireann", epochs=80, validate_every=40, learning_rate=0.02, batch_size=16)
    found = frame_errors(train("fireann", frames, frames[:4], config, SMALL).model, frames)
    assert "dipole_rmse_eA" not in found and found["force_rmse_meV_per_A"] < 300 * np.std([f.forces for f in frames])


def test_energies_in_a_field_along_periods_are_refused_and_forces_are_not():
    atoms = crystal()
    atoms.calc = ElectrodeCalculator(model(), charge=0.0, field=FIELD)
    assert np.abs(atoms.get_forces().sum(0)).max() < 1e-10
    with pytest.raises(ValueError, match="Ask for forces alone"):
        atoms.get_potential_energy()
    alone = water()
    alone.calc = ElectrodeCalculator(model(), charge=0.0, field=FIELD)
    assert np.isfinite(alone.get_potential_energy()) and alone.get_dipole_moment().shape == (3,)


@pytest.mark.parametrize("change", [{"radial_functions": 1}, {"densities": 0}, {"recursions": -1}, {"cutoff": 0.0}, {"elements": (1, 1)}])
def test_what_it_refuses(change):
    with pytest.raises(ValueError, match="expected"):
        FireannConfig(**{"elements": (1, 8), **change})
