"""A charge-natural model at fixed potential: the same model through `evaluate`, with exact second derivatives."""

import pytest
import torch
from ase import Atoms
from ase.build import fcc111
from toys import ChargeToy, FieldToy, PotentialToy, ToyConfig, one_atom

from electrode.models.baseline import Baseline
from electrode.models.double_layer import DoubleLayerTerm
from electrode.models.grand import Grand
from electrode.models.store import save_model
from electrode.models.sum import Sum
from electrode.state import Control, Structure
from electrode.thermo import evaluate

BENT = ToyConfig(capacitance=0.5, quartic=0.3, spread=0.1)
MODELS = {
    "capacitor": ChargeToy(),
    "bent": ChargeToy(BENT),
    "double layer": Sum(ChargeToy(ToyConfig(capacitance=2.0)), DoubleLayerTerm()),
    "baseline": Baseline(),
}


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]


def structure(n=2):
    return Structure.from_atoms([one_atom(k) for k in range(n)])


def slab(n=1):
    atoms = fcc111("Cu", (1, 1, 2), vacuum=8.0)
    atoms.pbc = (True, True, False)
    atoms += Atoms("H", atoms.positions[-1:] + [0.3, 0.2, 1.6])
    images = [atoms.copy() for _ in range(n)]
    for k, image in enumerate(images):
        image.rattle(0.08, seed=k)
    return Structure.from_atoms(images)


def scalar(model, place, positions, x):
    """The scalar of one system as a function of its positions and natural variable."""
    moved = place.at(positions)
    return model(moved, Control(**{model.natural: x}), model.describe(moved))["natural_energy"].sum()


@pytest.mark.parametrize("control", [Control(charge=[0.15, -0.2]), Control(potential=[4.2, 5.1])])
def test_it_is_the_model_at_both_controls(model, control):
    place = slab(2) if model is MODELS["baseline"] else structure()
    a, b = (evaluate(m, place, control) for m in (model, Grand(model)))
    for name in ("canonical_energy", "grand_energy", "forces", "charge", "potential", "capacitance", "excess_electrons"):
        assert (a[name] - b[name]).abs().max() < 1e-8, name
    assert torch.equal(b["natural_energy"], b["grand_energy"])


def test_second_derivatives_are_those_of_the_exact_minimum(model):
    place = slab() if model is MODELS["baseline"] else structure(1)
    charge = torch.tensor([0.13], dtype=torch.float64)
    potential = evaluate(model, place, Control(charge=charge))["potential"]
    size = place.positions.numel()
    hessian = lambda m, x: torch.autograd.functional.hessian(lambda r, x: scalar(m, place, r, x), (place.positions, x))
    (rr, rx), (xr, xx) = hessian(Grand(model), potential)
    (err, erq), (_, eqq) = hessian(model, charge)
    mixed = erq.reshape(size, 1)
    assert mixed.abs().max() > 0.01
    assert (rr.reshape(size, size) - (err.reshape(size, size) - mixed @ mixed.T / eqq)).abs().max() < 1e-8
    assert (rx.reshape(size, 1) - mixed / eqq).abs().max() < 1e-8  # -dQ/dR at fixed Phi
    assert (xr.reshape(size, 1) - mixed / eqq).abs().max() < 1e-8
    assert abs(xx.item() + 1.0 / eqq.item()) < 1e-8


def test_all_derivatives_up_to_the_third_are_those_of_the_closed_form():
    config = ToyConfig(capacitance=0.5, spread=0.1)
    place, potential = structure(1), torch.tensor([5.2], dtype=torch.float64, requires_grad=True)
    direction = torch.tensor([[0.3, -0.5, 0.4]], dtype=torch.float64)
    along = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    found = []
    for model in (Grand(ChargeToy(config)), PotentialToy(config)):
        values = [scalar(model, place, place.positions + along * direction, potential + 0.7 * along)]
        for _ in range(3):
            values.append(torch.autograd.grad(values[-1], along, create_graph=True)[0].sum())
        found.append(torch.stack(values).detach())
    assert (found[0] - found[1]).abs().max() < 1e-8
    assert found[0].abs().min() > 1e-3


