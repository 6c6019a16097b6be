"""Closed forms of the planar double layer against numbers on paper, their limits and each other."""

import numpy as np
import pytest

from electrode.physics.double_layer import (
    Bikerman,
    Booth,
    Constant,
    DiffuseLayer,
    Electrolyte,
    GouyChapman,
    GouyChapmanStern,
    Grahame,
    Helmholtz,
    Ion,
    Stern,
    microfarad_per_cm2,
)
from electrode.units import BOLTZMANN, EPSILON_0, UC_PER_CM2

SALT = Electrolyte.symmetric(0.1)
CROWDED = Electrolyte.symmetric(0.1, diameter=5.0)
UNEQUAL = Electrolyte((Ion(2, 0.1, 4.0), Ion(-1, 0.2, 6.0)), permittivity=Booth(), solvent_diameter=3.1)
LAYERS = {
    "Helmholtz": Helmholtz(),
    "Gouy-Chapman": GouyChapman(SALT),
    "Gouy-Chapman-Stern": GouyChapmanStern(SALT),
    "Bikerman": Bikerman(CROWDED),
    "Bikerman-Stern": Stern(Helmholtz(), Bikerman(CROWDED)),
    "diffuse": DiffuseLayer(UNEQUAL),
    "diffuse-Stern": Stern(Helmholtz(), DiffuseLayer(UNEQUAL)),
}
POTENTIALS = np.array([-0.6, -0.2, -0.03, 0.0, 0.01, 0.1, 0.4])
each_layer = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)


@pytest.mark.parametrize("molar, length, capacitance", [(1.0, 3.04, 228.3), (0.1, 9.61, 72.2), (0.01, 30.4, 22.8), (0.001, 96.1, 7.22)])
def test_debye_length_and_capacitance_of_water(molar, length, capacitance):
    salt = Electrolyte.symmetric(molar)
    assert salt.debye_length == pytest.approx(length, rel=2e-3)
    assert microfarad_per_cm2(GouyChapman(salt).differential_capacitance(0.0)) == pytest.approx(capacitance, rel=2e-3)


def test_grahame_equation():
    charge = GouyChapman(SALT).charge(0.1) * UC_PER_CM2 / 100.0  # C/m^2
    assert charge == pytest.approx(0.1173 * np.sqrt(0.1) * np.sinh(19.46 * 0.1), rel=1e-3)


def test_stern_layer_is_in_series():
    layer = GouyChapmanStern(SALT, 3.0, 6.0)
    parts = Helmholtz(3.0, 6.0).capacitance, GouyChapman(SALT).differential_capacitance(0.0)
    assert microfarad_per_cm2(parts[0]) == pytest.approx(17.7, abs=0.05)
    assert layer.differential_capacitance(0.0) == pytest.approx(1.0 / sum(1.0 / c for c in parts), rel=1e-12)
    charge = layer.charge(0.7)
    assert layer.outer_potential(0.7) + charge / parts[0] == pytest.approx(0.7, abs=1e-13)


@each_layer
def test_charge_and_potential_invert_each_other(layer):
    assert layer.potential(layer.charge(POTENTIALS)) == pytest.approx(POTENTIALS, abs=1e-12)
    assert layer.charge(0.0) == 0.0 and layer.potential(0.0) == 0.0


@each_layer
def test_derivatives_of_both_energies(layer):
    h = 1e-4
    nodes, weights = np.array([-2.0, -1.0, 1.0, 2.0]) * h, np.array([1.0, -8.0, 8.0, -1.0]) / (12.0 * h)
    derivative = lambda f, x, scale=1.0: sum(w * f(x + scale * s) for s, w in zip(nodes, weights)) / scale
    charge, capacitance = layer.charge(POTENTIALS), layer.differential_capacitance(POTENTIALS)
    assert derivative(layer.grand_energy, POTENTIALS) == pytest.approx(-charge, rel=1e-9, abs=1e-11)
    assert derivative(layer.charge, POTENTIALS) == pytest.approx(capacitance, rel=1e-7)
    assert derivative(layer.energy, charge, 0.05) == pytest.approx(POTENTIALS, rel=1e-7, abs=1e-8)
    assert layer.energy(charge) == pytest.approx(layer.grand_energy(POTENTIALS) + charge * POTENTIALS, abs=1e-14)
    assert np.all(capacitance > 0.0)


