"""Geometries whose slopes do not fit into memory: the same sums, passed one by one, and coordinates without a label left out."""

from dataclasses import replace

import numpy as np
import pytest
from teacher import interface, labelled

import electrode.train.blocks as cache
import electrode.train.geometries as module
from electrode.models.schemes import SCHEMES
from electrode.train.blocks import blocks
from electrode.train.config import TERMS
from electrode.train.geometries import Geometry, Passing, by_geometry
from electrode.train.least_squares import problem


WIDTHS = "equilibration, learned widths"


def data():
    """Frames of two sizes and two charges each, the forces on some atoms of one size not known."""
    a = labelled(interface(height=-1.1, seed=5), (-0.001, 0.002), "h")
    b = [f for k in (6, 8, 9) for f in labelled(interface((2, 1, 2), height=2.6, water=True, seed=k), (0.0, 0.002), f"w{k}")]
    return [*a, *(masked(f) for f in b), replace(labelled(interface(height=1.3, seed=7), (0.001,), "i")[0], forces=None)]


def masked(frame):
    forces = np.array(frame.forces)
    forces[:2] = np.nan
    return replace(frame, forces=forces)


def made(scheme, frames, like=None):
    """Return the problem of fitting a scheme to the frames, and weights away from its start; with the landmarks of another model."""
    scheme, choices = ("equilibration", {"learned_widths": True}) if scheme == WIDTHS else (scheme, {})
    elements = tuple(sorted({int(z) for f in frames for z in f.geometry.numbers}))
    kind = SCHEMES[scheme]
    model = kind.load()(replace(kind.config().for_elements(elements), landmarks=6, **choices))
    described = blocks(model, [frames[rows[0]] for rows in by_geometry(frames)])
    model.adapt(described)
    if like is not None:  # rounding may turn the whitened basis round
        model.load_state_dict(like.state_dict())
    found = problem(model, described, frames, TERMS, np.linspace(0.5, 1.5, len(frames)))
    return found, found.start + 0.03 * found.spread.clip(max=1.0) * np.random.default_rng(0).normal(size=len(found.start))


@pytest.mark.parametrize("scheme", ["equilibration", WIDTHS, "taylor"])
def test_geometries_in_passing_give_the_same_sums(scheme, monkeypatch):
    frames = data()
    held, theta = made(scheme, frames)
    monkeypatch.setattr(module, "SLOPE_BYTES", 0.0)
    monkeypatch.setattr(cache, "CACHE_BYTES", 0.0)
    rebuilt, _ = made(scheme, frames, held.model)
    assert all(isinstance(g, Geometry) for g in held.data) and all(isinstance(g, Passing) for g in rebuilt.data)
    assert rebuilt.cost(theta) == pytest.approx(held.cost(theta), rel=1e-9)
    assert rebuilt.errors(theta) == pytest.approx(held.errors(theta), rel=1e-9)
    for one, other in zip(held.normal(theta), rebuilt.normal(theta)):
        np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-9 * np.abs(one).max())


@pytest.mark.parametrize("scheme", ["equilibration", WIDTHS, "taylor"])
def test_the_gradient_is_that_of_the_cost(scheme):
    """J^T r of the sums against central differences of the cost, along random directions."""
    solved, theta = made(scheme, data())
    _, right = solved.normal(theta)
    for direction in np.random.default_rng(1).normal(size=(3, len(theta))):
        step = 1e-5 * direction * solved.spread.clip(max=1.0)
        slope = 0.5 * (solved.cost(theta + step) - solved.cost(theta - step))
        assert -2.0 * right @ step == pytest.approx(slope, rel=1e-4)


def test_the_gradient_in_the_widths_is_that_of_the_cost():
    solved, theta = made(WIDTHS, data())
    widths = np.arange(len(theta) - len(solved.model.heads.offsets), len(theta))
    _, right = solved.normal(theta)
    for k in widths:
        step = 1e-4 * (np.arange(len(theta)) == k)
        assert abs(right[k]) > 1.0
        assert -2.0 * right @ step == pytest.approx(0.5 * (solved.cost(theta + step) - solved.cost(theta - step)), rel=1e-5)


def test_coordinates_without_a_label_take_no_room():
    frames = data()
    whole = made("taylor", [replace(f, forces=np.nan_to_num(f.forces)) for f in frames[:4]])[0].data
    part = made("taylor", frames)[0].data
    assert [g.forces.shape[1] for g in whole] == [12, 21] and sorted(g.forces.shape[1] for g in part) == [0, 12, 15, 15, 15]
    assert all(s.shape[2] == g.forces.shape[1] for g in part for s in g.basis_slope)
