"""General charge equilibration against hand calculation, limits of electrostatics and finite differences."""

import math

import numpy as np
import pytest

from electrode.physics.charge_constraints import Constraints, Electrode, Frozen, Group
from electrode.physics.charge_interactions import Bulk, Planar
from electrode.physics.charge_parameters import EEQ, QEQ
from electrode.physics.charges import ChargeModel, equilibrate_charges
from electrode.physics.eeq import eeq
from electrode.physics.electrode_solver import ElectrodeSolver
from electrode.physics.electrostatics import coulomb
from electrode.units import COULOMB, EPSILON_0

CELL = np.array([[6.0, 0.0, 0.0], [1.0, 7.0, 0.0], [0.0, 0.0, 50.0]])
SPACES = {"slab": Planar(CELL), "open": Planar.open(), "corrected": Bulk(CELL, slab=True), "bulk": Bulk(CELL)}
N = 8


def sheet(number, spacing, z):
    x, y = np.meshgrid(spacing * np.arange(number), spacing * np.arange(number), indexing="ij")
    return np.stack([x.ravel(), y.ravel(), np.full(number**2, z)], axis=1)


def cell_of(side, height=60.0):
    return np.diag([side, side, height])


def interface(space):
    """Two electrodes of eight atoms, a molecule of two, an ion and two loose atoms."""
    rng = np.random.default_rng(1)
    low = [[1.5 * i + 0.3 * k, 1.8 * j, 0.0] for i in range(2) for j in range(2) for k in range(2)]
    low = np.array(low) + [[0.0, 0.0, 2.1 * (k % 2)] for k in range(N)] + rng.normal(0.0, 0.1, (N, 3))
    others = np.array([[2.0, 3.0, 6.0], [2.5, 3.3, 6.9], [4.4, 5.0, 7.0], [1.0, 6.0, 6.0], [0.5, 1.0, 5.5]])
    positions = np.vstack([low, low * [1, 1, -1] + [0.5, 0.2, 12.0], others])
    n = len(positions)
    chi = np.where(np.arange(n) < 2 * N, 0.0, rng.normal(0.0, 0.5, n))
    hardness = np.where(np.arange(n) < 2 * N, 0.0, 8.0)
    width = np.where(np.arange(n) == 2 * N + 2, 0.0, rng.uniform(0.4, 0.6, n))
    constraints = Constraints(
        electrodes=(Electrode(np.arange(N), -0.4), Electrode(np.arange(N, 2 * N), 0.7)),
        groups=(Group(np.array([2 * N, 2 * N + 1]), -0.3),),
        frozen=Frozen(np.array([2 * N + 2]), np.array([0.8])),
        field=0.01,
    )
    return ChargeModel(chi, hardness, width, space), positions, constraints


def test_two_atoms_by_hand():
    chi, hardness, width, r = np.array([5.0, 8.0]), np.array([3.0, 4.0]), np.array([0.5, 0.7]), 1.3
    own = COULOMB / (math.sqrt(math.pi) * width)
    a = COULOMB * math.erf(r / math.sqrt(2.0 * (width @ width))) / r
    q = (chi[1] - chi[0]) / (hardness.sum() + own.sum() - 2.0 * a)
    found = equilibrate_charges(ChargeModel(chi, hardness, width, Planar.open()), np.array([[0.0, 0.0, 0.0], [0.0, 0.0, r]]))
    np.testing.assert_allclose(found.charges, [q, -q], rtol=1e-13)
    assert found.energy == pytest.approx(-0.5 * q * (chi[1] - chi[0]), rel=1e-13)
    np.testing.assert_allclose(found.potentials, found.level, rtol=1e-13)
    charged = equilibrate_charges(found.model, found.system.pairs.positions, Constraints(total=1e-4))
    assert (charged.energy - found.energy) / 1e-4 == pytest.approx(0.5 * (charged.level + found.level), rel=1e-8)


