"""Observables against closed forms."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.calculator import Calculator, all_changes
from ase.optimize import BFGS

from electrode.observables import (
    capacitance_curve, cycle, density_profile, dipole_velocities, hysteresis_loop, infrared, permittivity_from_field,
    permittivity_from_fluctuation, water_profile,
)  # fmt: skip
from electrode.observables.hysteresis import Loop
from electrode.observables.infrared import LIGHT, PER_CM
from electrode.physics.capacitance import electrode_charge
from electrode.physics.grids import grid_points, grid_shape, neutralised, planar_average
from electrode.units import BOLTZMANN, EPSILON_0

VOLUME, TEMPERATURE = 1000.0, 300.0


def oscillator(wave: float, step: float, number: int, charge: float = 0.5, mass: float = 100.0):
    """Dipole and its derivative of a charge on a spring at the energy 3 kT; mass [eV fs^2/A^2]."""
    t, w = step * np.arange(number), 2.0 * np.pi * wave * LIGHT / PER_CM
    speed = np.sqrt(2.0 * BOLTZMANN * TEMPERATURE / mass)
    phase = np.array([0.1, 1.3, 2.9])
    return charge * speed / w * np.sin(w * t[:, None] + phase), charge * speed * np.cos(w * t[:, None] + phase)


@pytest.mark.parametrize("wave", [200.0, 1650.0, 3400.0])
@pytest.mark.parametrize("given", ["dipoles", "dipole_velocities"])
def test_a_harmonic_oscillator_has_one_line_of_its_classical_strength(wave, given):
    series = dict(zip(("dipoles", "dipole_velocities"), oscillator(wave, 0.5, 20000)))
    found = infrared(0.5, VOLUME, TEMPERATURE, **{given: series[given]}, resolution=20.0)
    # int alpha n dw = pi <Mdot^2>/(6 c eps0 V kT), <Mdot^2> = 3 kT q^2/m; d nu = dw/(2 pi c)
    strength = np.pi * 3.0 * 0.5**2 / 100.0 / (6.0 * LIGHT * EPSILON_0 * VOLUME) / (2.0 * np.pi * LIGHT) * PER_CM**2
    assert found.wavenumbers[found.absorption.argmax()] == pytest.approx(wave, abs=3.0)
    assert found.strength == pytest.approx(strength, rel=0.01)


def test_polar_tensors_and_velocities_give_the_derivative_of_the_dipole():
    rng = np.random.default_rng(0)
    z, v = rng.normal(size=(4, 3, 3)), rng.normal(size=(5, 4, 3))
    by_hand = [[sum(z[n, a, b] * v[t, n, b] for n in range(4) for b in range(3)) for a in range(3)] for t in range(5)]
    assert np.abs(dipole_velocities(z, v) - by_hand).max() < 1e-12
    assert np.abs(dipole_velocities(np.tile(z, (5, 1, 1, 1)), v) - by_hand).max() < 1e-12


def langevin(x):
    return 1.0 / np.tanh(x) - 1.0 / x


def test_free_dipoles_have_the_permittivity_of_langevin():
    number, mu = 64, 0.5
    eps = 1.0 + number * mu**2 / (3.0 * EPSILON_0 * VOLUME * BOLTZMANN * TEMPERATURE)
    each = np.random.default_rng(1).normal(size=(20000, number, 3))
    total = mu * (each / np.linalg.norm(each, axis=2, keepdims=True)).sum(1)
    found = permittivity_from_fluctuation(total, VOLUME, TEMPERATURE)
    assert abs(found.value - eps) < 4.0 * found.error and found.error < 0.02 * eps
    fields = np.array([-0.02, -0.01, 0.01, 0.02])
    along = number * mu * langevin(mu * fields / (BOLTZMANN * TEMPERATURE))
    response = permittivity_from_field(fields, along, VOLUME)
    assert response.permittivity == pytest.approx(eps, rel=0.01)
    assert response.secants == pytest.approx(1.0 + along / VOLUME / (EPSILON_0 * fields), rel=1e-12)
    assert (np.diff(np.abs(response.secants[2:])) < 0.0).all()  # saturation


class DoubleWell(Calculator):
    """-a x^2/2 + b x^4/4 - q F x, at the first atom along z."""

    implemented_properties = ["energy", "forces", "dipole"]
    a, b, q = 1.0, 2.0, 0.8

    def __init__(self, field):
        super().__init__()
        self.field = float(field[2])

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        x, forces = atoms.positions[0, 2], np.zeros((1, 3))
        forces[0, 2] = self.a * x - self.b * x**3 + self.q * self.field
        energy = -0.5 * self.a * x**2 + 0.25 * self.b * x**4 - self.q * self.field * x
        self.results = {"energy": energy, "forces": forces, "dipole": np.array([0.0, 0.0, self.q * x])}


def test_a_double_well_switches_where_its_minimum_ends():
    atoms = Atoms("H", [[0.0, 0.0, 0.3]], cell=[5.0, 5.0, 5.0], pbc=True)
    loop = hysteresis_loop(atoms, DoubleWell, cycle(0.8, 64), relax=lambda a: BFGS(a, logfile=None).run(fmax=1e-5))
    coercive = 2.0 / 3.0 * np.sqrt(1.0 / 6.0) / 0.8
    assert loop.coercive_field == pytest.approx(coercive, abs=0.025)
    assert loop.remanence == pytest.approx(0.8 * np.sqrt(0.5) / 125.0, rel=1e-3)
    assert loop.work > 0.0 and atoms.positions[0, 2] == 0.3


def test_a_rectangular_loop_loses_its_area():
    fields = cycle(1.0, 200)
    down = np.arange(len(fields)) < 200
    p = np.where(down, np.where(fields > -0.5, 1.0, -1.0), np.where(fields < 0.5, -1.0, 1.0))
    assert Loop(fields, p).work == pytest.approx(2.0, rel=0.02)
    assert Loop(fields, p).coercive_field == pytest.approx(0.5, abs=0.011)


def test_two_charged_sheets_have_the_capacitance_of_vacuum():
    cell, distance, width = np.diag([5.0, 5.0, 30.0]), 8.0, 0.4
    shape, voltages, sigmas = grid_shape(cell, 0.1), np.array([-1.0, -0.5, 0.5, 1.0]), []
    z = grid_points(cell, shape)[:, 2].reshape(shape)
    gauss = lambda at: np.exp(-((z - at) ** 2) / (2.0 * width**2)) / (width * np.sqrt(2.0 * np.pi))
    for v in voltages:  # electrons leave the upper sheet, at 19 A, for the lower one
        electrons = EPSILON_0 * v / distance * (gauss(19.0 - distance) - gauss(19.0))
        sigmas.append(electrode_charge(*planar_average(electrons, cell), 15.0, 19.0))
    curve = capacitance_curve(voltages, sigmas, faces=1)
    for found in (curve.at_zero, *curve.integral, *curve.differential):
        assert found == pytest.approx(EPSILON_0 / distance, rel=1e-3)


def test_capacitance_tells_slope_and_secant_apart():
    v = np.linspace(-2.0, 2.0, 9)
    curve = capacitance_curve(v, 0.03 * v / 2 + 0.001 * (v / 2) ** 3 + 0.5, faces=2)
    assert curve.differential == pytest.approx(0.03 + 0.003 * curve.drops**2) and curve.at_zero == pytest.approx(0.03)
    assert curve.integral[curve.drops != 0] == pytest.approx(0.03 + 0.001 * curve.drops[curve.drops != 0] ** 2)
    assert np.isnan(curve.integral[4])


def test_a_neutralised_response_keeps_its_shape_and_has_no_charge():
    values = np.random.default_rng(0).normal(size=(4, 5, 6)) + 0.3
    found = neutralised(values)
    assert abs(found.sum()) < 1e-12 and (np.sign(found) == np.sign(values)).mean() > 0.9
    assert (neutralised(np.zeros((2, 2, 2))) == 0.0).all()


def box(z: float, turn: float) -> Atoms:
    atoms = molecule("H2O")
    atoms.positions -= atoms.positions[0]
    atoms.rotate(turn, "x")
    atoms.positions += [0.2, 0.1, z]
    atoms.set_cell([6.0, 7.0, 20.0])
    atoms.pbc = True
    return atoms


def test_water_is_counted_and_turned_where_its_oxygen_is():
    edges = np.arange(0.0, 20.5, 1.0)
    images = [box(5.5, 0.0), box(5.5, 180.0), box(5.5, 0.0), box(9.5, 90.0)]
    found = water_profile(images, edges)
    assert found.density[[5, 9]] == pytest.approx([3 / (4 * 42.0), 1 / (4 * 42.0)]) and found.density.sum() == pytest.approx(1 / 42.0)
    assert found.orientation[5] == pytest.approx(-1 / 3) and found.orientation[9] == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(found.orientation[0])
    hydrogens = density_profile(images, "H", edges)
    assert hydrogens.density.sum() == pytest.approx(2 / 42.0) and hydrogens.orientation is None
    lone = images[0][[0, 1]]
    assert water_profile([lone], edges).density.sum() == 0.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: infrared(0.5, VOLUME, TEMPERATURE), lambda: infrared(-0.5, VOLUME, TEMPERATURE, dipoles=np.zeros((9, 3))),
        lambda: dipole_velocities(np.zeros((2, 3, 3)), np.zeros((5, 4, 3))), lambda: permittivity_from_fluctuation(np.zeros((5, 3)), VOLUME, TEMPERATURE),
        lambda: permittivity_from_field([0.1, 0.1], [0.0, 0.0], VOLUME), lambda: capacitance_curve([0.0, 1.0], [0.0, 1.0], faces=3),
        lambda: cycle(0.0, 5), lambda: hysteresis_loop(Atoms("H"), DoubleWell, cycle(1.0, 4), relax=print), lambda: density_profile([], "O", np.arange(3)),
        lambda: planar_average(np.zeros((2, 2)), np.eye(3)), lambda: planar_average(np.zeros((2, 2, 2)), np.eye(3) + np.eye(3, k=-2)), lambda: grid_shape(np.eye(3), 0.0),
    ],
)  # fmt: skip
def test_bad_input_is_refused(call):
    with pytest.raises(ValueError, match="expected"):
        call()
