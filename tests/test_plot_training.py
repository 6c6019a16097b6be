"""Learning curves show every row of the history."""

import pytest

from electrode import plot_training
from electrode.plot_training import plot_curves

ROWS = [{"member": k, "epoch": e, "training_loss": 4.0 / e, "validation_loss": 5.0 / e + k, "validation_energy": 0.01 / e, "validation_forces": 0.1} for e in (1, 2, 3) for k in (0, 1)]
POLISH = [{"member": k, "epoch": 3, "polish": 10, "training_loss": 1.0, "validation_loss": 1.0, "validation_energy": 0.002, "validation_forces": 0.1} for k in (0, 1)]


def test_curves_hold_the_history(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(plot_training, "FigureCanvasAgg", lambda figure: drawn.append(figure) or type(figure.canvas)(figure))
    plot_curves([*ROWS, *POLISH], tmp_path / "c.svg")
    left, right = drawn[0].axes
    lines = [line.get_xydata().tolist() for line in left.get_lines()]
    assert [[1.0, 5.0], [2.0, 2.5], [3.0, 5 / 3], [13.0, 1.0]] in lines and len(lines) == 5  # two for each member, and the mark
    assert [[1.0, 10.0], [2.0, 5.0], [3.0, pytest.approx(10 / 3)], [13.0, 2.0]] in [line.get_xydata().tolist() for line in right.get_lines()]
    assert (tmp_path / "c.svg").stat().st_size > 1000


def test_nothing_is_replaced_and_nothing_drawn_of_nothing(tmp_path):
    plot_curves(ROWS[:1], tmp_path / "c.png")
    with pytest.raises(FileExistsError, match="force"):
        plot_curves(ROWS, tmp_path / "c.png")
    plot_curves(ROWS, tmp_path / "c.png", force=True)
    with pytest.raises(ValueError, match="at least one row"):
        plot_curves([], tmp_path / "d.png")
    with pytest.raises(ValueError, match=".png"):
        plot_curves(ROWS, tmp_path / "d.txt")
