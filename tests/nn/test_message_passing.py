"""Graphs and representations against brute force, finite differences and rotations."""

import numpy as np
import pytest
import torch
from ase import Atoms
from teacher import interface
from torch.autograd import gradcheck, gradgradcheck

from electrode.nn import graph as graphs
from electrode.nn.equivariant import Equivariant
from electrode.nn.graph import Graph
from electrode.nn.invariant import Invariant
from electrode.nn.radial import RadialBasis
from electrode.state import Structure

SYSTEMS = [interface((1, 1, 3), height=1.0, seed=21), interface((2, 1, 2), height=2.6, water=True, seed=23)]
CUTOFF = 4.5


def brute(atoms, cutoff):
    """Sorted (i, j, vector) of every pair by looking at all images."""
    found, cell = [], atoms.cell.array
    steps = [range(-4, 5) if p else (0,) for p in atoms.pbc]
    for i, a in enumerate(atoms.positions):
        for j, b in enumerate(atoms.positions):
            for k in np.array(np.meshgrid(*steps)).reshape(3, -1).T:
                v = b + k @ cell - a
                if 1e-9 < np.linalg.norm(v) < cutoff:
                    found.append((i, j, *np.round(v, 9)))
    return sorted(found)


def test_the_pairs_are_those_of_brute_force():
    structure = Structure.from_atoms(SYSTEMS)
    g = Graph.of(structure, structure.positions, CUTOFF)
    found = sorted(zip(g.centre.tolist(), g.neighbour.tolist(), *np.round(g.vectors.numpy(), 9).T.tolist()))
    n = len(SYSTEMS[0])
    expected = brute(SYSTEMS[0], CUTOFF) + [(i + n, j + n, *v) for i, j, *v in brute(SYSTEMS[1], CUTOFF)]
    assert np.allclose(found, expected, atol=2e-9)
    assert torch.equal(g.table.flatten()[g.place], g.neighbour) and torch.equal(g.place // g.table.shape[1], g.centre)
    assert len(torch.unique(g.place)) == len({(i, j) for i, j, *_ in expected})


def test_sums_over_the_table_are_sums_over_pairs():
    structure, draw = Structure.from_atoms(SYSTEMS), torch.Generator().manual_seed(0)
    g = Graph.of(structure, structure.positions, CUTOFF)
    pairs, atoms = torch.randn(len(g.centre), 3, generator=draw), torch.randn(len(structure.numbers), 2, generator=draw)
    expected = torch.zeros(len(atoms), 3, 2)
    for p, (i, j) in enumerate(zip(g.centre, g.neighbour)):
        expected[i] += pairs[p][:, None] * atoms[j]
    assert torch.allclose(torch.bmm(g.gathered(pairs).mT, g.neighbours_of(atoms)), expected, atol=1e-5)


def test_positions_seen_before_are_not_searched_again(monkeypatch):
    calls = []
    search = graphs._Pairs.search
    monkeypatch.setattr(graphs._Pairs, "search", lambda *a: calls.append(1) or search(*a))
    monkeypatch.setattr(graphs, "_memory", graphs._Memory(1e6))
    structure = Structure.from_atoms(SYSTEMS)
    for _ in range(3):
        first = Graph.of(structure, structure.positions, CUTOFF)
    assert len(calls) == 2
    again = Graph.of(Structure.from_atoms(SYSTEMS[::-1]), torch.cat([structure.positions[4:], structure.positions[:4]]), CUTOFF)
    assert len(calls) == 2 and len(again.centre) == len(first.centre)
    Graph.of(structure, structure.positions, CUTOFF + 0.5)
    assert len(calls) == 4


def test_the_memory_of_pairs_is_bounded(monkeypatch):
    structure = Structure.from_atoms(SYSTEMS[0])
    size = graphs._Pairs.search(structure.positions.numpy(), structure.cell[0].numpy(), structure.pbc[0].numpy(), CUTOFF).size
    memory = graphs._Memory(3.5 * size)
    monkeypatch.setattr(graphs, "_memory", memory)
    for k in range(10):
        moved = structure.positions + 1e-3 * k
        Graph.of(structure.at(moved), moved, CUTOFF)
    assert len(memory) == 3 and memory.used <= memory.most


def test_the_radial_functions_vanish_twice_smoothly_at_the_cutoff():
    basis = RadialBasis(3, CUTOFF)
    r = torch.tensor([0.8, 2.0, CUTOFF], dtype=torch.float64, requires_grad=True)
    value = basis(r)
    x = r.detach() / CUTOFF
    envelope = 1 - 28 * x**6 + 48 * x**7 - 21 * x**8
    expected = torch.stack([np.sqrt(2 / CUTOFF) * torch.sin(n * np.pi * x) / r.detach() * envelope for n in (1, 2, 3)], 1)
    assert torch.allclose(value, expected, atol=1e-14)
    (first,) = torch.autograd.grad(value.sum(), r, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), r)
    assert value[-1].abs().max() < 1e-12 and abs(first[-1]) < 1e-12 and abs(second[-1]) < 1e-10
    with pytest.raises(ValueError, match="positive cutoff"):
        RadialBasis(3, 0.0)


