"""Sums: what adds up at fixed charge and at fixed potential, what is refused, and the contract."""

import numpy as np
import pytest
import torch
from ase.build import fcc111, molecule
from teacher import interface, pupil
from toys import ChargeToy, FieldToy, PotentialToy, ToyConfig, one_atom, work_function

from electrode.models.base import Model, ModelCard
from electrode.models.baseline import Baseline
from electrode.models.double_layer import DoubleLayerTerm, DoubleLayerTermConfig
from electrode.models.grand import Grand
from electrode.models.store import save_model
from electrode.models.sum import Sum
from electrode.state import Control, Structure
from electrode.testing import Case, ModelContract, numerical_forces
from electrode.thermo import evaluate

A, B = 0.4, 1.1  # capacitances [e/V]


class Carded(ChargeToy):
    def __init__(self, **card):
        super().__init__()
        self.card = ModelCard(**card)


class Members(ChargeToy):
    """Two members, one 0.2 eV above the other."""

    def forward(self, structure, control, description):
        out = super().forward(structure, control, description)
        apart = torch.tensor([-0.1, 0.1], dtype=torch.float64)
        return out | {"member_energies": out["natural_energy"].detach()[:, None] + apart}


def two(kind):
    return kind(ToyConfig(capacitance=A)), kind(ToyConfig(capacitance=B))


def test_capacitors_summed_in_e_are_in_series_and_summed_in_omega_side_by_side():
    structure, potential = Structure.from_atoms(one_atom()), 6.0
    zero = work_function(structure.positions).item()
    series, beside = Sum(*two(ChargeToy)), Sum(*map(Grand, two(ChargeToy)))
    a, b = (evaluate(m, structure, Control(potential=potential)) for m in (series, beside))
    assert a["capacitance"].item() == pytest.approx(A * B / (A + B), abs=1e-12)
    assert a["charge"].item() == pytest.approx(A * B / (A + B) * (potential - 2 * zero), abs=1e-10)
    assert b["capacitance"].item() == pytest.approx(A + B, abs=1e-12)
    assert b["charge"].item() == pytest.approx((A + B) * (potential - zero), abs=1e-10)
    assert abs(a["grand_energy"] - b["grand_energy"]).item() > 0.1
    assert beside.natural == "potential" and series.natural == "charge"


def test_grand_terms_stand_beside_terms_of_natural_potential():
    structure = Structure.from_atoms([one_atom(0), one_atom(1)])
    first, second = two(ChargeToy)
    mixed, same = Sum(Grand(first), two(PotentialToy)[1]), Sum(*two(PotentialToy))
    for control in (Control(potential=4.7), Control(charge=0.2)):
        a, b = (evaluate(m, structure, control) for m in (mixed, same))
        for name in ("grand_energy", "canonical_energy", "forces", "charge", "potential", "capacitance"):
            assert (a[name] - b[name]).abs().max() < 1e-9
    with pytest.raises(ValueError, match="ChargeToy .charge., PotentialToy .potential.. .*inverse capacitances.*Grand"):
        Sum(first, two(PotentialToy)[1])


def test_the_sum_of_one_is_the_model():
    structure, control = Structure.from_atoms(one_atom()), Control(potential=4.7)
    a, b = (evaluate(m, structure, control) for m in (ChargeToy(), Sum(Sum(ChargeToy()))))
    assert torch.equal(a["grand_energy"], b["grand_energy"]) and torch.equal(a["forces"], b["forces"])
    with pytest.raises(ValueError, match="at least one"):
        Sum()


def test_the_field_goes_to_the_terms_that_read_one():
    structure, control = Structure.from_atoms(one_atom()), Control(charge=0.3, field=[[0.0, 0.0, -0.2]])
    alone, both = FieldToy(), Sum(ChargeToy(), FieldToy())
    assert both.uses_field and not Sum(ChargeToy()).uses_field
    a, b, c = evaluate(alone, structure, control), evaluate(both, structure, control), evaluate(ChargeToy(), structure, Control(charge=0.3))
    assert (b["dipole"] - a["dipole"]).abs().max() < 1e-14
    assert (b["enthalpy"] - a["enthalpy"] - c["canonical_energy"]).abs().item() < 1e-12


