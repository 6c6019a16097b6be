"""A neutral calculator as a term: its own numbers, one call for each geometry, and a clear word where it cannot."""

import sys
import types

import numpy as np
import pytest
import torch
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from teacher import interface

from electrode.models.neutral_base import NeutralBase, NeutralBaseConfig, NeutralKernel
from electrode.models.neutral_calculators import MissingPackage, make_calculator
from electrode.state import Control, Structure
from electrode.thermo import evaluate

SYSTEMS = [interface(seed=1), interface((2, 1, 2), height=2.6, water=True, seed=2)]


class Counting(Calculator):
    """A spring to the origin, with weights in a torch module; it counts calls and fails where it is told to."""

    implemented_properties = ["energy", "forces", "free_energy"]

    def __init__(self, constant=0.5, wrong=None):
        super().__init__()
        self.calls, self.constant, self.wrong = 0, constant, wrong
        self.model = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.constant_(self.model.weight, constant)

    def calculate(self, atoms=None, properties=("energy",), system_changes=()):
        super().calculate(atoms, properties, system_changes)
        self.calls += 1
        half = 0.5 * self.constant * (atoms.positions**2).sum()
        forces = -self.constant * atoms.positions
        if self.wrong == "nan":
            forces[0, 0] = np.nan
        self.results = {"energy": half + 0.25, "free_energy": half, "forces": forces}


@pytest.fixture
def factory(monkeypatch):
    """A module of the user's with a calculator."""
    module = types.ModuleType("user_module")
    module.made = Counting()
    module.calculator, module.other, module.text = (lambda: module.made), (lambda: Counting(0.7)), (lambda: "words")
    module.broken = lambda: Counting(wrong="nan")
    monkeypatch.setitem(sys.modules, "user_module", module)
    return module


def test_energies_and_forces_are_the_calculators_at_every_charge():
    out = evaluate(NeutralBase(NeutralBaseConfig.of("emt")), Structure.from_atoms(SYSTEMS), Control(charge=[0.3, -0.2]))
    first = 0
    for k, atoms in enumerate(SYSTEMS):
        atoms = atoms.copy()
        atoms.calc = EMT()
        assert out["canonical_energy"][k].item() == pytest.approx(atoms.get_potential_energy(), abs=1e-10)
        assert np.abs(out["forces"][first : first + len(atoms)].numpy() - atoms.get_forces()).max() < 1e-10
        first += len(atoms)
    assert not out["potential"].any()


def test_one_call_for_each_geometry_and_the_energy_that_forces_belong_to(factory):
    model, structure = NeutralBase(NeutralBaseConfig.of("user_module:calculator")), Structure.from_atoms(SYSTEMS)
    for charge in (0.0, 0.1, 0.2):
        out = evaluate(model, structure.repeat(2), Control(charge=charge))
    # (each system once, twice in the batch, at three charges)
    assert factory.made.calls == 2
    assert out["canonical_energy"][0].item() == pytest.approx(0.25 * (SYSTEMS[0].positions**2).sum(), abs=1e-10)


def test_products_with_the_hessian_are_differences_of_forces():
    kernel = NeutralBase(NeutralBaseConfig.of("emt")).kernels(Structure.from_atoms(SYSTEMS))["neutral"]
    rng = np.random.default_rng(0)
    g, v = rng.normal(size=2), rng.normal(size=(len(kernel.positions), 3))
    shifted = [NeutralKernel(Structure.from_atoms(moved(h * v)), kernel.calculated) for h in (-2e-4, -1e-4, 1e-4, 2e-4)]
    pulls, values = [k.pull(g) for k in shifted], [k.values() for k in shifted]
    along = (pulls[0] - 8 * pulls[1] + 8 * pulls[2] - pulls[3]) / 12e-4
    assert np.abs(kernel.pull_along(g, v) - along).max() < 2e-3 * np.abs(along).max()
    assert np.abs(kernel.push(v) - (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / 12e-4).max() < 1e-6
    assert not kernel.pull_along(g, 0.0 * v).any()


def moved(shift):
    found, first = [], 0
    for atoms in SYSTEMS:
        image = atoms.copy()
        image.positions += shift[first : first + len(atoms)]
        found.append(image)
        first += len(atoms)
    return found


def test_what_the_calculator_cannot_do_is_said(factory):
    strange = interface()
    strange.symbols[-1] = "Cl"
    with pytest.raises(ValueError, match="'emt': Au3Cl gave no energy.*knows Cl, Au"):
        evaluate(NeutralBase(NeutralBaseConfig.of("emt")), Structure.from_atoms(strange), Control(charge=0.0))
    with pytest.raises(ValueError, match="NaN"):
        evaluate(NeutralBase(NeutralBaseConfig("user_module:broken")), Structure.from_atoms(SYSTEMS[0]), Control(charge=0.0))
    with pytest.raises(ValueError, match="holds the charge"):
        NeutralBase(NeutralBaseConfig("emt"))(Structure.from_atoms(SYSTEMS[0]), Control(potential=4.0), {})
    with pytest.raises(ValueError, match="hessian_step"):
        NeutralBaseConfig("emt", hessian_step=0.0)


@pytest.mark.parametrize(
    "description, error, match",
    [
        ("chgnett", ValueError, "did you mean 'chgnet'"),
        ("no_such_module:factory", MissingPackage, "needs the package no_such_module"),
        ("ase:none_such", ValueError, "none_such"),
        ("user_module:text", ValueError, "expected an ASE calculator, got str"),
    ],
)
def test_descriptions_that_name_no_calculator(factory, description, error, match):
    with pytest.raises(error, match=match):
        make_calculator(description)


def test_other_weights_than_the_models_are_refused_and_another_version_is_told(factory):
    config = NeutralBaseConfig.of("user_module:calculator")
    assert len(config.digest) == 64 and config.package == config.version == ""
    assert NeutralBaseConfig.of("user_module:other").digest != config.digest
    factory.calculator = factory.other
    with pytest.raises(ValueError, match="expected the weights that the model was made with"):
        evaluate(NeutralBase(config), Structure.from_atoms(SYSTEMS[0]), Control(charge=0.0))
    emt = NeutralBaseConfig.of("emt")
    assert emt.package == "ase" and emt.version and not emt.digest
    with pytest.warns(UserWarning, match="made with ase 0.1"):
        evaluate(NeutralBase(NeutralBaseConfig("emt", "ase", "0.1")), Structure.from_atoms(SYSTEMS[0]), Control(charge=0.0))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name, package", [("chgnet", "chgnet"), ("sevennet-0", "sevenn")])
def test_packaged_models_where_they_are_installed(name, package, capsys):
    pytest.importorskip(package)
    config = NeutralBaseConfig.of(name)
    assert config.package == package and len(config.digest) == 64 and not capsys.readouterr().out
    atoms, step, energies = interface(seed=5), 0.01, []
    for k in (-2, -1, 1, 2):
        image = atoms.copy()
        image.positions[-1, 2] += k * step
        energies.append(image)
    out = evaluate(NeutralBase(config), Structure.from_atoms([atoms, *energies]), Control(charge=0.1))
    a, b, c, d = out["canonical_energy"][1:].tolist()
    assert out["forces"][len(atoms) - 1, 2].item() == pytest.approx(-(a - 8 * b + 8 * c - d) / (12 * step), abs=5e-3)
