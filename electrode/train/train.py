"""From frames to a trained model that knows where it may be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import numpy as np

from electrode.data.zeros import EnergyZeros
from electrode.models.base import Calibration, Model, ModelCard
from electrode.models.committee import Committee
from electrode.models.committee_config import reseeded
from electrode.models.domain import periodicity
from electrode.models.schemes import SCHEMES, find_scheme
from electrode.models.store import build_model, from_plain
from electrode.train.calibration import scale_factor
from electrode.train.checkpoint import Checkpoint
from electrode.train.config import TrainConfig
from electrode.train.course import Training
from electrode.train.fit import fit
from electrode.train.labels import charge_of, potential_of
from electrode.train.metrics import compare
from electrode.train.processes import ALONE, Processes
from electrode.train.solve import solve
from electrode.train.start import started, trained_scheme
from electrode.train.transfer import transferable, transferred

SAME_STATE = 1e-6  # charges [e] or potentials [V] closer than this are one
SAME_SHE = 0.01  # levels of aligned methods closer than this are one [V]


def train(
    scheme: str,
    training_frames: Sequence,
    validation_frames: Sequence,
    config: TrainConfig | None = None,
    choices: dict | None = None,
    progress: Callable[[dict], None] | None = None,
    members: int = 1,
    caution: float = 0.0,
    *,
    checkpoint: Checkpoint | None = None,
    processes: Processes = ALONE,
    zeros: EnergyZeros | None = None,
    start: Model | None = None,
) -> Training:
    """Train a new model of a scheme, or go on with a trained one (`start`), or a committee of them at once, from different first weights and on the same order of frames.

    Parameters
    ----------
    scheme : a name of `electrode schemes`
    training_frames, validation_frames : `ElectrifiedFrame` of one method, or of several with `zeros`
    config : how to train, None for what suits the scheme; with `bootstrap` the members see different draws of the trajectories
    choices : entries of the scheme's configuration that differ from its defaults, nested as the configuration is
    progress : called with each row of the history
    members : models of the committee; their spread is calibrated on the validation frames
    caution : weight of the members' disagreement in the committee's energy, see `models.committee`
    checkpoint : where the training is kept, None for nowhere; least squares (`train.solve`) last seconds to minutes and keep none
    processes : those that train together; least squares run in one
    start : a model of the scheme, or a committee, whose weights the training begins with, see `train.start`; choices, members and caution are then its own.
        Or a network of another scheme that this one shares, see `train.transfer`; choices are then those of what is new
    zeros : taken off the labels first and kept on the card, so that the model gives energies and potentials on their common level

    Raises
    ------
    ValueError
        for an unknown or untrainable scheme, an unknown choice, frames of methods that no single model may share, or of one charge or
        potential where the loss has the conjugate, or charged frames that tell a scheme in a field nothing of fields.
    """
    if members < 1 or caution < 0 or (caution and members < 2):
        raise ValueError(f"train: expected at least one member, and two where caution > 0; got {members} members, caution {caution}")
    if start is not None:
        _refuse_other_start(start, scheme, choices, members, caution)
        zeros = zeros or start.card.energy_zeros
    if zeros is not None:
        training_frames, validation_frames = ([zeros.apply(f) for f in some] for some in (training_frames, validation_frames))
    config = config or TrainConfig.for_scheme(scheme)
    _require_several_states(training_frames, config)
    known = find_scheme(scheme)
    kind = known.load()
    if kind.uses_field:
        _require_responses(scheme, training_frames)
    card = card_of([*training_frames, *validation_frames], zeros, kind.several_gaps, surfaces=not kind.uses_field)
    model = _new(scheme, card, choices, members, caution) if start is None else _begun(start, scheme, training_frames, choices)
    if known.linear:
        if config.freeze:
            raise ValueError(f"train: the scheme {scheme!r} is fitted by least squares, which have no epochs to wait for; leave out freeze")
        result = solve(model, training_frames, validation_frames, config, progress, warm=start is not None)
    else:
        result = fit(model, training_frames, validation_frames, config, progress, warm=start is not None, checkpoint=checkpoint, processes=processes)
    model.card = card
    if isinstance(model, Committee):
        model.card = replace(card, calibration=calibrate(model, validation_frames))
    model.card = replace(model.card, energy_zeros=zeros)  # last: what compares takes them off
    return result


def _new(scheme: str, card: ModelCard, choices: dict | None, members: int, caution: float) -> Model:
    """Return an untrained model or committee."""
    model = new_model(scheme, card, choices)
    if members == 1:
        return model
    return Committee.of([build_model(scheme, reseeded(model.config, k)) for k in range(members)], scheme, caution)


def _refuse_other_start(start: Model, scheme: str, choices: dict | None, members: int, caution: float) -> None:
    """Refuse what a start has decided already."""
    own = trained_scheme(start)
    if own != scheme and not transferable(start, scheme):
        raise ValueError(f"train: expected a start of the scheme {scheme!r}, got one of {own!r}; name that scheme, or another start")
    if (choices and own == scheme) or members > 1 or caution:
        raise ValueError("train: a start brings its own choices, members and caution; expected none beside it, got some. Leave them out")


def _begun(start: Model, scheme: str, frames: Sequence, choices: dict | None) -> Model:
    """Return a new model with the weights of a start of this scheme, or of another that shares its network."""
    return started(start, frames) if trained_scheme(start) == scheme else transferred(start, scheme, frames, choices)


def calibrate(model: Committee, frames: Sequence) -> Calibration:
    """Return the factors that make the spread of a committee a standard error on frames that its members were not fitted to."""
    before, model.card = model.card, replace(model.card, calibration=None)
    try:
        found = compare(model, frames)
    finally:
        model.card = before
    conjugate = "potential" if model.natural == "charge" else "charge"
    return Calibration(*(scale_factor(*found.spreads(name)) for name in ("energy", "forces", conjugate)))


def new_model(scheme: str, card: ModelCard, choices: dict | None = None) -> Model:
    """Return an untrained model of a scheme for the elements of the card."""
    known = find_scheme(scheme)
    if not known.trainable:
        raise ValueError(f"scheme {scheme!r} has nothing to train; use it as it is, or train one of {[n for n, s in SCHEMES.items() if s.trainable]}")
    kind, own, choices = known.config(), known.choices, choices or {}
    if any(choices.get(name, value) != value for name, value in own.items()):
        raise ValueError(f"scheme {scheme!r} is the one with {dict(own)}, got {({k: choices[k] for k in own if k in choices})}; name another scheme instead")
    chosen = kind.for_card(card) if hasattr(kind, "for_card") else kind.for_elements(card.elements)
    return build_model(scheme, _changed(chosen, {**own, **choices}))


def card_of(frames: Sequence, zeros: EnergyZeros | None = None, several_gaps: bool = False, *, surfaces: bool = True) -> ModelCard:
    """Return what the frames say of their method, with the ranges of charge and potential they cover.

    Parameters
    ----------
    frames : at least one
    zeros : taken off the frames before, None where they are of one level; SHE is then that of the reference method, or unknown
        where the methods do not agree on it
    several_gaps : whether a model can serve several distances of the counter-charge
    surfaces : whether a frame must have a surface; for a scheme in a field it may be a molecule

    Raises
    ------
    ValueError
        if there are no frames, one has no surface where it must, or their potentials have different zeros or SHE levels, or their counter-charges different kinds or distances:
        a charge then means another energy in each, and one model cannot serve both.
    """
    if not len(frames):
        raise ValueError("card_of: expected at least one frame, got none")
    gaps = {f.countercharge_gap for f in frames}
    several = several_gaps and len(gaps) > 1 and None not in gaps
    single = {name: _only(frames, name) for name in ("mu_zero", "countercharge", *(() if several else ("countercharge_gap",)))}
    areas = [float(f.geometry.cell.areas()[2]) for f in frames]
    flat = [f.where for f, a in zip(frames, areas) if not a > 0]
    if flat and surfaces:
        raise ValueError(f"{flat[0]}: expected a cell whose first two vectors span the surface, got an area of 0; drop the {len(flat)} frames without one")
    periodic = {periodicity(f.geometry.positions, f.geometry.cell.array, f.geometry.pbc) for f in frames}
    density = [q / a for f, a in zip(frames, areas) if a > 0 and (q := charge_of(f)) is not None]
    potential = [p for f in frames if (p := potential_of(f)) is not None]
    return ModelCard(
        method_ids=tuple(sorted({f.method_id for f in frames if f.method_id})),
        potential_zero=single["mu_zero"],
        countercharge=single["countercharge"] or "unknown",
        countercharge_gap=single.get("countercharge_gap"),
        countercharge_gaps=(min(gaps), max(gaps)) if several else None,
        she_absolute=_only(frames, "phi_she") if zeros is None else _common_she(frames, zeros.relative_to),
        elements=tuple(sorted({int(z) for f in frames for z in f.geometry.numbers})),
        surface_charge_range=(min(density), max(density)) if density else None,
        potential_range=(min(potential), max(potential)) if potential else None,
        pbc=periodic.pop() if len(periodic) == 1 else None,
    )


def _require_responses(scheme: str, frames: Sequence) -> None:
    """Refuse charged frames without a field or a response to one: such a scheme reads the charge in a field alone."""
    told = any(np.any(f.efield) or any(x is not None for x in (f.dipole, f.born_charges, f.polarizability)) for f in frames)
    if not told and any(f.n_excess for f in frames):
        raise ValueError(
            f"train: the scheme {scheme!r} learns what a field does and expected frames in a field (eir_efield) or with REF_dipole, REF_bec or "
            "REF_polarizability; got charged frames without any of them, whose charge it would not see. Add such labels, or choose a scheme that reads the charge or the potential"
        )


def _require_several_states(frames: Sequence, config: TrainConfig) -> None:
    """Refuse frames of one charge or one potential where the loss asks how the one follows the other."""
    states = [(q, p) for f in frames if (q := charge_of(f)) is not None and (p := potential_of(f)) is not None]
    if not states or not any(t.quantity == "conjugate" and t.weight for t in config.terms):
        return
    for name, unit, values in zip(("charge", "potential"), ("e", "V absolute"), zip(*states)):
        if max(values) - min(values) < SAME_STATE:
            raise ValueError(
                f"train: all {len(states)} training frames have the {name} {values[0]:.6g} {unit}, which says nothing of how charge and potential depend "
                f"on each other. Add frames at other charges, or leave the term 'conjugate' out of the loss (train: terms)"
            )


def _only(frames: Sequence, name: str):
    values = {getattr(f, name) for f in frames}
    if len(values) > 1:
        raise ValueError(f"the frames have different {name}: {sorted(map(str, values))}. They come from different methods; train one model for each")
    return values.pop()


def _common_she(frames: Sequence, reference: str) -> float | None:
    """Return the level of SHE of the reference method, or the one that all methods agree on, None without one [V]."""
    own = [f for f in frames if f.method_id == reference] or frames
    levels = [f.phi_she for f in own if f.phi_she is not None]
    return float(np.mean(levels)) if levels and max(levels) - min(levels) < SAME_SHE else None


def _changed(config, choices: dict):
    """Return a frozen configuration with some entries replaced, nested ones included."""
    plain = asdict(config)
    _merge(plain, choices, type(config).__name__)
    return from_plain(type(config), plain)


def _merge(plain: dict, choices: dict, name: str) -> None:
    for key, value in choices.items():
        if isinstance(value, dict) and isinstance(plain.get(key), dict):
            _merge(plain[key], value, key)
        else:
            plain[key] = value