def test_third_derivative_in_the_potential_of_a_bent_energy():
    model, place = ChargeToy(BENT), structure(1)
    potential = torch.tensor([5.2], dtype=torch.float64, requires_grad=True)
    value = scalar(Grand(model), place, place.positions, potential)
    for _ in range(3):
        (value,) = torch.autograd.grad(value.sum(), potential, create_graph=True)
    out = evaluate(model, place, Control(potential=5.2))
    stiffness = 1.0 / out["capacitance"]
    assert value.item() == pytest.approx((24 * BENT.quartic * out["charge"] / stiffness**3).item(), abs=1e-8)


def test_parameters_of_the_model_learn_from_charges_and_forces():
    class Learnt(ChargeToy):
        def __init__(self, shift):
            super().__init__(BENT)
            self.shift = torch.nn.Parameter(torch.tensor(shift, dtype=torch.float64))

        def forward(self, structure, control, description):
            energy = super().forward(structure, control, description)["natural_energy"]
            return {"natural_energy": energy + torch.sin(self.shift * structure.total(description["positions"][:, 2])) * control.charge}

    place, control = structure(), Control(potential=4.9)
    loss = lambda model: (lambda out: (out["charge"] ** 2).sum() + (out["forces"] ** 2).sum())(evaluate(Grand(model), place, control, create_graph=True))
    model = Learnt(0.4)
    loss(model).backward()
    h = 1e-4
    at = lambda k: loss(Learnt(0.4 + k * h)).item()
    assert model.shift.grad.item() == pytest.approx((at(-2) - 8 * at(-1) + 8 * at(1) - at(2)) / (12 * h), abs=1e-8)


def test_a_field_is_passed_on():
    place, control = structure(), Control(potential=4.9, field=[[0.1, 0.0, -0.2]])
    a, b = (evaluate(m, place, control) for m in (FieldToy(), Grand(FieldToy())))
    for name in ("dipole", "forces", "charge", "grand_energy", "enthalpy"):
        assert (a[name] - b[name]).abs().max() < 1e-9


def test_single_precision_and_no_gradients_around_it():
    single = Structure.from_atoms(one_atom(), dtype=torch.float32)
    out = evaluate(Grand(ChargeToy(BENT)), single, Control(potential=torch.tensor([4.9])))
    assert out["charge"].dtype == torch.float32
    exact = evaluate(ChargeToy(BENT), structure(1), Control(potential=4.9))["charge"].item()
    assert out["charge"].item() == pytest.approx(exact, abs=1e-5)
    model, place = Grand(ChargeToy(BENT)), structure(1)
    with torch.no_grad():
        plain = model(place, Control(potential=4.9), model.describe(place))["natural_energy"]
    assert plain.item() == pytest.approx(evaluate(model, place, Control(potential=4.9))["grand_energy"].item(), abs=1e-12)


def test_mistakes_are_named(tmp_path):
    place = structure(1)
    with pytest.raises(ValueError, match="natural charge, got PotentialToy"):
        Grand(PotentialToy())
    with pytest.raises(ValueError, match="negative capacitance.*trained range"):
        evaluate(Grand(ChargeToy(ToyConfig(stiffness=-1.0))), place, Control(potential=5.0))
    with pytest.raises(ValueError, match="negative capacitance|target not reached"):
        evaluate(Grand(ChargeToy(ToyConfig(stiffness=0.0))), place, Control(potential=5.0))
    model = Grand(ChargeToy())
    with pytest.raises(ValueError, match="holds the potential"):
        model(place, Control(charge=0.1), model.describe(place))
    with pytest.raises(ValueError, match="one of the schemes.*got Grand"):
        save_model(model, tmp_path / "model")
