"""The comparison of one model with one for each system: its parts, without training."""

from dataclasses import replace

import numpy as np
import pytest
from teacher import interface, labelled

from validation.joint_gaps import divided, main, net_force


def test_every_system_stands_in_every_part_and_no_trajectory_in_two():
    made = lambda name, seed: [replace(f, system=name) for k in range(8) for f in labelled(interface(height=1.0 + 0.1 * k, seed=seed + k), (0.0, 0.01), f"{name}{k}")]
    parts = divided({"a": made("a", 0), "b": made("b", 50)}, seed=0)
    for part in parts.values():
        names = [{f.trajectory for f in part[p]} for p in ("train", "validation", "test")]
        assert all(names) and sum(map(len, names)) == len(set.union(*names)) == 8


def test_the_net_force_is_what_moves_all_atoms_alike():
    frame = labelled(interface(), (0.0,), "x")[0]
    pushed = replace(frame, forces=np.asarray(frame.forces) - np.mean(frame.forces, axis=0) + [0.0, 0.0, 0.03])
    assert net_force([pushed]) == pytest.approx(30.0 / np.sqrt(3.0))


def test_without_the_data_it_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("ELECTRODE_DATA", str(tmp_path))
    assert main([]) == 0 and "skipped" in capsys.readouterr().out
