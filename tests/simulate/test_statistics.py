"""What the modes sample: the variance of the charge, the mean potential, and how structures weigh, against exact averages."""

import numpy as np
import pytest
from replicas import LeaningToy, exact, over_replicas, run

from electrode.simulate import BornOppenheimer, ChargeLangevin, ChargeNoseHoover, ExtendedCharge, Thermopotentiostat
from electrode.simulate.analysis import capacitance, fluctuating_mean, mean_potential, pinned_mean
from electrode.units import BOLTZMANN

T, POTENTIAL = 2000.0, 4.9
TOY = LeaningToy()  # C between 0.1 and 0.7 e/V
MODES = {
    "langevin": ExtendedCharge(ChargeLangevin(T, 20.0), period=60.0),
    "nose-hoover": ExtendedCharge(ChargeNoseHoover(T, 20.0), period=60.0),
    "thermopotentiostat": Thermopotentiostat(T, 100.0),
}


@pytest.fixture(scope="module")
def runs():
    """A run of each fluctuating mode and of the pinned charge, made once."""
    return {name: run(TOY, mode, POTENTIAL, T) for name, mode in {**MODES, "pinned": BornOppenheimer()}.items()}


@pytest.mark.parametrize("name", MODES)
def test_a_fluctuating_charge_has_both_parts_of_the_variance(runs, name):
    found, wanted = runs[name], exact(TOY, POTENTIAL, T, fluctuating=True)
    charge = found["charge"]
    squares, error = over_replicas(((charge - charge.mean()) ** 2).mean(0))
    electronic = BOLTZMANN * T * wanted["C"]
    assert squares == pytest.approx(electronic + wanted["structural"], abs=4 * error)
    assert wanted["structural"] > 8 * error and electronic > 8 * error  # so that either part would be missed
    potential, error = over_replicas(found["potential"].mean(0))
    assert potential == pytest.approx(POTENTIAL, abs=4 * error) and error < 0.01


def test_a_pinned_charge_has_the_structural_part_alone(runs):
    wanted = exact(TOY, POTENTIAL, T, fluctuating=False)
    charge = runs["pinned"]["charge"]
    squares, error = over_replicas(((charge - charge.mean()) ** 2).mean(0))
    assert squares == pytest.approx(wanted["structural"], abs=4 * error)
    assert np.abs(runs["pinned"]["potential"] - POTENTIAL).max() < 1e-8


def test_structures_differ_by_the_root_of_the_capacitance(runs):
    pinned, free = (exact(TOY, POTENTIAL, T, fluctuating)["z"] for fluctuating in (False, True))
    z = {name: over_replicas(found["positions"][..., 2].mean(0)) for name, found in runs.items()}
    assert free - pinned > 4 * z["pinned"][1]
    assert z["pinned"][0] == pytest.approx(pinned, abs=4 * z["pinned"][1])
    for name in MODES:
        assert z[name][0] == pytest.approx(free, abs=4 * z[name][1])
    flat = {name: (found["positions"][..., 2].T.ravel(), found["capacitance"].T.ravel()) for name, found in runs.items()}
    assert fluctuating_mean(*flat["pinned"]).within(free, 4.0) and not fluctuating_mean(*flat["pinned"]).within(pinned, 4.0)
    assert pinned_mean(*flat["langevin"]).within(pinned, 4.0) and not pinned_mean(*flat["langevin"]).within(free, 4.0)


@pytest.mark.parametrize("name", ["langevin", "pinned"])
def test_the_capacitance_of_a_run_and_its_parts(runs, name):
    found, wanted = runs[name], exact(TOY, POTENTIAL, T, fluctuating=name != "pinned")
    series = [found[k].T.ravel() for k in ("charge", "potential", "capacitance")]
    parts = capacitance(*series, POTENTIAL, T)
    thermal = BOLTZMANN * T
    assert parts.electronic.within(wanted["C"], 4.0) and parts.structural.within(wanted["structural"] / thermal, 4.0)
    assert parts.total.within(wanted["C"] + wanted["structural"] / thermal, 4.0)
    assert parts.variance.within(thermal * parts.structural.value if name == "pinned" else thermal * parts.total.value, 4.0)
    assert mean_potential(series[1]).within(POTENTIAL, 4.0) or name == "pinned"
