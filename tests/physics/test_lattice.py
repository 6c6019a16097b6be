"""Points of lattices against counting in a wide box."""

import numpy as np
import pytest

from electrode.physics.lattice import half_waves, lattice_points, surface_of, upright_cell

CELL = np.array([[5.0, 0.3, 0.2], [3.9, 4.0, 0.1], [-2.0, 0.2, 7.0]])


@pytest.mark.parametrize("vectors", [CELL, CELL[:2]], ids=["three", "two"])
@pytest.mark.parametrize("radius", [4.0, 23.0])
def test_points_within_a_radius(vectors, radius):
    wide = np.stack(np.meshgrid(*[np.arange(-20, 21)] * len(vectors), indexing="ij"), -1).reshape(-1, len(vectors))
    expected = {tuple(n) for n in wide if np.linalg.norm(n @ vectors) <= radius}
    steps, points = lattice_points(vectors, radius)
    assert {tuple(n) for n in steps} == expected and len(steps) == len(expected)
    assert points == pytest.approx(steps @ vectors)


@pytest.mark.parametrize("vectors", [CELL, CELL[:2]], ids=["three", "two"])
def test_one_of_each_pair_of_waves(vectors):
    steps, waves = half_waves(vectors, 6.0)
    assert np.exp(1j * waves @ vectors.T) == pytest.approx(np.ones((len(waves), len(vectors))))
    assert waves @ vectors.T / (2.0 * np.pi) == pytest.approx(steps)
    both = {tuple(n) for n in steps} | {tuple(-n) for n in steps}
    everywhere = {tuple(n) for n in lattice_points(2.0 * np.pi * np.linalg.pinv(vectors).T, 6.0)[0]}
    assert len(both) == 2 * len(steps) and both | {(0,) * len(vectors)} == everywhere


def test_surface_and_upright_cell():
    normal, area, shortest = surface_of(CELL)
    assert np.abs(CELL[:2] @ normal).max() < 1e-12 and area == pytest.approx(np.linalg.norm(np.cross(*CELL[:2])))
    assert shortest == pytest.approx(np.linalg.norm(half_waves(CELL[:2], 6.0)[1], axis=1).min())
    positions = np.random.default_rng(0).normal(size=(6, 3))
    upright = upright_cell(positions, CELL, 5.0)
    assert np.array_equal(upright[:2], CELL[:2]) and upright[2] == pytest.approx(normal * (np.ptp(positions @ normal) + 5.0))
    with pytest.raises(ValueError, match="two independent vectors"):
        surface_of(np.ones((3, 3)))
