"""Some rows of the answers to a field in a step, and single precision: what is learned from must stay the same on average."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))

from fields import FIELD, labelled, water

from electrode.models.enthalpy import Enthalpy, EnthalpyConfig
from electrode.nn.precision import single_precision
from electrode.nn.representation import RepresentationConfig
from electrode.state import Control, Structure
from electrode.thermo import evaluate, response
from electrode.train.blocks import blocks
from electrode.train.config import TrainConfig
from electrode.train.loss import Term, counts, loss
from electrode.train.thinning import labelled_rows, thinned
from electrode.train.train import train

SHAPE = {"channels": 6, "layers": 2, "radial_functions": 4, "cutoff": 3.0}
TERMS = (Term("forces"), Term("born_charges"), Term("polarizability"))
RESPONSES = ("born_charges", "polarizability")


class Row:
    """Stands for a generator whose permutation begins with one row."""

    def __init__(self, row):
        self.row = row

    def permutation(self, n):
        return np.roll(np.arange(n), -self.row)


def model():
    return Enthalpy(EnthalpyConfig((1, 8), RepresentationConfig(**SHAPE), readout_hidden=6)).eval()


def gradient(block):
    own = model()
    value = loss(TERMS, block, block.predict(own, True, RESPONSES))
    value.backward()
    return value.detach(), torch.cat([torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten() for p in own.parameters()])


def test_the_mean_over_drawn_rows_is_the_loss_of_all_of_them():
    (block,) = blocks(model(), labelled(4))
    value, slope = gradient(block)
    each = [gradient(thinned(block, 1, Row(k))) for k in range(3)]
    assert abs(sum(v for v, _ in each) / 3 - value) < 1e-12 and abs(each[0][0] - value) > 1e-4
    assert (sum(g for _, g in each) / 3 - slope).abs().max() < 1e-10


def test_rows_that_are_left_out_are_neither_counted_nor_worked_out():
    (block,) = blocks(model(), labelled(4))
    some = thinned(block, 1, Row(2))
    assert labelled_rows(block) == [0, 1, 2] and labelled_rows(some) == [2]
    assert counts(TERMS, some).tolist() == [36.0, 18.0, 6.0] and counts(TERMS, block).tolist() == [36.0, 54.0, 18.0]
    found, whole = (b.predict(model(), quantities=RESPONSES)["born_charges"].reshape(4, 3, 3, 3) for b in (some, block))
    assert not found[:, :, :2].any() and (found[:, :, 2] - whole[:, :, 2]).abs().max() < 1e-12
    assert thinned(block, 3, Row(0)) is block
    with pytest.raises(ValueError, match="1, 2 or 3"):
        TrainConfig(response_rows=0)


def test_single_precision_is_near_double_and_ends():
    structure, control = Structure.from_atoms([water(), water(seed=3)]), Control(charge=0.0, field=FIELD)
    own = model()
    ask = lambda: evaluate(own, structure, control) | response(own, structure, control)
    before = ask()
    with single_precision([own]):
        during = ask()
    after = ask()
    for name in ("enthalpy", "forces", "dipole", *RESPONSES):
        assert 0.0 < (during[name] - before[name]).abs().max() < 1e-5 and after[name].equal(before[name])
    assert all(p.dtype == torch.float64 for p in own.parameters())


def test_a_scheme_without_such_a_network_refuses_it():
    config = TrainConfig.for_scheme("pnnp", single=True, epochs=1)
    with pytest.raises(ValueError, match="leave out single"):
        train("pnnp", labelled(4, fields=False), labelled(2, seed=1, fields=False), config)


def test_members_are_trained_in_single_precision_too():
    config = TrainConfig.for_scheme("enthalpy", epochs=2, validate_every=1, batch_size=4)
    assert config.single and config.response_rows == 1
    found = train("enthalpy", labelled(8), labelled(4, seed=1), config, {"representation": SHAPE, "readout_hidden": 6}, members=2)
    assert all(np.isfinite(r["validation_loss"]) for r in found.history)
    assert all(not part.single for part in found.model.pattern.modules() if hasattr(part, "single"))
