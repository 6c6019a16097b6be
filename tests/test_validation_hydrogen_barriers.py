"""Published barriers of hydrogen evolution: what is fitted, left out and compared, on series known in closed form."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_validation_published import band

sys.path.insert(0, str(Path(__file__).parents[1]))
from validation import hydrogen_barriers as hydrogen  # noqa: E402

X = np.array([2.4, 2.9, 3.4, 3.9])


def series(barrier, reaction=None, electrons=None, place="Cu"):
    return hydrogen.Series("volmer", place, X, barrier, np.zeros(4) if reaction is None else reaction, electrons)


def test_a_parabola_is_found_and_its_left_out_potentials_too():
    some = series(0.8 + 0.4 * (X - 3.4) + 0.05 * (X - 3.4) ** 2)
    fit = hydrogen.parabola(some)
    assert [fit[n] for n in ("slope_e", "curvature_e_per_V", "residual_eV")] == pytest.approx([0.4, 0.1, 0.0], abs=1e-12)
    rows = hydrogen.left_out(some, noise=0.01)
    assert [r["potential_V"] for r in rows] == [2.9, 3.4] and all(abs(r["parabola_eV"]) < 1e-12 and r["band_eV"] > 0.02 for r in rows)
    assert [r["line_eV"] for r in rows] == pytest.approx([0.05 * 0.5**2] * 2)
    assert hydrogen.parabola(replace(some, potential=X[:3], barrier=some.barrier[:3]))["slope_e"] is None


def test_charges_carry_a_barrier_between_two_potentials():
    cubic = np.polynomial.Polynomial([0.7, 0.4, 0.05, 0.02])
    some = series(cubic(X - 3.4), electrons=cubic.deriv()(X - 3.4))
    rows = hydrogen.between(some)
    assert all(abs(r["cubic_eV"]) < 1e-12 < abs(r["line_eV"]) for r in rows)
    assert [r["band_eV"] for r in rows] == pytest.approx([0.02 * 1.0**3 / 2.0] * 2)  # of the trapezoid, third derivative h^3 / 12
    off = [r["slope_e"] - r["electrons"] for r in hydrogen.steps_of(some)]
    assert off == pytest.approx([-0.12 * 0.5**2 / 12.0] * 3)


def test_a_metal_is_on_the_line_of_the_others():
    metals = [series(np.full(4, 0.5 + 0.6 * r), reaction=np.full(4, r), place=str(r)) for r in (-0.4, -0.1, 0.2, 0.3, 0.7)]
    rows = hydrogen.across(metals)
    assert len(rows) == 20 and all(abs(r["line_eV"]) < 1e-12 and r["slope"] == pytest.approx(0.6) for r in rows)
    assert rows[0]["mean_eV"] == pytest.approx(0.6 * (0.275 + 0.4)) and hydrogen.across(metals[:4]) == []


def test_the_table_leaves_out_what_is_no_saddle(tmp_path):
    head = "reaction,metal,potential_abs_V,n_images,E_IS_omega,barrier_eV,reaction_energy_eV\n"
    (tmp_path / "b.csv").write_text(head + "volmer,Ni,3.90,15,-1.0,1.5,1.0\nvolmer,Ni,2.40,15,-1.0,0.7,-0.4\nheyrovsky,Ni,3.90,15,-1.0,1.5671,1.5671\n")
    (found,), none = hydrogen.table_of(tmp_path / "b.csv")
    assert none == 1 and found.name == "volmer Ni" and found.potential.tolist() == [2.4, 3.9] and found.barrier.tolist() == [0.7, 1.5]


def test_bands_give_barrier_and_charge_difference_at_the_target():
    def frames(potential):
        images = band("x", potential, heights=(0.95, 1.6, 2.0, 1.0))
        return [replace(f, trajectory=f"data/100/Volmer/pot_{potential}", energy=f.energy + (k == 2)) for k, f in enumerate(images)]

    both = {u: frames(u) for u in (4.2, 4.0)}
    (found,), none = hydrogen.labelled([f for some in both.values() for f in some])
    assert none == 0 and found.name == "volmer Cu(100)" and found.potential.tolist() == [4.0, 4.2]
    for k, some in enumerate((both[4.0], both[4.2])):
        first, top = some[0], some[2]
        carried = (top.energy - first.energy) + found.potential[k] * (top.n_excess - first.n_excess)
        assert found.electrons[k] == top.n_excess - first.n_excess and found.barrier[k] == pytest.approx(carried, abs=1e-9)


def test_it_says_what_is_missing(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("ELECTRODE_DATA", str(tmp_path))
    assert hydrogen.main([]) == 0 and "SKIPPED" in capsys.readouterr().out
