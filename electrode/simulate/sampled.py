"""What a Monte Carlo run says: averages with error bars, and its beads as frames."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from electrode.simulate.analysis import BLOCKS, Estimate, estimate, mean_potential
from electrode.simulate.monte_carlo import Run, Sampler
from electrode.simulate.path_integral import quantum_kinetic_energy
from electrode.units import BOLTZMANN

EQUILIBRATION = 0.2  # share of the moves left out of averages


def summary(sampler: Sampler, runs: list[Run]) -> dict:
    """Return averages over a run with their errors, and how often moves of each class were accepted; plain numbers for JSON.

    `charge_e`; `potential_absolute_V`, the mean of dE/dQ, and where the charge is sampled the same less the boundary term of its bounds
    (`reservoir_V`: Phi if the sampling is right) and `capacitance_e_per_V` = var(Q)/kT; with beads the kinetic energy of the quantised
    atoms; with a coordinate held its value and dA/ds of each leg.  A fifth of the moves is left out at the start; too short a run has no
    averages.
    """
    out = {"moves": len(runs)}
    out |= {f"accepted_{name}": count.rate for name, count in (runs[-1].counts if runs else {}).items()}
    out |= {f"stateless_{name}": count.stateless for name, count in (runs[-1].counts if runs else {}).items() if count.stateless}
    kept = runs[int(EQUILIBRATION * len(runs)) :]
    if len(kept) < 2 * BLOCKS:
        return out
    for name, found in _averages(sampler, kept).items():
        out |= {name: found.value, f"{name}_error": found.error}
    if sampler.coordinate is not None:
        out |= {"coordinate_A": sampler.coordinate.value(kept[-1].state.centroid)}
    return out


def frames(sampler: Sampler, run: Run, move: int) -> list[Atoms]:
    """Return each bead as a frame with charge and potential as the record names them, and `bead` and `move`."""
    out, state = [], run.state
    for k, positions in enumerate(state.positions):
        image = sampler.atoms.copy()
        image.set_positions(positions, apply_constraint=False)
        image.info |= {"eir_version": 1, "eir_n_excess": -float(state.charge[k]), "eir_mu": -float(state.potential[k]), "bead": k, "move": move}
        out.append(image)
    return out


def _averages(sampler: Sampler, runs: list[Run]) -> dict[str, Estimate]:
    column = lambda read: np.array([read(run.state) for run in runs])
    charge, potential = column(lambda s: s.charge.mean()), column(lambda s: s.potential.mean())
    out = {"charge_e": estimate(np.mean, charge), "potential_absolute_V": estimate(np.mean, potential)}
    if "electrons" in sampler.moves:
        move, thermal = sampler.moves["electrons"][1], BOLTZMANN * sampler.temperature
        out["reservoir_V"] = mean_potential(potential, charge=charge, walls=(move.low, move.high), temperature=sampler.temperature)
        out["capacitance_e_per_V"] = estimate(lambda q: np.var(q) / thermal, charge)
    if sampler.n_beads > 1:
        out["quantum_kinetic_energy_eV"] = estimate(np.mean, column(lambda s: quantum_kinetic_energy(s, sampler.ring_atoms, sampler.temperature)))
    if sampler.coordinate is not None:
        slopes = column(lambda s: sampler.coordinate.slopes(s.centroid, s.forces.mean(0), sampler.temperature))
        out |= {f"slope_{k}_eV_per_A": estimate(np.mean, slope) for k, slope in enumerate(slopes.T)}
    return out
