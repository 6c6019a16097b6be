"""Slabs with a stated counter-charge: against explicit charges, plate capacitors and finite differences."""

import numpy as np
import pytest

from electrode.physics.charged_slab import planar_potential, slab_energy, surface
from electrode.physics.electrostatics import coulomb
from electrode.physics.ewald_sum import ewald
from electrode.physics.slab_countercharge import GaussianSheet, JelliumSlab, NoCountercharge, Sheet
from electrode.units import EPSILON_0

CELL = np.array([[4.1, 0.0, 0.0], [1.3, 3.7, 0.0], [0.4, -0.2, 30.0]])
NORMAL, AREA = surface(CELL)
KINDS = [NoCountercharge(), Sheet(9.0), GaussianSheet(9.0, 0.6), JelliumSlab(8.0, 10.5)]
ABOVE = KINDS[1:]
moved = {
    Sheet: lambda c, d: Sheet(c.height + d),
    GaussianSheet: lambda c, d: GaussianSheet(c.height + d, c.width),
    JelliumSlab: lambda c, d: JelliumSlab(c.lower + d, c.upper + d),
    NoCountercharge: lambda c, d: c,
}


def slab(seed=0, n=5):
    rng = np.random.default_rng(seed)
    positions = rng.uniform(size=(n, 3)) * [4.0, 4.0, 3.5]
    return positions, rng.normal(size=n) * 0.4 + 0.1, rng.uniform(0.2, 0.5, size=n)


def energy(positions, charges, sigma, kind):
    return slab_energy(positions, charges, sigma, CELL, kind).energy


def fourth_order(f, h):
    return (f(-2 * h) - 8 * f(-h) + 8 * f(h) - f(2 * h)) / (12 * h)


@pytest.mark.parametrize("kind", KINDS)
def test_forces_are_the_gradient_and_sum_to_zero_with_that_on_the_countercharge(kind):
    positions, charges, sigma = slab()
    found = slab_energy(positions, charges, sigma, CELL, kind)
    for atom, axis in ((0, 2), (1, 0), (3, 2), (4, 1)):
        step = np.zeros_like(positions)
        step[atom, axis] = 1.0
        slope = fourth_order(lambda h: energy(positions + h * step, charges, sigma, kind), 1e-3)
        assert found.forces[atom, axis] == pytest.approx(-slope, abs=1e-8)
    along = fourth_order(lambda h: energy(positions, charges, sigma, moved[type(kind)](kind, h)), 1e-3)
    assert found.countercharge_force @ NORMAL == pytest.approx(-along, abs=1e-8)
    assert np.abs(found.forces.sum(0) + found.countercharge_force).max() < 1e-10


@pytest.mark.parametrize("kind", KINDS)
def test_potentials_are_the_slope_in_charge_of_each_atom_and_along_uniform_charging(kind):
    positions, charges, sigma = slab()
    potentials = slab_energy(positions, charges, sigma, CELL, kind).potentials
    for share in (*np.eye(5), np.full(5, 0.2)):
        slope = fourth_order(lambda h: energy(positions, charges + h * share, sigma, kind), 1e-2)
        assert share @ potentials == pytest.approx(slope, abs=1e-8)


