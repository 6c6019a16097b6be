"""How often each trajectory is drawn for each member of a bootstrap ensemble.

Each member sees as many trajectories as there are, drawn with replacement, so that its frames count 0, 1, 2 ... times.  The draw
is of whole trajectories: frames of one trajectory are no independent draws.

Peterson, Christensen and Khorshidi, Phys. Chem. Chem. Phys. 19, 10978 (2017), https://doi.org/10.1039/C7CP00375G.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from electrode.data.record import ElectrifiedFrame


def bootstrap_weights(frames: Sequence[ElectrifiedFrame], members: int, seed: int) -> np.ndarray:
    """Return how often each frame counts for each member, (M, F); member k has the same draw in a committee of any size.

    Parameters
    ----------
    frames : F frames; those without a trajectory are grouped by their geometry
    members : M
    seed : of the draws

    Raises
    ------
    ValueError
        for fewer than two groups, of which nothing can be drawn.
    """
    names = [f"{f.trajectory}" if f.trajectory is not None else f.geometry_id for f in frames]
    groups, place = np.unique(names, return_inverse=True)
    if len(groups) < 2:
        raise ValueError(f"bootstrap: expected at least 2 trajectories to draw from, got {len(groups)}; give more, or bootstrap: false")
    share = np.full(len(groups), 1.0 / len(groups))
    drawn = np.array([np.random.default_rng([seed, k]).multinomial(len(groups), share) for k in range(members)])
    return drawn[:, place].astype(np.float64)
