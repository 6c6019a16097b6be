"""The loss is what it says: scaled, weighted mean squares of the labels that are there."""

from dataclasses import replace

import pytest
import torch
from teacher import interface, labelled, pupil

from electrode.train.blocks import blocks
from electrode.train.loss import QUANTITIES, Term, counts, errors, loss, root_mean_square


@pytest.fixture
def block():
    (found,) = blocks(pupil(), labelled(interface(seed=5), (-0.001, 0.0, 0.002)))
    return found


def test_each_term_is_a_weighted_mean_square(block):
    out = block.predict(pupil(), quantities=QUANTITIES)
    found = errors(block, out)
    assert set(found) == set(QUANTITIES) - {"dipole", "born_charges", "polarizability"}  # those need a field
    for name, error in found.items():
        value = loss((Term(name, 3.0, 0.5),), block, out).detach()
        assert float(value) == pytest.approx(3.0 * float((error.detach() / 0.5).square().nanmean()), rel=1e-12) and value > 0
    both = loss((Term("energy", 1.0), Term("forces", 2.0)), block, out)
    torch.testing.assert_close(both, found["energy"].square().mean() + 2.0 * found["forces"].square().mean())


def test_energy_is_per_atom_and_charges_are_per_cell(block):
    out = block.predict(pupil())
    found = errors(block, out)
    torch.testing.assert_close(found["energy"], (out["energy"] - block.labels["energy"]) / 4)
    latent = out["atomic_charges"].reshape(3, 4).sum(1)
    torch.testing.assert_close(found["latent_charge"], latent - block.labels["charge"])
    torch.testing.assert_close(found["consistency"], latent - out["conjugate"])


def test_missing_labels_are_left_out_of_the_mean_and_of_the_gradient(block):
    out = block.predict(pupil(), create_graph=True)
    whole = errors(block, out)["energy"]
    block.labels["energy"][1] = torch.nan
    block.labels["forces"][0] = torch.nan
    value = loss((Term("energy"), Term("forces")), block, out)
    kept = whole[[0, 2]].square().mean() + errors(block, out)["forces"][1:].square().mean()
    assert float(value.detach()) == pytest.approx(float(kept.detach()), rel=1e-12)
    grads = torch.autograd.grad(value, [p for p in pupil().parameters()], allow_unused=True)
    assert all(torch.isfinite(g).all() for g in grads if g is not None)
    assert root_mean_square([block], pupil())["energy"] == pytest.approx(float(whole[[0, 2]].square().mean().sqrt().detach()), rel=1e-9)


def test_frames_that_count_twice_are_there_twice(block):
    """Weights are numbers of copies; the mean is over the frames as they are."""
    out = block.predict(pupil())
    e = errors(block, out)["energy"].detach()
    counted = replace(block, weight=torch.tensor([2.0, 0.0, 1.0], dtype=torch.float64))
    value = loss((Term("energy"),), counted, out)
    assert float(value.detach()) == pytest.approx(float((2 * e[0] ** 2 + e[2] ** 2) / 3), rel=1e-12)


def test_parts_of_a_batch_add_up_to_its_loss(block):
    terms = (Term("energy"), Term("forces", 2.0, 0.5))
    block.labels["energy"][1] = torch.nan
    of = counts(terms, block)
    assert of.tolist() == [2.0, 36.0]
    parts = [block.take(torch.tensor(rows)) for rows in ([0], [1, 2])]
    total = sum(loss(terms, p, p.predict(pupil()), of) for p in parts)
    torch.testing.assert_close(total, loss(terms, block, block.predict(pupil())), rtol=1e-12, atol=0)


def test_a_quantity_without_any_label_costs_nothing_and_is_not_reported(block):
    block.labels["forces"][:] = torch.nan
    assert float(loss((Term("forces"),), block, block.predict(pupil())).detach()) == 0.0
    assert "forces" not in root_mean_square([block], pupil())


def test_a_quantity_that_the_scheme_lacks_is_refused(block):
    out = block.predict(pupil())
    del out["atomic_charges"]
    with pytest.raises(ValueError, match="asks for 'consistency'.*it gives"):
        loss((Term("consistency"),), block, out)


@pytest.mark.parametrize("arguments, message", [(("force",), "did you mean 'forces'"), (("forces", -1.0), "weight >= 0"), (("forces", 1.0, 0.0), "scale > 0"), (("forces", 1.0, float("nan")), "scale > 0"), (("forces", float("nan")), "weight >= 0")])
def test_terms_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        Term(*arguments)


def test_a_prediction_that_is_no_number_is_no_missing_label(block):
    out = block.predict(pupil())
    out["energy"] = out["energy"] * torch.nan
    assert torch.isnan(loss((Term("energy"), Term("forces")), block, out))
    assert "energy" in errors(block, out) and torch.isnan(errors(block, out)["energy"]).all()
