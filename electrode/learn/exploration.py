"""A model of an interface learned by dynamics with few calls of an expensive calculator.

    label a few structures -> train a committee -> explore by dynamics at each potential and temperature
    -> label what its members disagree about, far apart from each other -> train again

The search ends when no dynamics meets a disagreement above the threshold, or when the calls are spent.  What it does next depends on rounds
and labels alone, see `electrode.learn.rounds`.  Source of the choice by a committee's disagreement: Seung, Opper and Sompolinsky, COLT 1992,
https://doi.org/10.1145/130385.130417
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
from ase import Atoms

from electrode.learn.explore_search import Exploration
from electrode.learn.explore_settings import Explored, ExploreSettings
from electrode.learn.frames import frame_of
from electrode.learn.labels import describe
from electrode.learn.rounds import Rounds
from electrode.learn.source import Source
from electrode.references import reference as potential_reference
from electrode.relax import fixed_bottom_layer
from electrode.state import GAP_KEY
from electrode.sweeps import grid, require_workers, side_by_side
from electrode.train.config import TrainConfig
from electrode.train.train import train


def explore(
    atoms: Atoms,
    calculator,
    potentials: Sequence[float],
    temperatures: Sequence[float] = (300.0,),
    reference: str = "SHE",
    *,
    scheme: str = "dual",
    choices: dict | None = None,
    training: dict | None = None,
    she_absolute: float | None = None,
    ph: float | None = None,
    pzc: float | None = None,
    method: str = "calculator",
    folder: str | Path | None = None,
    resume: bool = False,
    scheduler: str | None = None,
    workers: int | None = None,
    progress: Callable[[str], None] | None = None,
    **settings,
) -> Explored:
    """Return a committee that dynamics at the potentials and temperatures can be run with, and the frames it was trained on.

    Parameters
    ----------
    atoms : the start; the layer of the highest tag is held unless it carries constraints
    calculator : factory of ASE calculators that takes `charge` [e] or `potential` [V absolute], see `electrode.learn.source`
    potentials : [V] on the scale `reference`, with what that needs (`she_absolute`, `ph`, `pzc`);  temperatures : [K]
    scheme, choices, training : of the committee, see `electrode.train.train`; `training` has entries of `TrainConfig`
    method : name of the calculator's method, for the frames
    folder, resume : keep rounds, calls, frames and model on disk, and go on with what is there
    scheduler, workers : label the structures of a round side by side, see `electrode.sweeps`
    progress : called with a line of text after each call, training and exploration
    settings : fields of `ExploreSettings`

    Raises
    ------
    ValueError
        for a factory that holds neither charge nor potential, numbers that make no sense, a folder of another search, or a calculator
        that fails at the start or in a whole round.
    FileExistsError
        if the folder holds a search and `resume` is not set.
    """
    source = calculator if isinstance(calculator, Source) else Source.of(calculator)
    wanted = _numbers("potentials", potentials)
    source.require(wanted[0], None)
    require_workers(scheduler, workers)
    chosen, start = ExploreSettings(**settings), fixed_bottom_layer(atoms)
    start.info, start.calc = {key: atoms.info[key] for key in (GAP_KEY,) if key in atoms.info}, None
    scale = potential_reference(reference, absolute=she_absolute, ph=ph, pzc=pzc)
    states = grid({"potential": [scale.to_absolute(u) for u in wanted], "temperature": _numbers("temperatures", temperatures, positive=True)})
    config = TrainConfig.for_scheme(scheme, **{"seed": chosen.seed} | (training or {}))
    kept = _description(start, chosen, states) | {"scheme": scheme, "choices": choices, "training": training, "holds": source.holds}
    make = partial(train, scheme, config=config, choices=choices, members=chosen.members)
    frame = partial(frame_of, atoms=start, method=method, phi_she=getattr(scale, "absolute", None))
    with side_by_side(scheduler, workers) as label:
        search = Exploration(start, source, states, chosen, Rounds(folder, kept, resume), make, frame, label, progress or (lambda text: None))
        return search.run()


def _numbers(name: str, values: Sequence[float], positive: bool = False) -> list[float]:
    numbers = np.asarray(values, dtype=float)
    if numbers.ndim != 1 or not len(numbers) or not np.isfinite(numbers).all() or (positive and not (numbers > 0).all()):
        raise ValueError(f"{name}: expected a list of at least one {'positive' if positive else 'finite'} number, got {values!r}")
    return numbers.tolist()


def _description(atoms: Atoms, settings: ExploreSettings, states: list[dict]) -> dict:
    fixed = {k: v for k, v in asdict(settings).items() if k not in ("max_calls", "max_rounds", "threshold")}
    return describe("start", [atoms]) | {"exploration": fixed, "states": states}
