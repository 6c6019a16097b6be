"""Short-range energy: Morse dimer, saturation, published metals, derivatives, cutoff."""

import numpy as np
import pytest
from ase.build import bulk

from electrode.physics.neighbours import neighbour_list
from electrode.physics.pair import BOND_ENERGY, Bonds, ShortRange, decay

OPEN = (False, False, False)


def short(numbers, positions, cell=None, pbc=OPEN, cutoff=6.0):
    positions = np.asarray(positions, float)
    cell = np.zeros((3, 3)) if cell is None else cell
    return ShortRange(np.asarray(numbers), Bonds.of(positions, neighbour_list(positions, cell, pbc, cutoff)), cutoff)


def test_dimer_is_a_morse_curve_of_the_force_field():
    r0, depth = 0.32 + 0.63, BOND_ENERGY  # radii of H and O
    rate = np.sqrt(664.12 * 0.0433641153 * 0.712 * 2.3 / r0**3 / (2.0 * depth))
    for r in (0.8, 0.95, 1.3, 2.0):
        y = np.exp(-rate * (r - r0))
        assert short([1, 8], [[0, 0, 0], [0, 0, r]]).energy() == pytest.approx(depth * (y**2 - 2.0 * y), abs=0.02)


def test_hydrogen_does_not_bind_twice():
    one = short([1, 8], [[0, 0, 0], [0, 0, 1.0]]).energy()
    two = short([1, 8, 8], [[0, 0, 0], [0, 0, 1.0], [0, 0, -1.0]]).energy()
    assert two > 1.75 * one


@pytest.mark.parametrize("symbol, cohesive_energy", [("Cu", 3.544), ("Ag", 2.960), ("Pt", 5.853), ("Au", 3.779), ("Pd", 3.936)])
def test_published_metals(symbol, cohesive_energy):
    # energies that the parameters were fitted to: Cleri and Rosato 1993, https://doi.org/10.1103/PhysRevB.48.22
    lattice = {"Cu": 3.615, "Ag": 4.085, "Pt": 3.924, "Au": 4.079, "Pd": 3.887}[symbol]
    energies = []
    for scale in (0.98, 1.0, 1.02):
        metal = bulk(symbol, a=scale * lattice)
        energies.append(short(metal.numbers, metal.positions, metal.cell.array, metal.pbc, cutoff=11.0).energy())
    assert energies[1] == pytest.approx(-cohesive_energy, rel=0.01)
    assert energies[1] < energies[0] and energies[1] < energies[2]


def test_hydrogen_sits_in_the_hollow_of_gold():
    side = 2.88
    gold = side * np.array([[0, 0, 0], [1, 0, 0], [0.5, np.sqrt(0.75), 0]])
    heights = np.linspace(0.4, 2.0, 81)
    alone = short([79] * 3, gold).energy()
    energies = [short([79] * 3 + [1], [*gold, gold.mean(axis=0) + [0, 0, h]]).energy() - alone for h in heights]
    lowest = int(np.argmin(energies))
    distance = np.hypot(heights[lowest], side / np.sqrt(3.0))
    assert distance == pytest.approx(1.9, abs=0.1) and -4.0 < energies[lowest] < -2.0


def test_derivatives():
    rng = np.random.default_rng(0)
    numbers = np.array([79, 79, 79, 26, 8, 1, 1])
    positions = rng.uniform(0, 1, (7, 3)) + np.array([[i % 2, i // 2 % 2, i // 4] for i in range(7)]) * 2.2
    cell, pbc = np.array([[5.0, 0.2, 0.0], [1.0, 5.5, 0.0], [0.0, 0.0, 1.0]]), (True, True, False)
    direction = rng.normal(size=(7, 3))
    at = lambda k: short(numbers, positions + k * 2e-4 * direction, cell, pbc)
    slope = (8 * (at(1).energy() - at(-1).energy()) - at(2).energy() + at(-2).energy()) / (12 * 2e-4)
    assert np.vdot(at(0).gradient(), direction) == pytest.approx(slope, abs=1e-7)
    bend = (8 * (at(1).gradient() - at(-1).gradient()) - at(2).gradient() + at(-2).gradient()) / (12 * 2e-4)
    assert np.allclose(at(0).gradient_along(direction), bend, atol=1e-7)
    assert np.allclose(at(0).gradient().sum(axis=0), 0.0, atol=1e-12)


def test_smooth_at_the_cutoff():
    inside = decay(np.array([6.0 - 1e-4, 4.0 + 1e-4]), np.array([1.0, 1.0]), np.array([2.0, 2.0]), 6.0)
    outside = decay(np.array([6.0 + 1e-4, 4.0 - 1e-4]), np.array([1.0, 1.0]), np.array([2.0, 2.0]), 6.0)
    for a, b in zip(inside, outside):
        assert np.allclose(a, b, atol=2e-3 * np.exp(-2.0) + 1e-4)
    assert outside[0][0] == 0.0 and inside[0][1] > 0.0


def test_one_atom_has_no_energy():
    atom = short([79], [[0, 0, 0]])
    assert atom.energy() == 0.0 and np.all(atom.gradient() == 0.0)
    assert np.all(atom.gradient_along(np.ones((1, 3))) == 0.0)
