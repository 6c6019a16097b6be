"""Barriers against potential: a nudged elastic band for each potential, started from its neighbour's, or all side by side.

ASE relaxes the band; here every image of an iteration is evaluated in one batched call, at the potential held, so that the
energy along the band is Omega and its forces are the gradient of Omega; at a held charge it is E.

    barrier(Phi) = Omega(saddle) - Omega(initial),     d barrier / dPhi = -(Q_saddle - Q_initial)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from ase import Atoms

from electrode.band import NEBSettings
from electrode.end_states import different_atoms
from electrode.models.conjugate import NotConservative, require_gradient
from electrode.models.domain import check_elements
from electrode.models.store import load_model
from electrode.pathway.budget import Sigmas
from electrode.pathway.curve import BarrierCurve, barrier_curve
from electrode.pathway.hydrogen import HydrogenElectrode
from electrode.pathway.rows import BarrierRow
from electrode.pathway.sweep import Sweep, bare_copy
from electrode.references import reference as potential_reference
from electrode.relax import fixed_bottom_layer
from electrode.state import Structure
from electrode.units import ROOM_TEMPERATURE

__all__ = ["BarrierRow", "BarrierTable", "HydrogenElectrode", "barriers", "scale_of_potentials"]


@dataclass(frozen=True)
class BarrierTable:
    """Rows in the order of the potentials or charges asked for, with the images of each band."""

    rows: tuple[BarrierRow, ...]
    images: tuple[tuple[Atoms, ...], ...]
    reference: object

    @property
    def transition_states(self) -> tuple[Atoms | None, ...]:
        """The highest image of each band, None where it has no saddle."""
        return tuple(None if r.transition_state is None else i[r.transition_state] for r, i in zip(self.rows, self.images))

    def curve(self, at: Sequence[float] | None = None) -> BarrierCurve:
        """Return the barrier at potentials between those computed; see `pathway.curve.barrier_curve`."""
        return barrier_curve(self.rows, at)

    def to_json(self) -> list[dict]:
        """Return the rows as plain dictionaries."""
        return [asdict(row) for row in self.rows]


def barriers(
    initial: Atoms,
    final: Atoms,
    model,
    potentials: Sequence[float] | None = None,
    reference: str = "SHE",
    *,
    charges: Sequence[float] | None = None,
    she_absolute: float | None = None,
    ph: float | None = None,
    pzc: float | None = None,
    temperature: float | None = None,
    batch_sweep: bool = False,
    curvature: bool = False,
    hydrogen: HydrogenElectrode | None = None,
    she_error: float | None = None,
    scf_noise: float | None = None,
    strict: bool = False,
    progress: Callable[[str], None] | None = None,
    **settings,
) -> BarrierTable:
    """Return barrier, profile and charge along the path at each potential, or at each charge.

    Parameters
    ----------
    initial, final : end states with the same atoms in the same order and cell; the layer with the highest tag is held
    model : a Model, a folder, or the name of a shipped model
    potentials : [V] on the scale `reference`; solved in ascending order, each band started from its neighbour's
    charges : [e], net charge of the cell, in place of potentials: the barrier is then that of E at constant charge
    she_absolute, ph, pzc, temperature : what the scale needs; SHE's absolute potential is the model's own unless given, else
        4.44 V; temperature [K] is that of RHE, by default 298.15
    batch_sweep : relax the bands of all potentials side by side from the first that converged, in one batched call a step
    curvature : settle initial state, saddle and final state, and report d2 barrier / dU2, which `BarrierTable.curve` needs
    hydrogen : reservoir of proton-electron pairs that energies are counted from too
    she_error, scf_noise : standard errors of SHE's absolute potential [V] and of one reference energy [eV], for the budget
    strict : raise outside the model's trained range instead of warning
    progress : called with a line of text as each band is done
    settings : fields of `NEBSettings`

    Raises
    ------
    ValueError
        on end states that do not match, potentials or charges that are missing or not finite, no scale, an unknown setting, or
        a hydrogen electrode that does not fit.
    NotConservative
        for a model whose forces are not the gradient of the energy held.

    References
    ----------
    Improved tangent: Henkelman and Jonsson, J. Chem. Phys. 113, 9978 (2000), https://doi.org/10.1063/1.1323224; climbing
    image: Henkelman, Uberuaga and Jonsson, J. Chem. Phys. 113, 9901 (2000), https://doi.org/10.1063/1.1329672; IDPP start:
    Smidstrup et al., J. Chem. Phys. 140, 214106 (2014), https://doi.org/10.1063/1.4878664
    """
    model, choices, sigmas = load_model(model), NEBSettings.of(settings), Sigmas(she_error, scf_noise)
    different_atoms(initial, final)
    check_elements(model, Structure.from_atoms([initial, final]))
    held, wanted = _wanted(potentials, charges)
    _require_scalar(model, held)
    scale = scale_of_potentials(model, reference, she_absolute, ph, pzc, temperature)
    _check_hydrogen(hydrogen, initial, model, held, scale)
    ends = tuple(fixed_bottom_layer(bare_copy(a)) for a in (initial, final))
    sweep = Sweep(model, ends, held, scale, choices, strict, curvature, hydrogen, sigmas)
    done = sweep.run(sorted(set(wanted)), batch_sweep, progress)
    return BarrierTable(tuple(done[v][0] for v in wanted), tuple(done[v][1] for v in wanted), scale)


def scale_of_potentials(model, reference, she_absolute=None, ph=None, pzc=None, temperature=None):
    """Return the scale of the potentials, an object of `electrode.references`; SHE's absolute potential is the model's own unless given.

    Raises
    ------
    ValueError
        as `references.reference`, and for a temperature where the scale has no use for one.
    """
    word = str(reference).strip().lower()
    if she_absolute is None and word in ("she", "rhe"):
        she_absolute = model.card.she_absolute
    if temperature is not None and word != "rhe":
        raise ValueError(f"reference {reference!r} does not use temperature; got {temperature} K. Drop it, or name RHE")
    return potential_reference(reference, absolute=she_absolute, ph=ph, pzc=pzc, temperature=ROOM_TEMPERATURE if temperature is None else temperature)


def _require_scalar(model, held: str) -> None:
    """Refuse a model whose forces are not the gradient of the energy that is held along the band."""
    require_gradient(model, "barriers")
    if held != model.natural and model.conjugate == "head":
        raise NotConservative(
            f"barriers: at a held {held} the forces of {type(model).__name__} are not the gradient of E - Phi Q, its potential is a head of its own. "
            f"Hold {model.natural}s, or train it with a potential that is the derivative"
        )


def _wanted(potentials, charges) -> tuple[str, list[float]]:
    """Return what is held, and its values."""
    if potentials is not None and charges is not None:
        raise ValueError("barriers: expected potentials or charges, got both. Hold one of them")
    held, values, unit = ("potential", potentials, "V") if charges is None else ("charge", charges, "e")
    try:
        numbers = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        numbers = np.empty(0)
    if numbers.ndim != 1 or not len(numbers) or not np.isfinite(numbers).all():
        raise ValueError(f"{held}s: expected a list of at least one finite number [{unit}], got {values!r}")
    return held, numbers.tolist()


def _check_hydrogen(hydrogen, initial, model, held: str, scale) -> None:
    """Refuse a reservoir that does not fit the end states, the control or the scale."""
    if hydrogen is None:
        return
    if held == "charge":
        raise ValueError("hydrogen electrode: expected held potentials, got charges; electrons of the reservoir have a potential, not a charge")
    hydrogen.check(initial)
    check_elements(model, Structure.from_atoms(hydrogen.bare))
    for name in ("ph", "temperature"):
        if getattr(scale, name, None) not in (None, getattr(hydrogen, name)):
            raise ValueError(f"hydrogen electrode: expected the {name} of the scale, {getattr(scale, name)}; got {getattr(hydrogen, name)}")
