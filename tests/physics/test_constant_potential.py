"""Fixed electrodes on the mesh: against the dense solution, derivatives, identities in the potentials, parallel plates."""

import numpy as np
import pytest

from electrode.physics.charge_constraints import Constraints, Electrode, Frozen, Group
from electrode.physics.charge_interactions import Bulk, Planar
from electrode.physics.charges import ChargeModel, equilibrate_charges
from electrode.physics.constant_potential import ConstantPotential
from electrode.physics.mesh import Settings
from electrode.units import EPSILON_0

CELL = np.array([[8.0, 0.0, 0.0], [1.5, 9.0, 0.0], [0.5, 1.0, 24.0]])
SPACES = {"slab": Planar(CELL), "corrected": Bulk(CELL + [[0, 0, 0], [0, 0, 0], [0, 0, 30.0]], slab=True), "bulk": Bulk(CELL)}
N = 16  # atoms of an electrode
LOW, HIGH = np.arange(N), np.arange(N, 2 * N)


def interface(space, net=0.0, seed=1):
    """Return two electrodes of two layers beside twelve ions: model, positions, charges and constraints."""
    rng = np.random.default_rng(seed)
    layers = [[0.25 * i + 0.06 * (k % 2), 0.25 * j, 0.0] for k in range(2) for i in range(4) for j in range(2)]
    low = np.array(layers) @ CELL + [[0.0, 0.5 * (k >= 8), 2.2 * (k >= 8)] for k in range(N)]
    low[:, 1] += np.tile([0.0, 1.2], 8)
    ions = np.array([[(i + 0.2) / 3, (j + 0.3) / 2, 0.0] for i in range(3) for j in range(2)] * 2) @ CELL
    ions[:, 2] = np.repeat([7.5, 10.5], 6)
    positions = np.vstack([low, low * [1, 1, -1] + [0.5, 0.2, 18.0], ions + rng.normal(0.0, 0.2, ions.shape)])
    n = len(positions)
    charges = np.zeros(n)
    charges[2 * N :] = np.tile([1.0, -1.0], 6) + net / 12
    metal = np.arange(n) < 2 * N
    chi = np.where(metal, rng.normal(0.0, 0.2, n), 0.0)
    width = np.where(metal, rng.uniform(0.35, 0.55, n), np.where(np.arange(n) % 3, 0.0, 0.3))
    model = ChargeModel(chi, np.where(metal, 1.5, 0.0), width, space)
    return model, positions, charges, Constraints((Electrode(LOW, -0.4), Electrode(HIGH, 0.7)), field=0.01)


def dense(model, positions, charges, constraints):
    """Return the dense solution with the electrolyte's charges frozen."""
    held = np.concatenate([one.atoms for one in (*constraints.electrodes, *constraints.groups)])
    moving = np.setdiff1d(np.arange(len(charges)), held)
    return equilibrate_charges(model, positions, constraints.replace(frozen=Frozen(moving, charges[moving])))


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("net", [0.0, 0.5])
@pytest.mark.parametrize("accuracy", [1e-3, 1e-7])
def test_a_step_is_the_dense_solution(name, net, accuracy):
    model, positions, charges, constraints = interface(SPACES[name], net)
    found = ConstantPotential(model, positions, charges, constraints, accuracy=accuracy).step(positions)
    exact = dense(model, positions, charges, constraints)
    assert found.charges == pytest.approx(exact.charges, abs=accuracy, rel=0)
    assert found.forces == pytest.approx(exact.forces, abs=accuracy, rel=0)
    assert found.energy == pytest.approx(exact.energy, abs=3 * accuracy, rel=0)
    assert found.grand_energy == pytest.approx(exact.grand_energy, abs=3 * accuracy, rel=0)
    assert found.charges.sum() == pytest.approx(0.0, abs=1e-12)
    if name != "corrected":  # where the dense sum has another zero of the potential
        assert found.electrode_potentials == pytest.approx(exact.electrode_potentials, abs=accuracy)


