"""Derivatives and the Legendre transform, on models whose every number is known in closed form."""

import numpy as np
import pytest
import torch
from toys import ChargeToy, FieldToy, PotentialToy, ToyConfig, base_energy, one_atom, work_function

from electrode.models.base import Model, ModelCard
from electrode.state import Control, Structure
from electrode.thermo import NegativeCapacitance, NoStableState, evaluate

SYSTEMS = [one_atom(k) for k in range(4)]
STRUCTURE = Structure.from_atoms(SYSTEMS)
PHI0 = work_function(STRUCTURE.positions)
E0 = base_energy(STRUCTURE.positions)


def test_capacitor_at_fixed_charge_in_closed_form():
    out = evaluate(ChargeToy(), STRUCTURE, Control(charge=0.23))
    torch.testing.assert_close(out["canonical_energy"], E0 + PHI0 * 0.23 + 0.23**2 / 0.8, rtol=0, atol=1e-13)
    torch.testing.assert_close(out["potential"], PHI0 + 0.23 / 0.4, rtol=0, atol=1e-13)
    torch.testing.assert_close(out["capacitance"], torch.full_like(PHI0, 0.4), rtol=0, atol=1e-13)
    assert torch.equal(out["excess_electrons"], -out["charge"])


@pytest.mark.parametrize("model", [ChargeToy(), PotentialToy()])
def test_capacitor_at_fixed_potential_in_closed_form(model):
    out = evaluate(model, STRUCTURE, Control(potential=4.0))
    torch.testing.assert_close(out["charge"], 0.4 * (4.0 - PHI0), rtol=0, atol=1e-8)
    torch.testing.assert_close(out["grand_energy"], E0 - 0.2 * (4.0 - PHI0) ** 2, rtol=0, atol=1e-13)
    torch.testing.assert_close(out["canonical_energy"], out["grand_energy"] + 4.0 * out["charge"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [ChargeToy, PotentialToy])
@pytest.mark.parametrize("held", ["charge", "potential"])
def test_first_derivatives_to_1e8(kind, held):
    model = kind(ToyConfig(quartic=0.05, spread=0.1))
    value = {"charge": 0.21, "potential": 4.3}[held]
    name, sign, conjugate = {"charge": ("canonical_energy", 1.0, "potential"), "potential": ("grand_energy", -1.0, "charge")}[held]
    out = evaluate(model, STRUCTURE, Control(**{held: value}))
    h, weights = 2e-3, np.array([1, -8, 0, 8, -1]) / 12
    along = [evaluate(model, STRUCTURE, Control(**{held: value + k * h}))[name] for k in (-2, -1, 0, 1, 2)]
    slope = sum(w * e for w, e in zip(weights, along)) / h
    assert (sign * slope - out[conjugate]).abs().max() < 1e-8
    for atom in range(4):
        for axis in range(3):
            moved = []
            for k in (-2, -1, 1, 2):
                positions = STRUCTURE.positions.clone()
                positions[atom, axis] += k * h
                moved.append(evaluate(model, STRUCTURE.at(positions), Control(**{held: value}))[name][atom])
            force = -(moved[0] - 8 * moved[1] + 8 * moved[2] - moved[3]) / (12 * h)
            assert abs(force - out["forces"][atom, axis]) < 1e-8


@pytest.mark.parametrize("kind", [ChargeToy, PotentialToy])
def test_second_derivatives_to_1e8(kind):
    model, h = kind(ToyConfig(quartic=0.05, spread=0.1)), 2e-3
    at = lambda **control: evaluate(model, STRUCTURE, Control(**control))
    state = at(potential=4.3)
    stencil = lambda f: (f(-2) - 8 * f(-1) + 8 * f(1) - f(2)) / (12 * h)
    capacitance = stencil(lambda k: at(potential=4.3 + k * h)["charge"])
    assert (capacitance - state["capacitance"]).abs().max() < 1e-8
    # Maxwell: dF/dQ = -dPhi/dR at fixed charge, dF/dPhi = dQ/dR at fixed potential
    q = state["charge"]
    force_in_charge = stencil(lambda k: at(charge=q + k * h)["forces"][1, 2])
    force_in_potential = stencil(lambda k: at(potential=4.3 + k * h)["forces"][1, 2])

    def moved(k, **control):
        positions = STRUCTURE.positions.clone()
        positions[1, 2] += k * h
        return evaluate(model, STRUCTURE.at(positions), Control(**control))

    assert abs(force_in_charge + stencil(lambda k: moved(k, charge=q)["potential"][1])) < 1e-8
    assert abs(force_in_potential - stencil(lambda k: moved(k, potential=4.3)["charge"][1])) < 1e-8


def test_hessian_at_fixed_potential_is_softer_by_the_capacitance():
    model, h = ChargeToy(ToyConfig(spread=0.1)), 2e-3
    state = evaluate(model, STRUCTURE, Control(potential=4.3))

    def along_z(k, name, **control):
        positions = STRUCTURE.positions.clone()
        positions[0, 2] += k * h
        out = evaluate(model, STRUCTURE.at(positions), Control(**control))
        return out["forces"][0, 2] if name == "forces" else out[name][0]

    slope = lambda name, **c: (along_z(-2, name, **c) - 8 * along_z(-1, name, **c) + 8 * along_z(1, name, **c) - along_z(2, name, **c)) / (12 * h)
    fixed_potential, fixed_charge = -slope("forces", potential=4.3), -slope("forces", charge=state["charge"])
    g = slope("potential", charge=state["charge"])
    assert abs(fixed_potential - (fixed_charge - state["capacitance"][0] * g**2)) < 1e-8
    assert fixed_potential < fixed_charge


def test_both_natural_variables_of_one_capacitor_are_one_model():
    a, b = (evaluate(m, STRUCTURE, Control(charge=-0.4)) for m in (ChargeToy(), PotentialToy()))
    for name in ("canonical_energy", "grand_energy", "potential", "forces", "capacitance"):
        torch.testing.assert_close(a[name], b[name], rtol=0, atol=1e-8)


def test_a_field_gives_dipole_and_polarisability():
    field = torch.tensor([[0.02, -0.05, 0.1]], dtype=torch.float64)
    out = evaluate(FieldToy(), STRUCTURE, Control(potential=4.2, field=field))
    expected = out["charge"][:, None] * torch.tanh(STRUCTURE.positions) + 0.7 * field
    torch.testing.assert_close(out["dipole"], expected, rtol=0, atol=1e-12)
    h = 1e-4
    normal = torch.tensor([[0.0, 0.0, 0.1]], dtype=torch.float64)  # a net charge has no energy in a field along its periods
    up, down = (evaluate(FieldToy(), STRUCTURE, Control(charge=0.3, field=normal + torch.tensor([0, 0, s * h])))["enthalpy"] for s in (1, -1))
    middle = evaluate(FieldToy(), STRUCTURE, Control(charge=0.3, field=normal))["dipole"][:, 2]
    assert (-(up - down) / (2 * h) - middle).abs().max() < 1e-8


def test_zero_volts_and_zero_charge_are_values():
    assert (evaluate(ChargeToy(), STRUCTURE, Control(charge=0.0))["charge"] == 0).all()
    out = evaluate(ChargeToy(), STRUCTURE, Control(potential=0.0))
    torch.testing.assert_close(out["charge"], -0.4 * PHI0, rtol=0, atol=1e-8)


def test_each_system_of_a_batch_may_have_its_own_value():
    wanted = torch.tensor([3.0, 3.7, 4.4, 5.1], dtype=torch.float64)
    out = evaluate(ChargeToy(ToyConfig(quartic=0.3)), STRUCTURE, Control(potential=wanted))
    assert (out["potential"] - wanted).abs().max() < 1e-8
    single = [evaluate(ChargeToy(ToyConfig(quartic=0.3)), Structure.from_atoms(a), Control(potential=w)) for a, w in zip(SYSTEMS, wanted)]
    torch.testing.assert_close(out["charge"], torch.cat([s["charge"] for s in single]), rtol=0, atol=1e-9)


class Counting(ChargeToy):
    calls = 0

    def forward(self, *args):
        Counting.calls += 1
        return super().forward(*args)


def test_a_guess_saves_steps():
    model = Counting(ToyConfig(quartic=0.5))
    cold = evaluate(model, STRUCTURE, Control(potential=5.6))
    first, Counting.calls = Counting.calls, 0
    evaluate(model, STRUCTURE, Control(potential=5.6), guess=cold["charge"])
    assert Counting.calls < first - 2


def test_negative_capacitance_is_an_error_that_lists_what_was_tried():
    for model in (ChargeToy(ToyConfig(stiffness=-1.0)), PotentialToy(ToyConfig(stiffness=-1.0))):
        held = "potential" if model.natural == "charge" else "charge"
        with pytest.raises(NegativeCapacitance, match=r"system \d.*negative capacitance.*\(Q, Phi\): \(.* e, .* V\)"):
            evaluate(model, STRUCTURE, Control(**{held: 4.0 if held == "potential" else 0.1}))


class Saturated(Model):
    """Phi = 4.5 + tanh(Q): no charge gives more than 5.5 V."""

    natural = "charge"

    def forward(self, structure, control, description):
        q = control.charge
        return {"natural_energy": 0.0 * structure.total(description["positions"][:, 0]) + 4.5 * q + torch.log(torch.cosh(q))}


def test_an_unreachable_potential_is_an_error_that_lists_what_was_tried():
    with pytest.raises(NoStableState, match=r"potential = 6 V.*Tried \d+ pairs"):
        evaluate(Saturated(), STRUCTURE, Control(potential=6.0))
    out = evaluate(Saturated(), STRUCTURE, Control(potential=5.4))
    torch.testing.assert_close(out["charge"], torch.full_like(PHI0, np.arctanh(0.9)), rtol=0, atol=1e-6)


class Cubic(Model):
    """E bends down at small Q and up at large: the search starts where the capacitance is negative."""

    natural = "charge"

    def forward(self, structure, control, description):
        q = control.charge
        return {"natural_energy": 0.0 * structure.total(description["positions"][:, 0]) + 4.5 * q - 0.1 * q**2 + q**4}


def test_the_guarded_search_finds_the_stable_state_past_a_concave_start():
    model = Cubic()
    out = evaluate(model, STRUCTURE, Control(potential=5.0))
    assert (out["potential"] - 5.0).abs().max() < 1e-8 and (out["capacitance"] > 0).all()


def test_the_search_starts_inside_the_trained_range():
    model = Counting()
    model.card = ModelCard(surface_charge_range=(0.01, 0.03))
    Counting.calls = 0
    out = evaluate(model, STRUCTURE, Control(potential=float(PHI0[0]) + 0.02 * 9.0 / 0.4))
    assert abs(out["charge"][0] - 0.18) < 1e-8


def test_graphs_survive_for_training():
    model = ChargeToy(ToyConfig(spread=0.1))
    scale = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))
    forward = model.forward
    model.forward = lambda *a: {"natural_energy": scale * forward(*a)["natural_energy"]}
    out = evaluate(model, STRUCTURE, Control(charge=0.2), create_graph=True)
    out["forces"].square().sum().backward()
    assert scale.grad is not None and abs(scale.grad) > 0


def test_a_graph_through_the_variable_that_is_solved_for_is_refused():
    with pytest.raises(ValueError, match="natural variable, charge, to be held; got potential"):
        evaluate(ChargeToy(), STRUCTURE, Control(potential=4.0), create_graph=True)


def test_a_wrong_number_of_values_is_refused():
    with pytest.raises(ValueError, match="expected 1 or 4 values"):
        evaluate(ChargeToy(), STRUCTURE, Control(potential=[4.0, 4.1]))