@pytest.mark.parametrize("gap", [6.0, 20.0])
def test_parallel_plates(gap):
    """Fine sheets of Gaussians conduct like planes that stand width/sqrt(pi) nearer to each other."""
    number, width = 5, 0.6
    positions = np.vstack([sheet(number, 1.0, 0.0), sheet(number, 1.0, gap)])
    top = np.arange(2 * number**2) >= number**2
    constraints = Constraints((Electrode(~top, 0.0), Electrode(top, 1.5)))
    found = equilibrate_charges(ChargeModel.metal(2 * number**2, width, Planar(cell_of(number))), positions, constraints)
    effective = gap - 2.0 * width / math.sqrt(math.pi)
    assert found.electrode_charges[1] == pytest.approx(1.5 * EPSILON_0 * number**2 / effective, rel=1e-6)
    assert found.capacitance[1, 1] == pytest.approx(found.electrode_charges[1] / 1.5, rel=1e-12)
    assert found.grand_energy == pytest.approx(-0.5 * 1.5**2 * found.capacitance[1, 1], rel=1e-12)
    assert np.abs(found.potentials[top] - found.potentials[~top] - 1.5).max() < 1e-12


def test_thomas_fermi_length_adds_to_the_gap():
    """One layer of density d per volume and spacing 1/(n d): the gap grows by 2 l^2 d / n, n atoms per area."""
    number, width, gap, length, density = 5, 0.6, 10.0, 1.2, 0.4
    positions = np.vstack([sheet(number, 1.0, 0.0), sheet(number, 1.0, gap)])
    top = np.arange(2 * number**2) >= number**2
    model = ChargeModel.metal(2 * number**2, width, Planar(cell_of(number))).with_thomas_fermi(slice(None), length, density)
    found = equilibrate_charges(model, positions, Constraints((Electrode(~top, -0.5), Electrode(top, 0.5))))
    effective = gap - 2.0 * width / math.sqrt(math.pi) + 2.0 * length**2 * density
    assert EPSILON_0 * number**2 / found.electrode_charges[1] == pytest.approx(effective, rel=1e-6)


def test_image_charge_of_a_lattice():
    """Far from a fine sheet a charge is drawn by its lattice of images, about a plane at width/sqrt(pi)."""
    number, width, q, height = 14, 0.6, 0.7, 8.0
    cell, metal = cell_of(number), sheet(number, 1.0, 0.0)
    solver = ElectrodeSolver(ChargeModel.metal(len(metal), width, Planar(cell)), metal, Constraints((Electrode(np.arange(len(metal)), 0.0),)))
    found = solver.solve([[10.2, 9.7, height]], [q])
    gap = height - width / math.sqrt(math.pi)
    images = coulomb(np.array([[0.0, 0.0, gap], [0.0, 0.0, -gap]]), cell, [True, True, False], np.zeros(2))
    lattice = -q * q * images.pull(np.array([[1.0, -1.0], [-1.0, 1.0]]))[0, 2]
    assert found.forces[-1, 2] == pytest.approx(lattice, rel=2e-3)
    assert found.electrode_charges[0] == pytest.approx(-q, abs=1e-12)


def test_image_charge():
    """An earthed disc draws a charge by -k_e q^2/(4 z^2), at the energy -k_e q^2/(4 z).

    For Gaussians in a plane E = -(k_e q^2/2) int e^(-2kh)/erfc(k width) dk, which is the image law about the plane at
    width/sqrt(pi) with the relative correction width^2/(pi z^2).
    """
    number, spacing, width, q, height = 26, 0.8, 0.45, 0.7, 2.5
    metal = sheet(number, spacing, 0.0) - [0.5 * spacing * (number - 1), 0.5 * spacing * (number - 1), 0.0]
    solver = ElectrodeSolver(ChargeModel.metal(len(metal), width, Planar.open()), metal, Constraints((Electrode(np.arange(len(metal)), 0.0),), total=None))
    found = solver.solve([[0.1, -0.2, height]], [q])
    z = height - width / math.sqrt(math.pi)
    finer = width**2 / (math.pi * z**2)
    assert found.forces[-1, 2] == pytest.approx(-COULOMB * q * q / (4.0 * z**2) * (1.0 + 3.0 * finer), rel=1e-2)
    assert found.energy == pytest.approx(-COULOMB * q * q / (4.0 * z) * (1.0 + finer), rel=5e-3)
    assert -q < found.electrode_charges[0] < -0.8 * q


