"""The baseline as a model: energy and charge, derivatives through torch, batches, fitted offsets."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import fcc111, molecule

from electrode.models.baseline import Baseline, BaselineConfig
from electrode.state import Control, Structure
from electrode.testing import Case, ModelContract


def interface(seed=0, metal="Cu"):
    atoms = fcc111(metal, (2, 1, 3), vacuum=8.0)
    atoms.pbc = (True, True, False)
    water = molecule("H2O")
    water.translate(atoms.positions[-1] + [0.2, 0.3, 2.2] - water.positions[0])
    atoms += water
    atoms.rattle(0.08, seed=seed)
    return atoms


def energy(model, structure, charge):
    control = Control(charge=charge)
    return model(structure, control, model.describe(structure))["natural_energy"]


def test_energy_is_quadratic_in_the_charge_and_phi_is_its_slope():
    model, structure = Baseline(), Structure.from_atoms(interface())
    charge = torch.tensor([0.3], dtype=torch.float64, requires_grad=True)
    (phi,) = torch.autograd.grad(energy(model, structure, charge).sum(), charge, create_graph=True)
    (stiffness,) = torch.autograd.grad(phi.sum(), charge)
    e0, phi0, inverse = model.kernels(structure)["interface"].values()[0]
    assert phi.item() == pytest.approx(phi0 + 0.3 * inverse, abs=1e-12)
    assert stiffness.item() == pytest.approx(inverse) and inverse > 0.0
    assert energy(model, structure, torch.zeros(1)).item() == pytest.approx(e0)
    assert 3.0 < phi0 < 7.0


def test_forces_and_maxwell_relation_and_second_derivatives():
    model, structure = Baseline(), Structure.from_atoms(interface())
    charge = torch.tensor([0.25], dtype=torch.float64, requires_grad=True)
    positions = structure.positions.clone().requires_grad_()
    rng = np.random.default_rng(0)
    v = torch.from_numpy(rng.normal(size=positions.shape))

    def gradients(shift=0.0, total=charge):
        moved = structure.at(positions + shift * v)
        return torch.autograd.grad(energy(model, moved, total).sum(), (positions, total), create_graph=True)

    slope, phi = gradients()
    h = 1e-3
    at = lambda k: energy(model, structure.at(structure.positions + k * h * v), charge.detach()).item()
    assert torch.sum(slope * v).item() == pytest.approx((8 * (at(1) - at(-1)) - at(2) + at(-2)) / (12 * h), abs=1e-7)
    bend, mixed = torch.autograd.grad(torch.sum(slope * v), (positions, charge), retain_graph=True)
    one = lambda k: gradients(k * h)
    want = (8 * (one(1)[0] - one(-1)[0]) - one(2)[0] + one(-2)[0]) / (12 * h)
    assert torch.allclose(bend, want, atol=1e-6)
    (along,) = torch.autograd.grad(phi.sum(), positions)
    assert mixed.item() == pytest.approx(torch.sum(along * v).item(), abs=1e-10)


def test_a_batch_equals_its_systems_one_by_one():
    images = [interface(1), Atoms("H", [[0.0, 0.0, 0.0]]), interface(2, "Au"), molecule("CH3OH")]
    model, charge = Baseline(), torch.tensor([0.2, 0.0, -0.4, 1.0], dtype=torch.float64)
    batch = Structure.from_atoms(images)
    out = model(batch, Control(charge=charge), model.describe(batch))
    for k, atoms in enumerate(images):
        single = Structure.from_atoms(atoms)
        alone = model(single, Control(charge=charge[k : k + 1]), model.describe(single))
        assert out["natural_energy"][k].item() == pytest.approx(alone["natural_energy"].item(), abs=1e-10)
        assert torch.allclose(out["atomic_charges"][batch.system == k], alone["atomic_charges"], atol=1e-10)
    assert torch.allclose(batch.total(out["atomic_charges"]), charge, atol=1e-9)


def test_push_is_the_transpose_of_pull():
    kernel = Baseline().kernels(Structure.from_atoms([interface(3), interface(4)]))["interface"]
    rng = np.random.default_rng(0)
    g, v = rng.normal(size=(2, 3)), rng.normal(size=kernel.positions.shape)
    assert np.vdot(kernel.pull(g), v) == pytest.approx(np.vdot(g, kernel.push(v)), rel=1e-10)


def test_symmetries():
    atoms = interface()
    model, charge = Baseline(), torch.tensor([0.3], dtype=torch.float64)
    want = energy(model, Structure.from_atoms(atoms), charge)
    moved = atoms.copy()
    moved.translate([1.0, -2.0, 7.0])
    moved.positions[3] += moved.cell.array[1]
    moved = moved[np.random.default_rng(0).permutation(len(atoms))]
    assert torch.allclose(energy(model, Structure.from_atoms(moved), charge), want, atol=1e-8)


def test_single_precision_is_near_double():
    atoms = interface()
    double = energy(Baseline(), Structure.from_atoms(atoms), torch.tensor([0.3], dtype=torch.float64))
    single = energy(Baseline(), Structure.from_atoms(atoms, dtype=torch.float32), torch.tensor([0.3]))
    assert single.dtype == torch.float32
    assert single.item() == pytest.approx(double.item(), abs=1e-3)


@pytest.mark.parametrize("with_potential", [True, False])
def test_fit_offsets_recovers_element_energies_and_the_zero_of_potential(with_potential):
    images = [interface(k) for k in range(3)] + [interface(k)[:-3] for k in range(2)] + [interface(5)[:-1], interface(6)[:-2]]
    structure = Structure.from_atoms(images)
    charge = np.linspace(-0.5, 0.4, len(images))
    truth = Baseline(BaselineConfig(offsets=((1, -3.0), (8, -5.0), (29, 1.5)), potential_shift=-0.7))
    labels = energy(truth, structure, torch.from_numpy(charge)).numpy()
    values = truth.kernels(structure)["interface"].values()
    potential = values[:, 1] + values[:, 2] * charge - 0.7 if with_potential else None
    fitted = Baseline().fit_offsets(structure, charge, labels, potential)
    assert dict(fitted.config.offsets) == pytest.approx({1: -3.0, 8: -5.0, 29: 1.5}, abs=1e-6)
    assert fitted.config.potential_shift == pytest.approx(-0.7, abs=1e-8)
    assert Baseline().config.offsets == ()


def test_the_double_layer_capacitance_is_used():
    structure = Structure.from_atoms(interface())
    stiffness = [
        Baseline(BaselineConfig(double_layer_capacitance=c)).kernels(structure)["interface"].values()[0, 2] for c in (10.0, 30.0)
    ]
    assert stiffness[0] > 1.5 * stiffness[1]


def test_refusals():
    structure = Structure.from_atoms(interface())
    model = Baseline()
    with pytest.raises(ValueError, match="holds the charge"):
        model(structure, Control(potential=4.4), model.describe(structure))
    with pytest.raises(ValueError, match="finite values of energy"):
        model.fit_offsets(structure, [0.0], [np.nan])
    with pytest.raises(ValueError, match="cutoff"):
        BaselineConfig(cutoff=0.0)
    with pytest.raises(ValueError, match="atomic numbers"):
        BaselineConfig(offsets=((200, 1.0),))


class TestBaseline(ModelContract):
    """Water on copper, and hydrogen on a cell of one atom a layer."""

    @pytest.fixture
    def case(self):
        small = fcc111("Au", (1, 1, 3), vacuum=8.0)
        small.pbc = (True, True, False)
        small += Atoms("H", [small.positions[-1] + [1.4, 0.3, 1.1]])
        return Case(Baseline(), [interface(1), small], charge=0.05, potential=4.8)
