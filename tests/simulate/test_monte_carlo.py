"""Each class of moves samples its exact distribution, alone and together."""

import numpy as np
import pytest
from scipy.stats import kstest, truncnorm
from wells import T, WIDE, Sampler, Wells, atoms, kt, near, sample

from electrode.simulate.moves import ElectronMove
from electrode.simulate.ring import ACTION, bridge, free_ring, mode_frequencies, normal_modes, thermal_length
from electrode.simulate.schedule import Schedule

def test_electron_moves_sample_a_truncated_gaussian():
    """Charges between bounds, with the window cut at both: dropping the ratio of widths fails here."""
    ensemble = Wells(capacitance=0.3, potential=0.1)
    low, high, spread = 0.0, 0.16, np.sqrt(0.3 * kt(T))
    move, rng, state, seen = ElectronMove(0.2, low, high), np.random.default_rng(0), ensemble.state(np.zeros((1, 1, 3)), 0.05), []
    for _ in range(20000):
        new, weight = move.propose(ensemble, state, T, rng)
        state = new if np.log(rng.uniform()) < weight else state
        seen.append(state.charge[0])
    exact = truncnorm((low - 0.03) / spread, (high - 0.03) / spread, 0.03, spread)
    assert kstest(seen[::20], exact.cdf).pvalue > 0.01
    near(np.array(seen), exact.mean(), share=0.03)


def test_the_mean_slope_at_bounds():
    """<dE/dQ> - Phi is no longer zero but kT [P(high) - P(low)] < 0 or > 0: the boundary term of a truncated window."""
    ensemble = Wells(capacitance=0.3, potential=0.1)
    bounds, spread = (0.0, 0.05), np.sqrt(0.3 * kt(T))
    sampler = Sampler(ensemble, atoms(), T, schedule=Schedule(electrons=0.9, window=0.05, charges=bounds, steps=1))
    slopes, _ = sample(sampler, 12000, lambda r: r.state.potential[0] - 0.1, charge=0.02)
    exact = truncnorm(*((b - 0.03) / spread for b in bounds), 0.03, spread)
    near(slopes, -kt(T) * (exact.pdf(bounds[1]) - exact.pdf(bounds[0])), share=0.3)


def test_electrons_and_nuclei_together():
    """Gaussian (R, Q): <dE/dQ> = Phi, var Q = kT C_tot with 1/C_tot = 1/C - a^2/k, and the correlation of both."""
    ensemble = Wells(stiffness=2.0, coupling=(0.0, 0.0, 0.8), capacitance=0.3, potential=0.1)
    sampler = Sampler(ensemble, atoms(), T, schedule=Schedule(electrons=0.4, window=0.4, charges=WIDE, timestep=3.0, steps=4))
    rows, run = sample(sampler, 20000, lambda r: [r.state.charge[0], r.state.positions[0, 0, 2], r.state.potential[0]], charge=0.0)
    covariance = kt(T) * np.linalg.inv([[1 / 0.3, 0.8], [0.8, 2.0]])
    mean = np.linalg.solve([[1 / 0.3, 0.8], [0.8, 2.0]], [0.1, 0.0])
    near(rows[:, 2], 0.1, share=0.2)
    near((rows[:, 0] - mean[0]) ** 2, covariance[0, 0])
    near((rows[:, 0] - mean[0]) * (rows[:, 1] - mean[1]), covariance[0, 1], share=0.2)
    assert 0.3 < run.counts["electrons"].rate < 0.9 and run.counts["centroids"].rate > 0.8


def test_adiabatic_charge_samples_the_grand_energy():
    """Without fluctuation only the structural part of the charge's variance is left."""
    ensemble = Wells(coupling=(0.0, 0.0, 0.8), shared_charge=False)
    rows, run = sample(Sampler(ensemble, atoms(), T, schedule=Schedule(timestep=3.0)), 8000, lambda r: r.state.charge[0])
    stiffness = 2.0 - 0.3 * 0.8**2
    near((rows - rows.mean()) ** 2, (0.3 * 0.8) ** 2 * kt(T) / stiffness, share=0.15)
    assert set(run.counts) == {"centroids"}


def test_hybrid_moves_average_to_one():
    """<exp(-beta dH)> = 1, with steps long enough that some are turned down."""
    ensemble, rng = Wells(stiffness=5.0), np.random.default_rng(2)
    move = Sampler(ensemble, atoms("H2"), T, schedule=Schedule(electrons=0.0, timestep=6.0, steps=3)).moves["centroids"][1]
    state, weights = ensemble.state(np.zeros((1, 2, 3)), 0.0), []
    for _ in range(6000):
        new, weight = move.propose(ensemble, state, T, rng)
        weights.append(np.exp(weight))
        state = new if np.log(rng.uniform()) < weight else state
    assert np.std(weights) > 0.1
    near(np.array(weights[300:]), 1.0, share=0.04)


