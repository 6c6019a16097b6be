"""Following a ridge to its saddle, on a surface whose saddles and Hessian are known in closed form."""

import numpy as np
import pytest

from electrode.learn.acquisition import reach_from
from electrode.learn.band import Relaxed
from electrode.learn.climb import REACH, TRUST, climbed, derivatives, followed
from electrode.learn.labels import Label

FREE, ASIDE = np.array([1]), 0.3  # the atom that moves; saddles are at y = -0.3 and 0.3, on either side of the ridge y = 0


def evaluate(positions):
    """Return (x^2 - 1)^2 + 4 (y^2 - 0.09)^2 + z^2 of the second atom, and its forces."""
    x, y, z = positions[:, 1].T
    forces = np.zeros(positions.shape)
    forces[:, 1] = -np.column_stack([4.0 * x * (x**2 - 1.0), 16.0 * y * (y**2 - ASIDE**2), 2.0 * z])
    return (x**2 - 1.0) ** 2 + 4.0 * (y**2 - ASIDE**2) ** 2 + z**2, forces


def at(x, y, z):
    return np.array([[9.0, 9.0, 9.0], [x, y, z]])


def certain(positions):
    return np.zeros(len(positions))


def test_the_hessian_is_that_of_the_closed_form():
    place = at(0.2, 0.1, -0.1)
    forces, hessian = derivatives(place, FREE, evaluate)
    assert forces == pytest.approx(evaluate(place[None])[1][0, FREE])
    assert hessian == pytest.approx(np.diag([12.0 * 0.2**2 - 4.0, 48.0 * 0.1**2 - 16.0 * ASIDE**2, 2.0]), abs=5e-3)


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_ridge_is_left_for_the_saddle_beside_it(side):
    start = at(0.1, 0.02 * side, 0.05)
    end = climbed(start, FREE, evaluate, certain, 1e-3)
    assert end[1] == pytest.approx([0.0, ASIDE * side, 0.0], abs=1e-3) and end[0] == pytest.approx(start[0])


def test_it_goes_no_farther_than_it_is_trusted():
    start, doubt = at(0.05, 0.05, 0.0), lambda positions: 0.3 * np.abs(positions[:, 1, 1])
    end = climbed(start, FREE, evaluate, doubt, 1e-3)
    assert start[1, 1] < end[1, 1] and doubt(end[None])[0] <= TRUST
    far = lambda positions: evaluate(positions * [1.0, 0.1, 1.0])  # the saddle is 3 A away
    assert np.linalg.norm(climbed(start, FREE, far, certain, 1e-3) - start, axis=1).max() <= REACH


def test_the_image_that_was_followed_counts_as_the_highest():
    places = np.array([at(x, 0.02, 0.0) for x in (-1.0, -0.5, 0.0, 0.5, 1.0)])
    band = Relaxed(places, evaluate(places)[0], np.full(5, 0.5), True)
    found = followed(band, None, FREE, evaluate, certain, 0.05)
    assert found.top == 2 and found.positions[2, 1] == pytest.approx([0.0, ASIDE, 0.0], abs=5e-3)
    assert found.energies[2] == pytest.approx(1.0, abs=1e-3) and found.std[2] == 0.0 and np.array_equal(found.positions[3], places[3])
    near = Label(at(0.1, -0.05, 0.0), 1.0, np.zeros((2, 3)), 0.1, "saddle", path=places)
    assert followed(band, near, FREE, evaluate, certain, 0.05).positions[2, 1] == pytest.approx([0.0, -ASIDE, 0.0], abs=5e-3)


def test_only_the_image_asked_for_is_held_near_its_place():
    path = np.array([at(x, 0.0, 0.0) for x in (-1.0, 0.0, 1.0)])
    label = Label(path[1], 1.0, np.zeros((2, 3)), 0.6, "saddle", path=path)
    assert reach_from(label).tolist() == [np.inf, 0.3, np.inf] and reach_from(None) == np.inf
