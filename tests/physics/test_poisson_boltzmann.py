"""The solver against closed forms, the first integral, and conservation laws in slits."""

import numpy as np
import pytest

from electrode.physics.double_layer import Bikerman, Booth, DiffuseLayer, Electrolyte, GouyChapman, Grahame, Helmholtz, Ion, Plate, Stern, solve

SALT = Electrolyte.symmetric(0.1)
UNEQUAL = Electrolyte((Ion(2, 0.1, 4.0), Ion(-1, 0.2, 6.0)), permittivity=Booth(), solvent_diameter=3.1)
SALTS = {
    "unequal": UNEQUAL,
    "grahame": Electrolyte((Ion(1, 0.3), Ion(1, 0.1, 5.0), Ion(-2, 0.2, 3.0)), permittivity=Grahame()),
    "crowded": Electrolyte.symmetric(1.0, diameter=6.0),
}
each_salt = pytest.mark.parametrize("salt", SALTS.values(), ids=SALTS)


@pytest.mark.parametrize("potential", [-0.5, -0.1, 0.003, 0.3])
@pytest.mark.parametrize("salt", [SALT, Electrolyte.symmetric(0.001, 2)], ids=["1:1", "2:2"])
def test_gouy_chapman_profile(salt, potential):
    solution, exact = solve(salt, Plate(potential=potential)), GouyChapman(salt)
    x = np.concatenate([[0.0], np.geomspace(1e-4, 30.0, 400) * salt.debye_length])
    assert np.abs(solution.potential(x) - exact.profile(x, potential)).max() < 1e-9
    assert solution.charges[0] == pytest.approx(exact.charge(potential), rel=1e-9)
    assert solution.grand_energy == pytest.approx(exact.grand_energy(potential), rel=1e-10)
    assert solution.energy == pytest.approx(exact.energy(exact.charge(potential)), rel=1e-9)
    assert solution.field(0.0) == pytest.approx(exact.charge(potential) / exact.permittivity, rel=1e-6)


@each_salt
@pytest.mark.parametrize("potential", [-0.8, 0.4])
def test_charge_and_energy_of_the_first_integral(salt, potential):
    solution, exact = solve(salt, Plate(potential=potential)), DiffuseLayer(salt)
    assert solution.charges[0] == pytest.approx(exact.charge(potential), rel=1e-9)
    assert solution.grand_energy == pytest.approx(exact.grand_energy(potential), rel=1e-9)
    back = solve(salt, Plate(charge=solution.charges[0]))
    assert back.potentials[0] == pytest.approx(potential, abs=1e-9)


@each_salt
def test_first_integral_holds_everywhere(salt):
    solution = solve(salt, Plate(potential=-0.5))
    x = np.linspace(0.0, 6.0 * salt.debye_length, 200)
    assert salt.permittivity.energy(solution.field(x)) == pytest.approx(salt.pressure(solution.potential(x)), rel=1e-5, abs=1e-12)


def test_ions_screen_the_plate():
    solution = solve(UNEQUAL, Plate(potential=0.4))
    nodes, weights = np.polynomial.legendre.leggauss(16)
    half = 0.5 * np.diff(solution.edges)[:, None]
    x = solution.edges[:-1, None] + half * (1.0 + nodes)
    total = (half * weights * np.tensordot(UNEQUAL.valences, solution.densities(x), 1)).sum()
    assert total == pytest.approx(-solution.charges[0], rel=1e-6)


def test_stern_layer_takes_its_share():
    stern = Helmholtz(3.0, 6.0)
    solution, exact = solve(UNEQUAL, Plate(potential=0.6, stern=stern)), Stern(stern, DiffuseLayer(UNEQUAL))
    assert solution.charges[0] == pytest.approx(exact.charge(0.6), rel=1e-9)
    assert solution.potential(0.0) == pytest.approx(exact.outer_potential(0.6), abs=1e-9)
    assert solution.grand_energy == pytest.approx(exact.grand_energy(0.6), rel=1e-9)
    held = solve(UNEQUAL, Plate(charge=solution.charges[0], stern=stern))
    assert held.potentials[0] == pytest.approx(0.6, abs=1e-9) and held.energy == pytest.approx(solution.energy, rel=1e-9)


def test_bikerman_charge_from_the_solver():
    salt = SALTS["crowded"]
    assert solve(salt, Plate(potential=0.7)).charges[0] == pytest.approx(Bikerman(salt).charge(0.7), rel=1e-9)


@pytest.mark.parametrize("width", [2.0, 10.0, 60.0])
def test_slit_keeps_its_stress(width):
    solution = solve(UNEQUAL, Plate(potential=0.3), Plate(charge=-0.003), width)
    x = np.linspace(0.0, width, 101)
    stress = UNEQUAL.permittivity.energy(solution.field(x)) - UNEQUAL.pressure(solution.potential(x))
    assert np.ptp(stress) < 1e-6 * np.abs(UNEQUAL.pressure(0.3))
    assert solution.charges[1] == pytest.approx(-0.003, rel=1e-9)


def test_wide_slit_is_two_single_plates():
    solution = solve(SALT, Plate(potential=0.2), Plate(potential=-0.1, stern=Helmholtz()), 400.0)
    left, right = GouyChapman(SALT), Stern(Helmholtz(), GouyChapman(SALT))
    assert solution.charges == pytest.approx((left.charge(0.2), right.charge(-0.1)), rel=1e-9)
    assert solution.grand_energy == pytest.approx(left.grand_energy(0.2) + right.grand_energy(-0.1), rel=1e-9)


def test_linear_slit_on_paper():
    potential, width, length = 1e-5, 15.0, SALT.debye_length
    solution = solve(SALT, Plate(potential=potential), Plate(potential=potential), width)
    assert solution.potential(0.5 * width) == pytest.approx(potential / np.cosh(0.5 * width / length), rel=1e-7)
    assert sum(solution.charges) == pytest.approx(2.0 * GouyChapman(SALT).charge(potential) * np.tanh(0.5 * width / length), rel=1e-7)


def test_energies_of_a_slit_have_the_charges_as_derivatives():
    energy = lambda a, b: solve(UNEQUAL, Plate(potential=a, stern=Helmholtz()), Plate(potential=b), 12.0).grand_energy
    charges, h = solve(UNEQUAL, Plate(potential=0.3, stern=Helmholtz()), Plate(potential=-0.2), 12.0).charges, 1e-4
    assert -(energy(0.3 + h, -0.2) - energy(0.3 - h, -0.2)) / (2.0 * h) == pytest.approx(charges[0], rel=1e-6)
    assert -(energy(0.3, -0.2 + h) - energy(0.3, -0.2 - h)) / (2.0 * h) == pytest.approx(charges[1], rel=1e-6)


def test_uncharged_plates_leave_the_bulk_alone():
    solution = solve(SALT, Plate(charge=0.0), Plate(potential=0.0), 20.0)
    assert np.abs(solution.values).max() < 1e-12 and solution.grand_energy == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: Plate(), "exactly one"),
        (lambda: Plate(potential=0.0, charge=0.0), "exactly one"),
        (lambda: solve(SALT, Plate(potential=0.1), Plate(potential=0.1)), "or neither"),
        (lambda: solve(SALT, Plate(potential=0.1), width=5.0), "or neither"),
        (lambda: solve(SALT, Plate(potential=0.1), Plate(potential=0.1), -5.0), "positive width"),
    ],
)
def test_mistakes(call, message):
    with pytest.raises(ValueError, match=message):
        call()
