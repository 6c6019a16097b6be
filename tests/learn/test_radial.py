"""Energies of pairs: their formula by hand, their gradients by differences, and what they carry from one bond to another."""

import numpy as np
import pytest
from ase import Atoms
from ase.data import covalent_radii

from electrode.learn.features import Pairs
from electrode.learn.labels import Label
from electrode.learn.prior import prior_of
from electrode.learn.radial import CENTRES, WIDTH, Radial
from electrode.learn.surrogate import Space, Surrogate

BOND = covalent_radii[1] + covalent_radii[8]


def water(seed=0):
    """Return a water molecule beside an oxygen atom, displaced; all four atoms move."""
    atoms = Atoms("HHOO", positions=[[0.8, 0.6, 0.0], [-0.8, 0.6, 0.0], [0.0, 0.0, 0.0], [0.0, -2.6, 0.5]], cell=[9.0, 9.0, 12.0])
    atoms.positions += np.random.default_rng(seed).normal(scale=0.1, size=(4, 3))
    return atoms


def described(atoms):
    pairs = Pairs.of([atoms], np.arange(len(atoms)))
    return pairs, Radial.of(pairs, atoms.numbers)


def test_one_pair_is_the_formula():
    atoms = Atoms("OH", positions=[[0.0, 0.0, 0.0], [0.0, 0.0, 1.2]])
    pairs, radial = described(atoms)
    g = BOND / 1.2  # nearer than half the cutoff nothing fades
    wanted = [np.exp(-0.5 * (g / WIDTH - c) ** 2) - np.exp(-0.5 * c**2) for c in CENTRES]
    assert radial.functions(pairs(atoms.positions[None]).values)[0] == pytest.approx(wanted, rel=1e-12)
    far = np.array([[[0.0, 0.0, 0.0], [0.0, 0.0, 6.1]]])
    assert not radial.functions(pairs(far).values).any()


def test_functions_and_energy_have_the_gradients_that_they_give():
    atoms, step = water(), 1e-5
    pairs, radial = described(atoms)
    weights = np.random.default_rng(1).normal(size=radial.count)
    assert radial.count == 3 * len(CENTRES)  # of H-H, H-O and O-O
    at = lambda positions: radial.functions(pairs(positions[None]).values)[0]
    features = pairs(atoms.positions[None])
    functions, gradients = np.split(radial.with_gradients(features)[0], [1])
    assert functions[0] == pytest.approx(at(atoms.positions), rel=1e-12)
    energy, push = radial.energy(features.values, weights)
    assert energy[0] == pytest.approx(functions[0] @ weights, rel=1e-12)
    for k, shift in enumerate(step * np.eye(12).reshape(12, 4, 3)):
        slope = (at(atoms.positions + shift) - at(atoms.positions - shift)) / (2.0 * step)
        assert gradients[k] == pytest.approx(slope, abs=1e-7)
        assert features.pull(push)[0, k] == pytest.approx(slope @ weights, abs=1e-6)


def bent(positions, charge):
    """Return a label of a surface whose bonds of H to O are one Morse curve each, with a charge; nothing else counts."""
    gradient, energy = np.zeros((4, 3)), 4.4 * charge + 1.5 * charge**2
    for h in (0, 1):
        for o in (2, 3):
            vector = positions[h] - positions[o]
            r = np.linalg.norm(vector)
            x = np.exp(-2.0 * (r - 0.98))
            energy += 4.0 * ((1.0 - x) ** 2 - 1.0)
            push = 16.0 * (1.0 - x) * x * vector / r
            gradient[h] += push
            gradient[o] -= push
    return Label(positions.copy(), energy, -gradient, 1.0, "saddle", charge=charge, potential=4.4 + 3.0 * charge)


def surrogates():
    """Return surrogates with and without energies of pairs, of labels in which one bond alone is stretched."""
    atoms, rng = water(), np.random.default_rng(2)
    pairs, radial = described(atoms)
    labels = []
    for stretch, charge in ((0.0, 0.0), (0.2, 0.1), (0.4, -0.1), (0.6, 0.0)):
        positions = atoms.positions + rng.normal(scale=0.02, size=(4, 3))
        positions[0] += stretch * (positions[0] - positions[2])
        labels.append(bent(positions, charge))
    return atoms, [Surrogate(Space(pairs, prior_of(None, atoms), 30.0, more), labels) for more in (radial, None)]


def test_a_surrogate_with_pairs_has_the_forces_and_the_potential_of_its_energy():
    atoms, (surrogate, _) = surrogates()
    positions, charge, step = np.array([atoms.positions, water(3).positions]), np.array([0.05, -0.2]), 1e-4
    _, forces, potential = surrogate(positions, charge)
    for k, shift in enumerate(step * np.eye(12).reshape(12, 4, 3)):
        slope = (surrogate(positions + shift, charge)[0] - surrogate(positions - shift, charge)[0]) / (2.0 * step)
        assert forces.reshape(2, 12)[:, k] == pytest.approx(-slope, abs=1e-5)
    slope = (surrogate(positions, charge + step)[0] - surrogate(positions, charge - step)[0]) / (2.0 * step)
    assert potential == pytest.approx(slope, abs=1e-6)


def test_a_bond_tells_of_another():
    """The second bond was never stretched; its energy is foreseen from the first one's where pairs are learned."""
    atoms, (paired, plain) = surrogates()
    positions = atoms.positions.copy()
    positions[1] += 0.4 * (positions[1] - positions[2])
    truth = bent(positions, 0.0).energy
    off = [abs(float(s(positions[None], np.zeros(1))[0][0]) - truth) for s in (paired, plain)]
    assert off[0] < 0.5 * off[1]
    assert paired.std(positions[None], np.zeros(1))[0] < plain.std(positions[None], np.zeros(1))[0]
