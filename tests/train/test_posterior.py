"""A committee drawn about one least-squares fit has that fit as its mean and the posterior's covariance."""

from functools import lru_cache

import numpy as np
import pytest
import torch
from teacher import SMALL, frames, interface

from electrode.models.committee import Committee
from electrode.state import Control, Structure
from electrode.thermo import evaluate
from electrode.train.blocks import blocks
from electrode.train.config import TERMS, TrainConfig
from electrode.train.geometries import by_geometry
from electrode.train.least_squares import problem
from electrode.train.posterior import draws
from electrode.train.train import train

FEW = {"symmetry_functions": SMALL["symmetry_functions"], "landmarks": 12}


@lru_cache(maxsize=None)
def fitted(members, scheme="taylor"):
    return train(scheme, *frames(), TrainConfig(epochs=4, posterior=members > 1), choices=FEW, members=members).model


@lru_cache(maxsize=1)
def solved():
    model, data = fitted(1), frames()[0]
    described = blocks(model, [data[rows[0]] for rows in by_geometry(data)])
    return problem(model, described, data, TERMS, np.ones(len(data)))


def test_draws_have_the_mean_and_the_covariance_of_the_posterior():
    some, members = solved(), 3000
    drawn = draws(some, some.start, members, seed=1)
    assert np.abs(drawn.mean(0) - some.start).max() < 1e-8 * np.abs(drawn).max()
    matrix = some.normal(some.start)[0]
    matrix = np.triu(matrix) + np.triu(matrix, 1).T
    rng, seen = np.random.default_rng(2), some.spread[some.free]
    for _ in range(5):
        direction = np.where(seen < 100.0, rng.normal(size=len(seen)) / seen, 0.0)  # every weight alike, but for the elements' energies, which rounding touches
        expected = direction @ np.linalg.solve(matrix, direction)
        found = (drawn[:, some.free] @ direction).var(ddof=1)
        assert found == pytest.approx(expected, rel=6.0 * np.sqrt(2.0 / members))


def test_the_mean_of_the_committee_is_the_fit():
    single, committee = fitted(1), fitted(4)
    assert isinstance(committee, Committee)
    structure = Structure.from_atoms([interface(height=1.0, seed=51), interface((2, 1, 2), height=2.6, water=True, seed=52)])
    a, b = (evaluate(m, structure, Control(charge=0.01)) for m in (single, committee))
    assert torch.allclose(a["canonical_energy"], b["canonical_energy"], rtol=0, atol=1e-6)
    assert torch.allclose(a["forces"], b["forces"], rtol=0, atol=1e-6) and torch.allclose(a["potential"], b["potential"], rtol=0, atol=1e-6)


def test_the_spread_grows_away_from_the_data():
    committee = fitted(8)
    near, far = (Structure.from_atoms(interface(height=h, seed=0)) for h in (0.9, 3.0))
    spread = [float(evaluate(committee, s, Control(charge=0.0))["energy_std"]) for s in (near, far)]
    assert spread[1] > 2.0 * spread[0] > 0.0
    charged = [committee.conjugate_std(near, Control(charge=q)).item() for q in (0.0, 0.5)]
    assert charged[1] > 2.0 * charged[0] > 0.0


def test_a_bootstrap_still_fits_every_member():
    config = TrainConfig(epochs=2)
    result = train("taylor", *frames(), config, choices=FEW, members=2)
    assert {row["member"] for row in result.history} == {0, 1}
    assert {row.get("member") for row in train("taylor", *frames(), TrainConfig(epochs=2, posterior=True), choices=FEW, members=2).history} == {None}
    with pytest.raises(ValueError, match="bootstrap or posterior, got both"):
        TrainConfig(bootstrap=True, posterior=True)