@pytest.mark.parametrize("name", SPACES)
def test_what_is_held_is_held(name):
    model, positions, constraints = interface(SPACES[name])
    found = equilibrate_charges(model, positions, constraints)
    felt = found.potentials - 0.01 * positions[:, 2]
    np.testing.assert_allclose(felt[:N], found.electrode_potentials[0], atol=1e-11)
    np.testing.assert_allclose(felt[N : 2 * N], found.electrode_potentials[1], atol=1e-11)
    np.testing.assert_allclose(felt[2 * N : 2 * N + 2], found.group_potentials[0], atol=1e-11)
    np.testing.assert_allclose(felt[2 * N + 3 :], found.level, atol=1e-11)
    np.testing.assert_allclose(found.electrode_potentials, [found.level - 0.4, found.level + 0.7], atol=1e-12)
    assert found.charges[2 * N + 2] == 0.8
    assert found.charges[2 * N : 2 * N + 2].sum() == pytest.approx(-0.3, abs=1e-12)
    assert found.charges.sum() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("name", SPACES)
def test_forces_and_response_are_derivatives(name):
    model, positions, constraints = interface(SPACES[name])
    found = equilibrate_charges(model, positions, constraints)
    weight, step = np.random.default_rng(2).normal(size=len(positions)), 1e-4
    pulled = found.pull_positions(weight)
    for place in ((0, 2), (9, 0), (16, 1), (18, 2), (20, 2)):
        moved = [equilibrate_charges(model, positions + sign * step * _unit(place, positions.shape), constraints) for sign in (1.0, -1.0)]
        slope = (moved[0].grand_energy - moved[1].grand_energy) / (2.0 * step)
        assert found.forces[place] == pytest.approx(-slope, abs=1e-7)
        assert pulled[place] == pytest.approx(weight @ (moved[0].charges - moved[1].charges) / (2.0 * step), abs=1e-7)
    turn = np.random.default_rng(3).normal(size=len(positions))
    shifted = [equilibrate_charges(model.replace(electronegativity=model.electronegativity + sign * turn), positions, constraints) for sign in (1.0, -1.0)]
    assert found.pull_electronegativity(weight) @ turn == pytest.approx(weight @ (shifted[0].charges - shifted[1].charges) / 2.0, abs=1e-11)


def _unit(place, shape):
    out = np.zeros(shape)
    out[place] = 1.0
    return out


@pytest.mark.parametrize(("name", "total"), [("slab", 0.0), ("slab", 0.4), ("open", None), ("open", 0.0), ("corrected", 0.0)])
def test_potentials_charges_and_capacitance(name, total):
    model, positions, constraints = interface(SPACES[name])
    others = Group(np.arange(2 * N + 3, 2 * N + 5), 0.1)
    constraints = constraints.replace(total=total, groups=(*constraints.groups, others))
    found = equilibrate_charges(model, positions, constraints)
    capacitance = found.capacitance
    np.testing.assert_allclose(capacitance, capacitance.T, atol=1e-14)
    assert np.linalg.eigvalsh(capacitance)[-1] > 0.0 and np.linalg.eigvalsh(capacitance)[0] > -1e-12
    assert (total is None) == (abs(capacitance.sum()) > 1e-6)
    for k in range(2):
        ends = [equilibrate_charges(model, positions, constraints.at_potentials([-0.4 + s * (k == 0), 0.7 + s * (k == 1)])) for s in (0.5, -0.5)]
        np.testing.assert_allclose(ends[0].electrode_charges - ends[1].electrode_charges, capacitance[:, k], atol=1e-12)
        assert ends[0].grand_energy - ends[1].grand_energy == pytest.approx(-found.electrode_charges[k], abs=1e-11)
        maxwell = found.pull_positions(found.system.layout.members[k])
        np.testing.assert_allclose(ends[0].forces - ends[1].forces, maxwell, atol=1e-11)


