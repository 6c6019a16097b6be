"""The charge's own motion, without nuclei: a capacitor E = Q^2/2C."""

import math

import numpy as np
import pytest

from electrode.simulate import ChargeLangevin, ChargeNoseHoover, ExtendedCharge, Limits, Thermopotentiostat
from electrode.simulate.charge_state import at_rest
from electrode.units import BOLTZMANN

T, C, TARGET = 300.0, 0.4, 0.5
THERMAL = BOLTZMANN * T


def capacitor(mode, charge, steps, dt, seed=0, bare=C):
    """States of a charge on a capacitor held at TARGET."""
    rng = np.random.default_rng(seed)
    state = mode.start(charge, bare, dt, rng)
    states = [state]
    for _ in range(steps):
        state = mode.before(state, TARGET - state.charge / C, dt, rng)
        state = mode.after(state, TARGET - state.charge / C, dt)
        states.append(state)
    return states


def conserved(mode, state):
    return state.charge**2 / (2 * C) - TARGET * state.charge + mode.energy(state)


@pytest.mark.parametrize("ratio, constant", [(1.0, 5.0), (1 / 3, 5.0), (2.5, 5.0), (1 / 3, 20.0)])
def test_the_thermopotentiostat_has_its_stationary_variance(ratio, constant):
    dt, many = 1.0, 20000
    mode = Thermopotentiostat(T, constant, ratio * C)
    start = C * TARGET + math.sqrt(THERMAL * C) * np.random.default_rng(1).normal(size=many)
    last = capacitor(mode, start, int(6 * constant / min(ratio, 1.0)), dt)[-1].charge
    a = math.exp(-dt / constant)
    wanted = THERMAL * ratio * C * (1 - a**2) / (1 - (1 - ratio * (1 - a)) ** 2)
    assert last.var() == pytest.approx(wanted, rel=4 * math.sqrt(2 / many))
    assert last.mean() == pytest.approx(C * TARGET, abs=4 * math.sqrt(wanted / many))
    if constant == 5.0 and ratio != 1.0:
        assert abs(wanted / (THERMAL * C) - 1) > 0.05  # a mistake in either capacitance would show


@pytest.mark.parametrize("bath", [ChargeLangevin(T, 20.0), ChargeNoseHoover(T, 20.0)])
def test_the_extended_charge_has_the_capacitor_s_variance_and_temperature(bath):
    many, dt = 8000, 2.0
    mode = ExtendedCharge(bath, period=100.0)
    rng = np.random.default_rng(1)
    start = C * TARGET + 0.3 * math.sqrt(THERMAL * C) * rng.normal(size=many)  # far too narrow
    last = capacitor(mode, start, 400, dt)[-1]
    assert last.charge.var() == pytest.approx(THERMAL * C, rel=0.06)
    assert last.kinetic_energy.mean() == pytest.approx(0.5 * THERMAL, rel=0.06)
    assert last.charge.mean() == pytest.approx(C * TARGET, abs=4 * math.sqrt(THERMAL * C / many))


@pytest.mark.parametrize("bath", [None, ChargeLangevin(T, 50.0), ChargeNoseHoover(T, 50.0)])
def test_the_conserved_quantity_is_of_second_order_in_the_time_step(bath):
    spreads = []
    for dt in (2.0, 1.0):
        mode = ExtendedCharge(bath, period=100.0)
        energies = np.array([conserved(mode, s) for s in capacitor(mode, C * TARGET + 0.1, int(400 / dt), dt)])
        spreads.append(np.ptp(energies))
        assert np.ptp(energies) < 0.03 * 0.1**2 / C  # of the energy that it oscillates with
    assert isinstance(bath, ChargeLangevin) or spreads[0] / spreads[1] == pytest.approx(4.0, rel=0.1)


def test_the_circuit_s_work_is_counted_exactly_for_a_capacitor():
    mode = Thermopotentiostat(T, 20.0)
    energies = np.array([conserved(mode, s) for s in capacitor(mode, 0.0, 200, 1.0)])
    assert np.ptp(energies) < 1e-15 and capacitor(mode, 0.0, 200, 1.0)[-1].charge != 0.0


def test_the_period_is_that_of_the_mass_and_the_motion_reverses():
    mode = ExtendedCharge(None, period=100.0)
    states = capacitor(mode, 0.0, 1000, 0.1)
    crossing = np.flatnonzero(np.diff(np.sign([s.charge - C * TARGET for s in states])))
    assert 2 * np.diff(crossing).mean() * 0.1 == pytest.approx(100.0, rel=0.01)
    back = at_rest(states[-1].charge, C, states[-1].mass)
    back = type(back)(**{**vars(back), "velocity": -states[-1].velocity})
    for _ in range(1000):
        back = mode.before(back, TARGET - back.charge / C, 0.1, None)
        back = mode.after(back, TARGET - back.charge / C, 0.1)
    assert back.charge == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: ChargeLangevin(0.0), "positive temperature, got 0.0"),
        (lambda: ChargeLangevin(300.0, -1.0), "positive relaxation time"),
        (lambda: ChargeNoseHoover(-300.0), "positive temperature"),
        (lambda: ChargeNoseHoover(300.0, links=1), "at least 2 links"),
        (lambda: ExtendedCharge(None, mass=-660.0), "positive mass"),
        (lambda: ExtendedCharge(None, period=float("nan")), "positive period"),
        (lambda: ExtendedCharge(None), "one of period"),
        (lambda: ExtendedCharge(None, period=100.0, mass=600.0), "one of period"),
        (lambda: Thermopotentiostat(0.0), "positive temperature"),
        (lambda: Thermopotentiostat(300.0, 0.0), "positive time constant"),
        (lambda: Thermopotentiostat(300.0, capacitance=-0.1), "positive capacitance"),
        (lambda: Limits(temperature=-1.0), "positive temperature"),
        (lambda: ExtendedCharge(None, period=4.0).start(0.0, C, 0.5, None), "at least 10 steps"),
        (lambda: ExtendedCharge(ChargeNoseHoover(300.0, 4.0), period=50.0).start(0.0, C, 0.5, None), "relaxation time of at least 10 steps"),
        (lambda: ExtendedCharge(None, mass=100.0).start(0.0, -C, 0.5, None), "positive capacitance"),
        (lambda: Thermopotentiostat(300.0).start(0.0, -C, 0.5, None), "positive capacitance"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
