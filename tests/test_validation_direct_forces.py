"""What is measured of forces from heads of their own: nothing of a gradient, all of a swirl, and the heat that a swirl brings."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from ase import Atoms

sys.path.insert(0, str(Path(__file__).parents[1]))
from electrode.models.base import Model  # noqa: E402
from validation import direct_forces  # noqa: E402

STIFFNESS, SWIRL = 2.0, 0.6  # [eV/A^2]


class Swirling(Model):
    """F = -k r + w (-y, x, 0) about the origin, beside k r^2/2 - C (Phi - 4.4)^2/2: J = -k + w e_z x."""

    natural, conservative = "potential", False

    def __init__(self, swirl):
        super().__init__()
        self.swirl = swirl

    def forward(self, structure, control, description):
        r = description["positions"]
        energy = structure.total(0.5 * STIFFNESS * r.square().sum(1)) - 0.05 * (control.potential - 4.4) ** 2
        across = torch.stack([-r[:, 1], r[:, 0], torch.zeros_like(r[:, 0])], dim=1)
        return {"natural_energy": energy, "forces": -STIFFNESS * r + self.swirl * across}


@pytest.fixture
def atoms():
    return Atoms("Au2", [[0.3, -0.2, 0.1], [-0.5, 0.4, 2.6]], cell=[9, 9, 9])


def test_asymmetry_is_the_swirl_over_the_stiffness(atoms):
    """For random u and v: mean (2 w u.(e x v))^2 = (4 w^2/D^2) 2n, mean (2 k u.v)^2 = (4 k^2/D^2) 3n, D = 3n coordinates of n atoms."""
    found = direct_forces.asymmetry(Swirling(SWIRL), atoms, 4.5, pairs=1000)
    assert found == pytest.approx(np.sqrt(2.0 / 3.0) * SWIRL / STIFFNESS, rel=0.1)
    assert direct_forces.asymmetry(Swirling(0.0), atoms, 4.5) < 1e-7


def test_a_turn_finds_what_does_not_turn(atoms):
    assert direct_forces.unturned(Swirling(SWIRL), atoms, 4.5) < 1e-12

    class Upwards(Swirling):
        def forward(self, structure, control, description):
            out = super().forward(structure, control, description)
            return {**out, "forces": out["forces"] + torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)}

    assert direct_forces.unturned(Upwards(0.0), atoms, 4.5) > 0.01


def test_a_swirl_heats(atoms):
    still, swirling = (direct_forces.drift(resting(atoms, w), 150, 1.0)[0] for w in (0.0, SWIRL))
    assert abs(still) < 0.01 * abs(swirling)


def resting(atoms, swirl):
    model = Swirling(swirl)
    made = atoms.copy()
    made.calc = direct_forces.ElectrodeCalculator(model, potential=4.5, reference="absolute")
    return made


def test_the_ripple_of_a_gradient_falls_with_the_square_of_the_step(atoms):
    coarse, fine = (direct_forces.drift(resting(atoms, 0.0), int(60 / step), step)[1] for step in (1.0, 0.5))
    assert coarse == pytest.approx(4.0 * fine, rel=0.03)


def test_what_no_frame_moves_rests(atoms):
    moved = atoms.copy()
    moved.positions[1] += 0.3
    assert direct_forces.unmoved([SimpleNamespace(atoms=a) for a in (atoms, moved)]).tolist() == [0]
    found = direct_forces.at_rest(Swirling(0.0), atoms, 4.5, np.array([0]))
    assert np.allclose(found.positions[0], atoms.positions[0]) and np.abs(found.positions[1]).max() < 0.03 / STIFFNESS


def test_atoms_that_run_into_each_other_end_no_comparison(monkeypatch, capsys):
    def collapse(*arguments):
        raise ValueError("atoms 0 and 1 are 0.1 A apart")

    monkeypatch.setattr(direct_forces, "at_rest", collapse)
    frame = SimpleNamespace(atoms=None, potential=4.0, trajectory="t")
    assert direct_forces.drifts(None, frame, None, 2, 0.5) is None and "t: atoms 0 and 1" in capsys.readouterr().out
