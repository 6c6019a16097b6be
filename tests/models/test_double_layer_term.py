"""The double layer as a term: the closed forms in series, derivatives, and a reservoir of nonlinear capacitance."""

import numpy as np
import pytest
import torch
from ase.build import fcc111
from toys import ChargeToy, ToyConfig, one_atom, work_function

from electrode.models.double_layer import DoubleLayerTerm, DoubleLayerTermConfig
from electrode.models.store import from_plain, save_model
from electrode.models.sum import Sum
from electrode.physics.double_layer import Bikerman, DiffuseLayer, Electrolyte, GouyChapman, GouyChapmanStern, Helmholtz, Ion, Stern
from electrode.state import Control, Structure
from electrode.testing import Case, ModelContract
from electrode.thermo import evaluate
from electrode.units import EPSILON_0

SALT = Electrolyte.symmetric(0.1)
SIZED = Electrolyte.symmetric(0.1, diameter=6.0)
LAYERS = {
    "helmholtz": (DoubleLayerTermConfig("helmholtz"), Helmholtz(3.0, 6.0)),
    "gouy-chapman": (DoubleLayerTermConfig("gouy-chapman"), GouyChapman(SALT)),
    "gouy-chapman-stern": (DoubleLayerTermConfig(), GouyChapmanStern(SALT)),
    "bikerman": (DoubleLayerTermConfig("bikerman", diameters=(6.0, 6.0)), Bikerman(SIZED)),
    "bikerman with layer": (
        DoubleLayerTermConfig("bikerman", diameters=(6.0, 6.0), stern_thickness=2.0, stern_permittivity=5.0),
        Stern(Helmholtz(2.0, 5.0), Bikerman(SIZED)),
    ),
    "modified": (
        DoubleLayerTermConfig("modified-poisson-boltzmann", (0.1, 0.2), (2, -1), (7.0, 5.0), temperature=320.0),
        DiffuseLayer(Electrolyte([Ion(2, 0.1, 7.0), Ion(-1, 0.2, 5.0)], 320.0)),
    ),
}  # fmt: skip
AREA = 9.0


def structure(n=1):
    return Structure.from_atoms([one_atom(k) for k in range(n)])


@pytest.fixture(params=LAYERS)
def pair(request):
    return LAYERS[request.param]


def test_with_a_linear_energy_the_capacitance_is_that_of_the_double_layer(pair):
    config, layer = pair
    place, potentials = structure(), np.linspace(-0.3, 0.3, 7)
    zero = work_function(place.positions).item()
    out = evaluate(Sum(ChargeToy(ToyConfig(stiffness=0.0)), DoubleLayerTerm(config)), place.repeat(7), Control(potential=potentials + zero))
    assert np.abs(out["charge"].numpy() - AREA * layer.charge(potentials)).max() < 1e-8
    assert np.abs(out["capacitance"].numpy() / (AREA * layer.differential_capacitance(potentials)) - 1.0).max() < 1e-6


def test_in_series_with_a_capacitor_inverse_capacitances_add(pair):
    config, layer = pair
    place, charges = structure(), np.array([-0.2, -0.01, 0.0, 0.03, 0.15])
    zero = work_function(place.positions).item()
    outer = layer.potential(charges / AREA)
    potential = zero + charges / 0.4 + outer
    model = Sum(ChargeToy(), DoubleLayerTerm(config))
    out = evaluate(model, place.repeat(5), Control(potential=potential))
    expected = 1.0 / (1.0 / 0.4 + 1.0 / (AREA * layer.differential_capacitance(outer)))
    assert np.abs(out["charge"].numpy() - charges).max() < 1e-9
    assert np.abs(out["capacitance"].numpy() - expected).max() < 1e-9
    bare = evaluate(ChargeToy(), place.repeat(5), Control(charge=charges))
    assert np.abs((out["canonical_energy"] - bare["canonical_energy"]).numpy() - AREA * layer.energy(charges / AREA)).max() < 1e-9
    assert (out["forces"] - bare["forces"]).abs().max() < 1e-9


def test_charge_is_minus_the_slope_of_omega(pair):
    model, place, step = Sum(ChargeToy(ToyConfig(capacitance=1.5)), DoubleLayerTerm(pair[0])), structure(), 1e-3
    potential = np.array([4.1, 4.8]) + step * np.array([[-2], [-1], [1], [2]])
    omega = evaluate(model, place.repeat(8), Control(potential=potential.ravel()))["grand_energy"].reshape(4, 2)
    slope = (omega[0] - 8 * omega[1] + 8 * omega[2] - omega[3]) / (12 * step)
    assert (evaluate(model, place.repeat(2), Control(potential=[4.1, 4.8]))["charge"] + slope).abs().max() < 1e-8


