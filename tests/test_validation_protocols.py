"""What the protocols divide and count, on small made-up frames."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from teacher import CHARGES, interface, labelled

from electrode.models.baseline import Baseline
from electrode.models.dual import Dual, DualConfig
from electrode.physics.symmetry_functions import SymmetryFunctions
from electrode.state import Structure
from validation.extrapolation import errors
from validation.metals import divided
from validation.plain import Plain, PlainConfig
from validation.protocols import pooled, tasks
from validation.uncertainty import Points, binned


@dataclass(frozen=True)
class Frame:
    """A frame that only has a place."""

    trajectory: str
    number: int
    info: dict = field(default_factory=dict)


def test_learning_curves_share_their_test_frames():
    frames = [Frame(f"t{k:02d}", j) for k in range(16) for j in range(5)]
    parts, test = divided(frames, (0, 10, 30, 100), seed=3)
    assert set(parts) == {10, 30}  # of 100 nothing would be left to test
    names = lambda some: {f.trajectory for f in some}
    for n, (training, held) in parts.items():
        assert len(training) + len(held) == n and not names(training) & names(held)
        assert not (names(training) | names(held)) & names(test)
    assert names(parts[10][0]) | names(parts[10][1]) <= names(parts[30][0]) | names(parts[30][1])
    assert len(test) == 50 and divided(frames, (10,), seed=3)[1] != test
    assert [f.number for f in test[:5]] == [0, 1, 2, 3, 4]


def test_bins_by_spread_hold_equal_numbers():
    spread = np.array([4.0, 1.0, 3.0, 2.0])
    wide, wrong = binned(np.array([40.0, -10.0, 30.0, 20.0]), spread, 2)
    assert wide == pytest.approx([np.sqrt(2.5), np.sqrt(12.5)]) and wrong == pytest.approx([np.sqrt(250.0), np.sqrt(1250.0)])


def test_coverage_is_counted_with_and_without_the_factor():
    error, spread = np.array([0.5, -1.0, 1.5, 10.0]), 2.0 + 1e-9 * np.arange(4)
    row = Points("d", "s", "inside", "energy", error, spread, factor=2.0).row()
    assert row["calibrated_50"] == 0.5 and row["calibrated_90"] == 0.75  # 1.349 and 3.29
    assert row["raw_50"] == 0.25 and row["raw_90"] == 0.75  # 0.674 and 1.645


def test_errors_are_those_of_the_labels():
    frames = labelled(interface(height=1.0, seed=3), CHARGES)
    right = errors(Baseline(), frames)
    assert right["unstable"] == 0 and max(right.values()) < 1e-6
    moved = [replace(f, energy=f.energy + 0.002 * len(f.geometry), forces=f.forces + 0.05) for f in frames]
    wrong = errors(Baseline(), moved)
    assert wrong["energy_meV_per_atom"] == pytest.approx(2.0, rel=1e-6) and wrong["force_meV_per_A"] == pytest.approx(50.0, rel=1e-6)
    assert wrong["charge_e"] < 1e-6


def test_the_control_has_no_electrochemistry_and_the_size_of_dual():
    functions = SymmetryFunctions((1, 79))
    plain, dual = Plain(PlainConfig(functions)), Dual(DualConfig(functions))
    weights = [sum(p.numel() for p in m.parameters() if p.requires_grad) for m in (plain, dual)]
    assert weights[0] == pytest.approx(weights[1], rel=0.1)
    assert set(plain.kernels(Structure.from_atoms(interface()))) == {"symmetry", "short_range"}


def test_folds_test_every_trajectory_once_and_are_pooled_by_frames():
    parts = [part[1:4] for part in tasks("folds", ["au111_h"], 0)]
    tested = [f.trajectory for _, _, test in parts for f in test]
    assert len(parts) == 5 and len(tested) == 280 and all(tested.count(name) == 5 for name in set(tested))
    for some in parts:
        names = [{f.trajectory for f in part} for part in some]
        assert not (names[0] & names[1] or names[0] & names[2] or names[1] & names[2])
    row = {"protocol": "folds", "data": "d", "scheme": "s", "n_train": 3}
    both = pooled([{**row, "n_test": 10, "potential_mV": 3.0}, {**row, "n_test": 30, "potential_mV": 1.0}])
    assert both["n_test"] == 40 and both["potential_mV"] == pytest.approx(3.0**0.5) and both["protocol"] == "pooled"
