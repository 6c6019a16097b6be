"""A committee of models that were trained apart: each on a core or a machine of its own, and each to be gone on with after an interruption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from electrode.models.base import Model, ModelCard
from electrode.models.committee import Committee
from electrode.train.start import trained_scheme
from electrode.train.train import calibrate

_FITTED = {"calibration": None, "surface_charge_range": None, "potential_range": None}  # entries of a card in which members may differ
_RANGES = ("surface_charge_range", "potential_range")


def joined(models: Sequence[Model], validation_frames: Sequence, caution: float = 0.0) -> Committee:
    """Return the committee of models trained apart, its spread calibrated.

    It may be trusted where all of its members were trained: its ranges are what theirs have in common.

    Parameters
    ----------
    models : of one scheme and configuration, trained from different seeds; a committee among them brings all of its members
    validation_frames : `ElectrifiedFrame` that no member was trained on
    caution : weight of the members' disagreement in the energy, see `models.committee`

    Raises
    ------
    ValueError
        for fewer than two members, different schemes, configurations or cards, no range in common, members that are the same, or no validation frames.
    """
    members = [m for model in models for m in (model.members() if isinstance(model, Committee) else [model])]
    _refuse(members, validation_frames)
    committee = Committee.of(members, trained_scheme(members[0]), caution)
    committee.card = replace(members[0].card, calibration=None, **{name: _in_common(members, name) for name in _RANGES})
    committee.card = replace(committee.card, calibration=calibrate(committee, validation_frames))
    return committee


def _refuse(members: Sequence[Model], frames: Sequence) -> None:
    if len(members) < 2 or not len(frames):
        raise ValueError(f"joined: expected at least two members and validation frames, got {len(members)} and {len(frames)}")
    schemes = [trained_scheme(m) for m in members]
    if len(set(schemes)) > 1:
        raise ValueError(f"joined: expected members of one scheme, got {', '.join(sorted(set(schemes)))}")
    for k, member in enumerate(members[1:], 1):
        if (name := _different(members[0].card, member.card)) is not None:
            raise ValueError(f"joined: expected members trained alike, but member {k} has the {name} {getattr(member.card, name)}, the first {getattr(members[0].card, name)}")
        for j, other in enumerate(members[:k]):
            if _same_weights(member, other):
                raise ValueError(f"joined: members {j} and {k} have the same weights, whose spread says nothing; train each with a seed of its own")


def _different(first: ModelCard, other: ModelCard) -> str | None:
    """Return the first entry in which two cards differ, beside those that training fits."""
    first, other = replace(first, **_FITTED), replace(other, **_FITTED)
    return next((name for name in vars(first) if getattr(first, name) != getattr(other, name)), None)


def _same_weights(one: Model, other: Model) -> bool:
    state = other.state_dict()
    return all(name in state and value.shape == state[name].shape and bool((value == state[name]).all()) for name, value in one.state_dict().items())


def _in_common(members: Sequence[Model], name: str) -> tuple[float, float] | None:
    ranges = [getattr(m.card, name) for m in members]
    if None in ranges:
        return None
    low, high = max(r[0] for r in ranges), min(r[1] for r in ranges)
    if low > high:
        raise ValueError(f"joined: the members have no {name} in common: {ranges}")
    return low, high