def test_bridges_are_free_rings():
    """With no potential every pair of neighbours is apart by step^2, and any move leaves that as it is."""
    rng, step = np.random.default_rng(3), np.array([0.2])
    ring, seen = free_ring(6, np.array([1.0]), T, rng), []
    for _ in range(8000):
        ring = bridge(ring, int(rng.integers(6)), 3, step, rng)
        seen.append(((ring - np.roll(ring, 1, axis=0)) ** 2).mean())
    near(np.array(seen), 0.2**2 * 5 / 6, share=0.03)  # closing the ring takes one part in P


def test_modes_diagonalise_the_springs():
    for count in (1, 2, 5, 8):
        modes, frequencies = normal_modes(count), mode_frequencies(count, T)
        springs = 2 * np.eye(count) - np.roll(np.eye(count), 1, 0) - np.roll(np.eye(count), -1, 0)
        np.testing.assert_allclose(modes @ modes.T, np.eye(count), atol=1e-12)
        np.testing.assert_allclose(modes @ springs @ modes.T * (count * kt(T) / ACTION) ** 2, np.diag(frequencies**2), atol=1e-9)


def quantum_width(count, mass, stiffness, temperature=T):
    """<x^2> of a harmonic oscillator of P beads, and without its centroid."""
    frequencies = 2 * count * kt(temperature) / ACTION * np.sin(np.pi * np.arange(count) / count)
    terms = kt(temperature) / (mass * frequencies**2 + stiffness)
    return terms.sum(), terms[1:].sum()


def test_quantum_oscillator():
    """Beads and centroids together give the exact width at P beads, which lies near the quantum one at infinitely many."""
    ensemble, count, mass = Wells(stiffness=20.0, shared_charge=False), 8, 1.008
    sampler = Sampler(ensemble, atoms(), T, n_beads=count, schedule=Schedule(beads=3, timestep=1.5, steps=5))
    widths, run = sample(sampler, 12000, lambda r: (r.state.positions**2).mean())
    exact, _ = quantum_width(count, mass, 20.0)
    omega = np.sqrt(20.0 / mass)
    converged = ACTION / (2 * mass * omega) / np.tanh(ACTION * omega / (2 * kt(T)))
    near(widths, exact, share=0.03)
    assert 0.8 < exact / converged < 1.0 and exact > 3.0 * kt(T) / 20.0 and run.counts["beads"].rate > 0.2


def proton(ensemble, count):
    schedule = Schedule(electrons=0.3, window=0.4, charges=WIDE, beads=None if count == 1 else count // 2, timestep=1.5, steps=5)
    read = lambda r: [r.state.charge.mean(), (r.state.positions[:, 0, 2] ** 2).mean(), r.state.centroid[0, 2]]
    return sample(Sampler(ensemble, atoms(), T, n_beads=count, schedule=schedule), 16000, read, charge=0.0)[0]


@pytest.mark.parametrize("shared", [True, False])
def test_quantum_proton_coupled_to_the_charge(shared):
    """A shared charge softens the centroid alone, the charge of each bead softens every mode: two ensembles, both exact."""
    stiffness, a, capacitance, count = 20.0, 4.0, 0.3, 8
    soft = stiffness - capacitance * a**2
    ensemble = Wells(stiffness, (0.0, 0.0, a), capacitance, 0.0, shared)
    rows = proton(ensemble, count)
    rest = quantum_width(count, 1.008, stiffness if shared else soft)[1]
    near(rows[:, 1], kt(T) / soft + rest, share=0.05)
    variance = capacitance * kt(T) + (capacitance * a) ** 2 * kt(T) / soft if shared else (capacitance * a) ** 2 * kt(T) / soft
    near(rows[:, 0] ** 2, variance, share=0.15)


def test_the_two_ensembles_agree_at_one_bead():
    widths = [proton(Wells(20.0, (0.0, 0.0, 4.0), 0.3, 0.0, shared), 1)[:, 1] for shared in (True, False)]
    for values in widths:
        near(values, kt(T) / (20.0 - 0.3 * 16.0), share=0.08)


def test_the_two_ensembles_agree_where_the_charge_ignores_the_proton():
    exact = quantum_width(8, 1.008, 20.0)[0]
    for shared in (True, False):
        near(proton(Wells(20.0, (0.0, 0.0, 0.0), 0.3, 0.1, shared), 8)[:, 1], exact, share=0.05)


def test_thermal_length():
    """hbar / sqrt(m k T) of a proton at 300 K is 0.402 A."""
    assert thermal_length(1.008, 300.0) == pytest.approx(1.054571817e-34 / np.sqrt(1.008 * 1.66053907e-27 * 1.380649e-23 * 300) * 1e10, rel=1e-6)
