"""Sweeps in one batch, constant charge beside constant potential, protons from the bulk, and the errors of a barrier."""

import json
from functools import cache

import numpy as np
import pytest
from toys import HopConfig, HopToy, hop_ends

from electrode.band import NEBSettings
from electrode.models.base import ModelCard
from electrode.neb import HydrogenElectrode, barriers
from electrode.pathway.budget import Sigmas, in_squares
from electrode.pathway.solve import solve
from electrode.relax import fixed_bottom_layer
from electrode.state import Control
from electrode.units import nernst_slope

TIGHT = {"fmax": 0.01, "images": 7}
U = [-0.8, -0.4, 0.0, 0.4]


@cache
def counted(**options):
    model = HopToy(HopConfig(lean=0.1))
    table = barriers(*hop_ends(), model, U, **TIGHT, **options)
    return model, table


def test_a_sweep_in_one_batch_equals_one_band_after_the_other():
    (one, turn), (batch, together) = counted(), counted(batch_sweep=True)
    for a, b in zip(turn.rows, together.rows):
        assert b.converged and b.barrier_eV == pytest.approx(a.barrier_eV, abs=5e-4) and b.reaction_energy_eV == pytest.approx(a.reaction_energy_eV, abs=5e-4)
        assert b.barrier_slope_e == pytest.approx(a.barrier_slope_e, abs=3e-3)
    assert 21 in batch.sizes and 6 in batch.sizes and max(one.sizes) == 7
    assert batch.calls < 0.8 * one.calls and one.calls == sum(r.model_calls for r in turn.rows)
    assert max(r.model_calls for r in together.rows) <= batch.calls < sum(r.model_calls for r in together.rows)


def test_a_band_in_a_batch_is_the_band_alone():
    """Bands that are done leave the batch; those that stay move as they would alone."""
    model, controls = HopToy(HopConfig(lean=0.1)), [Control(potential=4.44 + u) for u in (-1.0, 0.0, 1.2)]
    ends = tuple(fixed_bottom_layer(a) for a in hop_ends())
    found = solve(ends, None, model, controls, NEBSettings(fmax=0.02, images=5))
    assert 15 in model.sizes and 10 in model.sizes
    for control, band in zip(controls, found):
        (alone,) = solve(ends, None, HopToy(HopConfig(lean=0.1)), [control], NEBSettings(fmax=0.02, images=5))
        assert band.calls == alone.calls and band.residual == pytest.approx(alone.residual, abs=1e-9)
        assert band.band.energies() == pytest.approx(alone.band.energies(), abs=1e-10)


def test_trouble_in_one_band_leaves_the_others_alone():
    table = barriers(*hop_ends(), HopToy(HopConfig(lean=0.5, capacitance=1.5)), [-1.4, 0.1], batch_sweep=True, images=5)
    assert [r.converged for r in table.rows] == [False, True] and table.rows[0].identity_deviation is None


@pytest.mark.parametrize("lean, sign", [(0.2, 1), (-0.2, -1)])
def test_beta_of_a_reduction_and_of_an_oxidation(lean, sign):
    """Raising W along the path takes up electrons: the barrier rises with U, and beta is its slope."""
    (row,) = barriers(*hop_ends(), HopToy(HopConfig(lean=lean, drop=0.0)), [0.0], **TIGHT).rows
    assert np.sign(row.charge_e[0] - row.charge_e[-1]) == sign
    assert row.dbarrier_dU == row.barrier_slope_e == -row.charge_difference_e == pytest.approx(sign * row.beta)
    assert row.beta == pytest.approx(0.4 * 0.2 * 1.2, rel=0.05)
    (still,) = barriers(*hop_ends(), HopToy(), [0.0], **TIGHT).rows
    assert still.beta is None and still.dbarrier_dU is not None


def test_constant_charge_barriers_in_closed_form():
    """E = h v^2 + (4.5 + d v) Q + Q^2 / 2C, quadratic in v."""
    c = HopConfig()
    table = barriers(*hop_ends(), HopToy(), charges=[-0.3, 0.2], **TIGHT)
    for q, row in zip((-0.3, 0.2), table.rows):
        assert row.converged and row.held == "charge" and row.charge_e == pytest.approx([q] * 7, abs=1e-9)
        assert row.barrier_eV == pytest.approx((2 * c.height + c.drop * q) ** 2 / (4 * c.height), abs=1e-3)
        assert row.dbarrier_dU is None and row.barrier_slope_e is None and row.beta is None
        v0 = -c.drop * q / (2 * c.height)
        assert row.potential_absolute_V == pytest.approx(4.5 + c.drop * v0 + q / c.capacitance, abs=1e-3)
        assert row.dbarrier_dQ == pytest.approx(c.drop * (1 - v0), abs=2e-3)
    images = table.images[0]
    assert images[0].info["eir_energy_kind"] == "E" and images[0].info["eir_n_excess"] == pytest.approx(0.3)
    assert all(r.identity_deviation["barrier"] < 5e-3 for r in table.rows)


