"""The kernel-head schemes with their derivatives written out give what autograd gives."""

import numpy as np
import pytest
import torch
from ase.build import add_adsorbate, fcc111, molecule

from electrode.models.committee import Committee
from electrode.models.equilibration import Equilibration, EquilibrationConfig
from electrode.models.taylor import Taylor, TaylorConfig
from electrode.physics.screened_coulomb import ScreenedCoulomb
from electrode.physics.symmetry_functions import SymmetryFunctions
from electrode.state import Control, Structure
from electrode.thermo import evaluate

FUNCTIONS = SymmetryFunctions((1, 8, 79), cutoff=5.0, radial=(1.5, 3.0), angular=(2.0,), exponents=(1,))
OTHERS = (SymmetryFunctions((1, 8, 79), cutoff=6.0, radial=(1.5, 3.5, 5.0), angular=(), exponents=()),)
STEPS = {"charges": (-0.01, 0.02), "amplitudes": (3.0, 1.0, 0.5, 0.5, 0.5)}


def wet_slab(seed, layers=2):
    slab = fcc111("Au", (2, 2, layers), vacuum=6.0, periodic=True)
    slab.pbc = True, True, False
    add_adsorbate(slab, molecule("H2O"), 2.5, "ontop")
    slab.rattle(0.05, seed=seed)
    slab.info["eir_countercharge_gap"] = 6.5
    return slab


def started(model, seed=0):
    """Return the model with heads drawn at random about the environments of some slabs."""
    draw, structure = torch.Generator().manual_seed(seed), Structure.from_atoms([wet_slab(k) for k in range(3)])
    with torch.no_grad():
        model.heads.place(model.describe(structure)["symmetry"], model.channel(structure))
        for parameter, size in ((model.heads.weights, 0.05), (model.heads.offsets, 0.05)):
            parameter += size * torch.randn(parameter.shape, generator=draw, dtype=torch.float64)
        model.heads.weights[:, 5:] = 0.0  # as of landmarks that an element does not have
    return model.eval()


def equilibration(seed=0, functions=FUNCTIONS, **changes):
    return started(Equilibration(EquilibrationConfig(functions, landmarks=8, **changes)), seed)


def taylor(seed=0, **changes):
    return started(Taylor(TaylorConfig(FUNCTIONS, landmarks=8, **changes)), seed)


MODELS = {
    "equilibration": equilibration, "parts, steps": lambda: equilibration(others=OTHERS, **STEPS), "gaps": lambda: equilibration(gaps=(6.0, 8.0)),
    "bonds": lambda: equilibration(fragments=True, coulomb=ScreenedCoulomb(bonds=True), formal_charges=((8, -0.2),)),
    "widths": lambda: equilibration(learned_widths=True, short_range=False),
    "equilibration, committee": lambda: Committee.of([equilibration(k) for k in range(2)], "equilibration", caution=2.0),
    "taylor": taylor, "taylor, parts": lambda: taylor(others=OTHERS, order=4), "taylor, committee": lambda: Committee.of([taylor(k) for k in range(2)], "taylor"),
}  # fmt: skip


def by_autograd(model, structure, control, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(type(model), "closed_form", lambda self, structure: None)
        return evaluate(model, structure, control)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("held", ["charge", "potential"])
def test_same_as_autograd(name, held, monkeypatch):
    model, structure = MODELS[name](), Structure.from_atoms([wet_slab(1), wet_slab(2, layers=1), wet_slab(3)])
    assert model.closed_form(structure) is not None
    control = Control(charge=[0.1, -0.07, 0.0])
    if held == "potential":
        control = Control(potential=evaluate(model, structure, control)["potential"] + 0.01)
    found, expected = evaluate(model, structure, control), by_autograd(model, structure, control, monkeypatch)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key].shape == value.shape and found[key].dtype == value.dtype
        np.testing.assert_allclose(found[key], value, rtol=1e-9, atol=1e-9, err_msg=key)


@pytest.mark.parametrize("name", ["parts, steps", "taylor, parts"])
def test_changed_weights_count(name, monkeypatch):
    model, structure, control = MODELS[name](), Structure.from_atoms(wet_slab(1)), Control(charge=0.05)
    before = evaluate(model, structure, control)["forces"]
    with torch.no_grad():
        model.heads.weights.mul_(1.5)
    after = evaluate(model, structure, control)["forces"]
    assert not torch.allclose(before, after, rtol=1e-6)
    np.testing.assert_allclose(after, by_autograd(model, structure, control, monkeypatch)["forces"], rtol=1e-9, atol=1e-9)


def test_single_precision_goes_by_autograd():
    assert taylor().closed_form(Structure.from_atoms(wet_slab(1), dtype=torch.float32)) is None
    assert equilibration().closed_form(Structure.from_atoms(wet_slab(1), dtype=torch.float32)) is None
