"""Gaussian kernels in parts."""

import numpy as np
import pytest
import torch

from electrode.nn.kernel_heads import KernelHeads, Part

PARTS = (Part(3, 1.5, 0.2), Part(2, 4.0))


@pytest.fixture
def placed():
    torch.manual_seed(0)
    heads, features, channel = KernelHeads(2, 5, 2, 12, 1.5, PARTS), torch.randn(40, 5, dtype=torch.float64), torch.arange(40) % 2
    heads.place(features, channel)
    with torch.no_grad():
        heads.weights.copy_(torch.randn_like(heads.weights))
        heads.offsets.copy_(torch.randn_like(heads.offsets))
    return heads, features, channel


def by_hand(features, own, landmarks):
    """The kernel from its definition: lengths in root mean square distances between the environments `own`, each part on its own."""
    total, places = 0.0, np.split(np.arange(5), [3])
    for part, at in zip(PARTS, places):
        spread = own[:, at].std(0)
        scale = np.maximum(spread, 3.0 * np.sort(spread)[(len(at) - 1) // 2]) * len(at) ** 0.5  # the lower median, as torch takes it
        x, c, o = (y[:, at] / scale for y in (features, landmarks, own))
        square = ((x[:, None] - c[None]) ** 2).sum(2)
        total = total + part.weight / 1.2 * np.exp(-0.5 * square / (part.length**2 * 2.0 * o.var(0).sum()))
    return total


def test_outputs_are_those_of_the_definition(placed):
    heads, features, channel = placed
    found = heads(features, channel).detach().numpy()
    for k in (0, 1):
        own = features[channel == k].numpy()
        landmarks = (heads.landmarks[k] * heads.scale[k]).numpy()
        expected = by_hand(own, own, landmarks) @ heads.weights[k].detach().numpy() + heads.offsets[k].detach().numpy()
        assert found[channel == k] == pytest.approx(expected, abs=1e-10)


def test_the_slope_of_the_kernel(placed):
    heads, features, channel = placed
    own, step = features[channel == 1], 1e-5
    value, slope = heads.kernel(own, 1)
    for f in range(5):
        shift = step * torch.eye(5, dtype=torch.float64)[f]
        central = (heads.kernel(own + shift, 1)[0] - heads.kernel(own - shift, 1)[0]) / (2 * step)
        assert torch.allclose(slope[:, :, f], central, atol=1e-8)
    assert torch.allclose(value @ heads.weights[1].detach() + heads.offsets[1].detach(), heads(features, channel)[channel == 1].detach(), atol=1e-10)


def test_the_root_whitens(placed):
    heads, _, _ = placed
    root = heads.root(0)
    kernel = heads.kernel(heads.landmarks[0] * heads.scale[0], 0)[0]
    assert torch.allclose(root.T @ kernel @ root, torch.eye(root.shape[1], dtype=torch.float64), atol=1e-6)


@pytest.mark.parametrize("parts", [(Part(3, 1.5), Part(3, 1.0)), (Part(5, 2.0),)])
def test_parts_that_do_not_fit_are_refused(parts):
    with pytest.raises(ValueError, match="parts of 5 features"):
        KernelHeads(2, 5, 2, 12, 1.5, parts)


@pytest.mark.parametrize("length, weight", [(0.0, 1.0), (1.0, -1.0)])
def test_a_part_without_extent_is_refused(length, weight):
    with pytest.raises(ValueError, match="positive"):
        Part(3, length, weight)


def test_large_weights_of_either_sign_leave_little_rounding():
    """Against the formula in extended precision, with weights as large as trained ones and environments close together."""
    torch.manual_seed(0)
    heads, features = KernelHeads(1, 4, 1, 40, 20.0), torch.rand(60, 4, dtype=torch.float64)
    channel = torch.zeros(60, dtype=torch.long)
    heads.place(features, channel)
    with torch.no_grad():
        heads.weights.copy_(1e5 * torch.randn_like(heads.weights))
        heads.weights[:, 1] -= heads.weights.sum(1)
        found = heads(features, channel)[:, 0].numpy()
    wide = lambda tensor: tensor.detach().numpy().astype(np.longdouble)
    x, centres = wide(features) / wide(heads.scale[0]), wide(heads.landmarks[0])
    square = ((x[:, None] - centres[None]) ** 2).sum(2)
    exact = np.exp(-0.5 * wide(heads.inverse_length[0]) ** 2 * square) @ wide(heads.weights[0, :, 0]) + wide(heads.offsets[0, 0])
    values, _ = heads.kernel(features, 0)
    plain = (values @ heads.weights[0]).detach().numpy()[:, 0]
    assert 10.0 * np.std(found - exact) < np.std(plain - exact)  # the same error for all is no force


def test_features_that_never_vary_change_nothing():
    """A model of more elements has functions of pairs that one system does not hold; with these alone it learns the same."""
    rng = torch.Generator().manual_seed(5)
    features = torch.randn(40, 6, generator=rng, dtype=torch.float64) * torch.tensor([1.0, 0.5, 0.2, 0.05, 1e-3, 0.3], dtype=torch.float64)
    channel, weights = torch.zeros(40, dtype=torch.long), torch.randn(1, 8, 2, generator=rng, dtype=torch.float64)
    found = []
    for some in (features, torch.cat([features, torch.zeros(40, 9, dtype=torch.float64)], 1)):
        heads = KernelHeads(1, some.shape[1], 2, 8, 1.5)
        heads.place(some, channel)
        heads.weights.data = weights
        found.append(heads(some, channel).detach())
    torch.testing.assert_close(found[1], found[0], rtol=1e-12, atol=1e-12)
