"""The validations of the dynamics run; their figures are measured, not asserted."""

import sys
from pathlib import Path

import numpy as np
from ase import units
from ase.md.verlet import VelocityVerlet

sys.path.insert(0, str(Path(__file__).parents[1]))

from electrode import ElectrodeCalculator  # noqa: E402
from electrode.models.store import load_model  # noqa: E402
from validation import dynamics_drift, dynamics_speed  # noqa: E402


def test_the_drift_of_the_shipped_model_is_small():
    model = load_model("au111-h").members()[0]
    slope, spread = dynamics_drift.drift(dynamics_drift.moving(model, *dynamics_drift.MODES["Born-Oppenheimer"]), 40)
    assert abs(slope) < 1e-3 and 0 < spread < 5e-6


def test_structures_and_rates():
    systems = dynamics_speed.systems()
    assert list(systems) == [13, 52, 199, 1000]
    atoms = systems[13]
    atoms.calc = ElectrodeCalculator("baseline", charge=0.0)
    assert np.isfinite(dynamics_speed.rate(VelocityVerlet(atoms, 0.5 * units.fs), 2))