@each_layer
def test_integral_capacitance_meets_the_differential_one_at_zero(layer):
    assert layer.integral_capacitance(POTENTIALS)[3] == pytest.approx(layer.differential_capacitance(0.0))
    assert layer.integral_capacitance(1e-5) == pytest.approx(layer.differential_capacitance(0.0), rel=1e-3)


@pytest.mark.parametrize("closed, salt", [(GouyChapman, SALT), (GouyChapman, Electrolyte.symmetric(0.02, 2)), (Bikerman, CROWDED), (Bikerman, Electrolyte.symmetric(2.0, diameter=6.0))])
def test_first_integral_gives_the_closed_forms(closed, salt):
    layer, general = closed(salt), DiffuseLayer(salt)
    assert general.charge(POTENTIALS) == pytest.approx(layer.charge(POTENTIALS), rel=1e-12)
    assert general.differential_capacitance(POTENTIALS) == pytest.approx(layer.differential_capacitance(POTENTIALS), rel=1e-10)
    assert general.grand_energy(POTENTIALS) == pytest.approx(layer.grand_energy(POTENTIALS), rel=1e-11, abs=1e-18)
    assert general.potential(layer.charge(POTENTIALS)) == pytest.approx(POTENTIALS, abs=1e-12)


def test_bikerman_without_size_is_gouy_chapman():
    small = Bikerman(Electrolyte.symmetric(0.1, diameter=0.05))
    assert small.charge(POTENTIALS[1:6]) == pytest.approx(GouyChapman(SALT).charge(POTENTIALS[1:6]), rel=1e-4)


@pytest.mark.parametrize("filling, bell", [(0.25, False), (0.45, True)])
def test_camel_turns_into_bell_at_one_third(filling, bell):
    density = Electrolyte.symmetric(0.1).bulk_densities[0]
    layer = Bikerman(Electrolyte.symmetric(0.1, diameter=(filling / (2.0 * density)) ** (1.0 / 3.0)))
    assert layer.filling == pytest.approx(filling)
    assert (layer.differential_capacitance(0.02) < layer.differential_capacitance(0.0)) == bell


def test_crowded_capacitance_falls_with_the_root_of_the_potential():
    layer, potential = Bikerman(CROWDED), np.array([20.0, -90.0])
    expected = np.sqrt(layer.permittivity / (2.0 * 5.0**3 * np.abs(potential)))
    assert layer.differential_capacitance(potential) == pytest.approx(expected, rel=5e-3)
    assert layer.potential(layer.charge(potential)) == pytest.approx(potential, rel=1e-12)


def test_densities_at_a_potential():
    kt = BOLTZMANN * 298.15
    plus, minus = SALT.densities(0.05)
    assert plus / SALT.bulk_densities[0] == pytest.approx(np.exp(-0.05 / kt)) and plus * minus == pytest.approx(SALT.bulk_densities[0] ** 2)
    salt, nu = CROWDED, Bikerman(CROWDED).filling
    crowding = 1.0 + 2.0 * nu * np.sinh(0.5 * 0.3 / kt) ** 2
    assert salt.densities(-0.3)[0] == pytest.approx(salt.bulk_densities[0] * np.exp(0.3 / kt) / crowding, rel=1e-12)
    assert UNEQUAL.densities(-3.0)[0] == pytest.approx(1.0 / 4.0**3, rel=1e-6)


