"""What razor explains of the forces' change with charge: the shares are those that can be written down."""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms

sys.path.insert(0, str(Path(__file__).parents[1]))
from electrode.models.base import Model  # noqa: E402
from validation import razor  # noqa: E402


class Linear(Model):
    """E = -0.2 z Q of the last atom: its force changes by 0.2 eV/A for each electron."""

    def forward(self, structure, control, description):
        last = torch.cumsum(structure.counts, 0) - 1
        return {"natural_energy": -0.2 * description["positions"][last, 2] * control.charge + 0.5 * control.charge**2}


@dataclass
class Frame:
    charge: float
    forces: np.ndarray
    geometry_id: str = "a"
    atoms: Atoms = None
    mu: float = 0.0


def frame(charge, force, where="a"):
    atoms = Atoms("AuH", [(0, 0, 0), (0, 0, 2)], cell=[3, 3, 20], pbc=(True, True, False))
    return Frame(charge, np.array([[0.0, 0.0, 0.0], [0.0, 0.0, force]]), where, atoms)


def test_shares_of_a_line_and_of_a_parabola():
    exact = razor.compare(Linear(), [frame(q, 0.7 + 0.2 * q) for q in (-1.0, 0.0, 0.5, 3.0)])
    found = razor.summary(exact)
    assert found["left"] == pytest.approx(0.0, abs=1e-9) and found["floor"] == pytest.approx(0.0, abs=1e-9) and found["n_geometries"] == 1
    assert found["change_meV_per_A"] == pytest.approx(1e3 * np.sqrt((0.2**2 + 0.1**2) / 12))  # the charge of 3 e is left out
    bent = razor.summary(razor.compare(Linear(), [frame(q, 0.3 * q + 0.1 * q**2) for q in (-1.0, 0.0, 1.0)]))
    assert bent["left"] == pytest.approx(np.sqrt((0.0**2 + 0.2**2) / (0.2**2 + 0.4**2))) and bent["own"] == pytest.approx(bent["left"])
    assert bent["floor"] == pytest.approx(np.sqrt(2 * 0.1**2 / (0.2**2 + 0.4**2)))


def test_series_compare_charged_frames_alone_where_asked():
    frames = [frame(q, 0.0) for q in (0.0, -0.9, -1.2)] + [frame(0.0, 0.0, "b"), frame(1.0, 0.0, "b")]
    assert [list(q) for _, q, _ in razor.series(frames)] == [[0.0, -0.9, -1.2], [0.0, 1.0]]
    assert [list(q) for _, q, _ in razor.series(frames, lambda charge: charge != 0.0)] == [[-0.9, -1.2]]


def test_a_frame_whose_charge_is_not_the_metals_is_left_out():
    """Levels of a capacitance of 0.8 e/V: the first step of 1 e should raise the level by 1.25 V."""
    of = lambda *charges_and_levels: [Frame(q, np.zeros((1, 3)), mu=mu) for q, mu in charges_and_levels]
    further = (-1.0, -4.0), (-1.02, -3.9), (-2.0, -2.75)  # the short step is noise
    assert [f.charge for f in razor.metallic(of((0.0, -5.25), *further))] == [0.0, -1.0, -1.02, -2.0]
    assert [f.charge for f in razor.metallic(of((0.0, -5.0), *further))] == [-1.0, -1.02, -2.0]


def test_folds_test_every_trajectory_once():
    frames = [type("F", (), {"trajectory": f"t{k // 2}"}) for k in range(14)]
    parts = list(razor.folds(frames, 3))
    assert len(parts) == 3 and all({f.trajectory for f in a}.isdisjoint({f.trajectory for f in c}) for a, _, c in parts)
    assert sorted(id(f) for *_, out in parts for f in out) == sorted(map(id, frames))


def test_a_set_that_is_not_there_is_skipped(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("ELECTRODE_DATA", str(tmp_path))
    assert razor.main(["--sets", "metals", "treci"]) == 0
    assert capsys.readouterr().out.count("skipped") == 2
