"""Particle-mesh Ewald: Madelung constants, the dense sums at the asked accuracy, derivatives, slabs, mistakes."""

from dataclasses import replace

import numpy as np
import pytest

from electrode.physics.choice import DENSE, OPEN, electrostatics_of
from electrode.physics.electrostatics import coulomb
from electrode.physics.ewald_sum import ewald
from electrode.physics.mesh import BULK, SLAB, Mesh, Settings, choose, slab_cell
from electrode.physics.neighbours import neighbour_list
from electrode.units import COULOMB

FCC = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
CRYSTALS = {  # positions in a cube of unit length, charges, nearest distance, Madelung constant
    "rock salt": (np.vstack([FCC, FCC + [0.5, 0, 0]]), [1] * 4 + [-1] * 4, 0.5, 1.7475645946331822),
    "caesium chloride": (np.array([[0, 0, 0], [0.5, 0.5, 0.5]]), [1, -1], np.sqrt(0.75), 1.7626747730709882),
}
CELLS = {
    "orthorhombic": np.diag([7.0, 8.0, 9.0]),
    "triclinic": np.array([[8.0, 0.0, 0.0], [6.0, 7.0, 0.0], [-5.0, 5.0, 9.0]]),
    "thin": np.array([[3.0, 0.2, 0.0], [0.5, 4.0, 0.0], [0.0, 1.0, 30.0]]),
}
FLAT = np.array([[8.0, 0.5, 0.0], [-1.0, 7.0, 0.0], [0.5, 1.0, 9.0]])


