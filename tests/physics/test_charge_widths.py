"""How electrostatic features answer to the widths of the charges, against finite differences."""

import numpy as np
import pytest
from teacher import interface

from electrode.physics.screened_coulomb import ScreenedCoulomb

ATOMS = interface((1, 1, 3), height=1.0, seed=22, water=True)
STEP = 1e-4


def features(log_widths, positions, pbc, bonds=False):
    n = len(ATOMS)
    choices = ScreenedCoulomb(double_layer_capacitance=20.0, bonds=bonds)
    return choices.bind(ATOMS.numbers, positions, ATOMS.cell.array[None], np.array([pbc]), np.zeros(n, int), ATOMS.numbers == 79, np.exp(log_widths))


@pytest.mark.parametrize("pbc", [(True, True, False), (False, False, False)])
@pytest.mark.parametrize("bonds", [False, True])
def test_the_derivatives_in_the_widths_are_finite_differences(pbc, bonds):
    n, rng = len(ATOMS), np.random.default_rng(0)
    start, along, displacement = 0.1 * rng.normal(size=n), rng.normal(size=n), rng.normal(size=(n, 3))
    at = lambda s: features(start + s * along, ATOMS.positions, pbc, bonds)
    value, change = at(0.0).widened(along, displacement[None])
    np.testing.assert_allclose(value, (at(STEP).values() - at(-STEP).values()) / (2 * STEP), atol=1e-6 * np.abs(value).max())
    np.testing.assert_allclose(change[:, 0], (at(STEP).push(displacement) - at(-STEP).push(displacement)) / (2 * STEP), atol=1e-6 * np.abs(change).max())


def test_wider_charges_repel_themselves_less():
    n = len(ATOMS)
    value, _ = features(np.zeros(n), ATOMS.positions, (False,) * 3).widened(np.ones(n), np.zeros((1, n, 3)))
    matrix = value[: n * n].reshape(n, n)
    own = features(np.zeros(n), ATOMS.positions, (False,) * 3).values()[: n * n].reshape(n, n)
    np.testing.assert_allclose(np.diag(matrix), -np.diag(own))  # A_ii is inverse to the width
    assert (matrix < 0).all()


def test_narrow_charges_are_widened_to_the_least_width():
    choices = ScreenedCoulomb(least_width=1.2)
    np.testing.assert_allclose(choices.width(np.array([1, 8, 79])), [1.2, 1.2, 1.36])
    with pytest.raises(ValueError, match="positive numbers"):
        ScreenedCoulomb(least_width=-0.1)
