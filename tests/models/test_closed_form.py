"""Models with their derivatives written out give what autograd gives, and notice when their weights change."""

import numpy as np
import pytest
import torch
from ase.build import add_adsorbate, fcc111, molecule

from electrode.models.committee import Committee
from electrode.models.dual import Dual, DualConfig
from electrode.physics.symmetry_functions import SymmetryFunctions
from electrode.state import Control, Structure
from electrode.thermo import evaluate


def wet_slab(seed):
    slab = fcc111("Au", (2, 2, 2), vacuum=6.0, periodic=True)
    add_adsorbate(slab, molecule("H2O"), 2.5, "ontop")
    slab.rattle(0.05, seed=seed)
    return slab


def dual(seed, hidden=(8, 6), **choices):
    model = Dual(DualConfig(SymmetryFunctions((1, 8, 79)), hidden=hidden, seed=seed, **choices)).eval()
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.startswith("feature") or name.startswith("hardness"):
                value.copy_(0.8 + 0.4 * torch.rand(value.shape, generator=draw, dtype=torch.float64))
    return model


def by_autograd(model, structure, control, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(type(model), "closed_form", lambda self, structure: None)
        return evaluate(model, structure, control)


MODELS = {
    "one": lambda: dual(0), "no local energy": lambda: dual(1, local_energy=False), "no short range": lambda: dual(5, short_range=False),
    "no hidden layer": lambda: dual(3, hidden=()), "one layer": lambda: dual(4, hidden=(5,)),
    "committee": lambda: Committee.of([dual(k) for k in range(3)], "dual"), "with caution": lambda: Committee.of([dual(k) for k in range(3)], "dual", caution=3.0),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("held", ["potential", "charge"])
def test_same_as_autograd(name, held, monkeypatch):
    model, structure = MODELS[name](), Structure.from_atoms([wet_slab(1), wet_slab(2)])
    control = Control(potential=[4.1, 4.9])
    if held == "charge":
        control = Control(charge=evaluate(model, structure, control)["charge"] + 0.001)
    found, expected = evaluate(model, structure, control), by_autograd(model, structure, control, monkeypatch)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key].shape == value.shape and found[key].dtype == value.dtype
        np.testing.assert_allclose(found[key], value, rtol=1e-10, atol=1e-10, err_msg=key)


def test_forces_are_the_slope_of_the_energy():
    model, atoms, control = MODELS["with caution"](), wet_slab(3), Control(potential=4.3)
    force, step = evaluate(model, Structure.from_atoms(atoms), control)["forces"][9, 2].item(), 1e-4
    energies = []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.positions[9, 2] += sign * step
        energies.append(evaluate(model, Structure.from_atoms(moved), control)["grand_energy"].item())
    assert force == pytest.approx(-(energies[0] - energies[1]) / (2 * step), abs=1e-6)


@pytest.mark.parametrize("name", ["one", "with caution"])
def test_changed_weights_count(name, monkeypatch):
    model, structure, control = MODELS[name](), Structure.from_atoms(wet_slab(1)), Control(potential=4.5)
    before = evaluate(model, structure, control)["natural_energy"]
    with torch.no_grad():
        next(p for p in model.parameters() if p.ndim > 2).mul_(1.1)
    after = evaluate(model, structure, control)["natural_energy"]
    assert not torch.allclose(before, after, rtol=1e-6)
    np.testing.assert_allclose(after, by_autograd(model, structure, control, monkeypatch)["natural_energy"], rtol=1e-12)
    model.load_state_dict({key: value.clone() for key, value in MODELS[name]().state_dict().items()})
    torch.testing.assert_close(evaluate(model, structure, control)["natural_energy"], before)


def test_a_replaced_network_counts(monkeypatch):
    model, structure, control = dual(0), Structure.from_atoms(wet_slab(1)), Control(potential=4.5)
    evaluate(model, structure, control)
    model.energy_network = dual(5).energy_network
    found = evaluate(model, structure, control)["natural_energy"]
    np.testing.assert_allclose(found, by_autograd(model, structure, control, monkeypatch)["natural_energy"], rtol=1e-12)


def test_single_precision_goes_by_autograd():
    assert dual(0).closed_form(Structure.from_atoms(wet_slab(1))) is not None
    assert dual(0).float().closed_form(Structure.from_atoms(wet_slab(1))) is None
    assert dual(0).closed_form(Structure.from_atoms(wet_slab(1), dtype=torch.float32)) is None
