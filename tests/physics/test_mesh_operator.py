"""The kept mesh: against the dense sums and the mesh of one evaluation, moving atoms, widths, single precision, mistakes."""

import math

import numpy as np
import pytest

from electrode.physics._near import TABLE, overlap, splitting_polynomial
from electrode.physics._pairs import Pairs
from electrode.physics.electrostatics import coulomb
from electrode.physics.ewald_sum import ewald
from electrode.physics.mesh import BULK, SLAB, Mesh, Settings, choose, slab_cell
from electrode.physics.mesh_operator import MeshOperator
from electrode.physics.neighbours import neighbour_list

TILTED = np.array([[9.0, 0.0, 0.0], [6.0, 8.0, 0.0], [-5.0, 5.0, 11.0]])
FLAT = np.array([[8.0, 0.5, 0.0], [-1.0, 7.0, 0.0], [0.5, 1.0, 9.0]])


def system(cell, net, seed=1):
    """Return positions at least 0.9 A apart, charges with a given sum, and widths, a third of them zero."""
    rng, inverse, found = np.random.default_rng(seed), np.linalg.inv(cell), []
    n = int(0.08 * abs(np.linalg.det(cell)))
    while len(found) < n:
        place = rng.random(3) @ cell
        apart = (np.array(found).reshape(-1, 3) - place) @ inverse
        if not len(found) or np.linalg.norm((apart - np.rint(apart)) @ cell, axis=1).min() > 0.9:
            found.append(place)
    charges, sigma = rng.normal(size=n), rng.uniform(0.2, 0.9, n)
    sigma[: n // 3] = 0.0
    return np.array(found), charges + (net - charges.sum()) / n, sigma


@pytest.mark.parametrize("net", [0.0, 1.5])
@pytest.mark.parametrize("accuracy", [1e-4, 1e-7])
def test_bulk_is_the_dense_sum_at_the_asked_accuracy(net, accuracy):
    positions, charges, sigma = system(TILTED, net)
    exact = ewald(positions, TILTED, charges, sigma)
    operator = MeshOperator(TILTED, BULK, choose(TILTED, charges, sigma, accuracy), sigma).at(positions)
    found = operator.evaluate(charges, countercharge="background")
    assert found.energy == pytest.approx(exact.energy, abs=accuracy, rel=0)
    assert found.potentials == pytest.approx(exact.potentials, abs=accuracy, rel=0)
    assert found.forces == pytest.approx(exact.forces, abs=accuracy, rel=0)
    assert operator.potentials(charges) == pytest.approx(found.potentials, abs=1e-12)


@pytest.mark.parametrize("net", [0.0, 0.7])
@pytest.mark.parametrize("accuracy", [1e-4, 1e-7])
def test_slab_is_the_planar_sum_at_the_asked_accuracy(net, accuracy):
    positions, charges, sigma = system(FLAT, net)
    planar = coulomb(positions, FLAT, SLAB, sigma)
    cell = slab_cell(positions, FLAT, charges, accuracy)
    operator = MeshOperator(cell, SLAB, choose(cell, charges, sigma, accuracy), sigma).at(positions)
    found = operator.evaluate(charges, countercharge="none")
    assert found.energy == pytest.approx(0.5 * charges @ planar.value @ charges, abs=accuracy, rel=0)
    assert operator.potentials(charges) == pytest.approx(planar.value @ charges, abs=accuracy, rel=0)
    assert found.forces == pytest.approx(-planar.pull(np.outer(charges, charges)), abs=accuracy, rel=0)


@pytest.mark.parametrize("order, grid", [(4, (20, 25, 30)), (5, (5, 27, 6)), (7, (8, 7, 9)), (8, (15, 14, 27))])
def test_it_is_the_mesh_with_the_same_settings(order, grid):
    """Also where a mesh is shorter than the lines of the splines."""
    positions, charges, sigma = system(TILTED, 0.0)
    settings = Settings(0.45, 9.3, grid, order)
    once = Mesh(TILTED, BULK, settings).evaluate(positions, charges, sigma)
    found = MeshOperator(TILTED, BULK, settings, sigma).at(positions).evaluate(charges)
    assert found.energy == pytest.approx(once.energy, abs=1e-8, rel=0)
    assert found.potentials == pytest.approx(once.potentials, abs=1e-8, rel=0)
    assert found.forces == pytest.approx(once.forces, abs=1e-7, rel=0)


def test_potentials_are_a_symmetric_product():
    positions, charges, sigma = system(FLAT, 0.4)
    cell = slab_cell(positions, FLAT, charges, 1e-3)
    operator = MeshOperator(cell, SLAB, choose(cell, charges, sigma, 1e-3), sigma).at(positions)
    matrix = np.array([operator.potentials(unit) for unit in np.eye(len(charges))])
    assert matrix == pytest.approx(matrix.T, abs=1e-11)
    assert operator.potentials(charges) == pytest.approx(matrix @ charges, abs=1e-11)


@pytest.mark.parametrize("pbc", [BULK, SLAB])
def test_forces_are_derivatives_of_the_energy(pbc):
    positions, charges, sigma = system(FLAT, 0.0)
    cell = FLAT if pbc[2] else slab_cell(positions, FLAT, charges, 1e-2)
    operator, h = MeshOperator(cell, pbc, Settings(0.6, 6.0, (9, 9, 24), 5), sigma, skin=0.3), 2e-4
    forces = operator.at(positions).evaluate(charges).forces
    for atom, axis in ((0, 0), (13, 1), (30, 2)):
        step = np.zeros_like(positions)
        step[atom, axis] = h
        rise = [operator.at(positions + k * step).evaluate(charges).energy for k in (-2, -1, 1, 2)]
        assert -(rise[0] - 8 * rise[1] + 8 * rise[2] - rise[3]) / (12 * h) == pytest.approx(forces[atom, axis], abs=1e-6, rel=0)


def test_moving_atoms_need_no_new_list_until_they_leave_the_skin():
    positions, charges, sigma = system(TILTED, 0.0)
    settings, rng = choose(TILTED, charges, sigma, 1e-6), np.random.default_rng(3)
    operator, lists = MeshOperator(TILTED, BULK, settings, sigma, skin=0.5), set()
    for _ in range(12):
        positions = positions + rng.uniform(-0.04, 0.04, positions.shape)
        found = operator.at(positions).evaluate(charges)
        fresh = MeshOperator(TILTED, BULK, settings, sigma).at(positions).evaluate(charges)
        assert found.forces == pytest.approx(fresh.forces, abs=1e-10) and found.energy == pytest.approx(fresh.energy, abs=1e-10)
        lists.add(id(operator.pairs))
    assert 1 < len(lists) < 8


def test_atoms_that_were_wrapped_are_the_same():
    positions, charges, sigma = system(TILTED, 0.0)
    operator = MeshOperator(TILTED, BULK, choose(TILTED, charges, sigma, 1e-5), sigma)
    usual = operator.at(positions).evaluate(charges)
    moved = operator.at(positions + np.array([2, -1, 1]) @ TILTED).evaluate(charges)
    assert moved.forces == pytest.approx(usual.forces, abs=1e-10)


@pytest.mark.parametrize("product", [2.0, 3.5, 4.5])
def test_the_splitting_polynomial_is_the_error_function(product):
    alpha, cutoff = 0.4, product / 0.4
    r = np.linspace(0.3, cutoff, 400)
    t = 2.0 * r**2 / cutoff**2 - 1.0
    found = np.polyval(np.concatenate(splitting_polynomial(alpha, cutoff)), t)
    exact = np.array([math.erf(alpha * x) / x for x in r])
    assert np.abs(found - exact).max() < max(1e-3 * math.erfc(product) / cutoff, 1e-13)


def test_the_table_is_the_error_function():
    y = np.arange(len(TABLE))[1:] / 128.0
    exact = np.array([math.erf(math.sqrt(v)) / math.sqrt(v) for v in y])
    slope = np.array([(2.0 / math.sqrt(math.pi) * math.exp(-v) - e) / (2.0 * v) for v, e in zip(y, exact)])
    assert np.abs(TABLE[1:, 0] - exact).max() < 1e-15
    assert np.abs(128.0 * TABLE[64:, 1] - slope[63:]).max() < 1e-14
    assert np.abs(128.0 * TABLE[1:, 1] - slope).max() < 1e-12 and TABLE[0].tolist() == pytest.approx([2.0 / math.sqrt(math.pi), -2.0 / (384.0 * math.sqrt(math.pi))])


def test_the_table_between_its_points():
    for y in np.random.default_rng(5).uniform(0.0, 36.0, 300):
        x = math.sqrt(y)
        value, bend = overlap(y, 1.0, TABLE)
        slope = (2.0 / math.sqrt(math.pi) * math.exp(-y) - math.erf(x) / x) / y if y > 0.01 else -4.0 / (3.0 * math.sqrt(math.pi)) * (1.0 - 0.6 * y)
        assert value + 1.0 / x == pytest.approx(math.erf(x) / x, abs=1e-11)
        assert bend - 1.0 / x**3 == pytest.approx(slope, abs=2e-9 if y > 0.01 else 1e-4, rel=1e-12 / y)


def test_single_precision_within_its_bound():
    positions, charges, sigma = system(TILTED, 0.0)
    settings = choose(TILTED, charges, sigma, 1e-6)
    double, single = (MeshOperator(TILTED, BULK, settings, sigma, single=s).at(positions).evaluate(charges) for s in (False, True))
    largest = np.abs(double.potentials).max()
    assert 0.0 < np.abs(single.potentials - double.potentials).max() < 1e-6 * largest
    assert np.abs(single.forces - double.forces).max() < 1e-6 * largest


def test_a_lone_atom_and_its_images():
    cell = np.diag([3.0, 3.2, 3.5])
    for sigma in (0.0, 0.4):
        exact = ewald(np.ones((1, 3)), cell, np.ones(1), np.array([sigma]))
        found = MeshOperator(cell, BULK, choose(cell, np.ones(1), np.array([sigma]), 1e-7), np.array([sigma])).at(np.ones((1, 3))).evaluate(np.ones(1), countercharge="background")
        assert found.energy == pytest.approx(exact.energy, abs=1e-7) and np.abs(found.forces).max() < 1e-7


@pytest.mark.parametrize("cell, reach", [(TILTED, 3.0), (TILTED, 14.0), (FLAT, 7.3), (np.diag([3.0, 40.0, 5.0]), 6.1)])
def test_the_half_list_has_every_pair_once(cell, reach):
    positions = system(cell, 0.0)[0] + np.random.default_rng(2).integers(-2, 3, (int(0.08 * abs(np.linalg.det(cell))), 3)) @ cell
    pairs, full = Pairs(positions, cell, reach), neighbour_list(positions, cell, BULK, reach)
    centre, away = pairs.centres(), positions - pairs.home
    found = away[pairs.index] + pairs.shifts[pairs.code] - away[centre]
    key = lambda i, j, d: np.round(np.column_stack([i, j, d]), 6) + 0.0
    half = np.vstack([key(centre, pairs.index, found), key(pairs.index, centre, -found)])
    whole = key(np.repeat(np.arange(len(positions)), np.diff(full.first)), full.index, full.vectors(positions))
    assert np.array_equal(half[np.lexsort(half.T)], whole[np.lexsort(whole.T)])


def test_mistakes():
    positions, charges, sigma = system(TILTED, 0.0)
    settings = choose(TILTED, charges, sigma, 1e-3)
    operator = MeshOperator(TILTED, BULK, settings, sigma)
    with pytest.raises(ValueError, match="Call at first"):
        operator.potentials(charges)
    with pytest.raises(ValueError, match="finite positions"):
        operator.at(positions[:4])
    with pytest.raises(ValueError, match="expected 63 charges"):
        operator.at(positions).evaluate(charges[:4])
    with pytest.raises(ValueError, match="countercharge='background'"):
        operator.evaluate(charges + 0.1)
    with pytest.raises(ValueError, match="skin above 0"):
        MeshOperator(TILTED, BULK, settings, sigma, skin=0.0)
    with pytest.raises(ValueError, match=r"\(True, False, True\)"):
        MeshOperator(TILTED, (True, False, True), settings, sigma)
    with pytest.raises(ValueError, match="lower than its cell"):
        MeshOperator(TILTED, SLAB, settings, sigma).at(positions + np.eye(len(positions))[:, :1] * TILTED[2])
    with pytest.raises(ValueError, match="closer|apart"):
        Pairs(np.zeros((2, 3)), TILTED, 3.0)