def test_a_net_charge_and_electrodes_on_open_circuit():
    model, positions, charges, _ = interface(SPACES["slab"], 0.4)
    for constraints in (
        Constraints((Electrode(LOW, -0.4), Electrode(HIGH, 0.7)), total=-0.3),
        Constraints((Electrode(LOW, 0.3),), (Group(HIGH, -0.25),)),
        Constraints((), (Group(LOW, 0.1), Group(HIGH, -0.5)), total=None),
    ):
        found = ConstantPotential(model, positions, charges, constraints, accuracy=1e-7).step(positions)
        exact = dense(model, positions, charges, constraints)
        assert found.charges == pytest.approx(exact.charges, abs=1e-7) and found.level == pytest.approx(exact.level, abs=1e-7)
        assert found.grand_energy == pytest.approx(exact.grand_energy, abs=3e-7) and found.forces == pytest.approx(exact.forces, abs=1e-7)


@pytest.mark.parametrize("name", SPACES)
def test_forces_are_derivatives_at_fixed_potential_on_any_mesh(name):
    model, positions, charges, constraints = interface(SPACES[name])
    solver, h = ConstantPotential(model, positions, charges, constraints, settings=Settings(0.7, 6.0, (12, 14, 48), 6)), 3e-4
    forces = solver.step(positions).forces
    for place in ((2 * N, 2), (2 * N + 5, 0), (2 * N + 11, 1)):
        unit = np.zeros_like(positions)
        unit[place] = h
        rise = [solver.step(positions + k * unit).grand_energy for k in (-2, -1, 1, 2)]
        assert -(rise[0] - 8 * rise[1] + 8 * rise[2] - rise[3]) / (12 * h) == pytest.approx(forces[place], abs=1e-6, rel=0)


@pytest.mark.parametrize("name", SPACES)
def test_charge_is_minus_the_slope_in_the_potential(name):
    model, positions, charges, constraints = interface(SPACES[name])
    solver, held, h = ConstantPotential(model, positions, charges, constraints), np.array([-0.4, 0.7]), 0.05
    here = solver.step(positions)
    for k, turn in enumerate(np.eye(2)):
        up, down = (solver.step(positions, held + sign * h * turn) for sign in (1.0, -1.0))
        assert -(up.grand_energy - down.grand_energy) / (2 * h) == pytest.approx(here.electrode_charges[k], abs=1e-9)
        flown = up.charges - down.charges
        work = held @ (up.electrode_charges - down.electrode_charges) + 0.01 * positions[:, 2] @ flown
        assert up.energy - down.energy == pytest.approx(work, abs=1e-10)
        assert (up.electrode_charges - down.electrode_charges) / (2 * h) == pytest.approx(solver.capacitance[:, k], abs=1e-10)


@pytest.mark.parametrize("length", [0.0, 0.8])
def test_parallel_plates(length):
    """C = eps0 A/d for fine sheets of Gaussians, d less by width/sqrt(pi) at both and more by 2 l^2 density/n (Thomas-Fermi)."""
    number, width, gap, density = 6, 0.6, 9.0, 0.4
    x = np.stack(np.meshgrid(np.arange(number), np.arange(number), [0.0, gap], indexing="ij"), axis=-1).reshape(-1, 3)
    model = ChargeModel.metal(len(x), width, Planar(np.diag([number, number, 1.0]))).with_thomas_fermi(slice(None), length, density)
    top = x[:, 2] > 0.0
    solver = ConstantPotential(model, x, np.zeros(len(x)), Constraints((Electrode(~top, 0.0), Electrode(top, 1.5))), accuracy=1e-7)
    effective = gap - 2.0 * width / np.sqrt(np.pi) + 2.0 * length**2 * density
    found = solver.step(x)
    assert found.electrode_charges[1] == pytest.approx(1.5 * EPSILON_0 * number**2 / effective, rel=1e-5)
    assert solver.capacitance == pytest.approx(np.array([[1.0, -1.0], [-1.0, 1.0]]) * EPSILON_0 * number**2 / effective, rel=1e-5)
    assert found.grand_energy == pytest.approx(-0.5 * 1.5**2 * solver.capacitance[1, 1], rel=1e-6)


