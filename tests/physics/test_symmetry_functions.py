"""Symmetry functions against a triplet loop, their derivatives against finite differences and torch's checks."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import fcc111

from electrode.bridge import differentiable
from electrode.physics.neighbours import batch_neighbours, neighbour_list
from electrode.physics.symmetry_functions import SymmetryFunctions

FUNCTIONS = SymmetryFunctions((1, 8, 79), cutoff=5.0, radial=(1.0, 2.5), angular=(1.2, 2.6), exponents=(1, 2, 4), cross=True)


def interface(seed=0, pbc=(True, True, False)):
    atoms = fcc111("Au", (1, 2, 2), a=4.1, vacuum=4.0) + Atoms("OHH", positions=[[1, 1, 9.5], [1.7, 1.3, 10.2], [0.3, 1.5, 9.9]])
    atoms.pbc = pbc
    atoms.positions += np.random.default_rng(seed).normal(scale=0.15, size=(len(atoms), 3))
    return atoms


def triclinic():
    atoms = Atoms("AuOH", scaled_positions=[[0.1, 0.2, 0.3], [0.6, 0.7, 0.5], [0.4, 0.1, 0.8]], cell=[[3.0, 0.2, 0.1], [1.1, 3.3, -0.3], [-0.8, 0.9, 4.0]])
    atoms.pbc = True
    return atoms


CASES = [interface(), interface(pbc=(True, True, True)), triclinic(), Atoms("OHH", positions=[[0, 0, 0], [0.8, 0.6, 0], [-0.8, 0.6, 0.1]])]


def kernel_of(atoms, functions=FUNCTIONS):
    neighbours = neighbour_list(atoms.positions, atoms.cell.array, atoms.pbc, functions.cutoff)
    return functions.bind(atoms.numbers, atoms.positions, neighbours), neighbours


def triplets(atoms, i, f=FUNCTIONS):
    """The functions of atom i, term by term, from images laid out by hand."""
    reach = [range(-4, 5) if p else (0,) for p in atoms.pbc]
    shifts = np.array([[a, b, c] for a in reach[0] for b in reach[1] for c in reach[2]]) @ atoms.cell.array
    d = (atoms.positions[None] + shifts[:, None] - atoms.positions[i]).reshape(-1, 3)
    species = np.tile(f.channels(atoms.numbers), len(shifts))
    r = np.linalg.norm(d, axis=1)
    near = (r < f.cutoff) & (r > 1e-9)
    d, r, species = d[near], r[near], species[near]
    fc = (0.5 * (1 + np.cos(np.pi * r / f.cutoff))) ** 2
    g = np.exp(-f.gaussians[:, 1:] * (r - f.gaussians[:, :1]) ** 2) * fc
    out = [g[k][species == s].sum() for s in range(len(f.elements)) for k in range(len(f.radial))]
    cosine = (d / r[:, None]) @ (d / r[:, None]).T
    n, first = len(f.angular), len(f.radial)
    for p, q in f.pairs:
        weight = np.outer(g[first + p % n] * (species == p // n), g[first + q % n] * (species == q // n))
        np.fill_diagonal(weight, 0.0)
        out += [(2.0 ** (1 - z) * (1 + l * cosine) ** z * weight).sum() for z in f.exponents for l in (1, -1)]
    return np.array(out)


@pytest.mark.parametrize("atoms", CASES)
def test_values_equal_a_loop_over_triplets(atoms):
    values = kernel_of(atoms)[0].values()
    expected = np.array([triplets(atoms, i) for i in range(len(atoms))])
    assert values.shape == (len(atoms), FUNCTIONS.n_features)
    np.testing.assert_allclose(values, expected, atol=1e-11 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("atoms", CASES)
def test_derivative_products_agree_with_finite_differences(atoms):
    rng, h = np.random.default_rng(1), 1e-4
    kernel, neighbours = kernel_of(atoms)
    v, g = rng.normal(size=(len(atoms), 3)), rng.normal(size=kernel.values().shape)
    at = lambda k: FUNCTIONS.bind(atoms.numbers, atoms.positions + k * h * v, neighbours)
    stencil = lambda f: (f(-2) - 8 * f(-1) + 8 * f(1) - f(2)) / (12 * h)
    np.testing.assert_allclose(kernel.push(v), stencil(lambda k: at(k).values()), atol=1e-8)
    assert np.vdot(kernel.pull(g), v) == pytest.approx(np.vdot(g, kernel.push(v)), abs=1e-9)
    np.testing.assert_allclose(kernel.pull_along(g, v), stencil(lambda k: at(k).pull(g)), atol=2e-7)


def test_gradcheck_and_gradgradcheck_through_the_bridge():
    atoms = interface()
    _, neighbours = kernel_of(atoms)
    weights = torch.randn(len(atoms), FUNCTIONS.n_features, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) / 30

    def scalar(positions):
        kernel = FUNCTIONS.bind(atoms.numbers, positions.detach().numpy(), neighbours)
        return torch.tanh((differentiable(kernel, positions) * weights).sum(1)).sum()

    positions = torch.tensor(atoms.positions, requires_grad=True)
    assert torch.autograd.gradcheck(scalar, (positions,))
    assert torch.autograd.gradgradcheck(scalar, (positions,))


def test_a_third_derivative_is_refused():
    atoms = CASES[3]
    positions = torch.tensor(atoms.positions, requires_grad=True)
    values = differentiable(kernel_of(atoms)[0], positions)
    (first,) = torch.autograd.grad(values.square().sum(), positions, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), positions, create_graph=True)
    with pytest.raises(RuntimeError, match="two derivatives; a third"):
        torch.autograd.grad(second.sum(), positions)


def test_smooth_where_a_neighbour_crosses_the_cutoff():
    def at(distance):
        atoms = Atoms("OHH", positions=[[0, 0, 0], [0, 0, distance], [0.9, 0, 0]])
        kernel, _ = kernel_of(atoms)
        return kernel.values()[0], kernel.push(np.array([[0, 0, 0], [0, 0, 1.0], [0, 0, 0]]))[0]

    (inside, slope_in), (outside, slope_out) = at(FUNCTIONS.cutoff - 1e-3), at(FUNCTIONS.cutoff + 1e-3)
    assert np.abs(inside - outside).max() < 1e-11 and np.abs(slope_in - slope_out).max() < 1e-8
    assert np.abs(at(FUNCTIONS.cutoff - 0.5)[0] - outside).max() > 1e-6


def test_invariances():
    atoms = triclinic()
    values = kernel_of(atoms)[0].values()
    moved = atoms.copy()
    moved.rotate(37, (1, 2, 3), rotate_cell=True)
    moved.positions += [0.3, -0.2, 0.7]
    moved.positions[1] += moved.cell[0] - moved.cell[2]
    np.testing.assert_allclose(kernel_of(moved)[0].values(), values, atol=1e-10 * np.abs(values).max())
    order = [2, 0, 1]
    np.testing.assert_allclose(kernel_of(atoms[order])[0].values(), values[order], atol=1e-10 * np.abs(values).max())
    np.testing.assert_allclose(kernel_of(atoms.repeat((2, 1, 1)))[0].values()[:3], values, atol=1e-10 * np.abs(values).max())


def test_a_batch_equals_its_systems():
    images = [interface(0), interface(1)]
    counts = [len(a) for a in images]
    positions, numbers = np.concatenate([a.positions for a in images]), np.concatenate([a.numbers for a in images])
    cells, pbc = np.array([a.cell.array for a in images]), np.array([a.pbc for a in images])
    batch = FUNCTIONS.bind(numbers, positions, batch_neighbours(positions, cells, pbc, counts, FUNCTIONS.cutoff)).values()
    np.testing.assert_allclose(batch, np.concatenate([kernel_of(a)[0].values() for a in images]), atol=1e-12)


def test_one_lone_atom_has_zeros():
    assert not kernel_of(Atoms("H", positions=[[0, 0, 0]]))[0].values().any()


def test_an_unknown_element_is_named():
    with pytest.raises(ValueError, match=r"\[29\].*not among those described"):
        FUNCTIONS.channels(np.array([29, 1]))


def test_coincident_atoms_are_refused():
    with pytest.raises(ValueError, match="0.100 A apart"):
        neighbour_list(np.array([[0, 0, 0], [0, 0, 0.1]]), np.eye(3), np.zeros(3, bool), 3.0)


@pytest.mark.parametrize("wrong", [dict(cutoff=-1.0), dict(exponents=(0,)), dict(elements=(1, 1))])
def test_bad_choices_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        SymmetryFunctions(**{"elements": (1,), **wrong})
