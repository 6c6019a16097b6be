"""The deep-potential descriptor against a sum neighbour by neighbour; its symmetry, smoothness and derivatives."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule

from electrode.nn.deep_potential import DeepPotential, ResidualNetworks, smooth_inverse
from electrode.nn.graph import Graph
from electrode.state import Structure

INNER, CUTOFF = 1.0, 4.0


def descriptor(seed=0):
    net = DeepPotential(3, (3, 6), 4, INNER, CUTOFF, torch.Generator().manual_seed(seed))
    net.mean.copy_(torch.tensor([0.2, 0.3, 0.1]))
    net.spread.copy_(torch.tensor([0.2, 0.3, 0.4]))
    return net


def triclinic():
    atoms = Atoms("AuOH", scaled_positions=[[0.1, 0.2, 0.3], [0.6, 0.7, 0.5], [0.4, 0.1, 0.8]], cell=[[3.0, 0.2, 0.1], [1.1, 3.3, -0.3], [-0.8, 0.9, 4.0]])
    atoms.pbc = True
    return atoms


def channels(atoms):
    return torch.tensor([(1, 8, 79).index(z) for z in atoms.numbers])


def described(net, atoms):
    structure = Structure.from_atoms(atoms)
    with torch.no_grad():
        return net(Graph.of(structure, structure.positions, CUTOFF), channels(atoms))


def weight(r):
    u = (r - INNER) / (CUTOFF - INNER)
    return 0.0 if r >= CUTOFF else 1 / r if r < INNER else (u**3 * (-6 * u * u + 15 * u - 10) + 1) / r


def by_hand(net, atoms, i):
    """The descriptor of atom i from images laid out one by one."""
    kind, a, reach = channels(atoms).numpy(), np.zeros((6, 4)), range(-3, 4)
    for shift in (np.array([x, y, z]) @ atoms.cell.array for x in reach for y in reach for z in reach):
        for j in range(len(atoms)):
            d = atoms.positions[j] + shift - atoms.positions[i]
            r = np.linalg.norm(d)
            if not 1e-9 < r < CUTOFF:
                continue
            k, m, b = kind[i] * 3 + kind[j], float(net.mean[kind[i]]), float(net.spread[kind[i]])
            w, c = [x[k].detach().numpy() for x in net.embedding.weights], [x[k].detach().numpy() for x in net.embedding.biases]
            h = np.tanh((weight(r) - m) / b * w[0][0] + c[0])
            g = np.tanh(h @ w[1] + c[1]) + np.concatenate([h, h])
            a += np.outer(g, weight(r) / b * np.concatenate([[1.0], d / r]))
    a /= float(net.neighbours)
    return (a @ a[:4].T).ravel()


def test_the_descriptor_is_its_sum_over_the_neighbours():
    atoms, net = triclinic(), descriptor()
    expected = np.array([by_hand(net, atoms, i) for i in range(3)])
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(described(net, atoms).numpy(), expected, atol=1e-12)


def test_the_weight_is_the_inverse_distance_within_and_smooth_where_it_changes():
    r = torch.tensor([0.5, 0.99, 2.2, 3.999, 4.0, 5.0], dtype=torch.float64)
    np.testing.assert_allclose(smooth_inverse(r, INNER, CUTOFF).numpy(), [weight(float(x)) for x in r], atol=1e-15)
    for edge in (INNER, CUTOFF):
        x = torch.tensor([edge - 1e-6, edge + 1e-6], dtype=torch.float64, requires_grad=True)
        value = smooth_inverse(x, INNER, CUTOFF)
        (first,) = torch.autograd.grad(value.sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), x)
        assert all(abs(v[0] - v[1]) < 2e-5 for v in (value, first, second))


def test_no_rotation_mirror_translation_or_order_of_the_atoms_changes_it():
    atoms, net = triclinic(), descriptor()
    values = described(net, atoms)
    moved = atoms.copy()
    moved.rotate(37, (1, 2, 3), rotate_cell=True)
    moved.set_cell(-moved.cell.array)
    moved.positions = 0.4 - moved.positions
    moved.positions[1] += moved.cell[0]
    assert (described(net, moved) - values).abs().max() < 1e-12
    assert (described(net, atoms[[2, 0, 1]]) - values[[2, 0, 1]]).abs().max() < 1e-12


def test_two_derivatives_are_exact():
    atoms, net = molecule("H2O"), descriptor()
    atoms.positions += np.random.default_rng(0).normal(scale=0.1, size=(3, 3))
    structure, mix = Structure.from_atoms(atoms), torch.randn(3, net.n_features, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    scalar = lambda x: torch.tanh((net(Graph.of(structure, x, CUTOFF), channels(atoms)) * mix).sum(1)).sum()
    positions = structure.positions.clone().requires_grad_()
    assert torch.autograd.gradcheck(scalar, (positions,))
    assert torch.autograd.gradgradcheck(scalar, (positions,))


def test_an_atom_without_neighbours_has_zeros_and_one_that_leaves_fades():
    assert not described(descriptor(), Atoms("H", positions=[[0, 0, 0]])).any()
    near, far = (described(descriptor(), Atoms("OHH", positions=[[0, 0, 0], [0.9, 0, 0], [0, 0, CUTOFF + d]]))[0] for d in (-1e-3, 1e-3))
    assert 0 < (near - far).abs().max() < 1e-8


def test_scales_are_those_of_the_training_structures():
    atoms, net = triclinic(), descriptor()
    graph = Graph.of(Structure.from_atoms(atoms), torch.tensor(atoms.positions), CUTOFF)
    net.adapt([graph], [channels(atoms)])
    s = np.array([weight(float(r)) for r in graph.distances[graph.centre == 1]])
    assert float(net.mean[1]) == pytest.approx(s.mean()) and float(net.spread[1]) == pytest.approx(s.std())
    assert float(net.neighbours) == pytest.approx(len(graph.centre) / 3)


def test_rows_of_each_kind_meet_their_own_network():
    draw = torch.Generator().manual_seed(0)
    net = ResidualNetworks(3, (2, 2, 4, 5), 1, draw)
    x, kind = torch.randn(6, 2, generator=draw, dtype=torch.float64), torch.tensor([2, 0, 2, 2, 0, 0])
    w, b = list(net.weights), list(net.biases)
    for row, k, found in zip(x, kind, net(x, kind)):
        h = row + torch.tanh(row @ w[0][k] + b[0][k])
        h = torch.cat([h, h]) + torch.tanh(h @ w[1][k] + b[1][k])
        h = torch.tanh(h @ w[2][k] + b[2][k])
        assert torch.allclose(found, h @ w[3][k] + b[3][k], atol=1e-14)


@pytest.mark.parametrize("wrong", [dict(axis=7), dict(axis=0), dict(embedding=()), dict(inner=5.0), dict(inner=0.0)])
def test_bad_choices_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        DeepPotential(**{"n_elements": 1, "embedding": (3, 6), "axis": 2, "inner": INNER, "cutoff": CUTOFF, "draw": torch.Generator(), **wrong})
