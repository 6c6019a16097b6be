"""A continuum double layer as the counter-charge of a slab: closed forms, limits, derivatives, the energy of its field and ions."""

import numpy as np
import pytest

from electrode.physics.charged_slab import planar_potential, slab_energy, surface
from electrode.physics.continuum_countercharge import ContinuumLayer
from electrode.physics.double_layer import Booth, Electrolyte, GouyChapman, Helmholtz, Ion
from electrode.physics.slab_countercharge import Sheet
from electrode.units import EPSILON_0

CELL = np.array([[4.1, 0.0, 0.0], [1.3, 3.7, 0.0], [0.4, -0.2, 30.0]])
NORMAL, AREA = surface(CELL)
SALT = Electrolyte.symmetric(0.1)
STERN = Helmholtz(3.0, 6.0)
REAL = Electrolyte((Ion(2, 0.1, 4.0), Ion(-1, 0.2, 6.0)), permittivity=Booth(), solvent_diameter=3.1)
KINDS = [ContinuumLayer(9.0, SALT), ContinuumLayer(9.0, SALT, STERN), ContinuumLayer(9.0, REAL, STERN)]
each = pytest.mark.parametrize("kind", KINDS, ids=["points", "stern", "steric"])
RNG = np.random.default_rng(0)
PLACES = RNG.uniform(size=(5, 3)) * [4.0, 4.0, 3.5]
CHARGES = RNG.normal(size=5) * 0.2
CHARGES += (0.3 - CHARGES.sum()) / 5
WIDTH = RNG.uniform(0.2, 0.5, 5)
EVEN = np.full(5, 0.2)


def at(kind, positions=PLACES, charges=CHARGES, cell=CELL):
    return slab_energy(positions, charges, WIDTH, cell, kind)


def slope(f, h):
    return (f(-2 * h) - 8 * f(-h) + 8 * f(h) - f(2 * h)) / (12 * h)


def test_gouy_and_chapman_in_closed_form():
    """Beside a sheet at the plane: the drop (2kT/z) asinh(s/s0), and its integral over the charge."""
    unit, kt = np.sqrt(8.0 * EPSILON_0 * 78.4 * SALT.thermal_energy * SALT.bulk_densities[0]), SALT.thermal_energy
    for total in (0.02, -0.4, 1.5):
        charges = CHARGES - CHARGES.mean() + total / 5
        found, sheet, x = at(KINDS[0], charges=charges), at(Sheet(9.0), charges=charges), total / AREA / unit
        drop, work = 2.0 * kt * np.arcsinh(x), 2.0 * kt * AREA * unit * (x * np.arcsinh(x) - np.hypot(1.0, x) + 1.0)
        assert found.potentials - sheet.potentials == pytest.approx(np.full(5, drop), abs=1e-11)
        assert found.energy - sheet.energy == pytest.approx(work, abs=1e-11)
        assert np.abs(found.forces - sheet.forces).max() == 0.0


@pytest.mark.parametrize("stern", [None, STERN])
def test_few_charges_are_those_of_debye_and_hueckel(stern):
    charges = 1e-5 * EVEN
    found, sheet = (at(kind, charges=charges) for kind in (ContinuumLayer(9.0, SALT, stern), Sheet(9.0)))
    inverse = SALT.debye_length / (SALT.permittivity.value * EPSILON_0 * AREA) + (0.0 if stern is None else 1.0 / (STERN.capacitance * AREA))
    assert found.potentials - sheet.potentials == pytest.approx(np.full(5, 1e-5 * inverse), rel=1e-6)
    assert found.energy - sheet.energy == pytest.approx(0.5e-10 * inverse, rel=1e-5)


@pytest.mark.parametrize("stern, height", [(None, 9.0), (Helmholtz(2.5, 1.0), 11.5)])
def test_an_infinitely_concentrated_electrolyte_is_a_sheet_at_the_stern_plane(stern, height):
    sheet, errors = at(Sheet(height)), []
    for concentration in (1e3, 1e9):  # mol/L, points
        found = at(ContinuumLayer(9.0, Electrolyte.symmetric(concentration), stern))
        errors.append(max(np.abs(found.potentials - sheet.potentials).max(), abs(found.energy - sheet.energy)))
        assert np.abs(found.forces - sheet.forces).max() < 1e-10
    assert errors[1] < 1e-5 and errors[0] / errors[1] == pytest.approx(1e3, rel=0.1)  # as the Debye length


