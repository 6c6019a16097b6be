"""The kernel schemes with and without the classical short-range energy beside them."""

from dataclasses import replace

import pytest
import torch
from teacher import SMALL, frames, interface

from electrode.models.equilibration import Equilibration, EquilibrationConfig
from electrode.models.taylor import Taylor, TaylorConfig
from electrode.physics.neighbours import neighbour_list
from electrode.physics.pair import Bonds, ShortRange
from electrode.physics.symmetry_functions import SymmetryFunctions
from electrode.state import Control, Structure
from electrode.thermo import evaluate
from electrode.train.config import TrainConfig
from electrode.train.solve import solve

FUNCTIONS = SymmetryFunctions((1, 8, 79), **SMALL["symmetry_functions"])
SCHEMES = [(Equilibration, EquilibrationConfig(FUNCTIONS, landmarks=10)), (Taylor, TaylorConfig(FUNCTIONS, landmarks=10))]


@pytest.fixture
def atoms():
    return interface((2, 1, 2), height=2.6, water=True, seed=23)


@pytest.mark.parametrize("model, config", SCHEMES)
def test_what_is_left_out_is_that_energy(model, config, atoms):
    structure, control = Structure.from_atoms(atoms), Control(charge=0.01)
    with_it, without = (evaluate(model(replace(config, short_range=s)), structure, control) for s in (True, False))
    pairs = neighbour_list(atoms.positions, atoms.cell.array, atoms.pbc, FUNCTIONS.cutoff)
    short = ShortRange(atoms.numbers, Bonds.of(atoms.positions, pairs), FUNCTIONS.cutoff)
    assert (with_it["canonical_energy"] - without["canonical_energy"]).item() == pytest.approx(short.energy(), abs=1e-10)
    assert (with_it["forces"] - without["forces"] + torch.from_numpy(short.gradient())).abs().max() < 1e-10


@pytest.mark.parametrize("model, config", SCHEMES)
def test_it_is_fitted_without_it(model, config, atoms):
    fitted = model(replace(config, short_range=False))
    solve(fitted, *frames(), TrainConfig(epochs=2))
    structure, control, step = Structure.from_atoms(atoms), Control(potential=5.0), 1e-4
    forces = evaluate(fitted, structure, control)["forces"]
    moved = lambda d: evaluate(fitted, structure.at(structure.positions + d * (torch.arange(len(atoms)) == 1)[:, None] * torch.tensor([0.0, 0.0, 1.0])), control)
    slope = (moved(step)["grand_energy"] - moved(-step)["grand_energy"]) / (2 * step)
    assert forces[1, 2].item() == pytest.approx(-slope.item(), abs=1e-5)
