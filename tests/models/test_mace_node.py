"""MACE with the charge on every atom: a plain MACE where it should be, one scalar everywhere, and no surprise for the process."""

import importlib.util
import os
import sys
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from ase import Atoms
from safetensors.torch import save_file
from teacher import frames, interface

from electrode.models.committee import Committee
from electrode.models.mace_network import _packages
from electrode.models.mace_node import MaceNode, MaceNodeConfig
from electrode.models.neutral_calculators import MissingPackage
from electrode.state import Control, Structure
from electrode.testing import Case, ModelContract
from electrode.thermo import evaluate
from electrode.train.blocks import blocks
from electrode.train.fit import TrainConfig, fit

GUARD = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
TINY = MaceNodeConfig((1, 8, 79), channels=4, max_l=1, correlation=2, radial_hidden=(8,), radial_functions=5, readout_hidden=4)
SYSTEMS = [interface((1, 1, 3), height=1.0, seed=21), interface((2, 1, 2), height=2.6, water=True, seed=23)]
needs_mace = pytest.mark.skipif(importlib.util.find_spec("mace") is None, reason="mace-torch is not installed")


@lru_cache(maxsize=None)
def sensitive(config=TINY):
    """A model whose atoms see the charge or potential, as after a training."""
    model = MaceNode(config)
    weight = model.network.joint_embedding.weight
    weight.data.copy_(0.3 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1), dtype=weight.dtype))
    model.network.scale_shift.scale.fill_(20.0)
    model.condition_spread.copy_(torch.tensor({"charge_per_area": 0.01, "charge": 0.1, "potential": 1.0}[config.condition], dtype=torch.float64))
    return model.eval()


@needs_mace
class TestChargePerArea(ModelContract):
    """E(R, Q)."""

    @pytest.fixture
    def case(self):
        return Case(sensitive(), SYSTEMS, charge=0.01, potential=4.6)


@needs_mace
class TestPotential(ModelContract):
    """Omega(R, Phi), without vectors among the features."""

    @pytest.fixture
    def case(self):
        return Case(sensitive(replace(TINY, condition="potential", max_l=0, correlation=3)), SYSTEMS, charge=0.01, potential=4.6)


def plain_mace(**changes):
    """A model of mace-torch without any condition, built with mace's defaults: e3nn's compiler, weights drawn from torch's own numbers."""
    modules, e3nn = _packages()
    Irreps = e3nn.o3.Irreps

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    block = modules.interaction_classes["RealAgnosticInteractionBlock"]
    settings = dict(
        r_max=5.0, num_bessel=5, num_polynomial_cutoff=5, max_ell=2, interaction_cls=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
        interaction_cls_first=block, num_interactions=2, num_elements=3, hidden_irreps=Irreps("4x0e + 4x1o"), MLP_irreps=Irreps("4x0e"),
        atomic_energies=[-1.0, -2.0, -3.0], avg_num_neighbors=8.0, atomic_numbers=[1, 8, 79], correlation=2, gate=torch.nn.functional.silu,
        radial_MLP=[8], atomic_inter_scale=40.0, atomic_inter_shift=0.1,
    )  # fmt: skip
    try:
        return modules.ScaleShiftMACE(**{**settings, **changes})
    finally:
        torch.set_default_dtype(before)


def stored(network, path):
    save_file({k: v.contiguous().clone() for k, v in network.state_dict().items()}, path)
    return path


def through_mace(network, images, cutoff):
    """Energies (S,) and forces (N, 3) by mace-torch's own reading of Atoms, neighbour search and derivatives."""
    from mace import data
    from mace.tools import AtomicNumberTable, torch_geometric

    table = AtomicNumberTable(network.atomic_numbers.tolist())
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        sets = [data.AtomicData.from_config(data.config_from_atoms(a), z_table=table, cutoff=cutoff) for a in images]
        batch = next(iter(torch_geometric.dataloader.DataLoader(sets, batch_size=len(sets), shuffle=False)))
    finally:
        torch.set_default_dtype(before)
    out = network(batch.to_dict(), compute_force=True)
    return out["energy"].detach(), out["forces"].detach()


def capacitor(model, structure, charge):
    return model.neutral_potential * charge + charge**2 / (2 * model.capacitance_per_area * structure.area)


@needs_mace
@pytest.mark.filterwarnings("ignore")  # of mace-torch's readers and e3nn's compiler
def test_with_the_weights_of_a_neutral_mace_it_is_that_mace_beside_a_capacitor(tmp_path):
    model, plain, structure = sensitive.__wrapped__(), plain_mace(), Structure.from_atoms(SYSTEMS)
    model.take_neutral(stored(plain, tmp_path / "neutral.safetensors"))
    energy, forces = through_mace(plain, SYSTEMS, 5.0)
    charge = torch.tensor([0.03, -0.02], dtype=torch.float64)
    out = evaluate(model, structure, Control(charge=charge))
    assert forces.abs().max() > 0.1
    assert (out["canonical_energy"] - energy - capacitor(model, structure, charge)).abs().max() < 1e-10
    assert (out["forces"] - forces).abs().max() < 1e-10
    assert (out["capacitance"] - model.capacitance_per_area * structure.area).abs().max() < 1e-10
    model.adapt(blocks(model, frames()[0], jacobians=False))
    assert float(model.network.scale_shift.scale) == 40.0


