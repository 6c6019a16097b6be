"""Ring-polymer dynamics: its energy, its distribution, what it leaves classical."""

import numpy as np
import pytest
from ase.constraints import FixAtoms
from wells import T, Sampler, Wells, atoms, kt, mean_and_error

from electrode.simulate.path_integral import RingPolymerDynamics, quantum_kinetic_energy
from electrode.simulate.schedule import Schedule


def trajectory(dynamics, steps, read, **start):
    rows = []
    dynamics.advance(dynamics.start(4, **start), steps, observer=lambda r: rows.append(read(r)))
    return np.array(rows[steps // 10 :])


def test_energy_is_conserved_to_second_order():
    """Halving the step divides the wander of H_P by four."""
    sampler = Sampler(Wells(20.0, shared_charge=False), atoms("HO"), T, n_beads=6)
    wander = []
    for dt in (0.8, 0.4):
        dynamics = RingPolymerDynamics(sampler, dt, None)
        rows = []
        dynamics.advance(dynamics.start(1), int(80 / dt), observer=lambda r: rows.append(dynamics.energy(r)))
        wander.append(np.std(rows))
    assert wander[0] / wander[1] == pytest.approx(4.0, rel=0.1) and wander[1] < 0.05


def test_quantum_oscillator_and_its_kinetic_energy():
    """<x^2> and, by the virial theorem, <K> = 3 k <x^2> / 2 of the exact result at P beads, apart from what the time step does."""
    count, stiffness = 8, 20.0
    sampler = Sampler(Wells(stiffness, shared_charge=False), atoms(), T, n_beads=count)
    read = lambda r: [(r.state.positions**2).mean(), quantum_kinetic_energy(r.state, np.array([0]), T)]
    rows = trajectory(RingPolymerDynamics(sampler, 0.5, 20.0), 8000, read)
    omega_p = count * kt(T) / 0.6582119569 * 2.0 * np.sin(np.pi * np.arange(count) / count)  # [1/fs]
    spring = 1.008 * 103.642697 * omega_p**2  # [eV/A^2], 1 amu = 103.6427 eV fs^2/A^2
    exact = (kt(T) / (spring + stiffness)).sum()
    mean, error = mean_and_error(rows)
    assert abs(mean[0] - exact) < 4 * error[0] and error[0] < 0.04 * exact
    assert abs(mean[1] - 1.5 * stiffness * exact) < 4 * error[1] and mean[1] > 3 * 1.5 * kt(T)


def test_classical_and_held_atoms_have_one_place():
    """Beads of hydrogen alone; a classical atom keeps its thermal width, a held one its place."""
    system = atoms("HOO")
    system.set_constraint(FixAtoms([2]))
    rows = []
    dynamics = RingPolymerDynamics(Sampler(Wells(5.0, shared_charge=False), system, T, n_beads=4), 1.0, 20.0)
    dynamics.advance(dynamics.start(2), 6000, observer=lambda r: rows.append(r.state.positions))
    x = np.array(rows)[600:]
    assert np.ptp(x[:, :, 1], axis=1).max() < 1e-12 < np.ptp(x[:, :, 0], axis=1).max()
    np.testing.assert_allclose(x[:, :, 2], np.broadcast_to(system.positions[2], x[:, :, 2].shape), atol=1e-12)
    mean, error = mean_and_error((x[:, 0, 1] ** 2).mean(1))
    assert abs(mean - kt(T) / 5.0) < 4 * error and error < 0.15 * mean


def test_a_shared_charge_fluctuates_beside_the_beads():
    """The charge's variance is kT C_tot, 1/C_tot = 1/C - a^2/k."""
    schedule = Schedule(window=0.4, charges=(-5.0, 5.0))
    ensemble = Wells(20.0, (0.0, 0.0, 4.0), 0.3, 0.0)
    dynamics = RingPolymerDynamics(Sampler(ensemble, atoms(), T, n_beads=4, schedule=schedule), 1.0, 20.0)
    charges = trajectory(dynamics, 12000, lambda r: r.state.charge[0], charge=0.0)
    mean, error = mean_and_error(charges**2)
    assert abs(mean - kt(T) / (1 / 0.3 - 16.0 / 20.0)) < 4 * error and error < 0.15 * mean


def test_refusals():
    sampler = Sampler(Wells(shared_charge=False), atoms(), T, n_beads=2)
    with pytest.raises(ValueError, match="positive times"):
        RingPolymerDynamics(sampler, 0.0)
    with pytest.raises(ValueError, match="free to move"):
        Sampler(Wells(shared_charge=False), atoms("O"), T, n_beads=2)
