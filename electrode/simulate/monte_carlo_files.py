"""A Monte Carlo run on the disk: one .npz of plain numbers and words, no pickle, from which it goes on bit for bit."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from electrode.simulate.ensembles import State
from electrode.simulate.monte_carlo import Count, Run, Sampler
from electrode.simulate.saved_state import model_digest, read_state, write_state

_ARRAYS = ("positions", "charge", "potential", "forces")
_HELD = ("potential", "charge", "centre", "stiffness", "flat")  # numbers that an ensemble may hold


def save_run(path: str | Path, run: Run, *, force: bool = False) -> None:
    """Write where a run stands, as .npz.

    Raises
    ------
    FileExistsError, FileNotFoundError
        see `electrode.output.refuse_existing`.
    """
    words = {"generator": run.generator, "counts": {name: asdict(count) for name, count in run.counts.items()}, "messages": run.state.messages}
    arrays = {name: getattr(run.state, name) for name in _ARRAYS}
    write_state(path, _head(run.sampler), {"words": json.dumps(words), "energy": run.state.energy, **arrays}, force)


def load_run(path: str | Path, sampler: Sampler) -> Run:
    """Return the run of a file, to go on with.

    Raises
    ------
    FileNotFoundError, ValueError
        if there is none, it is damaged, or model, ensemble, atoms, temperature or schedule differ.
    """
    stored = read_state(path, _head(sampler))
    words, arrays = json.loads(stored["words"]), [stored[name] for name in _ARRAYS]
    state = State(*arrays[:3], stored["energy"], arrays[3], tuple(words["messages"]))
    return Run(sampler, state, words["generator"], {name: Count(**count) for name, count in words["counts"].items()})


def _head(sampler: Sampler) -> dict:
    """Return what a run must share with the one it goes on from."""
    ensemble, masses = sampler.ensemble, sampler.masses
    return {
        "ensemble": type(ensemble).__name__, "held": {name: getattr(ensemble, name) for name in _HELD if hasattr(ensemble, name)},
        "bias": [type(getattr(ensemble, "ensemble", None)).__name__, repr(getattr(ensemble, "coordinate", None))], "model": model_digest(ensemble.model), "numbers": sampler.atoms.numbers.tolist(), "cell": sampler.atoms.cell.array.tolist(),
        "masses": np.where(np.isfinite(masses), masses, 0.0).tolist(), "temperature": sampler.temperature, "n_beads": sampler.n_beads,
        "quantised": sampler.ring_atoms.tolist(), "schedule": asdict(sampler.schedule), "coordinate": repr(sampler.coordinate),
    }  # fmt: skip
