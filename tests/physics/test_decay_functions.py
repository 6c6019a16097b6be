"""The decaying potential functions and the plane that they count from."""

import numpy as np
import pytest
import torch

from electrode.bridge import differentiable
from electrode.physics.decay_functions import DecayFunctions

FUNCTIONS = DecayFunctions()
NORMAL = np.array([[0.0, 0.0, 1.0]])
HEIGHTS = np.array([0.0, 0.05, 2.4, 2.35, 4.8, 4.7, 3.6, 4.05, 6.2, 8.0])  # two layers of metal below, then atoms around the plane
ELECTRODE = np.array([True] * 6 + [False] * 4)


def kernel_of(positions, normal=NORMAL, system=None, electrode=ELECTRODE, functions=FUNCTIONS):
    system = np.zeros(len(positions), int) if system is None else system
    return functions.bind(positions, normal, system, electrode)


def positions_at(heights=HEIGHTS):
    flat = np.random.default_rng(0).normal(size=(len(heights), 3))
    flat[:, 2] = heights
    return flat


def test_the_plane_is_the_mean_of_the_outer_layer_plus_the_offset():
    kernel = kernel_of(positions_at(np.array([0, 0, 2.4, 2.4, 4.8, 4.8, 5, 6, 7, 8.0])))
    assert kernel.plane[0] == pytest.approx(4.8 - 1.15, abs=1e-3)


def test_far_above_the_plane_they_decay_as_written_and_below_they_vanish():
    kernel = kernel_of(positions_at())
    h = HEIGHTS - kernel.plane
    high = h > 0.5
    np.testing.assert_allclose(kernel.values()[high], np.exp(-np.outer(h[high], FUNCTIONS.decay_constants)), rtol=1e-12)
    assert not kernel.values()[h < -0.5].any() and (h < -0.5).sum() >= 3


@pytest.mark.parametrize("tilted", [False, True])
def test_gradcheck_and_gradgradcheck_with_atoms_that_straddle_the_plane(tilted):
    n = np.array([[0.3, -0.2, 0.9], [0.0, 0.0, 1.0]])
    normal = n / np.linalg.norm(n, axis=1)[:, None] if tilted else np.tile(NORMAL, (2, 1))
    both = np.concatenate([positions_at(), positions_at(HEIGHTS[::-1] * 0.9)])
    system, electrode = np.repeat([0, 1], 10), np.concatenate([ELECTRODE, ELECTRODE[::-1]])
    h = kernel_of(both, normal, system, electrode)
    assert (np.abs(h.heights - h.plane) < 0.5).any()
    weights = torch.randn(20, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    scalar = lambda r: torch.sin(differentiable(kernel_of(r.detach().numpy(), normal, system, electrode), r) * weights).sum()
    positions = torch.tensor(both, requires_grad=True)
    assert torch.autograd.gradcheck(scalar, (positions,))
    assert torch.autograd.gradgradcheck(scalar, (positions,))


def test_two_continuous_derivatives_across_the_plane():
    def at(height):
        heights = HEIGHTS.copy()
        heights[-1] = height
        kernel = kernel_of(positions_at(heights))
        up = np.zeros((10, 3))
        up[-1, 2] = 1.0
        return kernel.push(up)[-1], kernel.pull_along(np.ones((10, 4)), up)[-1, 2]

    plane = kernel_of(positions_at()).plane[0]
    for edge in (plane - 0.5, plane + 0.5):
        (a1, a2), (b1, b2) = at(edge - 1e-6), at(edge + 1e-6)
        assert np.abs(a1 - b1).max() < 1e-4 and abs(a2 - b2) < 1e-3
    assert np.abs(at(plane)[0]).max() > 0.1


def test_moving_everything_changes_nothing():
    positions = positions_at()
    values = kernel_of(positions).values()
    np.testing.assert_allclose(kernel_of(positions + [1.3, -0.4, 2.7]).values(), values, atol=1e-13)
    order = np.random.default_rng(3).permutation(10)
    np.testing.assert_allclose(kernel_of(positions[order], electrode=ELECTRODE[order]).values(), values[order], atol=1e-13)


def test_lifting_the_surface_alone_lifts_the_plane():
    moved = positions_at()
    moved[ELECTRODE, 2] += 0.2
    assert kernel_of(moved).plane[0] == pytest.approx(kernel_of(positions_at()).plane[0] + 0.2, abs=1e-12)


def test_a_system_without_electrode_is_refused():
    with pytest.raises(ValueError, match="no electrode atoms"):
        kernel_of(positions_at(), electrode=np.zeros(10, bool))


def test_two_slabs_are_refused():
    heights = HEIGHTS.copy()
    heights[:2] += 20.0
    with pytest.raises(ValueError, match="two parts, 15"):
        kernel_of(positions_at(heights))


@pytest.mark.parametrize("wrong", [dict(decay_constants=()), dict(decay_constants=(-1.0,)), dict(switch_width=0.0), dict(sharpness=-1.0)])
def test_bad_choices_are_refused(wrong):
    with pytest.raises(ValueError):
        DecayFunctions(**wrong)
