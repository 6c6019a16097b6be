"""Held coordinates: they stay, every class of moves is in detailed balance with them, and the slopes are those of the free energy."""

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms, FixBondLength
from scipy.integrate import quad
from wells import T, Pairs, Sampler, Wells, atoms, kt, mean_and_error, near, sample

from electrode.simulate.coordinates import Along, Distance, inverse_mass
from electrode.simulate.moves import CoordinateMove
from electrode.simulate.schedule import Schedule

COORDINATES = [Along(0, (1.0, 2.0, 0.5)), Along(0, (0.0, 0.0, 1.0), (1, 2)), Distance(0, 1), Distance(0, 1, 2)]


def triangle():
    return Atoms("H3", positions=[[0, 0, 0], [1.1, 0.2, 0.1], [-0.3, 1.2, -0.2]])


@pytest.mark.parametrize("coordinate", COORDINATES)
def test_values_gradients_and_places(coordinate):
    positions, h = triangle().positions, 1e-6
    for i in range(3):
        for k in range(3):
            step = np.zeros((3, 3))
            step[i, k] = h
            numerical = (coordinate.value(positions + step) - coordinate.value(positions - step)) / (2 * h)
            assert coordinate.gradient(positions)[i, k] == pytest.approx(numerical, abs=1e-8)
    assert coordinate.value(coordinate.placed(positions, 0.4)) == pytest.approx(0.4)
    masses = np.array([1.0, 2.0, 3.0])
    velocities = np.random.default_rng(0).normal(size=(3, 3))
    free = coordinate.project(velocities, masses)
    assert abs((coordinate.gradient(positions) * free).sum()) < 1e-12
    np.testing.assert_allclose(coordinate.project(free, masses), free, atol=1e-12)  # a projection,
    assert abs((masses[:, None] * free * (velocities - free)).sum()) < 1e-12  # orthogonal in the metric of the masses
    assert inverse_mass(coordinate, positions, masses) == pytest.approx(((coordinate.gradient(positions) ** 2).sum(1) / masses).sum())


@pytest.mark.parametrize("coordinate", COORDINATES)
@pytest.mark.parametrize("beads", [1, 3])
def test_every_move_keeps_the_coordinate(coordinate, beads):
    schedule = Schedule(electrons=0.3, hybrid=0.5, window=0.4, charges=(-5, 5), timestep=2.0, steps=2)
    sampler = Sampler(Pairs(1.0, (0.0, 0.0, 0.3)), triangle(), T, beads, (0,), coordinate, schedule)
    values, run = sample(sampler, 300, lambda r: coordinate.value(r.state.centroid), charge=0.0)
    assert np.ptp(values) < 1e-10 and all(c.accepted for c in run.counts.values())
    assert len(run.counts) == 2 + (beads > 1) + isinstance(coordinate, Distance)


def harmonic_pair(d):
    """-kT ln P(d) without constant, of two atoms in wells k r^2/2 about one point, bound by 3 (d - 1.2)^2: d is a length of two spherical angles."""
    return 0.5 * 0.5 * 1.0 * d**2 + 3.0 * (d - 1.2) ** 2 - 2 * kt(T) * np.log(d)


def test_slope_along_a_distance():
    """With trajectories and turns: dA/dd of the exact distribution, the Jacobian included."""
    sampler = Sampler(Pairs(1.0, shared_charge=False), Atoms("H2", positions=[[0, 0, 0], [0.2, 0.3, 0.5]]), T, 1, None, Distance(0, 1), Schedule(hybrid=0.5, timestep=4.0, steps=4, angle=0.6))
    read = lambda r: sampler.coordinate.slopes(r.state.centroid, r.state.forces.mean(0), T)[0]
    d = sampler.coordinate.value(sampler.atoms.positions)
    near(sample(sampler, 8000, read)[0], (harmonic_pair(d + 1e-5) - harmonic_pair(d - 1e-5)) / 2e-5, share=0.05)


def difference_profile(s, kappa=6.0):
    """exp(-A(s)/kT) of H between two atoms, each d_i^2 exp(-beta v(d_i)), angles free: an integral over d_3 with d_1 = s + d_3."""
    v = lambda d: 0.5 * kappa * (d - 1.2) ** 2
    return quad(lambda d: d**2 * (s + d) ** 2 * np.exp(-(v(d) + v(s + d)) / kt(T)), max(0.0, -s), 3.0, epsabs=1e-14)[0]