@pytest.mark.parametrize("kind", ABOVE)
def test_a_wider_gap_adds_that_of_a_plate_capacitor_to_the_slope_of_the_potential(kind):
    positions, charges, sigma = slab()
    share, gap = np.full(5, 0.2), 1.7
    stiffness = []
    for c in (kind, moved[type(kind)](kind, gap)):
        potential = [share @ slab_energy(positions, charges + q * share, sigma, CELL, c).potentials for q in (0.0, 1.0)]
        stiffness.append(potential[1] - potential[0])
    assert stiffness[1] - stiffness[0] == pytest.approx(gap / (EPSILON_0 * AREA), abs=1e-8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("a, b", [(0, 0), (1, 1), (0, 1)])
def test_strain_along_the_surface_is_the_derivative(kind, a, b):
    positions, charges, sigma = slab()
    direction = 0.5 * (np.outer(np.eye(3)[a], np.eye(3)[b]) + np.outer(np.eye(3)[b], np.eye(3)[a]))
    strained = lambda h: slab_energy(positions @ (np.eye(3) + h * direction), charges, sigma, CELL @ (np.eye(3) + h * direction), kind).energy
    found = slab_energy(positions, charges, sigma, CELL, kind).strain
    assert np.vdot(found, direction) == pytest.approx(fourth_order(strained, 1e-3), abs=1e-7)
    assert np.abs(found[2]).max() < 1e-12 and np.abs(found[:, 2]).max() < 1e-12


@pytest.mark.parametrize("kind", KINDS)
def test_moving_everything_changes_nothing(kind):
    positions, charges, sigma = slab()
    a = slab_energy(positions, charges, sigma, CELL, kind)
    b = slab_energy(positions + [0.3, -0.7, 0.0] + 2.2 * NORMAL, charges, sigma, CELL, moved[type(kind)](kind, 2.2))
    assert a.energy == pytest.approx(b.energy, abs=1e-10)
    assert np.abs(a.potentials - b.potentials).max() < 1e-10 and np.abs(a.forces - b.forces).max() < 1e-10


@pytest.mark.parametrize("kind", ABOVE)
def test_field_is_zero_behind_the_slab_and_beyond_the_countercharge_where_the_potential_is_zero(kind):
    positions, charges, sigma = slab()
    at = lambda *grid: planar_potential(grid, positions @ NORMAL, charges, sigma, AREA, kind)
    assert np.abs(at(16.0, 20.0, 50.0)).max() < 1e-11
    behind = at(-10.0, -20.0, -50.0)
    assert np.ptp(behind) < 1e-10
    dipole = charges.sum() * kind.mean - charges @ (positions @ NORMAL)
    assert behind[0] == pytest.approx(dipole / (EPSILON_0 * AREA), abs=1e-10)


@pytest.mark.parametrize("kind", ABOVE)
def test_the_field_energy_of_a_plate_is_the_energy_with_the_self_energy(kind):
    charge, height, width = 0.3, 1.0, 0.4
    grid = np.linspace(-6.0, 16.0, 220001)
    field = np.gradient(planar_potential(grid, [height], [charge], [width], AREA, kind), grid)
    stored = 0.5 * EPSILON_0 * AREA * np.sum(0.5 * (field[1:] ** 2 + field[:-1] ** 2) * np.diff(grid))
    own = -width / np.sqrt(np.pi) / (EPSILON_0 * AREA) * charge**2 / 2  # the Gaussian plate in its own field
    attracted = charge**2 * float(kind.attraction(height, AREA, width)[0])
    assert own + attracted + charge**2 * kind.self_energy(AREA) == pytest.approx(stored, abs=1e-5 * stored)


def test_a_sheet_in_front_of_a_plane_is_the_parallel_plate_capacitor():
    kind, height, charge = Sheet(9.0), 2.5, 0.2
    potential = planar_potential([height, -3.0, 9.0], [height], [charge], [0.0], AREA, kind)
    assert potential == pytest.approx([charge * 6.5 / (EPSILON_0 * AREA)] * 2 + [0.0], abs=1e-12)
    assert charge * float(kind.potential(height, AREA)) == pytest.approx(potential[0], abs=1e-12)


def with_explicit_sheet(width, n=4):
    """A slab, and the same with its smeared sheet made of n x n Gaussian charges: positions, charges, widths."""
    positions, charges, sigma = slab()
    steps = np.stack(np.meshgrid(np.arange(n), np.arange(n), indexing="ij"), -1).reshape(-1, 2) / n
    explicit = (
        np.concatenate([positions, steps @ CELL[:2] + 9.0 * NORMAL]),
        np.concatenate([charges, np.full(n * n, -charges.sum() / n**2)]),
        np.concatenate([sigma, np.full(n * n, width)]),
    )
    return (positions, charges, sigma), explicit


def test_smeared_sheet_agrees_with_explicit_charges_in_two_and_three_dimensions():
    kind = GaussianSheet(9.0, 1.4)
    bare, (positions, charges, sigma) = with_explicit_sheet(kind.width)
    found = slab_energy(*bare, CELL, kind)
    whole = found.energy + bare[1].sum() ** 2 * kind.self_energy(AREA)
    matrix = coulomb(positions, CELL, (True, True, False), sigma)
    assert whole == pytest.approx(0.5 * charges @ matrix.value @ charges, abs=1e-10)
    assert np.abs(found.forces + matrix.pull(np.outer(charges, charges))[:5]).max() < 1e-10
    in_three = ewald(positions, np.array([*CELL[:2], 60.0 * NORMAL]), charges, sigma, slab=True)
    assert whole == pytest.approx(in_three.energy, abs=1e-10)
    assert np.abs(found.forces - in_three.forces[:5]).max() < 1e-10
    assert np.abs(found.countercharge_force - in_three.forces[5:].sum(0)).max() < 1e-10


def test_jellium_is_a_stack_of_sheets():
    positions, charges, sigma = slab()
    kind = JelliumSlab(5.0, 8.0)
    nodes, weights = np.polynomial.legendre.leggauss(40)
    stack = [slab_energy(positions, charges, sigma, CELL, Sheet(6.5 + 1.5 * x)) for x in nodes]
    found = slab_energy(positions, charges, sigma, CELL, kind)
    assert found.energy == pytest.approx(sum(0.5 * w * s.energy for w, s in zip(weights, stack)), abs=1e-9)
    assert np.abs(found.potentials - sum(0.5 * w * s.potentials for w, s in zip(weights, stack))).max() < 1e-9
    assert np.abs(found.forces - sum(0.5 * w * s.forces for w, s in zip(weights, stack))).max() < 1e-9


@pytest.mark.parametrize("kind", [GaussianSheet(9.0, 0.0), GaussianSheet(9.0, 1e-9), JelliumSlab(9.0 - 1e-4, 9.0 + 1e-4)])
def test_thin_countercharges_are_the_sheet(kind):
    positions, charges, sigma = slab()
    a, b = (slab_energy(positions, charges, sigma, CELL, c) for c in (kind, Sheet(9.0)))
    assert a.energy == pytest.approx(b.energy, abs=1e-8)
    assert np.abs(a.forces - b.forces).max() < 1e-8 and np.abs(a.potentials - b.potentials).max() < 1e-8


def test_point_charges_and_a_surface_that_faces_down():
    positions, charges, _ = slab()
    point = slab_energy(positions, charges, np.zeros(5), CELL, Sheet(9.0))
    mirror = np.diag([1.0, 1.0, -1.0])
    down = slab_energy(positions @ mirror, charges, np.zeros(5), CELL @ mirror, Sheet(9.0))
    assert point.energy == pytest.approx(down.energy, abs=1e-10)
    assert np.abs(point.forces @ mirror - down.forces).max() < 1e-10


def test_neutral_slabs_need_no_countercharge():
    positions, charges, sigma = slab()
    charges = charges - charges.mean()
    bare, found = (slab_energy(positions, charges, sigma, CELL, c) for c in (NoCountercharge(), JelliumSlab(8.0, 9.0)))
    assert found.energy == pytest.approx(bare.energy, abs=1e-12) and np.abs(found.forces - bare.forces).max() < 1e-12


def test_mistakes_are_named():
    positions, charges, sigma = slab()
    with pytest.raises(ValueError, match="above every atom.*Raise it"):
        slab_energy(positions, charges, sigma, CELL, Sheet(1.0))
    with pytest.raises(ValueError, match="a charge and a width for each of 5 atoms"):
        slab_energy(positions, charges[:4], sigma, CELL, Sheet(9.0))
    with pytest.raises(ValueError, match="lower below upper"):
        JelliumSlab(3.0, 3.0)
    with pytest.raises(ValueError, match="width of at least 0"):
        GaussianSheet(3.0, -1.0)
    with pytest.raises(ValueError, match="finite height"):
        Sheet(float("nan"))