def test_constant_charge_meets_constant_potential_as_the_cell_grows():
    """At the initial state's potential the two barriers differ by C (dPhi)^2 / 2, half as much in twice the cell."""
    model, excess = HopToy(HopConfig(per_area=64.0, drop=0.5)), []
    for times in (1, 2, 4):
        ends = [a.copy() for a in hop_ends()]
        for a in ends:
            a.set_cell(a.cell.array * [[times], [1], [1]])
        (charge,) = barriers(*ends, model, charges=[-0.1 * times], **TIGHT).rows
        (grand,) = barriers(*ends, model, [charge.potential_absolute_V], "absolute", **TIGHT).rows
        measured = charge.barrier_eV - grand.barrier_eV
        assert charge.constant_charge_excess_eV == pytest.approx(measured, abs=1e-4) == grand.constant_charge_excess_eV
        excess.append(measured)
    assert excess[0] == pytest.approx(0.4 * 0.5**2 / 2, rel=0.15)
    assert excess[0] / excess[1] == pytest.approx(2.0, rel=0.1) and excess[1] / excess[2] == pytest.approx(2.0, rel=0.1)


def bare():
    atoms = hop_ends("AuHH")[0]
    del atoms[1]
    atoms.positions[-1] = [-1.2, 0.0, 1.0]
    return atoms


def test_energies_over_the_bare_state_and_its_pairs():
    """The toy's bare state is its initial state's well, so that the path is shifted by the pair alone."""
    electrode = HydrogenElectrode(bare(), 1, g_h2=-6.8, ph=3.0, temperature=320.0, thermal=(0.1, 0.3, 0.25, 0.4))
    table = barriers(*hop_ends("AuHH"), HopToy(HopConfig(lean=0.1)), [-0.4, 0.0], hydrogen=electrode, **TIGHT)
    for row in table.rows:
        h = row.hydrogen_electrode
        rhe = row.potential_V + nernst_slope(320.0) * 3.0
        assert h.potential_rhe_V == pytest.approx(rhe) and h.pair_energy_eV == pytest.approx(-3.4 - rhe)
        assert h.initial_energy_eV == pytest.approx(3.4 + rhe + 0.2, abs=1e-3)
        assert h.barrier_eV == pytest.approx(row.barrier_eV + 3.4 + rhe + 0.15, abs=1e-3)
        assert h.final_energy_eV == pytest.approx(row.reaction_energy_eV + 3.4 + rhe + 0.3, abs=1e-3)
        assert h.integer_electrons == 1 and h.fractional_electrons == pytest.approx(row.dbarrier_dU, abs=2e-3) and h.slope_e == 1 + h.fractional_electrons
    rise = np.diff([r.hydrogen_electrode.barrier_eV for r in table.rows])[0] / 0.4
    assert rise == pytest.approx(np.mean([r.hydrogen_electrode.slope_e for r in table.rows]), abs=2e-3)
    assert json.loads(json.dumps(table.to_json()))[0]["hydrogen_electrode"]["integer_electrons"] == 1


@pytest.mark.parametrize("q", [0.0, 0.3, -0.2])
@pytest.mark.parametrize("pairs", [1, 2])
def test_both_countings_are_one_number(q, pairs):
    """A + n (H+ + e-): Omega from each state's own neutral, or E + Phi N_e with all electrons; at q = 0 it is the CHE."""
    electrode, phi, she = HydrogenElectrode(bare(), pairs, g_h2=-6.8, ph=2.0), 3.9, 4.6
    states = {"A": (-10.0, 79, 0.5 * q), "AH": (-13.1, 79 + pairs, q)}  # E [eV], nuclear charge, net charge
    own = {k: e - phi * x for k, (e, _, x) in states.items()}
    every = {k: e + phi * (z - x) for k, (e, z, x) in states.items()}
    counted = own["AH"] - own["A"] - pairs * electrode.pair(phi, she)
    assert every["AH"] - every["A"] - pairs * electrode.proton(she) == pytest.approx(counted, abs=1e-10)
    rhe = phi - she + 0.0591597 * 2.0
    che = -3.1 + pairs * (3.4 + rhe)
    assert counted == pytest.approx(che - phi * 0.5 * q, abs=1e-5)


@pytest.mark.parametrize("change, message", [
    ({"pairs": 0}, "whole number of proton-electron pairs"), ({"pairs": True}, "whole number"), ({"pairs": 1.5}, "whole number"),
    ({"pairs": 2}, "lack 2 H of AuH2, got AuH"), ({"g_h2": float("nan")}, "G\\(H2\\) in eV"), ({"thermal": (0.0, 0.1)}, "4 thermal terms"),
    ({"ph": 40.0}, "pH"), ({"temperature": 20.0}, "temperature"),
])  # fmt: skip
def test_a_reservoir_that_does_not_fit_is_refused(change, message):
    model = HopToy()
    with pytest.raises(ValueError, match=message):
        barriers(*hop_ends("AuHH"), model, [0.0], hydrogen=HydrogenElectrode(**{"bare": bare(), "pairs": 1, "g_h2": -6.8, **change}))
    assert not model.calls