def test_a_group_behaves_as_an_electrode_on_open_circuit():
    model, positions, constraints = interface(SPACES["slab"])
    held = equilibrate_charges(model, positions, constraints)
    circuit = constraints.replace(electrodes=constraints.electrodes[:1], groups=(Group(np.arange(N, 2 * N), held.electrode_charges[1]), *constraints.groups))
    found = equilibrate_charges(model, positions, circuit)
    np.testing.assert_allclose(found.charges, held.charges, atol=1e-12)
    np.testing.assert_allclose(found.group_potentials[0], held.electrode_potentials[1], atol=1e-11)
    assert found.energy == pytest.approx(held.energy, abs=1e-12)


@pytest.mark.parametrize("method", ["iterative", "matrix-free"])
@pytest.mark.parametrize("name", SPACES)
def test_iterations_find_what_factors_find(name, method):
    model, positions, constraints = interface(SPACES[name])
    exact = equilibrate_charges(model, positions, constraints)
    found = equilibrate_charges(model, positions, constraints, method=method)
    np.testing.assert_allclose(found.charges, exact.charges, atol=1e-10)
    assert found.level == pytest.approx(exact.level, abs=1e-9)
    np.testing.assert_allclose(found.capacitance, exact.capacitance, atol=1e-9)
    moved = positions + 0.01 * np.random.default_rng(4).normal(size=positions.shape)
    warm = equilibrate_charges(model, moved, constraints, method=method, guess=found.charges)
    np.testing.assert_allclose(warm.charges, equilibrate_charges(model, moved, constraints).charges, atol=1e-10)


@pytest.mark.parametrize("name", ["slab", "corrected", "open"])
def test_kept_factors_are_fresh_factors(name):
    model, positions, constraints = interface(SPACES[name])
    metal = ChargeModel(model.electronegativity[: 2 * N], model.hardness[: 2 * N], model.width[: 2 * N], model.interaction)
    masks = [np.isin(np.arange(2 * N), e.atoms) for e in constraints.electrodes]
    solver = ElectrodeSolver(metal, positions[: 2 * N], Constraints(tuple(map(Electrode, masks, (0.0, 0.0))), field=0.01))
    charges = np.array([0.3, -0.5, 0.8, -0.2, 0.1])
    frozen = Frozen(2 * N + np.arange(5), charges)
    still = model.replace(electronegativity=np.zeros(len(positions)), hardness=np.zeros(len(positions)))
    for shift, potentials in ((0.0, (-0.4, 0.7)), (0.3, (0.2, 0.1))):
        ions = positions[2 * N :] + [shift, 0.0, -shift]
        found = solver.solve(ions, charges, potentials, width=model.width[2 * N :])
        alone = constraints.replace(groups=(), frozen=frozen).at_potentials(potentials)
        fresh = equilibrate_charges(still, np.vstack([positions[: 2 * N], ions]), alone)
        np.testing.assert_allclose(found.charges, fresh.charges, atol=1e-12)
        np.testing.assert_allclose(found.forces, fresh.forces, atol=1e-11)
        assert found.grand_energy == pytest.approx(fresh.grand_energy, abs=1e-11)
    empty = solver.solve(np.zeros((0, 3)), np.zeros(0), potentials)
    bare = equilibrate_charges(metal, positions[: 2 * N], Constraints(solver.constraints.electrodes, field=0.01).at_potentials(potentials))
    np.testing.assert_allclose(empty.charges, bare.charges, atol=1e-14)
    with pytest.raises(ValueError, match="expected 3 charges"):
        solver.solve(ions[:3], charges)
    with pytest.raises(ValueError, match="expected 2 potentials"):
        solver.solve(ions, charges, [0.1])


