"""Barriers against potential with few calls of an expensive grand-canonical calculator; see `electrode.learn.sweep` for the loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from ase import Atoms

from electrode.band import interpolate
from electrode.end_states import same_basin
from electrode.learn.calls import free_atoms, largest_force
from electrode.learn.features import Pairs, features_of
from electrode.learn.labels import Label, LabelStore, describe
from electrode.learn.prior import Remembered, name_of, prior_of
from electrode.learn.radial import Radial
from electrode.learn.saddle import fixed_settings, matched_ends, with_results
from electrode.learn.settings import LearnSettings
from electrode.learn.source import Source, grand_state
from electrode.learn.surrogate import Space, area_of, stiffness_of
from electrode.learn.sweep import ENDS, Found, GrandSearch
from electrode.references import reference as potential_reference

TRUST = 0.1  # the band moves until an image's standard deviation exceeds this [eV]; early labels tell little of the charge's part of it


@dataclass(frozen=True)
class AcceleratedRow:
    """A barrier at one potential; the saddle's energy and force are the calculator's, carried to the potential by at most 0.1 V.

    `barrier_eV` to `saddle_charge_e` are None where no saddle was confirmed. `profile_eV`, `std_eV` and `charge_e` are the surrogate's along
    the band, the end states' energies too. `fixed_charge_calls` are single self-consistent calculations, `constant_potential_calls` searches
    for a charge, `model_calls` both; attempts that failed count. `end_state_calls` are those of both at the end states.
    """

    potential_V: float
    reference: str
    barrier_eV: float | None
    reverse_barrier_eV: float | None
    reaction_energy_eV: float
    profile_eV: tuple[float, ...]
    charge_e: tuple[float, ...]
    std_eV: tuple[float, ...]
    converged: bool
    status: str
    fmax_eV_per_A: float | None
    saddle_charge_e: float | None
    model_calls: int
    fixed_charge_calls: int
    constant_potential_calls: int
    end_state_calls: int
    failures: tuple[str, ...]


@dataclass(frozen=True)
class AcceleratedTable:
    """Rows in the order of the potentials asked for, with the band of each and its saddle, None where none was confirmed."""

    rows: tuple[AcceleratedRow, ...]
    images: tuple[tuple[Atoms, ...], ...]
    saddles: tuple[Atoms | None, ...]

    def to_json(self) -> list[dict]:
        """Return the rows as plain dictionaries."""
        return [asdict(row) for row in self.rows]


def accelerated_barriers(
    initial: Atoms,
    final: Atoms,
    calculator: Callable,
    potentials: Sequence[float],
    reference: str = "SHE",
    *,
    she_absolute: float | None = None,
    ph: float | None = None,
    pzc: float | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    prior="bonds",
    known_ends: bool = False,
    progress: Callable[[str], None] | None = None,
    **settings,
) -> AcceleratedTable:
    """Return the barrier between two states at each potential.

    Parameters
    ----------
    initial, final : end states, best relaxed at the lowest potential; constraints of the first count
    calculator : factory of ASE calculators that takes `charge` [e] or `potential` [V absolute], see `electrode.learn.source`
    potentials : [V] on the scale `reference`; new ones are solved in ascending order
    she_absolute, ph, pzc : what the scale needs, see `electrode.references`
    folder, resume : keep every call on disk, and go on with those that are there, see `electrode.learn.labels`
    prior : what is known before the first call, see `electrode.learn.prior`
    known_ends : take energy, forces, charge and potential that the end states carry, which must be this calculator's, instead of asking for them
    progress : called with a line of text after each call
    settings : fields of `LearnSettings`, `trust` by default 0.1 eV; `max_calls` counts for each potential, end states included

    Raises
    ------
    ValueError
        on end states that do not match or are one state, no finite potential, settings that make no sense, a factory that holds
        neither charge nor potential, a folder of another search, or a calculator that fails at an end state or too often in a row.
    FileExistsError
        if the folder holds a search and `resume` is not set.
    """
    source, chosen = calculator if isinstance(calculator, Source) else Source.of(calculator), LearnSettings(**{"trust": TRUST} | settings)
    if source.holds is None:
        raise ValueError("calculator: expected a factory that takes charge or potential, got one that takes neither; its energy knows no potential, see find_saddle")
    scale = potential_reference(reference, absolute=she_absolute, ph=ph, pzc=pzc)
    wanted = {u: scale.to_absolute(u) for u in _numbers(potentials)}
    ends = matched_ends(initial, final)
    start = interpolate(ends, None, chosen.images)
    kept = describe("ends", ends) | {"settings": fixed_settings(chosen), "prior": name_of(prior), "holds": source.holds}
    features = features_of(start, free_atoms(ends[0]))
    space = Space(features, Remembered(prior_of(prior, ends[0], stiffness_of(area_of(start[0])))), area_of(start[0]), Radial.of(features, ends[0].numbers) if isinstance(features, Pairs) else None)
    known = tuple(_known(atoms, end, name, source) for atoms, end, name in zip((initial, final), ends, ENDS)) if known_ends else ()
    search = GrandSearch(start, source, space, chosen, LabelStore(folder, kept, resume), progress or (lambda text: None), known, scale)
    found, order = {}, search.order(list(wanted.values()))
    for k, potential in enumerate(order):
        found[potential] = search.run(potential, order[:k])
    return _table(search, wanted, found, scale)


def _numbers(potentials) -> list[float]:
    numbers = np.asarray(potentials, dtype=float)
    if numbers.ndim != 1 or not len(numbers) or not np.isfinite(numbers).all():
        raise ValueError(f"potentials: expected a list of at least one finite number [V], got {potentials!r}")
    return numbers.tolist()


def _known(atoms: Atoms, end: Atoms, name: str, source: Source) -> Label:
    """Return the label that an end state carries; attempts are 0, since nothing was called."""
    results = getattr(atoms.calc, "results", {})
    if not {"energy", "forces"} <= results.keys():
        raise ValueError(f"known_ends: expected an {name} that carries energy, forces, charge and potential, got {', '.join(results) or 'none'}; leave known_ends out to ask for them")
    state = grand_state(results, results.get("free_energy", results["energy"]), source.holds, None)
    forces = np.array(results["forces"], dtype=float)
    return Label(end.positions.copy(), forces=forces, fmax=largest_force(end, forces), reason=name, held=source.holds, attempts=0, **state)


def _table(search: GrandSearch, wanted: dict, found: dict, scale) -> AcceleratedTable:
    rows, images, saddles = [], [], []
    for u, potential in wanted.items():
        at, atoms = found[potential], search.start[0]
        saddle = None if at.choice.saddle is None else at.labels[at.choice.saddle]
        calls = [x for x in search.store.labels if x.target == potential]
        band = tuple(with_results(atoms, r, e) for r, e in zip(at.band.positions, at.band.energies))
        left = [name for k, name in enumerate(ENDS) if not same_basin(search.start[-k], band[-k])]
        rows.append(_row(u, scale, at, saddle, calls, f"{left[0]} left its basin" if left else ""))
        images.append(band)
        saddles.append(None if saddle is None else with_results(atoms, saddle.positions, saddle.energy, saddle.forces))
    return AcceleratedTable(tuple(rows), tuple(images), tuple(saddles))


def _row(u: float, scale, at: Found, saddle: Label | None, calls: list[Label], left: str) -> AcceleratedRow:
    first, last = at.band.energies[0], at.band.energies[-1]
    count = lambda keep: sum(x.attempts for x in calls if keep(x))
    return AcceleratedRow(
        potential_V=u,
        reference=scale.name,
        barrier_eV=None if saddle is None else float(saddle.energy - first),
        reverse_barrier_eV=None if saddle is None else float(saddle.energy - last),
        reaction_energy_eV=float(last - first),
        profile_eV=tuple((at.band.energies - first).tolist()),
        charge_e=tuple(at.surface.charges(at.band.positions).tolist()),
        std_eV=tuple(at.band.std.tolist()),
        converged=at.done and not left,
        status=left or ("converged" if at.done else "nothing is left to ask" if at.stopped else f"not converged in {count(lambda x: True)} calls"),
        fmax_eV_per_A=None if saddle is None else saddle.fmax,
        saddle_charge_e=None if saddle is None else saddle.charge,
        model_calls=count(lambda x: True),
        fixed_charge_calls=count(lambda x: x.held == "charge"),
        constant_potential_calls=count(lambda x: x.held == "potential"),
        end_state_calls=count(lambda x: x.reason in ENDS),
        failures=tuple(x.failure for x in calls if not x.good),
    )
