from dataclasses import replace

import pytest

from electrode.data.checks import check_frame
from electrode.data.consistency import check_set, slopes


def errors(problems):
    return [str(p) for p in problems if p.severity == "error"]


def only(problems, severity, *words):
    """The one problem, of that severity and with these words."""
    assert len(problems) == 1, [str(p) for p in problems]
    assert problems[0].severity == severity and problems[0].mend
    assert all(w in str(problems[0]) for w in words), str(problems[0])
    return problems[0]


def test_kinds_of_energy_are_mixed(series):
    frames = series()
    frames[2] = replace(frames[2], energy=frames[2].grand_energy, energy_kind="Omega")
    problem = only(check_set(frames), "error", "expected one kind", "Omega: 1 frames (au.xyz frame 2)")
    assert "canonical()" in problem.mend
    assert check_set([f.canonical() for f in frames]) == []


def test_charge_is_missing_on_some_frames(series):
    frames = [replace(f, n_excess=None) if k in (1, 4) else f for k, f in enumerate(series())]
    only(check_set(frames), "error", "eir_n_excess is missing on 2 of 5", "frame 1", "frame 4")


def test_two_absolute_potentials_of_she_in_one_method(series):
    frames = series()
    frames[0] = replace(frames[0], phi_she=4.66)
    only(check_set(frames), "error", "eir_phi_she", "4.44, 4.66", "gpaw_sjm")
    frames[0] = replace(frames[0], method_id="jdftx_candle")
    assert check_set(frames) == []


def test_two_zeros_of_mu_in_one_method(series):
    frames = series()
    frames[0] = replace(frames[0], mu_zero="vacuum_top")
    only(check_set(frames), "error", "eir_mu_zero", "electrolyte, vacuum_top")


def test_uniform_background_with_several_charges(series):
    frames = series(eir_countercharge="uniform")
    only(check_set(frames), "error", "uniform background")
    only(check_frame(frames[0]), "warning", "not comparable")
    assert check_set(frames[:1]) == [] and check_set([replace(f, energy_kind="none") for f in frames]) == []


def test_slopes_follow_mu_and_their_residual_is_exact_for_a_parabola(series):
    found = slopes(series())
    assert len(found) == 4 and max(abs(s.residual) for s in found) < 1e-10
    assert found[0].slope == pytest.approx(-5.3 + 1.7 * -0.25)


@pytest.mark.parametrize(
    "mistake, guess",
    [
        (lambda f: replace(f, energy=f.grand_energy), "of kind Omega"),
        (lambda f: replace(f, energy_kind="Omega"), "of kind E"),
        (lambda f: replace(f, n_excess=-f.n_excess), "sign of eir_n_excess"),
        (lambda f: replace(f, energy=f.energy - f.mu * (133.0 + f.n_excess), energy_kind="Omega"), "of kind Omega_total"),
        (lambda f: replace(f, energy=f.energy / 27.211386245988), "energies are in hartree"),
        (lambda f: replace(f, energy=f.energy / 13.605693122994), "energies are in Rydberg"),
        (lambda f: replace(f, energy=f.energy - 0.4 * f.n_excess), ""),
    ],
    ids=["grand energy labelled E", "E labelled grand energy", "sign of the charge", "all electrons counted as excess", "hartree", "Rydberg", "zeros of E and mu differ"],
)
def test_slope_of_the_energy_that_is_not_mu(series, mistake, guess):
    frames = [mistake(f) for f in series(eir_nelect_neutral=133.0)]
    found = [e for e in errors(check_set(frames)) if "dE/dn" in e]
    assert found and all(guess in e for e in found)


def test_mu_that_falls_with_the_electrons(series):
    frames = series()
    frames[3] = replace(frames[3], mu=frames[2].mu - 0.05)
    assert any("eir_mu falls" in e for e in errors(check_set(frames)))


def test_equal_frames_with_other_energies(frame_of):
    only(check_set([frame_of(where="a 0"), frame_of(where="a 1", REF_energy=-22.0)]), "warning", "a 0 and a 1")