def wider():
    atoms = bare()
    atoms.set_cell(atoms.cell.array * 1.1)
    return atoms


@pytest.mark.parametrize("arguments, message", [
    ({"charges": [0.1]}, "got both"), ({"potentials": None}, "at least one finite"), ({"potentials": None, "charges": []}, "charges: expected a list"),
    ({"potentials": None, "charges": [float("nan")]}, r"finite number \[e\]"), ({"temperature": 300.0}, "does not use temperature"),
    ({"she_error": -0.1}, "she_error: expected"), ({"scf_noise": float("inf")}, "scf_noise: expected"),
    ({"reference": "RHE", "ph": 7.0, "hydrogen": HydrogenElectrode(bare(), 1, -6.8)}, "the ph of the scale, 7.0"),
    ({"potentials": None, "charges": [0.0], "hydrogen": HydrogenElectrode(bare(), 1, -6.8)}, "held potentials"),
    ({"hydrogen": HydrogenElectrode(wider(), 1, -6.8)}, "in the cell of the end states"),
])  # fmt: skip
def test_mistakes_are_refused_before_any_work(arguments, message):
    model = HopToy()
    with pytest.raises(ValueError, match=message):
        barriers(*hop_ends("AuHH"), **{"model": model, "potentials": [0.0], **arguments})
    assert not model.calls


def test_a_bare_state_that_does_not_relax_is_an_error():
    with pytest.raises(ValueError, match="bare state did not relax at 4.440 V"):
        barriers(*hop_ends("AuHH"), HopToy(), [0.0], hydrogen=HydrogenElectrode(hop_ends()[0], 1, -6.8), max_steps=1)


def test_potentials_of_a_warm_electrolyte():
    model = HopToy()
    (row,) = barriers(*hop_ends(), model, [0.0], "RHE", ph=7.0, temperature=350.0, **TIGHT).rows
    assert row.potential_absolute_V == pytest.approx(4.44 - 7 * nernst_slope(350.0)) and "350 K" in row.reference
    assert row.barrier_eV == pytest.approx(model.barrier(row.potential_absolute_V), abs=1e-3)


def test_strict_stops_before_the_bands():
    model = HopToy()
    model.card = ModelCard(potential_range=(4.0, 4.5))
    with pytest.raises(ValueError, match=r"\+0.300 V: potential 4.74 V absolute is outside"):
        barriers(*hop_ends(), model, [0.0, 0.3], strict=True)
    assert set(model.sizes) == {2} and model.calls == 2


def test_the_errors_of_a_barrier_are_listed_and_added_in_squares():
    model = HopToy(HopConfig(lean=0.2))
    model.card = ModelCard(potential_range=(4.2, 4.4), surface_charge_range=(-1.0, 1.0))
    with pytest.warns(UserWarning, match="outside the trained range"):
        (row,) = barriers(*hop_ends(), model, [0.0], she_error=0.1, scf_noise=0.003, curvature=True, fmax=0.1).rows
    budget = row.error_budget
    assert budget.she_zero_eV == pytest.approx(0.1 * row.barrier_slope_e) and budget.scf_noise_eV == pytest.approx(0.003 * 2**0.5)
    assert budget.committee_eV is None and budget.force_residual_eV == pytest.approx(abs(row.curvature.barrier_eV - row.barrier_eV))
    assert budget.total_eV == pytest.approx(np.sqrt(budget.she_zero_eV**2 + budget.scf_noise_eV**2 + budget.force_residual_eV**2))
    assert budget.beyond_potential_V == pytest.approx(0.04) and budget.beyond_charge_e_per_A2 == 0.0
    (plain,) = barriers(*hop_ends(), HopToy(), [0.0]).rows
    assert plain.error_budget.total_eV is None and plain.error_budget.beyond_potential_V is None
    assert in_squares(None, 3.0, 4.0) == 5.0 and in_squares(None) is None and Sigmas().she is None


def test_transition_states_are_structures():
    table = barriers(*hop_ends(), HopToy(), [0.0, 0.3], **TIGHT)
    for row, atoms in zip(table.rows, table.transition_states):
        assert row.transition_state == 3 and atoms.positions[-1, 0] == pytest.approx(0.0, abs=1e-6)
        assert -atoms.info["eir_n_excess"] == row.charge_e[3] == pytest.approx(row.charge_e[0] + row.charge_difference_e)
        assert row.path_potential_V == pytest.approx([row.potential_V] * 7)
    uphill = barriers(*hop_ends(), HopToy(HopConfig(tilt=1.5)), [0.0], relax_endpoints=False, max_steps=50)
    assert uphill.transition_states == (None,)