@pytest.mark.parametrize("salt", [SALT, CROWDED, UNEQUAL])
def test_pressure_and_charge_density_are_derivatives(salt):
    psi, h = np.array([-0.5, -0.02, 0.0, 0.1, 0.3]), 1e-5
    slope = lambda f: (f(psi + h) - f(psi - h)) / (2.0 * h)
    assert slope(salt.pressure) == pytest.approx(-salt.charge_density(psi), rel=1e-6, abs=1e-10)
    assert slope(salt.charge_density) == pytest.approx(salt.charge_slope(psi), rel=1e-6, abs=1e-10)
    screening = EPSILON_0 * salt.permittivity.value / salt.screening_length
    assert DiffuseLayer(salt).differential_capacitance(0.0) == pytest.approx(screening, rel=1e-6)


def test_unequal_sizes_lengthen_the_decay():
    assert CROWDED.screening_length == pytest.approx(CROWDED.debye_length) == pytest.approx(SALT.screening_length)
    z, v, n = np.array([2.0, -1.0, 0.0]), np.array([4.0, 6.0, 3.1]) ** 3, np.append(UNEQUAL.bulk_densities, 0.0)
    n[2] = (1.0 - v @ n) / v[2]
    ratio = 1.0 - (z * v @ n) ** 2 / ((v * v @ n) * (z * z @ n))
    assert (UNEQUAL.debye_length / UNEQUAL.screening_length) ** 2 == pytest.approx(ratio) and ratio < 0.99


@pytest.mark.parametrize("model", [Constant(), Booth(), Grahame()])
def test_permittivity_and_its_energies(model):
    field, h = np.array([1e-4, 5e-3, 0.03, 0.1, 0.6]), 1e-7
    slope = lambda f: (f(field + h) - f(field - h)) / (2.0 * h)
    assert slope(model.displacement) == pytest.approx(model.slope(field), rel=1e-7)
    assert slope(model.coenergy) == pytest.approx(model.displacement(field), rel=1e-7)
    assert slope(model.energy) == pytest.approx(field * model.slope(field), rel=1e-6)
    assert model.field(model.energy(field)) == pytest.approx(field, rel=1e-12)
    assert model.field_of_displacement(-model.displacement(field)) == pytest.approx(-field, rel=1e-12)
    assert model.field(0.0) == 0.0


def test_saturation_of_water_at_a_volt_per_nanometre():
    relative = lambda model: model.displacement(0.1) / (0.1 * EPSILON_0)
    assert relative(Booth(78.36)) == pytest.approx(16.91, abs=0.01)
    assert relative(Grahame(78.36)) == pytest.approx(1.33**2 + (78.36 - 1.33**2) / np.sqrt(13.0))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Ion(0, 0.1), "valence that is not zero"),
        (lambda: Ion(1, -0.1), "positive concentration"),
        (lambda: Ion(1, 0.1, -1.0), "diameter"),
        (lambda: Electrolyte((Ion(2, 0.1), Ion(-1, 0.1))), "neutral together"),
        (lambda: Electrolyte(()), "neutral together"),
        (lambda: Electrolyte.symmetric(5.0, diameter=8.0), "leave room"),
        (lambda: Electrolyte.symmetric(0.1, temperature=0.0), "temperature"),
        (lambda: Electrolyte.symmetric(0.1, solvent_diameter=0.0), "solvent diameter"),
        (lambda: Helmholtz(0.0), "positive thickness"),
        (lambda: GouyChapman(UNEQUAL), "opposite valence"),
        (lambda: GouyChapman(Electrolyte.symmetric(0.1, permittivity=Booth())), "constant permittivity"),
        (lambda: Bikerman(SALT), "one diameter"),
        (lambda: Constant(0.5), "at least 1"),
        (lambda: Booth(1.0), "at least"),
        (lambda: Grahame(strength=0.0), "positive strength"),
    ],
)
def test_mistakes(make, message):
    with pytest.raises(ValueError, match=message):
        make()
