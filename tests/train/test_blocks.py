"""Blocks: cached descriptions give what `thermo.evaluate` gives, every frame is seen once, missing labels stay missing."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from teacher import frames, interface, labelled, pupil

import electrode.train.blocks as module
from electrode.state import Control, Structure
from electrode.thermo import evaluate
from electrode.train.blocks import batches, blocks, in_order
from electrode.train.frame_batches import frame_batches
from electrode.train.predictions import member_predictions
from electrode.train.processes import Processes


def small():
    """Frames of two sizes in mixed order: 4 atoms and 7."""
    a = labelled(interface(height=-1.1, seed=5), (-0.001, 0.002), "h")
    b = labelled(interface((2, 1, 2), height=2.6, water=True, seed=6), (0.0, 0.001, 0.002), "w")
    return [a[0], b[0], b[1], a[1], b[2]]


@pytest.mark.parametrize("choices", [{}, {"local_energy": False, "short_range": False}, {"members": 2}], ids=["dual", "products", "committee"])
def test_predictions_are_those_of_evaluate(choices):
    model = pupil(**choices)
    for block in blocks(model, small()):
        found = block.predict(model)
        wanted = evaluate(model, block.structure, Control(potential=block.natural))
        torch.testing.assert_close(found["energy"], wanted["grand_energy"], rtol=0, atol=1e-9)
        torch.testing.assert_close(found["forces"], wanted["forces"].reshape(len(block), -1), rtol=0, atol=1e-9)
        torch.testing.assert_close(found["conjugate"], wanted["charge"], rtol=0, atol=1e-9)
        torch.testing.assert_close(found["atomic_charges"], wanted["atomic_charges"], rtol=0, atol=1e-9)


def test_labels_are_the_natural_scalar_and_its_conjugate():
    (first, second) = blocks(pupil(), small())
    assert (len(first), len(second)) == (2, 3) and len(first.structure.numbers) == 8
    frame = small()[0]
    assert first.labels["energy"][0] == frame.grand_energy and first.natural[0] == frame.potential
    assert first.labels["conjugate"][0] == first.labels["charge"][0] == frame.charge
    assert np.array_equal(first.labels["forces"][0], np.ravel(frame.forces))
    assert np.array_equal(first.structure.positions[:4], frame.geometry.positions)


def test_frames_without_energy_or_forces_have_nan_labels():
    bare = [replace(f, energy=None, energy_kind="none") if k == 0 else replace(f, forces=None) for k, f in enumerate(small()[::3])]
    (block,) = blocks(pupil(), bare)
    assert torch.isnan(block.labels["energy"]).tolist() == [True, False]
    assert torch.isnan(block.labels["forces"]).all(1).tolist() == [False, True]
    (block,) = blocks(pupil(), [replace(small()[0], forces=None), small()[3]])
    assert torch.isnan(block.labels["forces"][0]).all() and torch.isfinite(block.labels["forces"][1]).all()


def test_batches_hold_every_frame_once_and_of_one_size():
    data = blocks(pupil(), frames()[0])
    wanted = sorted(float(e) for b in data for e in b.labels["energy"])
    for size in (1, 7, 1000):
        seen = list(batches(data, size, np.random.default_rng(0)))
        assert sorted(float(e) for b in seen for e in b.labels["energy"]) == wanted
        assert max(map(len, seen)) <= size
    orders = [[float(b.labels["energy"][0]) for b in batches(data, 1, np.random.default_rng(s))] for s in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize(("size", "atoms", "sizes"), [(5, None, [2, 3]), (1, None, [1] * 5), (5, 14, [2, 2, 1]), (1, 14, [1] * 5), (5, 3, [1] * 5)])
def test_batches_in_order_are_bounded_in_frames_and_atoms(size, atoms, sizes):
    parts = list(in_order(blocks(pupil(), small()), size, atoms))
    assert [len(part) for part in parts] == sizes
    assert torch.equal(torch.cat([part.natural for part in parts]), torch.cat([block.natural for block in blocks(pupil(), small())]))


def test_frames_of_a_committee_count_once_for_each_member(monkeypatch):
    monkeypatch.setattr("electrode.train.frame_batches.ATOMS", 14)
    some = small()  # of 4, 7, 7, 4 and 7 atoms
    for members, sizes in ((1, [2, 2, 1]), (2, [1] * 5)):
        parts = list(frame_batches(pupil(members=members, epochs=1), some))
        assert [len(part) for part in parts] == sizes
        assert all(a is b for a, b in zip(sum(parts, []), some, strict=True))


def test_taken_frames_predict_as_they_did():
    model = pupil()
    for block in blocks(model, small()):
        rows = torch.tensor([1, 0])
        whole, part = block.predict(model), block.take(rows).predict(model)
        torch.testing.assert_close(part["energy"], whole["energy"][rows], rtol=0, atol=1e-12)
        torch.testing.assert_close(part["forces"], whole["forces"][rows], rtol=0, atol=1e-12)


def test_processes_share_the_frames_and_the_batches():
    """What two processes hold of a batch is together what one process has in it."""
    training = frames()[0]
    model, pair = pupil(), [Processes(0, 2), Processes(1, 2)]
    whole = [sorted(b.labels["energy"].tolist()) for b in batches(blocks(model, training), 8, np.random.default_rng(5))]
    halves = [[b.labels["energy"].tolist() for b in batches(blocks(model, training, processes=p), 4, np.random.default_rng(5), p)] for p in pair]
    assert [sorted(a + b) for a, b in zip(*halves)] == whole
    (lone,) = blocks(model, training[:1], processes=pair[1])
    assert len(lone) == 0 and lone.total == 1


@pytest.mark.parametrize("choices", [{}, {"members": 2}], ids=["dual", "committee"])
def test_without_jacobians_predictions_and_slopes_of_a_loss_are_the_same(monkeypatch, choices):
    model, found = pupil(**choices), []
    for room in (2e9, 1e3):
        monkeypatch.setattr(module, "CACHE_BYTES", room)
        data = blocks(model, small())
        assert all(bool(b.jacobian) == (room == 2e9) and bool(b.kernels) == (room == 1e3) for b in data)
        outputs, slopes = [], []
        for block in (b.take(torch.tensor(list(range(len(b)))[::-1])) for b in data):
            out = member_predictions(model, block, True, ("force_slope",))
            loss = out["energy"].square().sum() + (out["forces"] ** 2).sum() + out["conjugate"].sum() + 1e-3 * (out["force_slope"] ** 2).sum()
            slopes += torch.autograd.grad(loss, [p for p in model.parameters() if p.requires_grad], allow_unused=True)
            outputs += [out["energy"], out["forces"], out["conjugate"]]
        found.append([x for x in (*outputs, *slopes) if x is not None])
    for kept, worked_out in zip(*found):
        torch.testing.assert_close(kept, worked_out, rtol=1e-9, atol=1e-9)


def test_a_jacobian_is_what_displacements_say():
    """The one with a kernel of its own against central differences of the features."""
    model, (frame, *_) = pupil(), small()
    (block,) = blocks(model, [frame])
    n, step, columns = len(frame.geometry), 1e-5, []
    for k in range(3 * n):
        moved = []
        for sign in (1.0, -1.0):
            atoms = frame.atoms
            atoms.positions[k // 3, k % 3] += sign * step
            moved.append(model.kernels(Structure.from_atoms([atoms]))["symmetry"].values().ravel())
        columns.append((moved[0] - moved[1]) / (2 * step))
    np.testing.assert_allclose(block.jacobian_of("symmetry", 0).numpy(), np.transpose(columns), atol=1e-7)


def test_taken_frames_have_areas_and_counts_of_their_own():
    flat, wide = labelled(interface(seed=5), (0.0,), "one"), labelled(interface(seed=5), (0.0,), "two")
    wide[0].geometry.set_cell(wide[0].geometry.cell.array * [[2.0], [1.0], [1.0]])
    (block,) = blocks(pupil(), [*flat, *wide])
    areas, counts = block.structure.area, block.structure.counts  # known of the whole before its parts are asked
    for rows in ([1, 0], [1], [0, 0, 1]):
        part = block.take(torch.tensor(rows)).structure
        torch.testing.assert_close(part.area, areas[rows])
        assert torch.equal(part.counts, counts[rows]) and len(part.normal) == len(rows)
