"""Barriers against potential, on a hop whose barrier is known in closed form."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from toys import HopConfig, HopToy, hop_ends

from electrode.band import Band, interpolate
from electrode.models.base import ModelCard
from electrode.models.domain import OutsideTrainedRange, UncertainBarrier
from electrode.neb import barriers
from electrode.state import Control

TIGHT = {"fmax": 0.01, "images": 7}
KEYS = {
    "potential_V", "reference", "barrier_eV", "reverse_barrier_eV", "reaction_energy_eV", "profile_eV", "charge_e", "converged",
    "fmax_eV_per_A", "model_calls", "status", "barrier_slope_e", "barrier_std_eV",
    "profile_std_eV", "held", "potential_absolute_V", "path_potential_V", "transition_state", "charge_difference_e", "dbarrier_dU",
    "dbarrier_dQ", "beta", "constant_charge_excess_eV", "identity_deviation", "curvature", "hydrogen_electrode", "error_budget",
}  # fmt: skip


def test_barriers_and_their_slope_in_closed_form():
    model = HopToy()
    table = barriers(*hop_ends(), model, [-1.0, 0.0, 0.7], **TIGHT)
    for row in table.rows:
        phi = row.potential_V + 4.44
        assert row.converged and row.status == "converged" and row.fmax_eV_per_A <= 0.01
        assert row.barrier_eV == pytest.approx(model.barrier(phi), abs=1e-3) and row.reverse_barrier_eV == pytest.approx(row.barrier_eV, abs=1e-3)
        assert row.barrier_slope_e == pytest.approx(model.slope(phi), abs=2e-3)
        assert row.reaction_energy_eV == pytest.approx(0.0, abs=1e-3) and row.profile_eV[0] == 0.0
        top = int(np.argmax(row.profile_eV))
        assert row.profile_eV[top] == row.barrier_eV and row.barrier_slope_e == row.charge_e[0] - row.charge_e[top]
        assert row.charge_e[top] == pytest.approx(0.4 * (phi - 4.5 - 0.25), abs=1e-4)
    assert table.rows[2].barrier_eV - table.rows[0].barrier_eV > 0.1


def test_the_highest_image_climbs_to_the_saddle():
    """Six images have none in the middle: without climbing the band misses the saddle."""
    (row,) = barriers(*hop_ends(), HopToy(), [0.0], images=6, fmax=0.01).rows
    assert row.converged and row.barrier_eV == pytest.approx(HopToy().barrier(4.44), abs=1e-3)
    (slack,) = barriers(*hop_ends(), HopToy(), [0.0], images=6, fmax=0.05, climb_from=0.04, max_steps=1, relax_endpoints=False).rows
    assert slack.barrier_eV < row.barrier_eV - 0.01


def test_the_slope_is_that_of_the_barriers():
    low, middle, high = barriers(*hop_ends(), HopToy(), [-0.6, -0.5, -0.4], **{**TIGHT, "fmax": 0.003}).rows
    assert middle.barrier_slope_e == pytest.approx((high.barrier_eV - low.barrier_eV) / 0.2, abs=1e-3)


def test_every_iteration_is_one_call_with_every_image():
    model = HopToy()
    (row,) = barriers(*hop_ends(), model, [0.0], relax_endpoints=False, images=5).rows
    assert set(model.sizes) == {5} and model.calls == row.model_calls and 5 < row.model_calls < 200


def test_calls_of_the_end_states_are_counted():
    model = HopToy()
    (row,) = barriers(*hop_ends(), model, [0.0]).rows
    assert 7 in model.sizes and set(model.sizes) <= {1, 2, 7} and model.calls == row.model_calls


def test_the_neighbours_band_is_the_start_of_the_next():
    cold, warm = HopToy(), HopToy()
    (alone,) = barriers(*hop_ends(), cold, [0.1], **TIGHT).rows
    second = barriers(*hop_ends(), warm, [0.0, 0.1], **TIGHT).rows[1]
    assert second.model_calls < alone.model_calls and second.barrier_eV == pytest.approx(alone.barrier_eV, abs=1e-3)


def test_potentials_come_back_in_the_order_asked():
    lines = []
    table = barriers(*hop_ends(), HopToy(), [0.2, -0.3, 0.2], progress=lines.append)
    assert [r.potential_V for r in table.rows] == [0.2, -0.3, 0.2] and table.rows[0] == table.rows[2]
    assert len(lines) == 2 and lines[0].startswith("-0.300 V SHE: converged")
    assert len(table.images) == 3 and all(len(i) == 7 for i in table.images)


def test_rows_are_json_of_the_agreed_fields():
    for model, settings in ((HopToy(), {}), (HopToy(HopConfig(tilt=1.5)), {})):
        (row,) = barriers(*hop_ends(), model, np.array([0.0]), **settings).to_json()
        assert set(row) == KEYS and json.loads(json.dumps(row, allow_nan=False))["potential_V"] == 0.0
        assert row["reference"] == "SHE at 4.44 V absolute (default, IUPAC 1986)"
        assert len(row["profile_eV"]) == len(row["charge_e"]) == 7 and isinstance(row["converged"], bool) and isinstance(row["model_calls"], int)


def test_end_states_that_become_one_are_reported():
    (row,) = barriers(*hop_ends(), HopToy(HopConfig(tilt=1.5)), [0.0]).rows
    assert row.status == "end states relax to the same state" and not row.converged
    assert (row.barrier_eV, row.reverse_barrier_eV, row.barrier_slope_e, row.fmax_eV_per_A) == (None,) * 4


@pytest.mark.parametrize("tilt, word", [(1.5, "uphill"), (-1.5, "downhill")])
def test_a_path_without_a_saddle_has_not_converged(tilt, word):
    (row,) = barriers(*hop_ends(), HopToy(HopConfig(tilt=tilt)), [0.0], relax_endpoints=False, max_steps=100).rows
    assert row.status == f"no saddle: {word}" and not row.converged and row.barrier_eV is None and row.barrier_slope_e is None
    assert row.profile_eV[-1] * tilt > 0 and row.fmax_eV_per_A is not None and row.model_calls < 110


def test_an_end_state_that_leaves_its_basin_is_reported():
    ends = hop_ends("AuOH")
    for atoms in ends:
        atoms.positions[1] = atoms.positions[2] + [0.0, 0.0, 0.97]
    (row,) = barriers(*ends, HopToy(HopConfig(bond=8.0)), [0.0]).rows
    assert row.status == "initial state left its basin" and not row.converged and row.barrier_eV is None


def test_too_few_steps_are_reported():
    (row,) = barriers(*hop_ends(), HopToy(), [0.0], relax_endpoints=False, max_steps=2).rows
    assert row.status == "not converged" and not row.converged and row.barrier_eV is not None and row.barrier_slope_e is None
    assert row.fmax_eV_per_A > 0.05
    (row,) = barriers(*hop_ends(), HopToy(), [0.0], max_steps=1).rows
    assert row.status == "initial state did not relax"


def test_the_bottom_layer_and_the_inputs_are_left_alone():
    ends = hop_ends()
    before = [a.copy() for a in ends]
    (images,) = barriers(*ends, HopToy(), [0.0]).images
    for a, b in zip(ends, before):
        assert a == b and a.calc is None and not a.constraints and a.info == {}
    assert all(np.array_equal(i.positions[0], before[0].positions[0]) for i in images)


def test_images_carry_their_energy_charge_and_potential():
    table = barriers(*hop_ends(), HopToy(), [0.3])
    (row,), (images,) = table.rows, table.images
    energies = np.array([i.get_potential_energy() for i in images])
    assert energies - energies[0] == pytest.approx(row.profile_eV, abs=1e-12)
    assert [-i.info["eir_n_excess"] for i in images] == list(row.charge_e)
    assert all(i.info["eir_mu"] == pytest.approx(-4.74) and i.info["eir_energy_kind"] == "Omega" for i in images)
    assert np.array_equal(images[3].get_forces(apply_constraint=False), images[3].arrays["REF_forces"])


def test_the_scale_of_the_potentials_is_the_one_named():
    model = HopToy()
    model.card = ModelCard(she_absolute=4.6)
    she = barriers(*hop_ends(), model, [0.0], "SHE", **TIGHT)
    rhe = barriers(*hop_ends(), model, [0.0], "RHE", ph=7.0, **TIGHT)
    absolute = barriers(*hop_ends(), model, [4.6], "absolute", **TIGHT)
    assert she.rows[0].barrier_eV == pytest.approx(absolute.rows[0].barrier_eV, abs=1e-6)
    assert rhe.rows[0].barrier_eV == pytest.approx(model.barrier(4.6 - 7 * 0.0591597), abs=1e-3)
    assert "4.6 V absolute" in she.rows[0].reference and "pH 7" in rhe.rows[0].reference


@pytest.mark.parametrize("arguments, message", [
    ({"reference": None}, "needs its scale"),
    ({"reference": "RHE"}, "needs ph"),
    ({"reference": "SHI"}, "Did you mean 'SHE'"),
    ({"reference": "absolute", "she_absolute": 4.4}, "does not use absolute"),
    ({"potentials": []}, "at least one finite number"),
    ({"potentials": [0.0, float("nan")]}, "at least one finite number"),
    ({"potentials": [float("inf")]}, "at least one finite number"),
    ({"potentials": 0.0}, "expected a list"),
    ({"potentials": ["low"]}, "expected a list"),
    ({"potentials": [None]}, "finite number"),
    ({"climb_form": 0.2}, "did you mean 'climb_from'"),
    ({"steps": 3}, "no setting 'steps': expected some of images"),
    ({"images": 2}, "at least 3"),
    ({"fmax": 0.0}, "fmax: expected a positive number"),
    ({"spring": float("nan")}, "spring: expected a positive"),
    ({"max_steps": 0}, "max_steps: expected a positive"),
    ({"model": "no such model"}, "no model"),
])  # fmt: skip
def test_mistakes_are_refused(arguments, message):
    given = {"model": HopToy(), "potentials": [0.0], **arguments}
    with pytest.raises(ValueError, match=message):
        barriers(*hop_ends(), **given)


def turned(atoms):
    return atoms[[1, 0]]


def wider(atoms):
    atoms.set_cell(atoms.cell.array * 1.01)
    return atoms


def closed(atoms):
    atoms.pbc = True
    return atoms


def marked(atoms):
    atoms.set_tags([0, 1])
    return atoms


@pytest.mark.parametrize("change, message", [
    (lambda a: a[:1], "got 2 and 1"), (turned, "atom 0 is Au in the first and H in the second"), (wider, "same cell"),
    (closed, "periodic directions"), (marked, "different atoms as the electrode"),
])  # fmt: skip
def test_end_states_that_do_not_match_are_refused(change, message):
    initial, final = hop_ends()
    with pytest.raises(ValueError, match=message):
        barriers(initial, change(final), HopToy(), [0.0])


def test_elements_and_ranges_that_the_model_does_not_know():
    model = HopToy()
    model.card = ModelCard(elements=(1, 29))
    with pytest.raises(ValueError, match=r"\[79\]"):
        barriers(*hop_ends(), model, [0.0])
    model.card = replace(model.card, elements=(1, 79), potential_range=(4.0, 4.5))
    with pytest.warns(OutsideTrainedRange, match="4 to 4.5 V absolute"):
        barriers(*hop_ends(), model, [0.3])
    with pytest.raises(ValueError, match="4 to 4.5 V absolute"):
        barriers(*hop_ends(), model, [0.3], strict=True)


def test_a_control_in_the_given_atoms_does_not_stop_the_band():
    ends = hop_ends()
    ends[0].info["charge"] = 0.3
    assert barriers(*ends, HopToy(), [0.0]).rows[0].converged and ends[0].info == {"charge": 0.3}


def test_a_committee_says_how_far_its_members_barriers_differ():
    class Two(HopToy):
        """Two members that part by 0.02 eV from image to image."""

        def forward(self, structure, control, description):
            out = super().forward(structure, control, description)
            order = torch.arange(structure.n_systems)[:, None]
            each = out["natural_energy"].detach()[:, None] + torch.tensor([[-1.0, 1.0]], dtype=torch.float64) * order * 0.01
            return {**out, "member_energies": each}

    band = Band(_images(), Two(), Control(potential=4.44))
    assert band.spread() == pytest.approx(np.arange(5) * 0.01 * 2**0.5, abs=1e-12)
    assert Band(_images(), HopToy(), Control(potential=4.44)).spread() is None


def test_a_barrier_that_the_members_disagree_about_is_warned_of(monkeypatch):
    monkeypatch.setattr(Band, "spread", lambda self: np.linspace(0.0, 0.6, len(self.images)))
    with pytest.warns(UncertainBarrier, match="differ by 0.30 eV about this barrier"):
        (row,) = barriers(*hop_ends(), HopToy(), [0.0], **TIGHT).rows
    assert row.barrier_std_eV == pytest.approx(0.3) and len(row.profile_std_eV) == 7


def _images():
    return interpolate(hop_ends(), None, 5)
