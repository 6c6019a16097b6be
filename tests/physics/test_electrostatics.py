"""Two-dimensional Ewald sum of Gaussian charges: published numbers, a three-dimensional sum, limits and derivatives."""

import math

import numpy as np
import pytest

from electrode.physics.electrostatics import coulomb
from electrode.units import COULOMB

SLAB, OPEN = (True, True, False), (False, False, False)


def random_slab(seed=0, n=6, triclinic=True):
    rng = np.random.default_rng(seed)
    cell = np.array([[6.0, 0.3, 0.0], [2.1, 7.0, 0.0], [0.0, 0.0, 9.0]]) if triclinic else np.diag([6.0, 7.0, 9.0])
    charges = rng.normal(size=n)
    return rng.uniform(0.0, 5.0, (n, 3)), cell, charges - charges.mean(), rng.uniform(0.3, 1.4, n)


def derivative(f, positions, direction, step=1e-3):
    """Fourth-order central difference."""
    at = lambda k: f(positions + k * step * direction)
    return (8.0 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12.0 * step)


def ewald_3d(positions, cell, charges, sigma):
    """Energy of Gaussian charges, 3D sum over plane waves of the densities, with the slab correction for zero charge."""
    volume = np.linalg.det(cell)
    inverse = 2.0 * np.pi * np.linalg.inv(cell).T
    reach = np.ceil(np.linalg.norm(cell, axis=1) * 9.0 / sigma.min() / (2.0 * np.pi)).astype(int)
    steps = np.stack(np.meshgrid(*[np.arange(-k, k + 1) for k in reach], indexing="ij"), -1).reshape(-1, 3)
    waves = steps[np.any(steps != 0, axis=1)] @ inverse
    square = np.einsum("ij,ij->i", waves, waves)
    waves, square = waves[square < (9.0 / sigma.min()) ** 2], square[square < (9.0 / sigma.min()) ** 2]
    shape = charges * np.exp(-0.5 * square[:, None] * sigma**2) * np.exp(1j * waves @ positions.T)
    energy = 2.0 * np.pi * COULOMB / volume * np.sum(np.abs(shape.sum(axis=1)) ** 2 / square)
    dipole = charges @ positions[:, 2]
    return energy + 2.0 * np.pi * COULOMB / volume * dipole**2


def test_madelung_constant_of_the_square_lattice():
    # 1.6155426267128248: alternating charges on a square lattice, Borwein et al. 1985, https://doi.org/10.1063/1.526675
    d = 2.82
    positions = d * np.array([[0, 0, 0], [1, 1, 0], [1, 0, 0], [0, 1, 0]], float)
    charges = np.array([1.0, 1.0, -1.0, -1.0])
    a = coulomb(positions, np.diag([2 * d, 2 * d, 60.0]), SLAB, np.zeros(4)).value
    assert -0.5 * charges @ a @ charges * d / COULOMB / 2.0 == pytest.approx(1.6155426267128248, rel=1e-12)


def test_point_charges_in_a_slab():
    # -27.666989 eV: converged 3D Ewald sum in a cell of 36 A with slab correction (EW3DC), computed independently
    positions = np.array(
        [
            [3.9240135323309793, 3.1431962870385286, 10.318580255748696],
            [0.36011792297871215, 0.6743893309202609, 7.2363382872156565],
            [2.205846460026576, 8.452249817012268, 10.27626386827761],
            [4.912145842706611, 6.614755143135006, 9.830511960164316],
            [7.029493410585079, 9.275025971156827, 4.947616564089596],
            [5.635171419708433, 1.4362144311335512, 7.588178471562272],
            [7.076563097613588, 8.946977936861455, 10.433053387120768],
            [0.3186738367343436, 3.594120764337767, 5.06751149179376],
            [8.989222388691616, 1.4401535763003737, 5.7988299856183465],
            [3.2149774150157433, 0.6088670290918796, 11.433464253390003],
            [5.727252796768118, 1.5974823995841991, 8.084417019412951],
            [0.7080278277146186, 6.109797873598957, 5.684969052877119],
        ]
    )
    charges = np.array([-0.66945, -0.66945, -0.51705, -0.66945, 0.75435, -0.51705, 1.33055, -0.51705, -0.66945, 1.33055, 1.33055, -0.51705])
    matrix = coulomb(positions, np.diag([9.0, 10.0, 36.0]), SLAB, np.zeros(12))
    assert 0.5 * charges @ matrix.value @ charges == pytest.approx(-27.666989251409593, abs=1e-6)
    force = -matrix.pull(np.outer(charges, charges))[5]
    assert force == pytest.approx([6.052330788317175, 10.108746174138549, 33.965439015452446], abs=1e-6)


@pytest.mark.parametrize("splitting", [0.25, 0.6, 1.1])
def test_does_not_depend_on_the_splitting(splitting):
    positions, cell, _, sigma = random_slab()
    sigma[0] = 0.0
    want, got = (coulomb(positions, cell, SLAB, sigma, second=True, splitting=s) for s in (None, splitting))
    assert np.allclose(got.value, want.value, atol=1e-10)
    assert np.allclose(got.gradient, want.gradient, atol=1e-10)
    off = ~np.eye(len(sigma), dtype=bool)
    assert np.allclose(got.hessian[off], want.hessian[off], atol=1e-10)


