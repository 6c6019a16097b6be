"""The Gaussian process against a brute-force one, and its forces against differences of its energy."""

import numpy as np
import pytest
from ase.build import add_adsorbate, fcc111
from ase.constraints import FixAtoms

from electrode.learn.features import Places, features_of
from electrode.learn.gaussian_process import SLOPE_NOISE, VALUE_NOISE, GaussianProcess, Points
from electrode.learn.labels import Label
from electrode.learn.prior import prior_of
from electrode.learn.surrogate import Space, Surrogate


def slab():
    atoms = fcc111("Cu", (2, 2, 2), vacuum=6.0)
    add_adsorbate(atoms, "O", 1.2, "fcc")
    atoms.set_constraint(FixAtoms(mask=atoms.get_tags() == 2))
    atoms.pbc = (True, True, False)
    return atoms


def labelled(atoms, rng, free, charged):
    forces = np.zeros((len(atoms), 3))
    forces[free] = rng.normal(size=(len(free), 3))
    positions = atoms.positions.copy()
    positions[free] += 0.2 * rng.normal(size=(len(free), 3))
    more = {"charge": rng.normal(), "potential": 4.4 + 0.1 * rng.normal()} if charged else {}
    return Label(positions, rng.normal(), forces, 1.0, "saddle", **more)


@pytest.mark.parametrize("charged", [False, True])
def test_forces_and_potential_are_derivatives(charged):
    rng, atoms, free = np.random.default_rng(1), slab(), np.arange(4, 9)
    space = Space(features_of([atoms], free), prior_of("metals", atoms), 20.0 if charged else None)
    surrogate = Surrogate(space, [labelled(atoms, rng, free, charged) for _ in range(3)])
    positions = atoms.positions + 0.1 * rng.normal(size=(2, 9, 3)) * np.isin(np.arange(9), free)[:, None]
    charge, step = (np.array([0.1, -0.2]) if charged else None), 1e-4
    _, forces, potential = surrogate(positions, charge)
    for atom in free:
        for axis in range(3):
            shift = np.zeros((9, 3))
            shift[atom, axis] = step
            slope = (surrogate(positions + shift, charge)[0] - surrogate(positions - shift, charge)[0]) / (2 * step)
            assert forces[:, atom, axis] == pytest.approx(-slope, abs=2e-6)
    assert not forces[:, :4].any()
    if charged:
        slope = (surrogate(positions, charge + step)[0] - surrogate(positions, charge - step)[0]) / (2 * step)
        assert potential == pytest.approx(slope, abs=2e-6)


def test_labels_are_met_and_certain():
    rng, atoms, free = np.random.default_rng(2), slab(), np.arange(4, 9)
    labels = [labelled(atoms, rng, free, False) for _ in range(3)]
    surrogate = Surrogate(Space(features_of([atoms], free), prior_of(None, atoms)), labels)
    places = np.array([x.positions for x in labels])
    energy, forces, _ = surrogate(places)
    assert energy == pytest.approx([x.energy for x in labels], abs=0.02)
    assert forces[:, free] == pytest.approx(np.array([x.forces[free] for x in labels]), abs=0.1)
    assert surrogate.std(places).max() < 0.01 < surrogate.std(places + 0.5 * rng.normal(size=(3, 9, 3))).min()


def kernel(x, y, length):
    return np.exp(-0.5 * ((x - y) ** 2).sum() / length**2)


def test_covariance_is_that_of_differences_of_the_kernel():
    """Two points in a plane: every block by central differences of the kernel itself."""
    rng, step, length = np.random.default_rng(3), 1e-4, 0.8
    x = rng.normal(size=(2, 2))
    points = Points(x, np.broadcast_to(np.eye(2), (2, 2, 2)), np.zeros((2, 3, 1)))
    operators = [[(0.0 * np.eye(2)[0], 1.0)], *([(step * e, 0.5 / step), (-step * e, -0.5 / step)] for e in np.eye(2))]
    wanted = [
        [sum(f * g * kernel(x[i] + u, x[j] + v, length) for u, f in one for v, g in two) for j in range(2) for two in operators]
        for i in range(2)
        for one in operators
    ]
    assert points.covariance(length) == pytest.approx(np.array(wanted), abs=1e-6)


def test_prediction_is_the_textbook_formula():
    rng = np.random.default_rng(4)
    x, new = rng.normal(size=(3, 2)), rng.normal(size=(1, 2))
    points = Points(x, np.broadcast_to(np.eye(2), (3, 2, 2)), np.zeros((3, 3, 1)))
    labels = rng.normal(size=(3, 3))
    process = GaussianProcess.fit(points, labels, np.zeros(1), np.ones(1))
    everything = Points(np.vstack([x, new]), np.broadcast_to(np.eye(2), (4, 2, 2)), np.zeros((4, 3, 1))).covariance(process.length)
    known = everything[:9, :9] + np.diag(np.tile([VALUE_NOISE**2, SLOPE_NOISE**2, SLOPE_NOISE**2], 3))
    value, slope = process.value_and_slope(new)
    wanted = everything[9:, :9] @ np.linalg.solve(known, labels.ravel())
    assert [value[0], *slope[0]] == pytest.approx(wanted, rel=1e-8)
    variance = 1.0 - everything[9, :9] @ np.linalg.solve(known, everything[9, :9])
    assert process.std(new, np.zeros((1, 1)))[0] == pytest.approx(process.amplitude * np.sqrt(variance), rel=1e-6)


def test_an_atom_without_neighbours_is_described_by_its_place():
    atoms = slab()[-1:]
    features = features_of([atoms], np.array([0]))
    assert isinstance(features, Places)
    assert features(atoms.positions[None]).jacobian()[0] == pytest.approx(2.0 * np.eye(3))


def test_an_unknown_prior_is_refused():
    with pytest.raises(ValueError, match='prior: expected "metals", "bonds", "electrode:FOLDER", None or an ASE calculator'):
        prior_of("uff", slab())
