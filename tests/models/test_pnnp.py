"""Polar tensors: sum rule, symmetry, integrability, and forces that are the gradient of what they should be."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule

from electrode.calculator import ElectrodeCalculator
from electrode.data.record import ElectrifiedFrame
from electrode.models.committee import Committee
from electrode.models.conjugate import NotConservative
from electrode.models.pnnp import Pnnp, PnnpConfig, born_charges, integrability_defect
from electrode.models.store import load_model, save_model
from electrode.nn.representation import RepresentationConfig
from electrode.state import Control, Structure
from electrode.testing import Case, ModelContract
from electrode.thermo import evaluate, response
from electrode.train.config import TrainConfig
from electrode.train.train import train

SMALL = RepresentationConfig(channels=6, layers=2, radial_functions=4, cutoff=4.0)
FIELD = (0.03, -0.05, 0.08)


def config(kind: str, **changes) -> PnnpConfig:
    return PnnpConfig(**{"elements": (1, 8), "polarisation": kind, "energy": SMALL, "response": SMALL, **changes})


def water(seed: int = 0, cell=None) -> Atoms:
    rng = np.random.default_rng(seed)
    first, second = molecule("H2O"), molecule("H2O")
    second.rotate(70, "y")
    second.translate([0.3, 0.2, 2.9])
    atoms = first + second
    atoms.positions += rng.normal(0.0, 0.05, atoms.positions.shape)
    if cell is not None:
        atoms.set_cell(cell)
        atoms.pbc = True
    return atoms


def lively(kind: str, seed: int = 0, **changes) -> Pnnp:
    """A model whose tensors depend on positions as strongly as trained ones do."""
    model = Pnnp(config(kind, seed=seed, **changes)).eval()
    with torch.no_grad():
        model.response.weights[-1].weight.mul_(10.0)
        model.element_charge.copy_(torch.tensor([0.3, -0.7]))
        if kind == "tensor":
            model.response.mean.copy_(torch.tensor([0.4, -0.8]))
    return model


@pytest.mark.parametrize("kind", ["tensor", "dipole"])
def test_tensors_sum_to_the_charge(kind):
    structure = Structure.from_atoms([water(0), water(1, [6.0, 7.0, 8.0])])
    for charge in (0.0, 0.4):
        born = born_charges(lively(kind), structure, charge)
        assert (structure.total(born) - charge * torch.eye(3, dtype=torch.float64)).abs().max() < 1e-12


@pytest.mark.parametrize("kind", ["tensor", "dipole"])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_tensors_turn_with_the_atoms(kind, sign):
    turn = sign * np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    atoms, turned = water(), water()
    turned.positions = atoms.positions @ turn.T
    born, other = (born_charges(lively(kind), Structure.from_atoms(a)) for a in (atoms, turned))
    assert (torch.einsum("ab,nbc,dc->nad", torch.tensor(turn), born, torch.tensor(turn)) - other).abs().max() < 1e-10
    assert (born - born.mT).abs().max() > 1e-4  # an antisymmetric part is there


@pytest.mark.parametrize("kind", ["tensor", "dipole"])
def test_the_field_adds_its_pull_on_the_tensors(kind):
    model, structure = lively(kind), Structure.from_atoms([water(), water(2)])
    without, within = (evaluate(model, structure, Control(charge=0.0, field=f)) for f in ((0.0, 0.0, 0.0), FIELD))
    pull = torch.einsum("nab,a->nb", born_charges(model, structure), torch.tensor(FIELD, dtype=torch.float64))
    assert (within["forces"] - without["forces"] - pull).abs().max() < 1e-12
    assert structure.total(within["forces"]).abs().max() < 1e-12


def test_the_dipole_kind_is_conservative_and_its_tensors_are_slopes_of_its_dipole():
    model, atoms, step = lively("dipole"), water(), 1e-4
    out = evaluate(model, Structure.from_atoms(atoms), Control(charge=0.2, field=FIELD))
    born, found = born_charges(model, Structure.from_atoms(atoms), 0.2).numpy(), {}
    for k, c in ((0, 2), (1, 0), (4, 1)):
        sides = []
        for sign in (1, -1):
            image = atoms.copy()
            image.positions[k, c] += sign * step
            sides.append(evaluate(model, Structure.from_atoms(image), Control(charge=0.2, field=FIELD)))
        found[k, c] = [(sides[0][name] - sides[1][name]).numpy().squeeze() / (2 * step) for name in ("enthalpy", "dipole")]
        assert -found[k, c][0] == pytest.approx(out["forces"][k, c].item(), rel=1e-5, abs=1e-6)
        assert found[k, c][1] == pytest.approx(born[k, :, c], rel=1e-5, abs=1e-6)


def test_responses_by_differentiation_are_the_tensors_and_no_polarisability():
    model, structure = lively("dipole"), Structure.from_atoms([water(0), water(1)])
    found = response(model, structure, Control(charge=0.0))
    assert (found["born_charges"] - born_charges(model, structure)).abs().max() < 1e-12 and found["polarizability"].abs().max() == 0.0


def test_integrability_tells_the_two_kinds_apart():
    structure = Structure.from_atoms(water())
    assert integrability_defect(lively("dipole"), structure) < 1e-12
    assert integrability_defect(lively("tensor"), structure) > 1e-2


def test_integrability_agrees_with_the_whole_jacobian():
    model, atoms, step = lively("tensor"), water(), 1e-4
    pull = lambda a, f: torch.einsum("nab,a->nb", born_charges(model, Structure.from_atoms(a)), f).numpy().ravel()
    odd, size = 0.0, 0.0
    for f in torch.eye(3, dtype=torch.float64):
        jacobian = np.zeros((18, 18))
        for k in range(18):
            images = [atoms.copy(), atoms.copy()]
            for sign, image in zip((1, -1), images):
                image.positions.ravel()[k] += sign * step
            jacobian[:, k] = (pull(images[0], f) - pull(images[1], f)) / (2 * step)
        odd, size = odd + ((jacobian - jacobian.T) ** 2).sum(), size + 4.0 * (jacobian**2).sum()
    assert integrability_defect(model, Structure.from_atoms(atoms), probes=200) == pytest.approx(np.sqrt(odd / size), rel=0.15)


def test_the_tensor_kind_gives_no_dipole_and_refuses_a_held_potential():
    model, structure = lively("tensor"), Structure.from_atoms(water())
    assert not {"dipole", "enthalpy"} & set(evaluate(model, structure, Control(charge=0.0, field=FIELD)))
    with pytest.raises(NotConservative, match="Pnnp"):
        evaluate(model, structure, Control(potential=4.4))


def frames(number: int, charges=(0.35, -0.7)) -> list[ElectrifiedFrame]:
    """Frames whose polar tensors are point charges."""
    found = []
    for k in range(number):
        atoms = water(k, [20.0, 20.0, 20.0])
        q = np.where(atoms.numbers == 1, *charges)
        born = (q[:, None, None] * np.eye(3)).reshape(-1, 9)
        found.append(ElectrifiedFrame(geometry=atoms, n_excess=0.0, born_charges=born, countercharge="none", trajectory=k))
    return found


BORN = [{"quantity": "born_charges", "weight": 1.0, "scale": 0.03}]


@pytest.mark.parametrize("kind", ["tensor", "dipole"])
def test_point_charges_are_learned(kind):
    choices = {"energy": None, "polarisation": kind, "response": {"channels": 6, "radial_functions": 4, "cutoff": 4.0}}
    training = TrainConfig.for_scheme("pnnp", terms=BORN, epochs=15, validate_every=5, batch_size=2)
    some = frames(5)
    model = train("pnnp", some[:4], some[4:], training, choices).model
    born = born_charges(model, Structure.from_atoms(some[4].atoms)).flatten(1).numpy()
    assert np.abs(born - some[4].born_charges).max() < 0.02


def test_a_committee_of_them_is_trained_at_once_and_comes_back_from_disk(tmp_path):
    choices = {"energy": None, "response": {"channels": 4, "radial_functions": 4, "cutoff": 4.0}}
    some = frames(4)
    model = train("pnnp", some[:3], some[3:], TrainConfig.for_scheme("pnnp", terms=BORN, epochs=2, validate_every=1), choices, members=2).model
    assert isinstance(model, Committee) and not model.conservative
    save_model(model, tmp_path / "m")
    structure, control = Structure.from_atoms(some[0].atoms), Control(charge=0.0, field=FIELD)
    a, b = (evaluate(m, structure, control)["forces"] for m in (model, load_model(tmp_path / "m")))
    mean = torch.stack([evaluate(m, structure, control)["forces"] for m in model.members()]).mean(0)
    assert (a - b).abs().max() < 1e-12 and (a - mean).abs().max() < 1e-12


def test_frames_in_a_field_are_refused_for_the_tensor_kind():
    some = [ElectrifiedFrame(**{**vars(f), "efield": np.array(FIELD)}) for f in frames(2)]
    with pytest.raises(ValueError, match="without a field"):
        train("pnnp", some[:1], some[1:], TrainConfig.for_scheme("pnnp", terms=BORN, epochs=1))


@pytest.mark.parametrize(("entry", "value"), [("polarisation", "tensors"), ("elements", ()), ("response", RepresentationConfig(kind="invariant"))])
def test_choices_that_make_no_sense_are_refused(entry, value):
    with pytest.raises(ValueError, match="expected"):
        Pnnp(PnnpConfig(**{"elements": (1, 8), entry: value}))


def test_another_element_is_refused():
    with pytest.raises(ValueError, match="not in the model"):
        born_charges(lively("tensor"), Structure.from_atoms(molecule("CO2")))


def test_the_calculator_takes_a_field():
    atoms = water()
    atoms.calc = ElectrodeCalculator(lively("dipole"), charge=0.0, field=FIELD)
    assert atoms.get_dipole_moment().shape == (3,)
    assert np.abs(atoms.get_forces().sum(0)).max() < 1e-12


class TestTensorContract(ModelContract):
    @pytest.fixture
    def case(self):
        return Case(lively("tensor"), [water(0, [6.0, 7.0, 9.0]), water(1, [6.0, 7.0, 9.0])], charge=0.0, potential=4.4)

    def test_capacitance_is_the_slope_of_charge_in_potential(self, case):
        with pytest.raises(NotConservative):  # before it could be said that there is no conjugate either
            evaluate(case.model, case.structure, Control(potential=case.potential))


class TestDipoleContract(ModelContract):
    @pytest.fixture
    def case(self):
        return Case(lively("dipole"), [water(0, [6.0, 7.0, 9.0]), water(1, [6.0, 7.0, 9.0])], charge=0.0, potential=4.4)
