"""Figures of what the commands wrote with --json: what a file holds is told from its keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ase import Atoms

from electrode.plot import plot_barriers, plot_capacitance, plot_scan
from electrode.plot_charges import plot_charges
from electrode.plot_errors import plot_errors
from electrode.plot_search import plot_search
from electrode.plot_training import plot_curves


@dataclass(frozen=True)
class Kind:
    """A result that can be drawn.

    Parameters
    ----------
    name : in words, with the command that writes it
    keys : those of the file, or of the first of its rows, that tell it from others
    rows : whether the file is a list
    draw : (content, path, force) -> None
    """

    name: str
    keys: frozenset[str]
    rows: bool
    draw: Callable

    def is_of(self, content) -> bool:
        """Whether `content` is of this kind."""
        return isinstance(content, list) == self.rows and self.keys <= _keys(content)


def read_result(path: str | Path):
    """Return the content of a .json file, or the rows of a .jsonl file.

    Raises
    ------
    FileNotFoundError
        if there is none.
    ValueError
        if it is no JSON.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Check the name and the folder")
    try:
        text = path.read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines() if line.strip()] if path.suffix.lower() == ".jsonl" else json.loads(text)
    except ValueError as error:
        raise ValueError(f"{path}: expected JSON, as a command writes it with --json ({error})") from error


def kind_of(content) -> Kind:
    """Return what a result is.

    Raises
    ------
    ValueError
        if it is nothing that can be drawn; the message lists what can.
    """
    for kind in KINDS:
        if kind.is_of(content):
            return kind
    found = ", ".join(sorted(_keys(content))[:8]) or "nothing with keys"
    raise ValueError(f"nothing to draw: expected {'; '.join(k.name for k in KINDS)}. Got {'rows' if isinstance(content, list) else 'a result'} with {found}")


def plot_result(content, path: str | Path, *, curve: Mapping | None = None, force: bool = False) -> Kind:
    """Draw a result of a command and return what it is.

    Parameters
    ----------
    content : of `read_result`
    path : file to write, .png, .svg or .pdf;  force : replace it if it exists
    curve : what `electrode neb --curve` wrote beside the barriers

    Raises
    ------
    ValueError
        for a result that cannot be drawn, a curve beside anything but barriers, or another suffix.
    FileExistsError
        if the file exists and `force` is not set.
    """
    kind = kind_of(content)
    if curve is None:
        kind.draw(content, path, force)
        return kind
    if kind is not BARRIERS or not {"potential_V", "barrier_eV", "error_eV"} <= _keys(curve):
        raise ValueError(f"a curve: expected what `electrode neb --curve` writes, beside barriers; got {', '.join(sorted(_keys(curve))[:8])} beside {kind.name}")
    plot_barriers(content, path, curve=curve, force=force)
    return kind


def _keys(content) -> set[str]:
    first = content[0] if isinstance(content, list) and content else content
    return set(first) if isinstance(first, dict) else set()


def _capacitance(rows, path, force: bool) -> None:
    curves: dict[str, list] = {}
    for row in rows:
        curves.setdefault(f"{row['concentration_mol_per_L']:g} mol/L", []).append(row)
    plot_capacitance(curves, path, force=force)


def _charges(result, path, force: bool) -> None:
    rows = result["atoms"]
    atoms = Atoms([r["element"] for r in rows], [r["position_A"] for r in rows], cell=result["cell_A"], pbc=result["pbc"])
    held = "" if result["held"] == "charge" else f"{result['potential_V']:+.3g} V on the scale {result['reference']}; "
    plot_charges(atoms, [r["charge_e"] for r in rows], path, title=f"{held}charge of the cell {result['charge_e']:+.3g} e", force=force)


def _errors(result, path, force: bool) -> None:
    plot_errors({"": result} if "windows" in result else result, path, force=force)


BARRIERS = Kind(
    "barriers (electrode neb)", frozenset({"potential_V", "reference", "barrier_eV", "profile_eV", "charge_e", "converged", "reaction_energy_eV"}), True,
    lambda rows, path, force: plot_barriers(rows, path, force=force),
)  # fmt: skip
KINDS = (
    BARRIERS,
    Kind("a scan (electrode scan)", frozenset({"potential_V", "reference", "grand_energy_eV", "capacitance_e_per_V"}), True, lambda rows, path, force: plot_scan(rows, path, force=force)),
    Kind("curves of a double layer (electrode capacitance --concentration)", frozenset({"concentration_mol_per_L", "differential_capacitance_uF_per_cm2"}), True, _capacitance),
    Kind("the course of a training (history.json or --log-file of electrode train)", frozenset({"epoch", "training_loss"}), True, lambda rows, path, force: plot_curves(rows, path, force=force)),
    Kind("charges (electrode charges)", frozenset({"atoms", "cell_A", "held", "charge_e"}), False, _charges),
    Kind("errors (electrode evaluate)", frozenset({"n_frames", "windows", "systems"}), False, _errors),
    Kind("errors of the parts (electrode train)", frozenset({"train", "validation"}), False, _errors),
    Kind("a saddle (electrode learn)", frozenset({"profile_eV", "std_eV", "barrier_eV", "calls"}), False, lambda result, path, force: plot_search(result, path, force=force)),
)
