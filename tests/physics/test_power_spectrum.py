"""The power spectrum against quadrature of the density and sums over pairs, its derivatives against finite differences and torch's checks."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import fcc111
from scipy.integrate import quad
from scipy.special import eval_legendre, sph_harm_y, spherical_in

from electrode.bridge import differentiable
from electrode.physics.neighbours import batch_neighbours, neighbour_list
from electrode.physics.power_spectrum import PowerSpectrum

SPECTRUM = PowerSpectrum((1, 8, 79), cutoff=5.0, n_max=3, l_max=4, alpha=1.2)
FEW = PowerSpectrum((1, 8, 79), cutoff=4.0, n_max=2, l_max=2, alpha=2.0, cross=False)


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


def kernel_of(atoms, spectrum=SPECTRUM):
    neighbours = neighbour_list(atoms.positions, atoms.cell.array, atoms.pbc, spectrum.cutoff)
    return spectrum.bind(atoms.numbers, atoms.positions, neighbours), neighbours


def radial_functions(spectrum):
    """The g_n as polynomials in (rc - x), from the closed form of their overlap (n, n)."""
    a = np.arange(1, spectrum.n_max + 1)
    norm = np.sqrt(2.0 * spectrum.cutoff ** (2 * a + 7.0) / ((2 * a + 5) * (2 * a + 6) * (2 * a + 7)))
    b = a[:, None] + a
    overlap = 2.0 * spectrum.cutoff ** (b + 7.0) / ((b + 5) * (b + 6) * (b + 7)) / np.outer(norm, norm)
    values, vectors = np.linalg.eigh(overlap)
    weights = vectors / np.sqrt(values) @ vectors.T / norm
    return lambda x: weights @ (spectrum.cutoff - x) ** (a + 2.0)


def expansion(spectrum, r, n, l):
    """h_nl(r) by adaptive quadrature of its definition."""
    g, alpha, rc = radial_functions(spectrum), spectrum.alpha, spectrum.cutoff
    integrand = lambda x: x**2 * g(x)[n] * np.exp(-alpha * (x * x + r * r)) * spherical_in(l, 2 * alpha * x * r)
    return 4 * np.pi * (0.5 * (1 + np.cos(np.pi * r / rc))) ** 2 * quad(integrand, 0, rc, epsabs=1e-13, points=[min(r, rc)])[0]


def test_the_radial_functions_are_their_integrals():
    start, step = SPECTRUM.table[0]
    table = SPECTRUM.table[1]
    for r in (0.45, 0.97, 1.9, 3.3, 4.7, 4.99):
        k = int((r * r - start) / step)
        t = r * r - start - k * step
        found = np.polynomial.polynomial.polyval(t, table[k]).reshape(SPECTRUM.n_max, -1)
        expected = [[expansion(SPECTRUM, r, n, l) / r**l for l in range(SPECTRUM.l_max + 1)] for n in range(SPECTRUM.n_max)]
        np.testing.assert_allclose(found, expected, atol=2e-9)


def test_coefficients_are_those_of_the_density():
    """The features of one atom from its neighbours' Gaussians, projected by a product quadrature in space."""
    atoms = Atoms("OHHAu", positions=[[0, 0, 0], [0.8, 0.6, 0.1], [-0.5, 0.9, 0.6], [0.3, -1.8, 1.1]])
    f = SPECTRUM
    x, wx = np.polynomial.legendre.leggauss(60)
    c, wc = np.polynomial.legendre.leggauss(30)
    phi = 2 * np.pi * (np.arange(48) + 0.5) / 48
    x, wx = 0.5 * f.cutoff * (x + 1), 0.5 * f.cutoff * wx * (0.5 * f.cutoff * (x + 1)) ** 2
    sine = np.sqrt(1 - c**2)
    u = np.stack([sine[:, None] * np.cos(phi), sine[:, None] * np.sin(phi), np.repeat(c[:, None], len(phi), 1)], axis=-1)
    harmonic = np.stack([sph_harm_y(l, m, np.arccos(c)[:, None], phi) for l in range(f.l_max + 1) for m in range(-l, l + 1)])
    degree = np.repeat(np.arange(f.l_max + 1), 2 * np.arange(f.l_max + 1) + 1)
    g = np.stack([radial_functions(f)(r) for r in x], axis=1)
    rows = []
    for element in f.elements:
        near = [p for z, p in zip(atoms.numbers[1:], atoms.positions[1:]) if z == element]
        front = lambda p: (0.5 * (1 + np.cos(np.pi * np.linalg.norm(p) / f.cutoff))) ** 2
        rho = sum((front(p) * np.exp(-f.alpha * ((x[:, None, None, None] * u - p) ** 2).sum(-1)) for p in near), np.zeros((60, 30, 48)))
        rows.append(np.einsum("nx,x,xcp,c,kcp->nk", g, wx, rho, wc, harmonic.conj()) * 2 * np.pi / 48)
    rows = np.concatenate(rows)
    product = np.array([[(rows[a] * rows[b].conj()).real[degree == l].sum() for l in range(f.l_max + 1)] for a, b in f.pairs])
    np.testing.assert_allclose(kernel_of(atoms)[0].values()[0], product.ravel(), atol=1e-7)


