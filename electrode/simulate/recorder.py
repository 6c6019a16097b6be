"""What a dynamics says of charge and potential, step by step."""

from __future__ import annotations

import numpy as np

COLUMNS = ("step", "time_fs", "temperature_K", "energy_eV", "charge_e", "potential_V", "capacitance_e_per_V", "conserved_eV")


class ChargeRecorder:
    """An observer that keeps charge, potential and what the statistics of `simulate.analysis` need.

    Parameters
    ----------
    dynamics : ElectrodeDynamics
    """

    def __init__(self, dynamics):
        self.dynamics, self.rows = dynamics, []

    def __call__(self) -> None:
        """Keep the present step."""
        d, found = self.dynamics, self.dynamics.calculator.results
        values = d.temperature, found["energy"], found["charge"], found["potential"], found["capacitance"], d.conserved
        self.rows.append((d.nsteps, d.time, *values))

    def columns(self) -> dict[str, np.ndarray]:
        """Return one array for each of `COLUMNS`, (steps,); potentials are absolute."""
        return dict(zip(COLUMNS, np.array(self.rows, dtype=float).reshape(-1, len(COLUMNS)).T))