@each
def test_potentials_are_the_slope_in_charge(kind):
    potentials = at(kind).potentials
    for share in (*np.eye(5), EVEN):
        assert share @ potentials == pytest.approx(slope(lambda h: at(kind, charges=CHARGES + h * share).energy, 2e-3), abs=1e-7)


@each
def test_forces_and_strain_are_derivatives(kind):
    found = at(kind)
    for atom, axis in ((0, 2), (1, 0), (4, 1)):
        step = np.zeros((5, 3))
        step[atom, axis] = 1.0
        assert found.forces[atom, axis] == pytest.approx(-slope(lambda h: at(kind, PLACES + h * step).energy, 1e-3), abs=1e-8)
    moved = slope(lambda h: at(ContinuumLayer(9.0 + h, kind.electrolyte, kind.stern)).energy, 1e-3)
    assert found.countercharge_force @ NORMAL == pytest.approx(-moved, abs=1e-8)
    assert np.abs(found.forces.sum(0) + found.countercharge_force).max() < 1e-10
    for a, b in ((0, 0), (1, 1), (0, 1)):
        step = 0.5 * (np.outer(np.eye(3)[a], np.eye(3)[b]) + np.outer(np.eye(3)[b], np.eye(3)[a]))
        strained = slope(lambda h: at(kind, PLACES @ (np.eye(3) + h * step), cell=CELL @ (np.eye(3) + h * step)).energy, 1e-3)
        assert np.vdot(found.strain, step) == pytest.approx(strained, abs=1e-7)


@each
def test_potential_against_the_bulk(kind):
    total, heights = CHARGES.sum(), PLACES @ NORMAL
    where = lambda *grid: planar_potential(grid, heights, CHARGES, WIDTH, AREA, kind)
    drop = float(kind.layer.potential(total / AREA))
    below, above, far = where(9.0 - 1e-9, 9.0 + 1e-9, 9.0 + 40.0 * SALT.debye_length)
    assert below == pytest.approx(drop, abs=1e-8) and above == pytest.approx(drop, abs=1e-7) and abs(far) < 1e-9
    assert (where(7.0) - where(8.0))[0] == pytest.approx(total / (EPSILON_0 * AREA), abs=1e-10)
    thickness = 0.0 if kind.stern is None else 3.0
    edge = where(9.0 + thickness)[0]
    assert edge == pytest.approx(drop - (0.0 if kind.stern is None else total / AREA / STERN.capacitance), abs=1e-8)


def test_profile_is_that_of_gouy_and_chapman():
    heights = np.linspace(9.0, 60.0, 200)
    drop = float(GouyChapman(SALT).potential(CHARGES.sum() / AREA))
    found = planar_potential(heights, PLACES @ NORMAL, CHARGES, WIDTH, AREA, KINDS[0])
    assert found == pytest.approx(GouyChapman(SALT).profile(heights - 9.0, drop), abs=1e-8)


def test_work_is_the_energy_of_the_field_and_the_entropy_of_the_ions():
    total, kind = 0.4, KINDS[0]
    x = np.linspace(0.0, 25.0, 200001) ** 2 / 25.0 * SALT.debye_length
    psi = GouyChapman(SALT).profile(x, float(GouyChapman(SALT).potential(total / AREA)))
    field, density = np.gradient(psi, x), SALT.densities(psi)
    bulk, kt = SALT.bulk_densities[:, None], SALT.thermal_energy
    stored = 0.5 * EPSILON_0 * SALT.permittivity.value * field**2 + kt * (density * np.log(density / bulk) - density + bulk).sum(0)
    whole = AREA * np.sum(0.5 * (stored[1:] + stored[:-1]) * np.diff(x))
    assert kind.response(total, AREA)[0] == pytest.approx(whole, rel=1e-5)


def test_neutral_slabs_do_not_see_it():
    charges = CHARGES - CHARGES.mean()
    found, bare = (at(kind, charges=charges) for kind in (KINDS[2], Sheet(9.0)))
    assert found.energy == pytest.approx(bare.energy, abs=1e-12) and found.potentials == pytest.approx(bare.potentials, abs=1e-9)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="above every atom.*Raise it"):
        at(ContinuumLayer(1.0, SALT))
    with pytest.raises(ValueError, match="finite height"):
        ContinuumLayer(float("inf"), SALT)
