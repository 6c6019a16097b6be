"""The figure of `validation fields`: errors of what a field adds to the forces against its strength, beside what its first order leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from electrode.output import replacing

WIDTH = 0.1  # of the windows of the labels' own first order [V/A]


def beyond_first_order(frames: Sequence) -> list[tuple[float, float]]:
    """Return (strength [V/A], root mean square of F(E) - F(0) - Z^T E [meV/A]) of labelled forces, in windows of the strength.

    Parameters
    ----------
    frames : of geometries (`trajectory`), each with one frame without a field that has Born charges
    """
    still = {f.trajectory: f for f in frames if f.born_charges is not None and not f.efield.any()}
    left: dict[int, list] = {}
    for f in frames:
        if f.efield.any() and f.trajectory in still:
            base, size = still[f.trajectory], float(np.linalg.norm(f.efield))
            first = np.einsum("nab,a->nb", base.born_charges.reshape(-1, 3, 3), f.efield)
            left.setdefault(int(size / WIDTH), []).append((size, f.forces - base.forces - first))
    rms = lambda some: 1e3 * float(np.sqrt(np.mean(np.concatenate([np.square(e).ravel() for _, e in some]))))
    return [(float(np.mean([s for s, _ in some])), rms(some)) for _, some in sorted(left.items())]


def draw(rows: list[dict], frames: Sequence, path: Path, force: bool) -> None:
    """Draw the rows of the set `water_field`; frames are all of its."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    panel = figure.subplots()
    panel.plot(*zip(*beyond_first_order(frames)), "k--", lw=1, label="beyond first order (DFT)")
    for row in rows:
        some = [w for w in row["fields"] if w["field_force_rmse_meV_per_A"] is not None]
        panel.plot([w["field_mean_V_per_A"] for w in some], [w["field_force_rmse_meV_per_A"] for w in some], "o-", ms=3, label=row["scheme"])
    panel.set_yscale("log")
    panel.set_xlabel("field / (V/A)", fontsize="small")
    panel.set_ylabel("rms error of the field's forces / (meV/A)", fontsize="small")
    panel.tick_params(labelsize="small", direction="in", top=True, right=True)
    panel.legend(frameon=False, fontsize="x-small")
    with replacing(path, force) as part:
        figure.savefig(part, dpi=200)
