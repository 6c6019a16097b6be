"""Cases of neighbour lists."""

from __future__ import annotations

import numpy as np

from electrode.physics.neighbours import neighbour_list
from validation._case_checks import Checks


def neighbours(case: dict, checks: Checks) -> None:
    """Compare the full neighbour list: number of pairs, counts per atom, sums over pairs."""
    system = case["system"]
    positions = np.asarray(system["positions_A"], float)
    cell = np.asarray(system.get("cell_A", np.zeros((3, 3))), float)
    found = neighbour_list(positions, cell, system.get("pbc", [False] * 3), case["parameters"]["cutoff_A"])
    distance = np.linalg.norm(found.vectors(positions), axis=1)
    computed = {
        "n_pairs": ("n_pairs", len(distance)),
        "counts": ("n_pairs", np.diff(found.first)),
        "sum_d": ("sum", distance.sum()),
        "sum_inv_d6": ("sum", (distance**-6.0).sum()),
    }
    checks.compare_known(computed, case["expected"])