@needs_mace
def test_a_charge_moves_the_embedding_of_the_elements():
    """x w + W_Z is one vector: a plain MACE with W_Z moved by x w gives the same energy and forces."""
    model, structure, charge = sensitive(), Structure.from_atoms(SYSTEMS[0]), 0.02
    moved, still = sensitive.__wrapped__(), sensitive.__wrapped__()
    for other in (moved, still):
        other.network.joint_embedding.weight.data.zero_()
    x = charge / float(structure.area) / 0.01
    linear = moved.network.node_embedding.linear
    rows = linear.weight.data.view(len(TINY.elements), TINY.channels)
    rows += x * len(TINY.elements) ** 0.5 * model.network.joint_embedding.weight.detach()
    a, b, c = (evaluate(m, structure, Control(charge=charge)) for m in (model, moved, still))
    assert (a["canonical_energy"] - c["canonical_energy"]).abs().max() > 1e-3
    assert (a["canonical_energy"] - b["canonical_energy"]).abs().max() < 1e-10 and (a["forces"] - b["forces"]).abs().max() < 1e-10


@needs_mace
@pytest.mark.parametrize("condition, doubles", [("charge_per_area", True), ("charge", False)])
def test_twice_the_cell_with_twice_the_charge(condition, doubles):
    model = sensitive(replace(TINY, condition=condition))
    small, large = (Structure.from_atoms(a) for a in (SYSTEMS[0], SYSTEMS[0] * (2, 1, 1)))
    a, b = evaluate(model, small, Control(charge=0.02)), evaluate(model, large, Control(charge=0.04))
    assert (abs(float(2 * a["canonical_energy"] - b["canonical_energy"])) < 1e-10) == doubles
    assert (abs(float(a["potential"] - b["potential"])) < 1e-10) == doubles


@needs_mace
@pytest.mark.parametrize("condition", ["charge_per_area", "potential"])
def test_adapted_it_has_the_capacitor_and_the_elements_of_the_data(condition):
    model, training = MaceNode(replace(TINY, condition=condition)), frames()[0]
    data = blocks(model, training, jacobians=False)
    model.adapt(data)
    per_area = np.array([f.charge / f.geometry.cell.areas()[2] for f in training])
    slope, level = np.polyfit(per_area, [f.potential for f in training], 1)
    if condition == "charge_per_area":
        assert float(model.neutral_potential) == pytest.approx(level, abs=1e-8)
        assert float(model.capacitance_per_area) == pytest.approx(1 / slope, rel=1e-8)
    rest = [b.labels["energy"] - model(b.structure, Control(**b.held), b.description)["natural_energy"].detach() for b in data]
    ordered = [f for n in sorted({len(f.geometry) for f in training}) for f in training if len(f.geometry) == n]
    counts = torch.tensor([[float((f.geometry.numbers == z).sum()) for z in TINY.elements] for f in ordered], dtype=torch.float64)
    assert (counts.T @ torch.cat(rest)).abs().max() < 1e-7


@needs_mace
def test_training_uses_the_charge_and_lowers_the_errors():
    model = MaceNode(TINY)
    result = fit(model, *frames(), TrainConfig(max_minutes=5.0, epochs=10, batch_size=6, learning_rate=0.03, weight_decay=0.0, validate_every=1))
    first, last = result.history[0], result.history[-1]
    assert model.network.joint_embedding.weight.abs().max() > 1e-3
    assert result.best < 0.5 * first["validation_loss"] and last["validation_forces"] < 0.6 * first["validation_forces"]


@needs_mace
@pytest.mark.filterwarnings("ignore")  # of e3nn's compiler
def test_weights_that_do_not_fit_are_refused_and_nothing_is_unpickled(tmp_path):
    right = stored(plain_mace(), tmp_path / "right.safetensors")
    for config, match in ((replace(TINY, channels=8), "do not fit"), (replace(TINY, elements=(1, 8, 78)), "elements"), (replace(TINY, cutoff=4.0), "cutoff")):
        with pytest.raises(ValueError, match=match):
            MaceNode(config).take_neutral(right)
    harm = tmp_path / "harm"
    torch.save({"a": _Harm(str(harm))}, tmp_path / "pickled.model")
    with pytest.raises(ValueError, match="Convert a MACE model that you trust"):
        MaceNode(TINY).take_neutral(tmp_path / "pickled.model")
    assert not harm.exists()


class _Harm:
    """What makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@needs_mace
def test_the_process_keeps_its_random_numbers_precision_and_guard():
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    model, again = MaceNode(TINY), MaceNode(TINY)
    assert torch.equal(expected, torch.rand(3)) and torch.get_default_dtype() == torch.float32 and GUARD not in os.environ
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values()))
    assert all(v.dtype != torch.float32 for v in model.state_dict().values() if v.numel())


@needs_mace
def test_an_unknown_element_is_refused():
    with pytest.raises(ValueError, match=r"elements \[29\] .* are not in the model"):
        evaluate(MaceNode(TINY), Structure.from_atoms(Atoms("Cu", cell=[4, 4, 9], pbc=(1, 1, 0))), Control(charge=0.0))


def test_without_mace_torch_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mace", None)
    with pytest.raises(MissingPackage, match=r"mace-torch.*electrode-interfaces\[mace\]"):
        MaceNode(TINY)


def test_choices_without_meaning_are_refused():
    with pytest.raises(ValueError, match="did you mean 'potential'"):
        replace(TINY, condition="potental")
    with pytest.raises(ValueError, match="ascending atomic numbers"):
        replace(TINY, elements=(79, 1))


@needs_mace
def test_a_committee_is_refused_with_the_reason():
    with pytest.raises(ValueError, match="one pass"):
        Committee.of([MaceNode(TINY), MaceNode(replace(TINY, seed=1))], "mace-node")
