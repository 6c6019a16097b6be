"""The electric enthalpy: a model's promises, those of one in a field, and that it learns all its derivatives."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from ase import Atoms
from calculators import numerical_forces
from field_contract import FieldContract, InField
from fields import FIELD, crystal, hydroxide, labelled, water

from electrode.calculator import ElectrodeCalculator
from electrode.data.record import ElectrifiedFrame
from electrode.models.enthalpy import Enthalpy, EnthalpyConfig
from electrode.nn.representation import RepresentationConfig
from electrode.state import Control, Structure
from electrode.testing import Case, ModelContract
from electrode.thermo import evaluate, response
from electrode.train.blocks import blocks
from electrode.train.config import TrainConfig
from electrode.train.loss import errors, folded
from electrode.train.metrics import frame_errors
from electrode.train.train import train

SHAPE = {"channels": 6, "layers": 2, "radial_functions": 4, "cutoff": 3.0}


def model(seed=0, max_l=1, networks=1):
    return Enthalpy(EnthalpyConfig((1, 8), RepresentationConfig(**SHAPE), max_l, networks, readout_hidden=6, seed=seed)).eval()


WEIGHTS = {"forces": 3.0, "born_charges": 3.0}
SCALES = {"energy": 0.002, "forces": 0.06, "dipole": 0.005, "born_charges": 0.015, "polarizability": 0.003}


def trained(epochs, members=1, networks=1):
    terms = [{"quantity": name, "weight": WEIGHTS.get(name, 1.0), "scale": scale} for name, scale in SCALES.items()]  # the same whatever the defaults are
    config = TrainConfig.for_scheme("enthalpy", terms=terms, epochs=epochs, validate_every=20, learning_rate=0.01, batch_size=16)
    return train("enthalpy", labelled(16), labelled(4, seed=1), config, {"representation": SHAPE, "networks": networks, "readout_hidden": 6}, members=members)


class TestInField(FieldContract):
    @pytest.fixture
    def in_field(self):
        return InField(model(), [water(), hydroxide(), crystal()], [0.0, -1.0, 0.0], FIELD)


@pytest.mark.parametrize("networks", [1, 2])
class TestInFieldWithTensors(FieldContract):
    @pytest.fixture
    def in_field(self, networks):
        return InField(model(max_l=2, networks=networks), [water(), crystal(seed=2)], [0.0, 0.0], FIELD)


class TestWithoutField(ModelContract):
    @pytest.fixture
    def case(self):
        return Case(model(), [crystal(), crystal(seed=2)], charge=0.0, potential=4.0)


@pytest.mark.parametrize("networks", [1, 2])
def test_it_learns_the_enthalpy_and_its_derivatives(networks):
    first, last = trained(1, networks=networks).history[0], trained(30, networks=networks).history[-1]
    assert last["validation_loss"] < 0.3 * first["validation_loss"]
    assert {f"validation_{name}" for name in ("energy", "forces", "dipole", "born_charges", "polarizability")} <= set(last)


def test_what_is_trained_is_what_is_evaluated():
    frames = labelled(4)
    (block,) = blocks(model(), frames)
    found = block.predict(model(), quantities=("born_charges", "polarizability"))
    structure, control = block.structure, Control(charge=0.0, field=block.held["field"])
    out = evaluate(model(), structure, control) | response(model(), structure, control)
    for name, key in (("energy", "enthalpy"), ("forces", "forces"), ("dipole", "dipole"), ("born_charges", "born_charges"), ("polarizability", "polarizability")):
        assert (found[name].flatten() - out[key].flatten()).abs().max() < 1e-12
    assert not block.predict(model(), quantities=("born_charges",))["born_charges"].equal(torch.zeros(4, 27, dtype=torch.float64))
    unlabelled = blocks(model(), labelled(4)[1::2])[0].predict(model(), quantities=("born_charges",))  # not worked out for nothing
    assert not unlabelled["born_charges"].any()


def test_errors_of_a_cell_counted_twice_are_those_of_the_cell():
    """P and alpha grow with the cell as the energy does: the loss has all three by atom."""
    own, found = model(), []
    for copies in (1, 2):
        (block,) = blocks(own, [ElectrifiedFrame(
            crystal() * (copies, 1, 1), where="cell", energy=-3.0 * copies, energy_kind="E", n_excess=0.0, ensemble="fixed_n", dipole=copies * np.array([0.1, 0.2, -0.3]),
            polarizability=copies * np.eye(3).ravel(), method_id="none",
        )])  # fmt: skip
        found.append(errors(block, block.predict(own, quantities=("polarizability",))))
    for name in ("energy", "dipole", "polarizability"):
        assert (found[0][name] - found[1][name]).abs().max() < 1e-10 and found[0][name].abs().max() > 1e-3


def test_a_dipole_known_up_to_a_lattice_vector_is_compared_modulo_it():
    cell = np.array([[3.0, 0.0, 0.0], [0.5, 4.0, 0.0], [0.0, 0.0, 9.0]])
    error = torch.tensor([[0.1, -0.2, 0.3], [0.1, -0.2, 0.3]], dtype=torch.float64)
    jumped = error + torch.tensor([[2, -1, 0], [2, -1, 0]]).double() @ torch.tensor(cell)
    quanta = torch.stack([torch.tensor(cell), torch.zeros(3, 3, dtype=torch.float64)])
    assert (folded(jumped, quanta) - torch.stack([error[0], jumped[1]])).abs().max() < 1e-12
    atoms = crystal()
    frame = ElectrifiedFrame(atoms, polarization_branch="modulo_lattice", n_excess=0.0, dipole=np.zeros(3), efield=np.zeros(3))
    own = evaluate(model(), Structure.from_atoms(atoms), Control(charge=0.0, field=np.zeros(3)))["dipole"][0].numpy()
    moved = replace(frame, dipole=own + atoms.cell.array[1] - 2 * atoms.cell.array[2])
    assert frame_errors(model(), [moved])["dipole_rmse_eA"] < 1e-12
    assert frame_errors(model(), [replace(moved, polarization_branch=None)])["dipole_rmse_eA"] > 1.0


@pytest.mark.parametrize("networks", [1, 2])
def test_members_of_a_committee_are_trained_and_evaluated_at_once(networks):
    committee = trained(1, members=2, networks=networks).model
    structure, control = Structure.from_atoms([water(), water(seed=5)]), Control(charge=0.0, field=FIELD)
    mean = torch.stack([evaluate(m, structure, control)["dipole"] for m in committee.members()]).mean(0)
    assert (evaluate(committee, structure, control)["dipole"] - mean).abs().max() < 1e-10
    born = torch.stack([response(m, structure, control)["born_charges"] for m in committee.members()]).mean(0)
    assert (response(committee, structure, control)["born_charges"] - born).abs().max() < 1e-10


def test_the_field_reaches_atoms_as_vectors():
    """An atom alone has no dipole without a field, and a polarisability that is a number."""
    alone = Structure.from_atoms(water()[:1])
    out, answers = evaluate(model(), alone, Control(charge=0.0, field=(0.0, 0.0, 0.0))), response(model(), alone, Control(charge=0.0))
    assert out["dipole"].abs().max() == 0.0
    alpha = answers["polarizability"][0]
    assert abs(alpha[0, 0]) > 1e-4 and (alpha - alpha[0, 0] * torch.eye(3, dtype=torch.float64)).abs().max() < 1e-12


def test_one_layer_tells_apart_angles_that_vectors_do_not():
    """Six neighbours along the axes or two opposite ones thrice over: all sums of vectors vanish, those of order two do not."""
    octahedron = np.array([[1.0, 0, 0], [-1.0, 0, 0], [0, 1.0, 0], [0, -1.0, 0], [0, 0, 1.0], [0, 0, -1.0]])
    bent = octahedron @ np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    skew = np.concatenate([octahedron[:2], octahedron[:2] @ _turn(0.5), octahedron[:2] @ _turn(1.0)])
    shape = RepresentationConfig(**{**SHAPE, "layers": 1, "cutoff": 1.4})  # the outer atoms see the middle and one another
    for max_l, least in ((1, 0.0), (2, 1e-6)):
        own = Enthalpy(EnthalpyConfig((1, 8), shape, max_l, readout_hidden=6)).eval()
        atomic = own.network.atomic
        first = []
        for places in (octahedron, bent, skew):
            structure = Structure.from_atoms(Atoms("OH6", np.concatenate([np.zeros((1, 3)), places])))
            first.append(float(atomic(*own.network.inputs(structure, structure.positions, torch.zeros(1, 3, dtype=torch.float64)))[0].detach()))
        assert abs(first[0] - first[1]) < 1e-12 and abs(first[0] - first[2]) >= least and (max_l == 2 or abs(first[0] - first[2]) < 1e-12)


def test_a_chain_is_polarised_along_and_across_differently_by_tensors_alone():
    """Every atom of an endless chain sits between equal neighbours: vectors about it sum to zero, and leave a polarisability that is a number."""
    chain = Structure.from_atoms(Atoms("H", cell=[9.0, 9.0, 1.5], pbc=True))
    for max_l, networks in ((1, 1), (2, 1), (1, 2), (2, 2)):
        alpha = response(model(max_l=max_l, networks=networks), chain, Control(charge=0.0))["polarizability"][0]
        across, along = alpha[0, 0], alpha[2, 2]
        assert (alpha - torch.diag(torch.stack([across, across, along]))).abs().max() < 1e-12
        assert (abs(along - across) > 1e-4) == (max_l == 2)


def _turn(angle):
    return np.array([[np.cos(angle), np.sin(angle), 0.0], [-np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, 1.0]])


def test_what_it_refuses():
    with pytest.raises(ValueError, match="max_l"):
        EnthalpyConfig((1, 8), max_l=3)
    with pytest.raises(ValueError, match="networks: expected 1 or 2, got 3"):
        EnthalpyConfig((1, 8), networks=3)
    with pytest.raises(ValueError, match="equivariant"):
        EnthalpyConfig((1, 8), RepresentationConfig(kind="invariant"))
    with pytest.raises(ValueError, match="along a periodic direction"):
        evaluate(model(), Structure.from_atoms(crystal()), Control(charge=1.0, field=FIELD))
    evaluate(model(), Structure.from_atoms(crystal()), Control(charge=1.0, field=(0.0, 0.0, 0.0)))
    with pytest.raises(ValueError, match="along a periodic direction"):
        blocks(model(), [ElectrifiedFrame(crystal(), n_excess=-1.0, efield=np.array(FIELD))])
    with pytest.raises(ValueError, match="the charge held"):
        response(model(), Structure.from_atoms(water()), Control(potential=4.0))


def test_the_calculator_gives_the_enthalpy_of_a_crystal_in_a_field():
    atoms = crystal()
    atoms.calc = ElectrodeCalculator(model(), charge=0.0, field=FIELD)
    assert np.abs(numerical_forces(atoms) - atoms.get_forces()).max() < 1e-6
    assert atoms.get_dipole_moment().shape == (3,)