def test_parameter_sets_carry_their_source():
    numbers, positions = np.array([6, 8, 1, 1]), np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.2], [0.0, 0.95, -0.55], [0.0, -0.95, -0.55]])
    published = eeq(numbers, positions, np.zeros((3, 3)), [False] * 3)
    found = equilibrate_charges(EEQ.model(numbers, Planar.open(), coordination=published.coordination), positions)
    np.testing.assert_allclose(found.charges, published.charges, atol=1e-13)
    assert found.energy == pytest.approx(published.energy, abs=1e-12)
    model = QEQ.model(numbers, Planar.open())
    own = model.interaction.at(positions, model.width).matrix
    np.testing.assert_allclose(np.diag(own) + model.hardness, [10.126, 13.364, 13.8904, 13.8904], rtol=1e-12)
    np.testing.assert_allclose(QEQ.width[[1, 6, 47]] * math.sqrt(2.0), [0.8271, 1.1346, 1.8330], atol=1e-4)
    assert "1991" in QEQ.citation and QEQ.doi.startswith("10.") and QEQ.replace(name="mine").doi == QEQ.doi
    with pytest.raises(ValueError, match="no parameters for Z"):
        QEQ.model([92], Planar.open())
    with pytest.raises(ValueError, match="expected no coordination numbers"):
        QEQ.model(numbers, Planar.open(), coordination=published.coordination)


def refuse(match, **changes):
    model, positions, constraints = interface(SPACES["slab"])
    with pytest.raises(ValueError, match=match):
        equilibrate_charges(model, positions, constraints.replace(**changes))


def test_refused_constraints():
    refuse("in two electrodes", electrodes=(Electrode([0, 1], 0.0), Electrode([1, 2], 0.1)))
    refuse("in two groups", groups=(Group([17, 16], 0.0), Group([16], 0.1)))
    refuse("in two of", groups=(Group([0], 0.0),))
    refuse("in two of", frozen=Frozen([0], [0.1]))
    refuse("in no electrode and no group", total=None)
    refuse("between 0 and 20", groups=(Group([21], 0.0),))
    refuse("at least one atom", groups=(Group(np.zeros(21, bool), 0.0),))
    refuse("a mask of 21", groups=(Group(np.zeros(3, bool), 0.0),))
    refuse("expected 2 charges", frozen=Frozen([19, 20], [0.1]))
    refuse("finite", electrodes=(Electrode([0], np.nan),))
    refuse("add up to", electrodes=(), groups=(Group(np.delete(np.arange(21), 18), 0.0),))


@pytest.mark.parametrize("name", ["slab", "bulk"])
def test_refused_arrays(name):
    positions, pairs = np.eye(3), SPACES[name].at(np.eye(3), np.full(3, 0.5))
    for call in (pairs.potentials, pairs.forces):
        with pytest.raises(ValueError, match="expected 3 charges"):
            call(np.ones(1))
    with pytest.raises(ValueError, match="expected 3 widths"):
        SPACES[name].at(positions, np.zeros(2))
    with pytest.raises(ValueError, match="positions"):
        SPACES[name].at(positions[0], np.zeros(3))


def test_refused_models():
    model, positions, constraints = interface(SPACES["slab"])
    with pytest.raises(ValueError, match="unknown kernel 'slater'"):
        model.replace(interaction="slater")
    with pytest.raises(ValueError, match="21 finite numbers"):
        model.replace(hardness=np.zeros(3))
    with pytest.raises(ValueError, match="0 for a point"):
        model.replace(width=-model.width)
    with pytest.raises(ValueError, match="finite positions"):
        equilibrate_charges(model, positions * np.nan, constraints)
    with pytest.raises(ValueError, match="positions of shape"):
        equilibrate_charges(model, positions[:5], constraints)
    with pytest.raises(ValueError, match="expected method"):
        equilibrate_charges(model, positions, constraints, method="dense")
    points = ChargeModel(np.array([5.0, 8.0]), np.array([10.0, 10.0]), np.zeros(2), Planar.open())
    for method in ("factorised", "iterative"):
        with pytest.raises(ValueError, match="positive definite"):
            equilibrate_charges(points, np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.2]]), method=method)
    for space, match in ((Bulk(CELL), "background=True"), (Bulk(CELL, slab=True), "take Planar")):
        with pytest.raises(ValueError, match=match):
            equilibrate_charges(model.replace(interaction=space), positions, constraints.replace(total=0.5))
    accepted = equilibrate_charges(model.replace(interaction=Bulk(CELL, background=True)), positions, constraints.replace(total=0.5))
    assert accepted.charges.sum() == pytest.approx(0.5, abs=1e-12)