@pytest.mark.parametrize("triclinic", [False, True])
def test_agrees_with_the_three_dimensional_sum_in_a_long_cell(triclinic):
    positions, cell, charges, sigma = random_slab(1, triclinic=triclinic)
    sigma += 0.3
    a = coulomb(positions, cell, SLAB, sigma).value
    long = cell.copy()
    long[2, 2] = 42.0
    assert 0.5 * charges @ a @ charges == pytest.approx(ewald_3d(positions, long, charges, sigma), abs=1e-9)


def test_open_pair_by_hand():
    a = coulomb([[0, 0, 0], [0, 0, 2.0]], np.zeros((3, 3)), OPEN, np.array([0.6, 0.8])).value
    assert a[0, 1] == pytest.approx(COULOMB * math.erf(2.0 / math.sqrt(2.0)) / 2.0)
    assert a[0, 0] == pytest.approx(COULOMB / (0.6 * np.sqrt(np.pi)))


def test_slab_in_a_wide_cell_is_the_open_sum():
    positions, _, charges, sigma = random_slab(2)
    want = coulomb(positions, np.zeros((3, 3)), OPEN, sigma).value
    errors = []
    for width in (60.0, 120.0):
        got = coulomb(positions, np.diag([width, width, 1.0]), SLAB, sigma).value
        errors.append(abs(charges @ (got - want) @ charges))
    assert errors[1] < 5e-3 and errors[0] / errors[1] == pytest.approx(8.0, rel=0.1)  # dipoles repel as 1/width^3


def test_plate_capacitor():
    cell, sigma = np.diag([2.0, 2.0, 1.0]), np.full(2, 0.8)
    energy = [
        0.5 * np.array([1, -1]) @ coulomb([[0, 0, 0], [0.3, 0.1, d]], cell, SLAB, sigma).value @ np.array([1, -1])
        for d in (8.0, 11.0)
    ]
    assert energy[1] - energy[0] == pytest.approx(2.0 * np.pi * COULOMB * 3.0 / 4.0, rel=1e-9)


@pytest.mark.parametrize("pbc", [SLAB, OPEN])
def test_derivatives(pbc):
    positions, cell, charges, sigma = random_slab(3)
    cell = cell @ np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]  # any orientation of a and b
    direction = np.random.default_rng(4).normal(size=positions.shape)
    weight = np.outer(charges, np.ones(6)) + np.outer(np.ones(6), charges)
    at = lambda p, **kw: coulomb(p, cell, pbc, sigma, **kw)
    here = at(positions, second=True)
    slope = derivative(lambda p: at(p).value, positions, direction)
    assert np.allclose(here.push(direction), slope, atol=1e-7)
    assert np.vdot(here.pull(weight), direction) == pytest.approx(0.5 * np.sum(weight * slope), abs=1e-7)
    bend = derivative(lambda p: at(p).pull(weight), positions, direction)
    assert np.allclose(here.pull_along(weight, direction), bend, atol=1e-7)


def test_invariances():
    positions, cell, _, sigma = random_slab(4)
    want = coulomb(positions, cell, SLAB, sigma).value
    moved = positions + [0.7, -3.1, 25.0]
    moved[2] += 2 * cell[0] - cell[1]
    assert np.allclose(coulomb(moved, cell, SLAB, sigma).value, want, atol=1e-10)
    order = np.random.default_rng(0).permutation(6)
    assert np.allclose(coulomb(positions[order], cell, SLAB, sigma[order]).value, want[np.ix_(order, order)], atol=1e-10)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    assert np.allclose(coulomb(positions @ turn, cell @ turn, SLAB, sigma).value, want, atol=1e-10)
    other = np.array([cell[0], cell[1] + cell[0], cell[2]])  # the same lattice
    assert np.allclose(coulomb(positions, other, SLAB, sigma).value, want, atol=1e-10)


def test_one_atom_and_far_apart_atoms():
    value = coulomb([[1.0, 2.0, 3.0]], np.eye(3) * 4.0, SLAB, np.array([0.5])).value
    assert value.shape == (1, 1) and np.isfinite(value).all()
    far = coulomb([[0, 0, 0], [1.0, 1.0, 300.0]], np.eye(3) * 4.0, SLAB, np.array([0.5, 0.5]))
    assert far.value[0, 1] == pytest.approx(-2.0 * np.pi * COULOMB / 16.0 * 300.0, rel=1e-12)
    assert np.isfinite(far.gradient).all()


def test_refuses_what_it_does_not_do():
    positions, cell, charges, sigma = random_slab()
    with pytest.raises(ValueError, match="a slab"):
        coulomb(positions, cell, (True, True, True), sigma)
    with pytest.raises(ValueError, match="second=True"):
        coulomb(positions, cell, SLAB, sigma).pull_along(np.eye(6), positions)