@pytest.mark.parametrize("spectrum", [SPECTRUM, FEW], ids=["all products", "equal functions"])
def test_values_equal_a_sum_over_pairs_of_neighbours(spectrum):
    atoms = triclinic()
    kernel, neighbours = kernel_of(atoms, spectrum)
    found, d, n = kernel.values(), neighbours.vectors(atoms.positions), spectrum.n_max
    own = slice(neighbours.first[1], neighbours.first[2])
    r = np.linalg.norm(d[own], axis=1)
    species = spectrum.channels(atoms.numbers)[neighbours.index[own]]
    cosine = np.clip(d[own] @ d[own].T / np.outer(r, r), -1, 1)
    distances, which = np.unique(r.round(10), return_inverse=True)
    for l in (0, spectrum.l_max):
        h = np.array([[expansion(spectrum, x, k, l) for x in distances] for k in range(n)])[:, which]
        angular = (2 * l + 1) / (4 * np.pi) * eval_legendre(l, cosine)
        expected = [(h[a % n] * (species == a // n)) @ angular @ (h[b % n] * (species == b // n)) for a, b in spectrum.pairs]
        np.testing.assert_allclose(found[1].reshape(len(spectrum.pairs), -1)[:, l], expected, atol=1e-7)


@pytest.mark.parametrize("spectrum", [SPECTRUM, FEW, PowerSpectrum((1, 8, 79), n_max=1, l_max=0)])
@pytest.mark.parametrize("atoms", CASES)
def test_derivative_products_agree_with_finite_differences(atoms, spectrum):
    rng, h = np.random.default_rng(1), 1e-4
    kernel, neighbours = kernel_of(atoms, spectrum)
    size = 1.0 + np.abs(kernel.values()).max()
    v, g = rng.normal(size=(len(atoms), 3)), rng.normal(size=kernel.values().shape)
    at = lambda k: spectrum.bind(atoms.numbers, atoms.positions + k * h * v, neighbours)
    stencil = lambda f: (f(-2) - 8 * f(-1) + 8 * f(1) - f(2)) / (12 * h)
    np.testing.assert_allclose(kernel.push(v), stencil(lambda k: at(k).values()), atol=1e-8 * size)
    assert np.vdot(kernel.pull(g), v) == pytest.approx(np.vdot(g, kernel.push(v)), abs=1e-10 * size)
    np.testing.assert_allclose(kernel.pull_along(g, v), stencil(lambda k: at(k).pull(g)), atol=1e-6 * size)


def test_gradcheck_and_gradgradcheck_through_the_bridge():
    atoms = interface()
    _, neighbours = kernel_of(atoms, FEW)
    weights = torch.randn(len(atoms), FEW.n_features, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) / 30

    def scalar(positions):
        kernel = FEW.bind(atoms.numbers, positions.detach().numpy(), neighbours)
        return torch.tanh((differentiable(kernel, positions) * weights).sum(1)).sum()

    positions = torch.tensor(atoms.positions, requires_grad=True)
    assert torch.autograd.gradcheck(scalar, (positions,))
    assert torch.autograd.gradgradcheck(scalar, (positions,))


def test_smooth_where_a_neighbour_crosses_the_cutoff():
    def at(distance):
        atoms = Atoms("OHH", positions=[[0, 0, 0], [0, 0, distance], [0.9, 0, 0]])
        kernel, _ = kernel_of(atoms)
        return kernel.values()[0], kernel.push(np.array([[0, 0, 0], [0, 0, 1.0], [0, 0, 0]]))[0]

    (inside, slope_in), (outside, slope_out) = at(SPECTRUM.cutoff - 1e-3), at(SPECTRUM.cutoff + 1e-3)
    assert np.abs(inside - outside).max() < 1e-11 and np.abs(slope_in - slope_out).max() < 1e-8
    assert np.abs(at(SPECTRUM.cutoff - 1.0)[0] - outside).max() > 1e-6


def test_smooth_in_the_width_of_the_gaussians():
    values = [kernel_of(triclinic(), PowerSpectrum((1, 8, 79), alpha=1.5 + d))[0].values() for d in (-1e-4, 0.0, 1e-4)]
    change = np.abs(values[2] - values[0]).max()
    assert change > 0 and np.abs(values[2] - 2 * values[1] + values[0]).max() < 1e-3 * change


def test_invariances():
    atoms = triclinic()
    values = kernel_of(atoms)[0].values()
    close = dict(atol=1e-10 * np.abs(values).max())
    moved = atoms.copy()
    moved.rotate(37, (1, 2, 3), rotate_cell=True)
    moved.positions += [0.3, -0.2, 0.7]
    moved.positions[1] += moved.cell[0] - moved.cell[2]
    np.testing.assert_allclose(kernel_of(moved)[0].values(), values, **close)
    order = [2, 0, 1]
    np.testing.assert_allclose(kernel_of(atoms[order])[0].values(), values[order], **close)
    np.testing.assert_allclose(kernel_of(atoms.repeat((2, 1, 1)))[0].values()[:3], values, **close)
    mirrored = atoms.copy()
    mirrored.set_cell(-atoms.cell.array)
    mirrored.positions *= -1
    np.testing.assert_allclose(kernel_of(mirrored)[0].values(), values, **close)


def test_a_batch_equals_its_systems():
    images = [interface(0), interface(1)]
    counts = [len(a) for a in images]
    positions, numbers = np.concatenate([a.positions for a in images]), np.concatenate([a.numbers for a in images])
    cells, pbc = np.array([a.cell.array for a in images]), np.array([a.pbc for a in images])
    batch = SPECTRUM.bind(numbers, positions, batch_neighbours(positions, cells, pbc, counts, SPECTRUM.cutoff)).values()
    np.testing.assert_allclose(batch, np.concatenate([kernel_of(a)[0].values() for a in images]), atol=1e-12)


@pytest.mark.parametrize("spectrum", [SPECTRUM, FEW], ids=["all products", "equal functions"])
def test_the_jacobian_of_a_batch_is_that_of_its_pushes(spectrum):
    images = [interface(0), interface(1, pbc=(True, True, True))]
    n, counts = len(images[0]), [len(a) for a in images]
    positions, numbers = np.concatenate([a.positions for a in images]), np.concatenate([a.numbers for a in images])
    neighbours = batch_neighbours(positions, np.array([a.cell.array for a in images]), np.array([a.pbc for a in images]), counts, spectrum.cutoff)
    kernel = spectrum.bind(numbers, positions, neighbours)
    columns = []
    for k in range(3 * n):
        step = np.zeros((2, n, 3))
        step[:, k // 3, k % 3] = 1.0
        columns.append(kernel.push(step.reshape(-1, 3)))
    np.testing.assert_allclose(kernel.jacobian(n), np.stack(columns, axis=2), atol=1e-12 * np.abs(kernel.values()).max())


def test_one_lone_atom_has_zeros():
    assert not kernel_of(Atoms("H", positions=[[0, 0, 0]]))[0].values().any()


def test_an_unknown_element_is_named():
    with pytest.raises(ValueError, match=r"\[29\].*not among those described"):
        SPECTRUM.channels(np.array([29, 1]))


@pytest.mark.parametrize("wrong", [dict(cutoff=-1.0), dict(alpha=0.0), dict(n_max=0), dict(l_max=9), dict(elements=(1, 1))])
def test_bad_choices_are_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        PowerSpectrum(**{"elements": (1,), **wrong})
