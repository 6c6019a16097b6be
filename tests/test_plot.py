"""Figures: written whole, in the format of their name, never over another, and without global state."""

import sys

import numpy as np
import pytest

from electrode.plot import check_suffix, plot_barriers, plot_parity, plot_scan

SCALE = "SHE at 4.44 V absolute"
STARTS = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


def barrier_rows():
    """Two barriers, one of them not converged, and a path without saddle."""
    rows = []
    for u, barrier, converged in ((-0.5, None, False), (0.0, 0.4, True), (0.5, 0.6, False)):
        profile = [0.0, 0.1, 0.2] if barrier is None else [0.0, barrier, 0.1]
        rows.append({"potential_V": u, "reference": SCALE, "barrier_eV": barrier, "reaction_energy_eV": profile[-1], "profile_eV": profile,
                     "charge_e": [0.1, -0.3, -0.4], "converged": converged})  # fmt: skip
    return rows


def scan_rows(per_area=20.0):
    """Three rows of a scan."""
    return [{"potential_V": u, "reference": SCALE, "grand_energy_eV": -3.0 - u**2, "charge_e": 0.1 * u, "capacitance_e_per_V": 0.1,
             "capacitance_uF_per_cm2": per_area} for u in (-0.2, 0.0, 0.4)]  # fmt: skip


def pairs():
    """Labels and predictions of three quantities."""
    x = np.linspace(-1.0, 1.0, 7)
    return {"energy": (x, x + 0.01), "forces": (x, 1.1 * x), "charge": (x, x)}


@pytest.mark.parametrize("suffix", STARTS)
def test_every_figure_in_every_format(tmp_path, suffix):
    for draw, values in ((plot_barriers, barrier_rows()), (plot_scan, scan_rows()), (plot_parity, pairs())):
        path = tmp_path / f"{draw.__name__}{suffix}"
        draw(values, path)
        assert path.read_bytes().startswith(STARTS[suffix])
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(f"{n}{suffix}" for n in ("plot_barriers", "plot_scan", "plot_parity"))


def test_units_scale_and_slope_are_on_the_figure(tmp_path):
    plot_barriers(barrier_rows(), tmp_path / "b.svg")
    text = (tmp_path / "b.svg").read_text()
    for words in ("potential / V (SHE)", "energy / eV", f"Potentials on the scale {SCALE}", "+0.40", "barrier, not converged", "-0.50 V"):
        assert f"<!-- {words}" in text
    plot_scan(scan_rows(None), tmp_path / "s.svg")
    assert "charge of the cell / e" in (tmp_path / "s.svg").read_text()


def test_existing_figures_are_kept_unless_forced(tmp_path):
    path = tmp_path / "a.png"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="exists"):
        plot_scan(scan_rows(), path)
    assert path.read_text() == "mine"
    plot_scan(scan_rows(), path, force=True)
    assert path.read_bytes().startswith(STARTS[".png"])


def test_a_figure_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="one length"):
        plot_parity({"energy": ([0.0, 1.0], [0.0])}, tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_mistakes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="ends in .png, .svg, .pdf"):
        check_suffix("barrier.jpg")
    for draw in (plot_barriers, plot_scan):
        with pytest.raises(ValueError, match="at least one row"):
            draw([], tmp_path / "a.png")
    with pytest.raises(ValueError, match="expected some of energy"):
        plot_parity({"spin": ([0.0], [0.0])}, tmp_path / "a.png")


def test_pyplot_is_not_touched(tmp_path):
    before = "matplotlib.pyplot" in sys.modules
    plot_scan(scan_rows(), tmp_path / "a.png")
    assert ("matplotlib.pyplot" in sys.modules) == before