def test_a_walk_is_a_fresh_solution_at_every_step():
    model, positions, charges, constraints = interface(SPACES["slab"])
    solver, rng = ConstantPotential(model, positions, charges, constraints, accuracy=1e-6, skin=0.3), np.random.default_rng(4)
    for _ in range(8):
        positions = positions + np.where(np.arange(len(positions)) < 2 * N, 0.0, 1.0)[:, None] * rng.uniform(-0.06, 0.06, positions.shape)
        found, exact = solver.step(positions), dense(model, positions, charges, constraints)
        assert found.charges == pytest.approx(exact.charges, abs=1e-6) and found.forces == pytest.approx(exact.forces, abs=1e-6)


@pytest.mark.parametrize("name", SPACES)
def test_iteration_is_inversion(name):
    model, positions, charges, constraints = interface(SPACES[name], 0.3)
    both = [ConstantPotential(model, positions, charges, constraints, accuracy=1e-7, method=m) for m in ("inverse", "iterative")]
    for k in range(3):
        moved = positions + k * np.where(np.arange(len(positions)) < 2 * N, 0.0, 0.05)[:, None]
        inverse, iterated = (one.step(moved) for one in both)
        assert iterated.charges == pytest.approx(inverse.charges, abs=1e-7) and iterated.forces == pytest.approx(inverse.forces, abs=1e-6)
        assert iterated.grand_energy == pytest.approx(inverse.grand_energy, abs=1e-6) and iterated.energy == pytest.approx(inverse.energy, abs=1e-6)
        assert iterated.level == pytest.approx(inverse.level, abs=1e-7)
    assert both[1].capacitance == pytest.approx(both[0].capacitance, abs=1e-7)


def test_single_precision():
    model, positions, charges, constraints = interface(SPACES["bulk"])
    double, single = (ConstantPotential(model, positions, charges, constraints, single=s).step(positions) for s in (False, True))
    assert 0.0 < np.abs(double.forces - single.forces).max() < 3e-6 and np.abs(double.charges - single.charges).max() < 1e-6


def test_mistakes():
    model, positions, charges, constraints = interface(SPACES["bulk"])
    solver = ConstantPotential(model, positions, charges, constraints)
    with pytest.raises(ValueError, match="moved electrodes"):
        solver.step(positions + 0.1)
    with pytest.raises(ValueError, match="expected 2 finite potentials"):
        solver.step(positions, [0.0])
    with pytest.raises(ValueError, match="ElectrodeSolver"):
        ConstantPotential(model.replace(interaction=Planar.open()), positions, charges, constraints)
    with pytest.raises(ValueError, match="expected positions"):
        ConstantPotential(model, positions, charges[:5], constraints)
    with pytest.raises(ValueError, match="'inverse', 'iterative' or None"):
        ConstantPotential(model, positions, charges, constraints, method="guess")
    with pytest.raises(ValueError, match="no frozen charges"):
        ConstantPotential(model, positions, charges, constraints.replace(frozen=Frozen([40], [1.0])))
    with pytest.raises(ValueError, match="expected electrodes or groups"):
        ConstantPotential(model, positions, charges, Constraints())
    with pytest.raises(ValueError, match="neutral cell"):
        ConstantPotential(model, positions, charges, constraints.replace(total=0.2)).step(positions)
    with pytest.raises(ValueError, match="positive definite"):
        ConstantPotential(model.replace(width=0.0 * model.width, hardness=0.0 * model.hardness), positions, charges, constraints)
    with pytest.raises(ValueError, match="between 0 and"):
        ConstantPotential(model, positions, charges, Constraints((Electrode(np.array([0, 99]), 0.0),)))
