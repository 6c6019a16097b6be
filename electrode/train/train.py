"""From frames to a trained model that knows where it may be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

from electrode.models.base import Calibration, Model, ModelCard
from electrode.models.committee import Committee
from electrode.models.schemes import SCHEMES
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


def train(
    scheme: str,
    training_frames: Sequence,
    validation_frames: Sequence,
    config: TrainConfig = TrainConfig(),
    choices: dict | None = None,
    progress: Callable[[dict], None] | None = None,
    members: int = 1,
    caution: float = 0.0,
    *,
    checkpoint: Checkpoint | None = None,
    processes: Processes = ALONE,
) -> Training:
    """Train a new model of a scheme, or a committee of them at once, from different first weights and on the same order of frames.

    Parameters
    ----------
    scheme : a name of `electrode schemes`
    training_frames, validation_frames : `ElectrifiedFrame` of one method
    config : how to train; with `bootstrap` the members see different draws of the trajectories
    choices : entries of the scheme's configuration that differ from its defaults, nested as the configuration is
    progress : called with each row of the history
    members : models of the committee; their spread is calibrated on the validation frames
    caution : weight of the members' disagreement in the committee's energy, see `models.committee`
    checkpoint : where the training is kept, None for nowhere; least squares (`train.solve`) last seconds to minutes and keep none
    processes : those that train together; least squares run in one

    Raises
    ------
    ValueError
        for an unknown or untrainable scheme, an unknown choice, or frames of methods that no single model may share.
    """
    if members < 1 or caution < 0 or (caution and members < 2):
        raise ValueError(f"train: expected at least one member, and two where caution > 0; got {members} members, caution {caution}")
    card = card_of([*training_frames, *validation_frames])
    model = new_model(scheme, card, choices)
    if members > 1:
        own = model.config
        model = Committee.of([build_model(scheme, replace(own, seed=own.seed + k)) for k in range(members)], scheme, caution)
    if scheme in SCHEMES and SCHEMES[scheme].linear:
        result = solve(model, training_frames, validation_frames, config, progress)
    else:
        result = fit(model, training_frames, validation_frames, config, progress, checkpoint=checkpoint, processes=processes)
    model.card = card
    if members > 1:
        model.card = replace(card, calibration=calibrate(model, validation_frames))
    return result


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
    if scheme in SCHEMES and not SCHEMES[scheme].trainable:
        raise ValueError(f"scheme {scheme!r} has nothing to train; use it as it is, or train one of {[n for n, s in SCHEMES.items() if s.trainable]}")
    if scheme not in SCHEMES:
        return build_model(scheme, None)
    kind = SCHEMES[scheme].config()
    return build_model(scheme, _changed(kind.for_elements(card.elements), choices or {}))


def card_of(frames: Sequence) -> ModelCard:
    """Return what the frames say of their method, with the ranges of charge and potential they cover.

    Raises
    ------
    ValueError
        if there are no frames, one has no surface, or their potentials have different zeros or SHE levels, or their counter-charges different kinds or distances:
        a charge then means another energy in each, and one model cannot serve both.
    """
    if not len(frames):
        raise ValueError("card_of: expected at least one frame, got none")
    single = {name: _only(frames, name) for name in ("mu_zero", "countercharge", "countercharge_gap", "phi_she")}
    areas = [float(f.geometry.cell.areas()[2]) for f in frames]
    flat = [f.where for f, a in zip(frames, areas) if not a > 0]
    if flat:
        raise ValueError(f"{flat[0]}: expected a cell whose first two vectors span the surface, got an area of 0; drop the {len(flat)} frames without one")
    density = [q / a for f, a in zip(frames, areas) if (q := charge_of(f)) is not None]
    potential = [p for f in frames if (p := potential_of(f)) is not None]
    return ModelCard(
        method_ids=tuple(sorted({f.method_id for f in frames if f.method_id})),
        potential_zero=single["mu_zero"],
        countercharge=single["countercharge"] or "unknown",
        countercharge_gap=single["countercharge_gap"],
        she_absolute=single["phi_she"],
        elements=tuple(sorted({int(z) for f in frames for z in f.geometry.numbers})),
        surface_charge_range=(min(density), max(density)) if density else None,
        potential_range=(min(potential), max(potential)) if potential else None,
    )


def _only(frames: Sequence, name: str):
    values = {getattr(f, name) for f in frames}
    if len(values) > 1:
        raise ValueError(f"the frames have different {name}: {sorted(map(str, values))}. They come from different methods; train one model for each")
    return values.pop()


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
