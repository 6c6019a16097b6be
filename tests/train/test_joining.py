"""Models trained apart joined: where the committee may be trusted, and which members do not belong together."""

from dataclasses import replace

import numpy as np
import pytest
from ase.build import add_adsorbate, fcc111

from electrode.data.record import ElectrifiedFrame
from electrode.models.base import ModelCard
from electrode.train.joining import joined
from electrode.train.train import new_model

CARD = ModelCard(elements=(1, 79), potential_zero="electrolyte", surface_charge_range=(-0.01, 0.02), potential_range=(3.0, 5.0))


def member(seed, channels=4, **card):
    model = new_model("template-b", CARD, {"seed": seed, "representation": {"channels": channels, "layers": 1}})
    model.card = replace(CARD, **card)
    return model


def frames():
    for height in (0.9, 1.0, 1.1):
        atoms = fcc111("Au", (1, 1, 3), a=4.16, vacuum=8.0)
        add_adsorbate(atoms, "H", height, "fcc")
        atoms.info = {}
        yield ElectrifiedFrame(
            atoms, version=1, energy=-10.0 + height, energy_kind="Omega", n_excess=0.01, mu=-4.5, mu_zero="electrolyte", ensemble="fixed_mu", countercharge="jellium_slab",
            normal=2, sides=1, scf_converged=True, method_id="m", forces=np.zeros((4, 3)),
        )  # fmt: skip


def test_ranges_are_what_members_have_in_common():
    committee = joined([member(0), member(1, potential_range=(3.5, 5.5)), joined([member(2), member(3)], list(frames()))], list(frames()))
    assert committee.config.size == 4
    assert committee.card.potential_range == (3.5, 5.0) and committee.card.surface_charge_range == (-0.01, 0.02)
    assert committee.card.calibration is not None


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ([], "at least two members"),
        ([member(0)], "the same weights"),
        ([member(1, elements=(1, 47))], "elements"),
        ([member(1, potential_zero="vacuum_top")], "potential_zero"),
        ([member(1, potential_range=(6.0, 7.0))], "no potential_range in common"),
        ([new_model("template-c", CARD)], "one scheme"),
        ([member(1, channels=6)], "one configuration"),
    ],
)
def test_what_does_not_belong_together(others, message):
    with pytest.raises(ValueError, match=message):
        joined([member(0), *others], list(frames()))


def test_a_committee_needs_frames_to_calibrate_with():
    with pytest.raises(ValueError, match="validation frames"):
        joined([member(0), member(1)], [])
