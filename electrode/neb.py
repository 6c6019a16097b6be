"""Barriers against potential: one nudged elastic band for each potential, started from its neighbour's.

ASE relaxes the band; here every image of an iteration is evaluated in one batched call, at the potential held, so that the
energy along the band is Omega and its forces are the gradient of Omega.

    barrier(Phi) = Omega(saddle) - Omega(initial),     d barrier / dPhi = -(Q_saddle - Q_initial)
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
from ase import Atoms

from electrode.band import Band, NEBSettings, different_atoms, interpolate, same_basin, same_place
from electrode.calculator import ElectrodeCalculator
from electrode.models.domain import OutsideTrainedRange, UncertainBarrier, check_domain, check_elements
from electrode.models.store import load_model
from electrode.references import reference as potential_reference
from electrode.relax import fixed_bottom_layer, relax
from electrode.state import Structure

DISAGREEMENT = 0.1  # spread of a committee's barriers above which a warning is given [eV]


@dataclass(frozen=True)
class BarrierRow:
    """The band at one potential; energies are Omega [eV], relative to the first image where a profile is meant.

    `barrier_eV` and `reverse_barrier_eV` are None without a saddle; `barrier_slope_e` is d barrier / dU = -(Q_saddle -
    Q_initial) [eV/V = e]; `barrier_std_eV` is the spread of a committee's barriers on this path and `profile_std_eV` that of
    its profile, None for a single model; `fmax_eV_per_A` is None where no band was relaxed; `model_calls` counts batched
    calls, the end states' relaxation included; `status` says what the band came to.
    """

    potential_V: float
    reference: str
    barrier_eV: float | None
    reverse_barrier_eV: float | None
    reaction_energy_eV: float
    profile_eV: tuple[float, ...]
    charge_e: tuple[float, ...]
    converged: bool
    fmax_eV_per_A: float | None
    model_calls: int
    status: str
    barrier_slope_e: float | None
    barrier_std_eV: float | None
    profile_std_eV: tuple[float, ...] | None


@dataclass(frozen=True)
class BarrierTable:
    """Rows in the order of the potentials asked for, with the images of each band."""

    rows: tuple[BarrierRow, ...]
    images: tuple[tuple[Atoms, ...], ...]
    reference: object

    def to_json(self) -> list[dict]:
        """Return the rows as plain dictionaries."""
        return [asdict(row) for row in self.rows]


def barriers(
    initial: Atoms,
    final: Atoms,
    model,
    potentials: Sequence[float],
    reference: str = "SHE",
    *,
    she_absolute: float | None = None,
    ph: float | None = None,
    pzc: float | None = None,
    strict: bool = False,
    progress: Callable[[str], None] | None = None,
    **settings,
) -> BarrierTable:
    """Return barrier, profile and charge along the path at each potential.

    Parameters
    ----------
    initial, final : end states with the same atoms in the same order and cell; the layer with the highest tag is held
    model : a Model, a folder, or the name of a shipped model
    potentials : [V] on the scale `reference`; solved in ascending order, each band started from its neighbour's
    she_absolute, ph, pzc : what the scale needs; SHE's absolute potential is the model's own unless given, else 4.44 V
    strict : raise outside the model's trained range instead of warning
    progress : called with a line of text as each potential is done
    settings : fields of `NEBSettings`

    Raises
    ------
    ValueError
        on end states that do not match, potentials that are missing or not finite, no scale, or an unknown setting.

    References
    ----------
    Improved tangent: Henkelman and Jonsson, J. Chem. Phys. 113, 9978 (2000), https://doi.org/10.1063/1.1323224; climbing
    image: Henkelman, Uberuaga and Jonsson, J. Chem. Phys. 113, 9901 (2000), https://doi.org/10.1063/1.1329672; IDPP start:
    Smidstrup et al., J. Chem. Phys. 140, 214106 (2014), https://doi.org/10.1063/1.4878664
    """
    model, choices = load_model(model), NEBSettings.of(settings)
    different_atoms(initial, final)
    check_elements(model, Structure.from_atoms([initial, final]))
    wanted, scale = _numbers(potentials), _scale(model, reference, she_absolute, ph, pzc)
    ends = tuple(fixed_bottom_layer(_bare(a)) for a in (initial, final))
    done: dict[float, tuple[BarrierRow, tuple[Atoms, ...]]] = {}
    path = None
    for u in sorted(set(wanted)):
        job = _Job(model, u, scale, choices, strict)
        row, images = job.run(ends, path)
        path = images if row.converged else path
        done[u] = (row, images)
        if progress is not None:
            progress(f"{u:+.3f} V {scale.name}: {row.status}")
    ordered = [done[u] for u in wanted]
    return BarrierTable(tuple(r for r, _ in ordered), tuple(i for _, i in ordered), scale)


@dataclass
class _Job:
    """The band at one potential."""

    model: object
    potential: float
    scale: object
    settings: NEBSettings
    strict: bool
    calls: int = field(default=0)

    def run(self, ends, path) -> tuple[BarrierRow, tuple[Atoms, ...]]:
        """Relax end states and band; return the row and the images."""
        relaxed, trouble = self._end_states(ends, path)
        images = interpolate(relaxed, path, self.settings.images)
        band = Band(images, self.model, self.scale.to_absolute(self.potential))
        residual = band.relax(self.settings) if trouble is None else None
        self.calls += band.calls
        row = self._row(band, residual, trouble)
        if row.barrier_std_eV is not None and row.barrier_std_eV > DISAGREEMENT:
            warnings.warn(
                f"{self.potential:+.3f} V: the committee's members differ by {row.barrier_std_eV:.2f} eV about this barrier; its path leaves "
                "what the model was trained on. Check the images, or ask for neighbouring potentials too, whose path it can start from",
                UncertainBarrier,
                stacklevel=3,
            )
        check_domain(self.model, Structure.from_atoms(images), band.out, strict=self.strict, where=f"{self.potential:+.3f} V: ")
        return row, tuple(band.snapshots(self.scale))

    def _end_states(self, ends, path):
        if not self.settings.relax_endpoints:
            return ends, None
        relaxed, trouble = [], None
        for name, given, start in zip(("initial", "final"), ends, (path[0], path[-1]) if path else ends):
            atoms = given.copy()
            atoms.positions[:] = start.positions
            calc = ElectrodeCalculator(self.model, potential=self.scale.to_absolute(self.potential), reference="absolute")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", OutsideTrainedRange)  # the band's check, end states included, comes later
                atoms, converged, steps = relax(atoms, calc, fmax=0.5 * self.settings.fmax, max_steps=self.settings.max_steps)
            self.calls += steps + 1
            if not same_basin(given, atoms):
                trouble = trouble or f"{name} state left its basin"
            elif not converged:
                trouble = trouble or f"{name} state did not relax"
            relaxed.append(atoms)
        if trouble is None and same_place(*relaxed):
            trouble = "end states relax to the same state"
        return tuple(relaxed), trouble

    def _row(self, band, residual, trouble) -> BarrierRow:
        energy, charge = band.energies(), band.out["charge"].tolist()
        top = int(np.argmax(energy))
        if trouble is None:
            if not band.has_saddle():
                trouble = "no saddle: uphill" if top else "no saddle: downhill"
            elif residual > self.settings.fmax:
                trouble = "not converged"
        good, spread = trouble is None, band.spread()
        return BarrierRow(
            potential_V=self.potential,
            reference=str(self.scale),
            barrier_eV=float(energy[top] - energy[0]) if good or trouble == "not converged" else None,
            reverse_barrier_eV=float(energy[top] - energy[-1]) if good or trouble == "not converged" else None,
            reaction_energy_eV=float(energy[-1] - energy[0]),
            profile_eV=tuple((energy - energy[0]).tolist()),
            charge_e=tuple(charge),
            converged=good,
            fmax_eV_per_A=residual,
            model_calls=self.calls,
            status=trouble or "converged",
            barrier_slope_e=charge[0] - charge[top] if good else None,
            barrier_std_eV=float(spread[top]) if good and spread is not None else None,
            profile_std_eV=None if spread is None else tuple(spread.tolist()),
        )


def _scale(model, reference, she_absolute, ph, pzc):
    """Return the scale of the potentials; SHE's absolute potential is the model's own unless given."""
    if she_absolute is None and str(reference).strip().lower() in ("she", "rhe"):
        she_absolute = model.card.she_absolute
    return potential_reference(reference, absolute=she_absolute, ph=ph, pzc=pzc)


def _numbers(potentials) -> list[float]:
    try:
        values = np.asarray(potentials, dtype=float)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"potentials: expected a list of at least one finite number [V], got {potentials!r}")
    return values.tolist()


def _bare(atoms: Atoms) -> Atoms:
    """Return a copy without calculator and without entries that name a control or label of another state."""
    bare = atoms.copy()
    bare.info = {}
    return bare