def test_gouy_chapman_is_least_at_the_potential_of_zero_charge_and_has_its_value_there():
    place = structure()
    zero = work_function(place.positions).item()
    model = Sum(ChargeToy(ToyConfig(stiffness=0.0)), DoubleLayerTerm(DoubleLayerTermConfig("gouy-chapman")))
    potential = zero + np.linspace(-0.2, 0.2, 41)
    found = evaluate(model, place.repeat(41), Control(potential=potential))
    capacitance = found["capacitance"].numpy()
    assert capacitance.argmin() == 20 and capacitance[20] == pytest.approx(AREA * EPSILON_0 * SALT.permittivity.value / SALT.debye_length, rel=1e-8)
    assert abs(found["charge"][20].item()) < 1e-9 and np.allclose(capacitance, capacitance[::-1], rtol=1e-6)


def test_derivatives_by_torch_and_no_third_one(pair):
    term, place = DoubleLayerTerm(pair[0]), structure(3)
    charge = torch.tensor([-0.1, 0.02, 0.2], dtype=torch.float64, requires_grad=True)
    energy = lambda q: term(place, Control(charge=q), {})["natural_energy"]
    assert torch.autograd.gradcheck(energy, charge, atol=1e-7, rtol=1e-6)
    assert torch.autograd.gradgradcheck(energy, charge, atol=1e-6, rtol=1e-5)
    (first,) = torch.autograd.grad(energy(charge).sum(), charge, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), charge, create_graph=True)
    with pytest.raises(RuntimeError, match="a third was asked for"):
        torch.autograd.grad(second.sum(), charge)


def test_two_sides_share_the_charge_and_areas_are_those_of_the_systems():
    atoms = [one_atom(0), one_atom(1)]
    atoms[1].set_cell([3.0, 6.0, 20.0])
    place, charge = Structure.from_atoms(atoms), np.array([0.1, 0.2])
    one, both = (evaluate(DoubleLayerTerm(DoubleLayerTermConfig(sides=k)), place, Control(charge=charge * k)) for k in (1, 2))
    assert (both["natural_energy"] - 2 * one["natural_energy"]).abs().max() < 1e-14
    assert (both["potential"] - one["potential"]).abs().max() < 1e-14
    assert one["natural_energy"][1].item() == pytest.approx(2 * one["natural_energy"][0].item(), abs=1e-14)
    assert not one["forces"].any()


@pytest.mark.parametrize(
    "entries, match",
    [
        ({"model": "stern"}, "expected one of helmholtz.*got 'stern'"),
        ({"sides": 3}, "expected 1 or 2, got 3"),
        ({"valences": (1,)}, "for each kind of ion"),
        ({"model": "gouy-chapman", "stern_thickness": 3.0}, "drop it, or use gouy-chapman-stern"),
        ({"valences": (2, -1)}, "neutral together"),
        ({"model": "bikerman"}, "one diameter"),
        ({"stern_thickness": 0.0}, "positive thickness"),
    ],
)
def test_mistakes_are_named(entries, match):
    with pytest.raises(ValueError, match=match):
        DoubleLayerTermConfig(**entries)


def test_configuration_is_plain_and_a_potential_is_refused():
    config = LAYERS["modified"][0]
    plain = {"model": config.model, "concentrations": [0.1, 0.2], "valences": [2, -1], "diameters": [7, 5], "temperature": 320.0}
    assert from_plain(DoubleLayerTermConfig, plain) == config
    with pytest.raises(ValueError, match="holds the charge"):
        DoubleLayerTerm()(structure(), Control(potential=4.0), {})


class TestDoubleLayerAlone(ModelContract):
    @pytest.fixture
    def case(self):
        atoms = [fcc111("Au", (1, 1, 2), vacuum=6.0), fcc111("Au", (1, 1, 2), vacuum=6.0)]
        atoms[1].set_cell(atoms[1].cell * [[1.1], [1.0], [1.0]], scale_atoms=True)
        for image in atoms:
            image.pbc = (True, True, False)
        return Case(DoubleLayerTerm(DoubleLayerTermConfig(concentrations=(1.0, 1.0))), atoms, charge=0.02, potential=0.2)

    def test_saved_and_loaded_it_is_the_same(self, case, tmp_path):
        """Of no scheme: its configuration is enough to build it again."""
        with pytest.raises(ValueError, match="got DoubleLayerTerm"):
            save_model(case.model, tmp_path / "model")
