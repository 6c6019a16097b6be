"""A density response: nothing without a field, no net charge, turned with atoms and field, learned from few points."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import fcc100

from electrode.calculator import ElectrodeCalculator
from electrode.models.mledr import Mledr, MledrConfig
from electrode.models.store import load_model, save_model
from electrode.physics.grids import grid_points
from electrode.state import Structure
from electrode.train.density import DensityFrame, DensityTraining, important_points, independent_points, selected, train_density

SMALL = {"cutoff": 4.0, "radial_functions": 5, "channels": 4, "hidden": (8,)}
FIELD = np.array([0.02, -0.05, 0.08])


def slab(seed: int = 0) -> Atoms:
    atoms = fcc100("Au", (1, 1, 3), vacuum=3.0)
    atoms += Atoms("O", [[0.4, 1.0, atoms.positions[:, 2].max() + 2.2]])
    atoms.rattle(0.1, seed=seed)
    atoms.pbc = True
    return atoms


def model(**changes) -> Mledr:
    return Mledr(MledrConfig((8, 79), **{**SMALL, **changes})).eval()


def test_nothing_answers_to_no_field_and_no_charge_is_made():
    own, structure = model(), Structure.from_atoms(slab())
    assert np.abs(own.on_grid(structure, np.zeros(3), (4, 4, 9))).max() == 0.0
    found = own.on_grid(structure, FIELD, (4, 4, 9))
    assert abs(found.sum()) < 1e-12 * np.abs(found).sum() and np.abs(found).max() > 1e-6


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_atoms_points_and_field_turn_together(sign):
    turn = sign * np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
    atoms, points = slab(), np.random.default_rng(0).uniform(0, 8, (40, 3))
    image = atoms.copy()
    image.set_cell(atoms.cell.array @ turn.T)
    image.positions = atoms.positions @ turn.T
    a = model().density(Structure.from_atoms(atoms), FIELD, points)
    b = model().density(Structure.from_atoms(image), turn @ FIELD, points @ turn.T)
    assert np.abs(a).max() > 1e-6 and np.abs(a - b).max() < 1e-10 * np.abs(a).max() + 1e-12


def test_moments_are_sums_over_all_images():
    own, atoms = model(), slab()
    point = np.array([0.3, 0.2, 5.0])
    found = own.features.moments(Structure.from_atoms(atoms), point[None] + 3 * atoms.cell[0]).numpy()[0]
    big = atoms.repeat((7, 7, 3))
    d = big.positions - 3 * atoms.cell[0] - 3 * atoms.cell[1] - atoms.cell[2] - point
    r, by_hand = np.linalg.norm(d, axis=1), np.zeros((10, 2, 5))
    for k in np.flatnonzero(r < 4.0):
        u, x = d[k] / np.sqrt(r[k] ** 2 + 1.0), r[k] / 4.0
        radial = np.sqrt(0.5) * np.sin(np.arange(1, 6) * np.pi * x) / r[k] * (1 - 28 * x**6 + 48 * x**7 - 21 * x**8)
        angular = np.array([1.0, *u, u[0] ** 2, u[0] * u[1], u[0] * u[2], u[1] ** 2, u[1] * u[2], u[2] ** 2])
        by_hand[:, int(big.numbers[k] == 79)] += np.outer(angular, radial)
    assert np.abs(found - by_hand.reshape(10, 10)).max() < 1e-12


def test_a_point_on_an_atom_has_the_features_of_a_point_beside_it():
    own, atoms = model(), slab()
    points = atoms.positions[0] + np.array([[0.0, 0.0, 0.0], [1e-5, 0.0, 0.0]])
    a, b = own.density(Structure.from_atoms(atoms), FIELD, points)
    assert a == pytest.approx(b, rel=1e-3)


def test_important_points_are_where_the_density_is():
    density = np.zeros(1000)
    density[:50] = 1.0
    rows = important_points(density, 60, np.random.default_rng(0))
    assert len(np.unique(rows)) == 60 and (rows < 50).sum() > 30


def test_independent_points_leave_copies_out():
    features = np.random.default_rng(0).normal(size=(12, 6))
    features[6:] = features[:6] * 0.9
    assert set(independent_points(features, 6)) == set(range(6))
    assert sorted(independent_points(features, 12)) == list(range(12))


def frame(seed: int, field) -> DensityFrame:
    """Electrons that each metal atom loses on the side where the field points to, in proportion to it."""
    atoms, field = slab(seed), np.asarray(field, float)
    points, density = grid_points(atoms.cell.array, (5, 5, 18)), 0.0
    for at in atoms.positions[atoms.numbers == 79]:
        d = points - at
        for k in (0, 1):
            d -= np.rint(d[:, [k]] / atoms.cell[k, k]) * atoms.cell[k]
        density = density - d @ field * np.exp(-(d**2).sum(1))
    return DensityFrame(Structure.from_atoms(atoms), field, points, density)


def test_a_response_is_learned_from_some_points_and_comes_back_from_disk(tmp_path):
    rng, config = np.random.default_rng(0), MledrConfig((8, 79), cutoff=4.0, radial_functions=6, channels=8, hidden=(24,))
    fields = [(0.0, 0.0, f) for f in (-0.1, 0.1)] + [(0.07, 0.0, 0.07)]
    data = [selected(frame(seed, f), 100, config, rng) for seed in range(3) for f in fields]
    check = [selected(frame(5, f), 100, config, rng) for f in fields]
    rows = []
    own = train_density(data, check, config, DensityTraining(epochs=30, batch_size=128, learning_rate=0.01), rows.append)
    test = frame(9, (0.0, 0.05, 0.05))
    found = own.density(test.structure, test.field, test.points)
    assert np.std(found - test.density) < 0.2 * np.std(test.density) and rows[-1]["validation_rms"] < rows[0]["validation_rms"]
    save_model(own, tmp_path / "m")
    assert np.abs(load_model(tmp_path / "m").density(test.structure, test.field, test.points) - found).max() == 0.0


def test_what_it_cannot_do_is_refused():
    own, structure = model(), Structure.from_atoms(slab())
    atoms = slab()
    atoms.calc = ElectrodeCalculator(own, charge=0.0)
    calls = [
        lambda: own.density(structure, np.zeros(2), np.zeros((1, 3))), lambda: own.density(Structure.from_atoms([slab(), slab()]), FIELD, np.zeros((1, 3))),
        lambda: MledrConfig((8,), hidden=()), lambda: DensityFrame(structure, FIELD, np.zeros((2, 3)), np.zeros(3)), lambda: DensityTraining(epochs=0),
        lambda: DensityFrame(structure, FIELD, np.zeros((1, 3)), np.array([np.nan])), lambda: important_points(np.ones(3), 4, np.random.default_rng(0)),
        lambda: independent_points(np.ones((3, 2)), 4), lambda: train_density([], []), atoms.get_potential_energy,
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(ValueError, match="expected"):
            call()
    with pytest.raises(ValueError, match="not in the model"):
        own.density(Structure.from_atoms(Atoms("C", [[0, 0, 0]])), FIELD, np.zeros((1, 3)))
    assert torch.isfinite(own.features.moments(Structure.from_atoms(Atoms("O", [[0, 0, 0]])), np.zeros((1, 3)))).all()