def built(kind, layers=2):
    return kind(3, 4, layers, 3, CUTOFF, torch.Generator().manual_seed(0))


def features(model, structure, positions, *more):
    return model((structure.numbers % 3).long(), Graph.of(structure, positions, CUTOFF), *more)


@pytest.mark.parametrize("kind", [Invariant, Equivariant])
def test_two_and_three_derivatives_are_those_of_finite_differences(kind):
    structure = Structure.from_atoms(SYSTEMS[0])
    model, weights = built(kind), torch.linspace(-1, 1, 4, dtype=torch.float64)
    value = lambda p: (torch.tanh(features(model, structure, p)) @ weights).sum()
    positions = structure.positions.clone().requires_grad_()
    assert gradcheck(value, (positions,)) and gradgradcheck(value, (positions,))

    def along(p):
        """Second derivative of the value along one direction."""
        direction = torch.sin(torch.arange(p.numel(), dtype=p.dtype)).reshape(p.shape)
        (first,) = torch.autograd.grad(value(p), p, create_graph=True)
        (second,) = torch.autograd.grad((first * direction).sum(), p, create_graph=True)
        return (second * direction).sum()

    assert gradcheck(along, (positions,), eps=1e-5, atol=1e-4)


@pytest.mark.parametrize("kind", [Invariant, Equivariant])
def test_a_pair_at_the_cutoff_changes_nothing_abruptly(kind):
    model = built(kind)
    found = []
    for distance in (CUTOFF - 1e-7, CUTOFF + 1e-7):
        structure = Structure.from_atoms(Atoms("HOO", [[0, 0, 0], [0, 0, 1.5], [0, distance, 0]]))
        positions = structure.positions.clone().requires_grad_()
        h = features(model, structure, positions)
        found.append((h.detach(), torch.autograd.grad(h.sum(), positions)[0]))
    assert all((a - b).abs().max() < 1e-9 for a, b in zip(*found))


@pytest.mark.parametrize("mirror", [1.0, -1.0])
def test_vectors_turn_with_the_atoms_and_numbers_stay(mirror):
    turn = mirror * torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64))[0]
    atoms = Atoms("H2OAu", np.random.default_rng(2).uniform(0, 4, (4, 3)))
    structure, model = Structure.from_atoms(atoms), built(Equivariant)
    both = lambda p: model.both((structure.numbers % 3).long(), Graph.of(structure.at(p), p, CUTOFF))
    (h, v), (hr, vr) = both(structure.positions), both(structure.positions @ turn.T)
    assert (h - hr).abs().max() < 1e-12 and (torch.einsum("ab,nbc->nac", turn, v) - vr).abs().max() < 1e-12 and v.abs().max() > 0.01
    inv = built(Invariant)
    assert (features(inv, structure, structure.positions) - features(inv, structure.at(structure.positions @ turn.T), structure.positions @ turn.T)).abs().max() < 1e-12


def test_vectors_carry_what_two_invariant_layers_cannot_see():
    """The far atom's side, seen from the first atom through the second: a distance fixed, an angle turned out of reach of both."""
    def pair(kind, angle):
        far = [0, 3.0 + 3.0 * np.cos(angle), 3.0 * np.sin(angle)]
        structure = Structure.from_atoms(Atoms("HOAu", [[0, 0, 0], [0, 3.0, 0], far]))
        return features(built(kind), structure, structure.positions)[0].detach()

    assert np.linalg.norm([3.0 + 3.0 * np.cos(0.3), 3.0 * np.sin(0.3)]) > CUTOFF
    assert (pair(Equivariant, 0.3) - pair(Equivariant, 0.9)).abs().max() > 1e-6


def test_a_lone_atom_has_its_element_alone():
    structure = Structure.from_atoms(Atoms("H", cell=[9, 9, 9], pbc=(1, 1, 0)))
    for kind in (Invariant, Equivariant):
        assert torch.isfinite(features(built(kind), structure, structure.positions)).all()


def test_the_process_keeps_its_random_numbers():
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    built(Invariant), built(Equivariant)
    assert torch.equal(expected, torch.rand(3))