def system(cell, net, wide, seed=1):
    """Return positions at least 0.9 A apart, charges with a given sum, and widths, a third of them zero, or None."""
    rng, inverse, found = np.random.default_rng(seed), np.linalg.inv(cell), []
    n = int(0.08 * abs(np.linalg.det(cell)))
    while len(found) < n:
        place = rng.random(3) @ cell
        apart = (np.array(found).reshape(-1, 3) - place) @ inverse
        if not len(found) or np.linalg.norm((apart - np.rint(apart)) @ cell, axis=1).min() > 0.9:
            found.append(place)
    charges, sigma = rng.normal(size=n), rng.uniform(0.2, 0.9, n)
    sigma[: n // 3] = 0.0
    return np.array(found), charges + (net - charges.sum()) / n, sigma if wide else None


@pytest.fixture
def tilted():
    cell = CELLS["triclinic"]
    positions, charges, sigma = system(cell, 0.0, True)
    return cell, positions, charges, sigma, choose(cell, charges, sigma, 1e-8)


@pytest.mark.parametrize("name", CRYSTALS)
@pytest.mark.parametrize("accuracy", [1e-4, 1e-6, 1e-9])
def test_madelung_constants(name, accuracy):
    positions, charges, nearest, constant = CRYSTALS[name]
    cell = 5.64 * np.eye(3)
    found = Mesh(cell, BULK, choose(cell, np.array(charges), None, accuracy)).evaluate(5.64 * positions + 0.37, np.array(charges))
    per_pair = -found.energy * nearest * 5.64 / (COULOMB * len(charges) / 2)
    assert per_pair == pytest.approx(constant, abs=accuracy) and np.abs(found.forces).max() < accuracy
    assert found.potentials * charges == pytest.approx(np.full(len(charges), 2.0 * found.energy / len(charges)), abs=accuracy)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("net", [0.0, 1.5])
def test_reaches_the_asked_accuracy(name, wide, net):
    cell = CELLS[name]
    positions, charges, sigma = system(cell, net, wide)
    exact = ewald(positions, cell, charges, sigma)
    for accuracy in (1e-4, 1e-6, 1e-8):
        mesh = Mesh(cell, BULK, choose(cell, charges, sigma, accuracy))
        found = mesh.evaluate(positions, charges, sigma, countercharge="background")
        assert found.energy == pytest.approx(exact.energy, abs=accuracy, rel=0)
        assert found.potentials == pytest.approx(exact.potentials, abs=accuracy, rel=0)
        assert found.forces == pytest.approx(exact.forces, abs=accuracy, rel=0)


@pytest.mark.parametrize("order", [4, 5, 6, 7, 8])
def test_every_order_converges(tilted, order):
    cell, positions, charges, sigma, settings = tilted
    exact, errors = ewald(positions, cell, charges, sigma), []
    for size in (16, 32):
        found = Mesh(cell, BULK, replace(settings, order=order, grid=(size,) * 3)).evaluate(positions, charges, sigma)
        errors.append(np.abs(found.forces - exact.forces).max())
    assert errors[1] < 1.5 ** (1 - order) * errors[0]


@pytest.mark.parametrize("grid", [(20, 25, 30), (15, 27, 45)])
def test_forces_are_derivatives_of_the_mesh_energy(tilted, grid):
    cell, positions, charges, sigma, settings = tilted
    mesh, h = Mesh(cell, BULK, replace(settings, order=5, grid=grid)), 2e-4
    forces = mesh.evaluate(positions, charges, sigma).forces
    for atom, axis in ((0, 0), (7, 1), (30, 2)):
        step = np.zeros_like(positions)
        step[atom, axis] = h
        rise = [mesh.evaluate(positions + k * step, charges, sigma).energy for k in (-2, -1, 1, 2)]
        assert -(rise[0] - 8 * rise[1] + 8 * rise[2] - rise[3]) / (12 * h) == pytest.approx(forces[atom, axis], abs=1e-7, rel=0)


@pytest.mark.parametrize("net", [0.0, 2.0])
def test_strain_derivative(tilted, net):
    cell, positions, charges, sigma, settings = tilted
    charges, h = charges + net / len(charges), 4e-4
    settings = replace(settings, cutoff=settings.cutoff + 2.0)  # pairs that cross it then step by less than 1e-13
    found = Mesh(cell, BULK, settings).strain(positions, charges, sigma, countercharge="background")
    for a, b in ((0, 0), (1, 2), (2, 1), (2, 2)):
        rise = []
        for k in (-2, -1, 1, 2):
            strained = np.eye(3)
            strained[a, b] += k * h
            mesh = Mesh(cell @ strained.T, BULK, settings)
            rise.append(mesh.evaluate(positions @ strained.T, charges, sigma, countercharge="background").energy)
        assert (rise[0] - 8 * rise[1] + 8 * rise[2] - rise[3]) / (12 * h) == pytest.approx(found[a, b], abs=1e-7, rel=0)
    assert found == pytest.approx(ewald(positions, cell, charges, sigma).strain, abs=1e-7, rel=0)


@pytest.mark.parametrize("splitting", [None, 0.4])
def test_strain_derivative_of_the_dense_sum(tilted, splitting):
    cell, positions, charges, sigma, _ = tilted
    charges, h = charges + 0.05, 4e-4
    found = ewald(positions, cell, charges, sigma, splitting=splitting).strain
    for a, b in ((0, 1), (2, 2)):
        rise = []
        for k in (-2, -1, 1, 2):
            strained = np.eye(3)
            strained[a, b] += k * h
            rise.append(ewald(positions @ strained.T, cell @ strained.T, charges, sigma).energy)
        assert (rise[0] - 8 * rise[1] + 8 * rise[2] - rise[3]) / (12 * h) == pytest.approx(found[a, b], abs=1e-7, rel=0)


def test_points_scale_with_the_cell():
    cell = CELLS["triclinic"]
    positions, charges, _ = system(cell, 1.0, False)
    mesh = Mesh(cell, BULK, choose(cell, charges, None, 1e-8))
    energy = mesh.evaluate(positions, charges, countercharge="background").energy
    strain = mesh.strain(positions, charges, countercharge="background")
    assert np.trace(strain) == pytest.approx(-energy, abs=1e-6) and strain == pytest.approx(strain.T, abs=1e-11)


def test_moving_by_whole_mesh_steps_changes_nothing(tilted):
    cell, positions, charges, sigma, settings = tilted
    mesh = Mesh(cell, BULK, replace(settings, order=4, grid=(12, 15, 18)))
    usual, moved = mesh.evaluate(positions, charges, sigma), mesh.evaluate(positions + [5 / 12, -4 / 15, 25 / 18] @ cell, charges, sigma)
    assert moved.energy == pytest.approx(usual.energy, abs=1e-10)
    assert moved.forces == pytest.approx(usual.forces, abs=1e-10) and moved.potentials == pytest.approx(usual.potentials, abs=1e-10)


def test_net_force_is_removed_where_asked(tilted):
    cell, positions, charges, sigma, settings = tilted
    settings = replace(settings, order=4, grid=(12, 15, 18))
    usual = Mesh(cell, BULK, settings).evaluate(positions, charges, sigma).forces
    removed = Mesh(cell, BULK, settings, remove_net_force=True).evaluate(positions, charges, sigma).forces
    assert np.abs(usual.sum(axis=0)).max() > 1e-6 and removed == pytest.approx(usual - usual.mean(axis=0), abs=1e-12)


def test_a_longer_list_gives_the_same(tilted):
    cell, positions, charges, sigma, settings = tilted
    mesh, near = Mesh(cell, BULK, settings), neighbour_list(positions, cell, BULK, settings.cutoff + 1.0)
    usual, given = mesh.evaluate(positions, charges, sigma), mesh.evaluate(positions, charges, sigma, neighbours=near)
    assert given.forces == pytest.approx(usual.forces, abs=1e-11) and given.energy == pytest.approx(usual.energy, abs=1e-11)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("net", [0.0, 0.7])
def test_corrected_slab_is_the_planar_sum(wide, net):
    positions, charges, sigma = system(FLAT, net, wide)
    planar = coulomb(positions, FLAT, SLAB, np.zeros(len(charges)) if sigma is None else sigma)
    for accuracy in (1e-4, 1e-6, 1e-8):
        found = electrostatics_of(positions, charges, FLAT, SLAB, sigma, accuracy=accuracy, countercharge="none", method="mesh")
        assert found.energy == pytest.approx(0.5 * charges @ planar.value @ charges, abs=accuracy, rel=0)
        assert found.potentials == pytest.approx(planar.value @ charges, abs=accuracy, rel=0)
        assert found.forces == pytest.approx(-planar.pull(np.outer(charges, charges)), abs=accuracy, rel=0)


def test_corrected_slab_is_the_dense_corrected_sum_and_has_no_origin():
    positions, charges, sigma = system(FLAT, 0.0, True)
    cell = slab_cell(positions, FLAT, charges, 1e-2)  # where the images are felt, both sums feel them alike
    mesh, exact = Mesh(cell, SLAB, choose(cell, charges, sigma, 1e-8)), ewald(positions, cell, charges, sigma, slab=True)
    found, moved = mesh.evaluate(positions, charges, sigma), mesh.evaluate(positions + 3.3, charges, sigma)
    assert found.energy == pytest.approx(exact.energy, abs=1e-8) and found.forces == pytest.approx(exact.forces, abs=1e-8)
    assert moved.energy == pytest.approx(found.energy, abs=1e-8)


@pytest.mark.parametrize("pbc", [BULK, SLAB, OPEN])
def test_rule_of_the_method(pbc):
    cell = FLAT * [[1.0], [1.0], [1.5]]
    for n in (28, 40, 50):
        positions = system(cell, 0.0, False)[0][:n]
        charges = np.cos(np.pi * np.arange(n))
        rule, dense = (electrostatics_of(positions, charges, cell, pbc, method=way).energy for way in (None, "dense"))
        assert (rule == dense) == (n <= DENSE[pbc]) and rule == pytest.approx(dense, abs=1e-6)


def test_mistakes(tilted):
    cell, positions, charges, sigma, settings = tilted
    mesh = Mesh(cell, BULK, settings)
    with pytest.raises(ValueError, match="countercharge='background'"):
        mesh.evaluate(positions, charges + 0.1, sigma)
    with pytest.raises(ValueError, match="countercharge='none'"):
        electrostatics_of(positions, charges, cell, SLAB, sigma, countercharge="background")
    with pytest.raises(ValueError, match="three independent vectors"):
        choose(np.diag([5.0, 5.0, 0.0]), charges)
    with pytest.raises(ValueError, match="two independent vectors"):
        slab_cell(positions, np.ones((3, 3)), charges)
    with pytest.raises(ValueError, match="at least one atom"):
        mesh.evaluate(np.zeros((0, 3)), np.zeros(0))
    with pytest.raises(ValueError, match="expected atoms"):
        electrostatics_of(np.zeros((0, 3)), np.zeros(0), cell, BULK)
    with pytest.raises(ValueError, match="one row an atom"):
        mesh.evaluate(positions[:3], charges, sigma)
    with pytest.raises(ValueError, match="a slab"):
        Mesh(cell, (True, False, True), settings)
    with pytest.raises(ValueError, match="Set atoms.pbc"):
        electrostatics_of(positions, charges, cell, OPEN, method="mesh")
    with pytest.raises(ValueError, match="lower than its cell"):
        Mesh(cell, SLAB, settings).evaluate(positions + np.eye(len(positions))[:, :1] * cell[2], charges, sigma)
    with pytest.raises(ValueError, match="Drop strain"):
        electrostatics_of(positions, charges, cell, OPEN, sigma, strain=True)
    with pytest.raises(ValueError, match="order 4 to 8"):
        Settings(0.5, 6.0, (16, 16, 16), 9)
    with pytest.raises(ValueError, match="accuracy above 0"):
        choose(cell, charges, accuracy=0.0)