class TwoLegs(Wells):
    """Two springs from atom 0, kappa (d - 1.2)^2 / 2, and a weak well that keeps the whole in place."""

    def state(self, positions, charge, near=None):
        base = super().state(0.0 * positions, 0.0)
        energy, forces = 0.0, np.zeros_like(positions)
        for end in (1, 2):
            r = positions[:, end] - positions[:, 0]
            d = np.linalg.norm(r, axis=1, keepdims=True)
            energy += float((3.0 * (d - 1.2) ** 2).mean())
            forces[:, end] -= 6.0 * (d - 1.2) * r / d
            forces[:, 0] += 6.0 * (d - 1.2) * r / d
        energy += 0.5 * float((positions[:, 0] ** 2).sum(1).mean())
        forces[:, 0] -= positions[:, 0]
        return type(base)(positions, base.charge, base.potential, energy, forces)


def test_slopes_along_a_difference_of_distances():
    """Both legs say the same, and what the integral over all else says."""
    start = Atoms("HOO", positions=[[0, 0, 0], [0, 0.1, 1.35], [0.1, 0.0, -1.05]])
    sampler = Sampler(TwoLegs(shared_charge=False), start, T, 1, None, Distance(0, 1, 2), Schedule(hybrid=0.2, length=0.3, angle=0.8, timestep=3.0, steps=2))
    slopes, run = sample(sampler, 16000, lambda r: sampler.coordinate.slopes(r.state.centroid, r.state.forces.mean(0), T))
    s, h = sampler.coordinate.value(start.positions), 1e-4
    exact = -kt(T) * np.log(difference_profile(s + h) / difference_profile(s - h)) / (2 * h)
    mean, error = mean_and_error(slopes)
    assert np.all(np.abs(mean - exact) < 4 * error) and np.all(error < 0.05 * abs(exact)), (mean, exact, error)
    assert run.counts["coordinate"].rate > 0.3


def test_turns_alone_are_uniform_on_the_sphere():
    """Without forces the cosine of the polar angle is uniform and the azimuth isotropic: dropping sin t'/sin t fails here."""
    class Free(TwoLegs):
        def state(self, positions, charge, near=None):
            base = super().state(positions, charge, near)
            return type(base)(positions, base.charge, base.potential, 0.0, 0.0 * base.forces)

    ensemble, rng = Free(shared_charge=False), np.random.default_rng(5)
    move, seen = CoordinateMove(Distance(0, 1), angle=1.5), []
    state = ensemble.state(np.array([[[0.0, 0, 0], [0.6, 0.3, 0.7], [3.0, 0, 0]]]), 0.0)
    for _ in range(12000):
        proposal = move.propose(ensemble, state, T, rng)
        state = proposal[0] if proposal is not None and np.log(rng.uniform()) < proposal[1] else state
        leg = move.coordinate.legs(state.centroid)[0]
        seen.append(leg[[0, 2]] / np.linalg.norm(leg))
    near(np.array(seen) ** 2, np.array([1 / 3, 1 / 3]), share=0.1)


def test_refusals():
    held = triangle()
    held.set_constraint(FixAtoms([1]))
    periodic = Atoms("H2", positions=[[0, 0, 0.1], [0, 0, 3.9]], cell=[4.0] * 3, pbc=True)
    for system, coordinate, match in ((held, Distance(0, 1), "release"), (triangle(), Distance(0, 0), "different atoms"), (triangle(), Distance(0, 7), "from 0 to 2"),
                                      (periodic, Distance(0, 1), "image"), (triangle(), Along(0, (0.0, 0.0, 0.0)), "not zero")):  # fmt: skip
        with pytest.raises(ValueError, match=match):
            Sampler(Wells(shared_charge=False), system, T, coordinate=coordinate)
    with pytest.raises(ValueError, match="leaves no distance"):
        Distance(0, 1, 2).placed(triangle().positions, 9.0)
    other = atoms("H2")
    other.set_constraint([FixAtoms([0]), FixBondLength(0, 1)])
    with pytest.raises(ValueError, match="FixAtoms alone"):
        Sampler(Wells(shared_charge=False), other, T)
