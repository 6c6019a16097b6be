"""Pictures of atoms coloured by charge, from above and from the side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from electrode.output import replacing
from electrode.plot import RESOLUTION, check_suffix

_SIZE = 0.85  # of the circles, in covalent radii
_NAMED_UP_TO = 60  # atoms whose circles carry their element
_VIEWS = (("from above", (0, 1), 2, 1.0), ("from the side", (0, 2), 1, -1.0))  # title, axes drawn, axis of depth and its sign


def plot_charges(atoms: Atoms, charges: np.ndarray, path: str | Path, *, title: str | None = None, force: bool = False) -> None:
    """Draw each atom as a disc coloured by its charge, red positive and blue negative.

    Parameters
    ----------
    atoms : N atoms, drawn as they are, one cell
    charges : (N,) [e]
    path : file to write, .png, .svg or .pdf;  force : replace it if it exists
    title : a line above the picture

    Raises
    ------
    ValueError
        for another number of charges, charges that are not finite, or another suffix.
    FileExistsError
        if the file exists and `force` is not set.
    """
    charges = np.asarray(charges, float)
    if charges.shape != (len(atoms),) or not np.isfinite(charges).all():
        raise ValueError(f"plot_charges: expected {len(atoms)} finite charges, one for each atom, got shape {charges.shape}")
    check_suffix(path)
    figure = Figure(figsize=(7.0, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    largest = max(float(np.abs(charges).max(initial=0.0)), 1e-3)
    colours = ScalarMappable(Normalize(-largest, largest), "RdBu_r")
    panels = figure.subplots(1, 2)
    for panel, view in zip(panels, _VIEWS):
        _draw(panel, atoms, charges, colours, *view)
    bar = figure.colorbar(colours, ax=list(panels), shrink=0.85)
    bar.set_label("charge / e", fontsize="small")
    bar.ax.tick_params(labelsize="small")
    if title:
        figure.suptitle(title, fontsize="small")
    with replacing(path, force) as part:
        figure.savefig(part, dpi=RESOLUTION)


def _draw(panel, atoms: Atoms, charges, colours: ScalarMappable, title: str, axes, depth: int, sign: float) -> None:
    for rank, k in enumerate(np.argsort(sign * atoms.positions[:, depth], kind="stable")):
        place, colour = atoms.positions[k, list(axes)], colours.to_rgba(charges[k])
        layer = 2.0 + rank / len(atoms)  # the nearer atom hides the farther one with its name
        panel.add_patch(Circle(place, _SIZE * covalent_radii[atoms.numbers[k]], facecolor=colour, edgecolor="0.2", linewidth=0.5, zorder=layer))
        if len(atoms) <= _NAMED_UP_TO:
            ink = "black" if np.mean(colour[:3]) > 0.5 else "white"
            panel.text(*place, atoms.symbols[k], ha="center", va="center", fontsize="xx-small", color=ink, zorder=layer)
    if depth == 2 and atoms.pbc[:2].all():
        a, b = atoms.cell[0, :2], atoms.cell[1, :2]
        panel.plot(*np.array([[0.0, 0.0], a, a + b, b, [0.0, 0.0]]).T, "--", color="0.5", lw=0.8, zorder=4)
    panel.set(aspect="equal")
    panel.set_title(title, fontsize="small")
    panel.set_xlabel(f"{'xyz'[axes[0]]} / $\\mathrm{{\\AA}}$", fontsize="small")
    panel.set_ylabel(f"{'xyz'[axes[1]]} / $\\mathrm{{\\AA}}$", fontsize="small")
    panel.tick_params(labelsize="small", direction="in")
    panel.autoscale_view()