def test_extras_come_from_one_term():
    atoms = slab(0)
    model, structure = Sum(DoubleLayerTerm(), Baseline()), Structure.from_atoms(atoms)
    assert set(model.kernels(structure)) == {"1.interface"}
    assert set(model.describe(structure)) == {"0.positions", "1.interface", "1.charges"}
    assert evaluate(model, structure, Control(charge=0.2))["atomic_charges"].sum().item() == pytest.approx(0.2)
    with pytest.raises(ValueError, match="atomic_charges from two"):
        evaluate(Sum(Baseline(), Baseline()), structure, Control(charge=0.2))


def test_members_of_a_committee_are_told_with_the_other_terms():
    structure, potential = Structure.from_atoms(one_atom()), 5.0
    for model in (Sum(ChargeToy(), Members()), Sum(Grand(ChargeToy()), Grand(Members()))):
        out = evaluate(model, structure, Control(**{model.natural: 0.1 if model.natural == "charge" else potential}))
        assert out["member_energies"].mean(1).item() == pytest.approx(out["natural_energy"].item(), abs=1e-12)


def test_the_card_is_the_first_one_with_what_all_terms_share():
    first = Carded(method_ids=("a",), elements=(1, 8, 79), potential_range=(3.0, 5.0), she_absolute=4.6)
    second = Carded(method_ids=("b",), elements=(1, 79), potential_range=(4.0, 6.0), surface_charge_range=(-0.01, 0.01))
    expected = ModelCard(("a",), elements=(1, 79), potential_range=(4.0, 5.0), surface_charge_range=(-0.01, 0.01), she_absolute=4.6)
    assert Sum(first, second, ChargeToy()).card == expected
    with pytest.raises(ValueError, match="overlap, got potential_range"):
        Sum(first, Carded(potential_range=(5.5, 6.0)))


def test_what_a_class_states_is_true_of_a_sum_only_if_of_all_terms():
    class Loose(Model):
        variational = False

    assert not Sum(ChargeToy(), Loose()).variational and Sum(ChargeToy()).variational


@pytest.mark.parametrize("own", [{"conservative": False}, {"conjugate": "head"}])
def test_terms_with_heads_of_their_own_do_not_add_up(own):
    with pytest.raises(ValueError, match="Sum: expected .*a head of (its|their) own"):
        Sum(ChargeToy(), type("Headed", (Model,), own)())


def slab(seed):
    atoms = fcc111("Cu", (1, 1, 3), vacuum=8.0)
    atoms.pbc = (True, True, False)
    water = molecule("H2O")
    water.translate(atoms.positions[-1] + [0.2, 0.3, 2.2] - water.positions[0])
    atoms += water
    atoms.rattle(0.08, seed=seed)
    return atoms


class TestBaselineInSeriesWithADoubleLayer(ModelContract):
    @pytest.fixture
    def case(self):
        return Case(Sum(Baseline(), DoubleLayerTerm(DoubleLayerTermConfig(concentrations=(1.0, 1.0)))), [slab(0), slab(1)], charge=0.03, potential=4.6)

    def test_saved_and_loaded_it_is_the_same(self, case, tmp_path):
        """Not saved: its terms are."""
        with pytest.raises(ValueError, match="one of the schemes.*got Sum"):
            save_model(case.model, tmp_path / "model")
        assert not (tmp_path / "model").exists()


def test_a_network_stands_beside_the_baseline_at_fixed_potential():
    network, systems = pupil(), [interface(seed=5), interface((2, 1, 2), height=2.6, water=True, seed=6)]
    both = Sum(Grand(Baseline()), network)
    structure, held = Structure.from_atoms(systems), Control(potential=5.0)
    out, *parts = (evaluate(m, structure, held) for m in (both, Grand(Baseline()), network))
    for name in ("grand_energy", "forces", "charge", "capacitance", "atomic_charges"):
        torch.testing.assert_close(out[name], parts[0][name] + parts[1][name], rtol=0, atol=1e-9)
    pairs = [(len(systems[0]) - 1, c) for c in range(3)]
    for control in (held, Control(charge=float(out["charge"][0]))):
        forces = evaluate(both, Structure.from_atoms(systems[0]), control)["forces"].numpy()
        assert np.abs(numerical_forces(both, systems[0], control, pairs) - forces[-1]).max() < 1e-6
