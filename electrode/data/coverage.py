"""Where frames lie in charge and potential, as a map of counts."""

from __future__ import annotations

import numpy as np

COLUMNS, ROWS = 12, 8


def coverage(states: np.ndarray, columns: int = COLUMNS, rows: int = ROWS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return counts (rows, columns), the edges of the charge (columns + 1,) [e] and of the potential (rows + 1,) [V].

    Parameters
    ----------
    states : (F, 2) charge [e] and absolute potential [V]
    """
    edges = [_edges(states[:, k], number) for k, number in ((0, columns), (1, rows))]
    counts, _, _ = np.histogram2d(states[:, 0], states[:, 1], bins=edges)
    return counts.T.astype(int), *edges


def coverage_lines(states: np.ndarray) -> list[str]:
    """Return the map as text, the highest potential on top, the lowest charge left; a dot is a place without frames."""
    counts, charges, potentials = coverage(states)
    width = max(5, len(str(counts.max())) + 1)
    middle = 0.5 * (charges[1:] + charges[:-1])
    out = [f"frames against charge (across, middle of the bin, e) and potential (V absolute), {len(states)} in all"]
    for row in range(len(counts) - 1, -1, -1):
        cells = "".join(f"{count or '.':>{width + 2}}" for count in counts[row])
        out.append(f"{potentials[row]:7.2f} to {potentials[row + 1]:5.2f}{cells}")
    return [*out, " " * 16 + "".join(f"{q:>{width + 2}.2f}" for q in middle)]


def _edges(values: np.ndarray, number: int) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-9:
        return np.array([low - 0.05, high + 0.05])
    return np.linspace(low, high, number + 1)
