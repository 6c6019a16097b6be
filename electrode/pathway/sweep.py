"""The bands of one pair of end states over a range of potentials or charges, with all that is asked of each."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ase import Atoms

from electrode.band import NEBSettings
from electrode.models.base import Model
from electrode.models.domain import UncertainBarrier, check_domain
from electrode.pathway.budget import ErrorBudget, Sigmas, error_budget
from electrode.pathway.extras import Settled, bare_states, curvature_of, hydrogen_of, settle
from electrode.pathway.hydrogen import HydrogenElectrode
from electrode.pathway.rows import BarrierRow, identity, row_of
from electrode.pathway.solve import Solved, solve
from electrode.relax import fixed_bottom_layer
from electrode.state import GAP_KEY, Control, Structure
from electrode.thermo import evaluate

DISAGREEMENT = 0.1  # spread of a committee's barriers above which a warning is given [eV]


@dataclass(frozen=True)
class Sweep:
    """What is asked of a pair of end states; see `neb.barriers` for the parts.

    Parameters
    ----------
    ends : with what is held still as constraints
    held : "potential", of which values are on `scale`, or "charge"
    """

    model: Model
    ends: tuple[Atoms, Atoms]
    held: str
    scale: object
    settings: NEBSettings
    strict: bool = False
    curvature: bool = False
    hydrogen: HydrogenElectrode | None = None
    sigmas: Sigmas = Sigmas()

    def run(self, values: Sequence[float], batched: bool, progress: Callable[[str], None] | None = None) -> dict[float, tuple[BarrierRow, tuple[Atoms, ...]]]:
        """Return row and images for each value.

        Parameters
        ----------
        values : potentials or charges, ascending, each once
        batched : relax all but the first side by side, rather than one after the other
        progress : called with a line of text as each is done
        """
        if self.strict:
            self._refuse_outside(values)
        bare = self._bare(values)
        rows, images, near = {}, {}, None
        for value, solved in self._together(values) if batched else self._in_turn(values):
            near = settle(solved, near) if self.curvature and solved.trouble is None else near
            rows[value], images[value] = self._row(value, solved, bare.get(value), near), tuple(solved.band.snapshots(self.scale))
            if progress is not None:
                progress(f"{value:+.3f} {f'V {self.scale.name}' if self.held == 'potential' else 'e'}: {rows[value].status}")
        return {v: (replace(r, identity_deviation=d), images[v]) for (v, r), d in zip(rows.items(), identity(list(rows.values())))}

    def control(self, value: float) -> Control:
        """Return what is held at a potential on the scale, or at a charge."""
        return Control(**{self.held: self.scale.to_absolute(value) if self.held == "potential" else value})

    def _in_turn(self, values: Sequence[float]) -> Iterator[tuple[float, Solved]]:
        """Solve in ascending order, each band started from the last that converged."""
        path = None
        for value in values:
            (solved,) = solve(self.ends, path, self.model, [self.control(value)], self.settings)
            path = solved.band.images if solved.trouble is None else path
            yield value, solved

    def _together(self, values: Sequence[float]) -> Iterator[tuple[float, Solved]]:
        """Solve in ascending order until one has converged, then all others side by side from its path.

        Without that path each band finds its own between the same end states, and their barriers do not make a curve.
        """
        for k, (value, solved) in enumerate(self._in_turn(values)):
            yield value, solved
            if solved.trouble is None:
                rest = values[k + 1 :]
                yield from zip(rest, solve(self.ends, solved.band.images, self.model, [self.control(v) for v in rest], self.settings))
                return

    def _bare(self, values: Sequence[float]) -> dict[float, tuple[float, float]]:
        """Return Omega and charge of the interface without proton-electron pairs, where those are asked for."""
        if self.hydrogen is None:
            return {}
        atoms = fixed_bottom_layer(bare_copy(self.hydrogen.bare))
        return dict(zip(values, bare_states(atoms, self.model, [self.control(v) for v in values], self.settings)))

    def _row(self, value: float, solved: Solved, bare: tuple[float, float] | None, settled: Settled | None) -> BarrierRow:
        row, band = row_of(solved, value, self.scale), solved.band
        where = f"{value:+.3f} {'V' if self.held == 'potential' else 'e'}: "
        if row.barrier_std_eV is not None and row.barrier_std_eV > DISAGREEMENT:
            warnings.warn(
                f"{where}the committee's members differ by {row.barrier_std_eV:.2f} eV about this barrier; its path leaves "
                "what the model was trained on. Check the images, or ask for neighbouring potentials too, whose path it can start from",
                UncertainBarrier,
                stacklevel=4,
            )
        check_domain(self.model, band.structure.at(band.structure.positions.new_tensor(band.positions)), band.out, strict=self.strict, where=where)
        curvature = curvature_of(solved, settled) if self.curvature and row.converged else None
        row = replace(row, curvature=curvature, hydrogen_electrode=None if bare is None else hydrogen_of(self.hydrogen, solved, bare, self.scale))
        return replace(row, error_budget=self._budget(solved, row))

    def _budget(self, solved: Solved, row: BarrierRow) -> ErrorBudget | None:
        if not row.converged:
            return None
        residual = None if row.curvature is None or not row.curvature.settled else abs(row.curvature.barrier_eV - row.barrier_eV)
        return error_budget(solved.band, self.sigmas, row.barrier_std_eV, row.barrier_slope_e, residual)

    def _refuse_outside(self, values: Sequence[float]) -> None:
        """Raise ValueError where the end states alone leave the model's trained range, before any band is relaxed."""
        structure = Structure.from_atoms(list(self.ends))
        for value in values:
            out = evaluate(self.model, structure, self.control(value))
            check_domain(self.model, structure, out, strict=True, where=f"{value:+.3f} {'V' if self.held == 'potential' else 'e'}: ")


def bare_copy(atoms: Atoms) -> Atoms:
    """Return a copy without calculator and without entries that name a control or label of another state."""
    copy = atoms.copy()
    copy.info = {key: copy.info[key] for key in (GAP_KEY,) if key in copy.info}
    return copy
