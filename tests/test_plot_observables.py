"""Figures of observables: what is drawn, read back from the SVG's texts and the curves handed to the panel."""

import numpy as np
import pytest
from matplotlib.axes import Axes

from electrode.observables.capacitance import capacitance_curve
from electrode.observables.hysteresis import Loop
from electrode.observables.infrared import Spectrum
from electrode.observables.profiles import Profile
from electrode.plot_observables import plot_capacitance_curves, plot_loops, plot_profiles, plot_spectra
from electrode.units import UC_PER_CM2

LOOP = Loop(np.array([-1.0, 0.0, 1.0, 0.0]), np.array([-2.0, -1.0, 2.0, 1.0]))


@pytest.fixture
def drawn(monkeypatch):
    """The x and y of every curve."""
    curves, plot = [], Axes.plot

    def keep(self, x, y, *words, **options):
        curves.append((np.asarray(x), np.asarray(y)))
        return plot(self, x, y, *words, **options)

    monkeypatch.setattr(Axes, "plot", keep)
    return curves


def test_spectra_end_where_asked(tmp_path, drawn):
    nu = np.linspace(0.0, 5000.0, 51)
    plot_spectra({"water": Spectrum(nu, 2.0 * nu)}, tmp_path / "a.svg", highest=4000.0)
    (x, y), text = drawn[0], (tmp_path / "a.svg").read_text()
    assert x.max() == 4000.0 and y == pytest.approx(2e-3 * x) and "water" in text and "wave number" in text


def test_loops_are_closed(tmp_path, drawn):
    plot_loops({"P": LOOP}, tmp_path / "a.svg")
    x, y = drawn[0]
    assert x.tolist() == [-1, 0, 1, 0, -1] and y == pytest.approx(UC_PER_CM2 * np.array([-2, -1, 2, 1, -2])) and "coercive field 0.333" in (tmp_path / "a.svg").read_text()


def test_capacitances_of_a_plate(tmp_path, drawn):
    voltages = np.linspace(-2.0, 2.0, 9)
    plot_capacitance_curves({"plates": capacitance_curve(voltages, 0.01 * voltages, faces=1)}, tmp_path / "a.svg")
    assert len(drawn) == 2 and drawn[0][1] == pytest.approx(UC_PER_CM2 * 0.01) and np.nanmax(drawn[1][1]) == pytest.approx(UC_PER_CM2 * 0.01)


def test_profiles_with_and_without_orientation(tmp_path, drawn):
    z = np.arange(4.0)
    plot_profiles({"O": Profile(z, z + 1.0, np.full(4, -0.5)), "Na": Profile(z, z)}, tmp_path / "a.svg")
    assert len(drawn) == 3 and drawn[1][1] == pytest.approx(-0.5 * (z + 1.0)) and drawn[2][1] == pytest.approx(z)


def test_what_cannot_be_drawn_or_is_there(tmp_path):
    with pytest.raises(ValueError, match="plot_loops: expected something to draw"):
        plot_loops({}, tmp_path / "a.svg")
    with pytest.raises(ValueError, match="ends in"):
        plot_loops({"P": LOOP}, tmp_path / "a.jpg")
    (tmp_path / "a.svg").write_text("mine")
    with pytest.raises(FileExistsError):
        plot_loops({"P": LOOP}, tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text() == "mine"
