import warnings
from dataclasses import replace

import numpy as np
import pytest

from electrode.data.checks import DataError, Problem, check_frame, check_frames, raise_on_errors
from electrode.data.rules import RULES


def errors(problems):
    return [str(p) for p in problems if p.severity == "error"]


def only(problems, severity, *words):
    """The one problem, of that severity and with these words."""
    assert len(problems) == 1, [str(p) for p in problems]
    assert problems[0].severity == severity and problems[0].mend
    assert all(w in str(problems[0]) for w in words), str(problems[0])
    return problems[0]


def moved(frame, change):
    """The frame with a geometry changed by `change(atoms)`."""
    atoms = frame.atoms
    change(atoms)
    return replace(frame, geometry=atoms)


def test_valid_frames_have_no_problem(series, frame_of):
    assert check_frames([*series(), frame_of(shift=0.3)]) == []


@pytest.mark.parametrize("key", ["REF_energy", "eir_n_excess", "eir_mu"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_number_that_is_not_finite(frame_of, key, value):
    assert any(key in e and "au.xyz frame 3" in e for e in errors(check_frame(frame_of(**{key: value}))))


def test_positions_cell_forces_or_field_that_are_not_finite(frame_of):
    frame = frame_of()
    bad = [
        moved(frame, lambda a: a.positions.__setitem__((0, 0), np.nan)),
        moved(frame, lambda a: a.cell.__setitem__((0, 0), np.inf)),
        replace(frame, forces=np.full_like(frame.forces, np.nan)),
        replace(frame, efield=np.array([0.0, 0.0, np.nan])),
    ]
    for broken, key in zip(bad, ["positions", "cell", "REF_forces", "eir_efield"]):
        assert any(f"{key}: expected finite" in e for e in errors(check_frame(broken))), key


@pytest.mark.parametrize("key", ["eir_version", "REF_energy", "eir_energy_kind", "eir_n_excess", "eir_mu", "eir_mu_zero", "eir_ensemble", "eir_countercharge", "eir_scf_converged", "eir_method_id", "eir_normal", "eir_sides"])
def test_required_entry_is_missing(frame_of, key):
    only(check_frame(frame_of(remove=(key,))), "error", key, "is missing")


def test_what_is_required_depends_on_the_frame(frame_of):
    assert check_frame(frame_of(0.0, remove=("eir_countercharge",))) == []
    assert check_frame(frame_of(remove=("REF_energy",), eir_energy_kind="none")) == []
    assert check_frame(frame_of(0.0, remove=("eir_mu", "eir_mu_zero"), eir_efield=np.zeros(3))) == []
    molecule = moved(frame_of(0.0, remove=("eir_normal", "eir_sides")), lambda a: a.set_pbc(False))
    assert check_frame(molecule) == []


def test_unknown_version(frame_of):
    only(check_frame(frame_of(eir_version=2)), "error", "expected 1, got 2")


@pytest.mark.parametrize("key, value", [("eir_energy_kind", "omega"), ("eir_mu_zero", "electrolit"), ("eir_ensemble", "fixed_N"), ("eir_countercharge", "jellium"), ("eir_energy_smearing", "sigma")])
def test_unknown_word_names_the_nearest(frame_of, key, value):
    assert any(key in e and "did you mean" in e for e in errors(check_frame(frame_of(**{key: value}))))


def test_misspelled_key_is_named(frame_of):
    only(check_frame(frame_of(eir_n_exces=0.2)), "warning", "did you mean 'eir_n_excess'")


def test_electron_counts_disagree_with_the_excess(frame_of):
    assert check_frame(frame_of(eir_nelect=133.23, eir_nelect_neutral=133.0)) == []
    only(check_frame(frame_of(eir_nelect=132.77, eir_nelect_neutral=133.0)), "error", "-0.23", "0.23")


def test_number_of_electrons_given_as_excess(frame_of):
    only(check_frame(frame_of(661.7, eir_mu=-4.6)), "error", "per surface atom")
    only(check_frame(frame_of(3.0, eir_mu=-4.6)), "warning", "per surface atom")


@pytest.mark.parametrize("mu, severity, word", [(4.61, "error", "negative"), (0.0, "error", "negative"), (-13.0, "error", "-12 to 0"), (-0.17, "error", "27.2114"), (-1.2, "warning", "outside"), (-9.0, "warning", "outside")])
def test_mu_out_of_range_or_in_hartree(frame_of, mu, severity, word):
    only(check_frame(frame_of(eir_mu=mu)), severity, word)


def test_mu_on_an_arbitrary_zero_has_no_range(frame_of):
    assert check_frame(frame_of(eir_mu=2.5, eir_mu_zero="cell_average")) == []


@pytest.mark.parametrize("kind, missing", [("Omega", "eir_mu"), ("Omega_total", "eir_nelect_neutral")])
def test_grand_energy_without_what_it_needs(frame_of, kind, missing):
    remove = () if kind == "Omega_total" else ("eir_mu", "eir_mu_zero")
    assert any(f"{kind} needs {missing}" in e for e in errors(check_frame(frame_of(eir_energy_kind=kind, remove=remove))))


def test_enthalpy_without_a_field(frame_of):
    only(check_frame(frame_of(eir_energy_kind="enthalpy")), "error", "needs eir_efield")


def test_potential_without_a_scale(frame_of):
    only(check_frame(frame_of(eir_u=0.3)), "error", "without a scale")


def test_potential_on_rhe_without_ph(frame_of):
    only(check_frame(frame_of(eir_u=0.3, eir_u_scale="rhe")), "error", "needs ph")


def test_potential_on_she_without_its_absolute_value(frame_of):
    only(check_frame(frame_of(eir_u=0.3, eir_u_scale="she", remove=("eir_phi_she",))), "error", "needs eir_phi_she")


@pytest.mark.parametrize("scale, u", [("abs", 4.61), ("she", 0.17), ("rhe", 0.17 + 0.0591597 * 3.0)])
def test_potential_must_follow_from_mu(frame_of, scale, u):
    given = {"eir_mu": -4.61, "eir_u_scale": scale, "eir_ph": 3.0}
    assert check_frame(frame_of(eir_u=u, **given)) == []
    only(check_frame(frame_of(eir_u=-u, **given)), "error", f"on the scale {scale}", "give")


def test_cell_average_mu_used_for_a_potential(frame_of):
    only(check_frame(frame_of(eir_mu_zero="cell_average", eir_u=0.2, eir_u_scale="she")), "error", "never converted")


def test_fixed_mu_without_target_or_off_target(frame_of):
    given = {"eir_ensemble": "fixed_mu", "eir_mu": -4.6}
    assert {p.what for p in check_frame(frame_of(**given))} == {"eir_mu_target is missing", "eir_mu_tol is missing"}
    only(check_frame(frame_of(**given, eir_mu_target=-4.2, eir_mu_tol=0.01)), "warning", "misses its target", "updated")
    assert check_frame(frame_of(**given, eir_mu_target=-4.605, eir_mu_tol=0.01)) == []


def test_frame_that_is_not_converged(frame_of):
    only(check_frame(frame_of(eir_scf_converged=False)), "error", "eir_scf_converged = F")


def test_forces_zeroed_by_a_constraint(frame_of):
    frame = frame_of()
    forces = frame.forces.copy()
    forces[:4] = 0.0
    only(check_frame(replace(frame, forces=forces)), "warning", "exactly zero on 4 of 13")


def test_forces_of_another_frame(frame_of):
    frame = frame_of()
    only(check_frame(replace(frame, forces=frame.forces[1:])), "error", "expected shape (13, 3), got (12, 3)")


def test_singular_cell_and_coincident_atoms(frame_of):
    frame = frame_of()
    flat = moved(frame, lambda a: a.set_cell([[5.0, 0, 0], [5.0, 0, 0], [0, 0, 20.0]]))
    assert any("no volume" in e for e in errors(check_frame(flat)))
    close = moved(frame, lambda a: a.positions.__setitem__(1, a.positions[0] + a.cell[0] + [0.0, 0.3, 0.0]))
    only(check_frame(close), "error", "0.300 A apart")


def test_normal_that_is_not_the_surface_normal(frame_of):
    only(check_frame(frame_of(eir_normal=1)), "error", "not periodic along the surface")
    only(check_frame(frame_of(eir_sides=3)), "error", "1 or 2, got 3")
    assert errors(check_frame(frame_of(eir_normal=3)))


def test_slab_without_vacuum_or_electrolyte(frame_of):
    def close(atoms):
        del atoms[-1]
        atoms.cell[2, 2], atoms.pbc = 3 * 2.3, True

    frame = replace(moved(frame_of(), close), forces=None)
    only(check_frame(frame), "error", "no vacuum or electrolyte")
    assert check_frame(moved(frame_of(), lambda a: a.set_pbc(True))) == []


def test_area_that_is_not_the_cells(frame_of):
    area = 4 * 7.203
    assert check_frame(frame_of(eir_area=float(np.linalg.norm(np.cross(*frame_of().atoms.cell[:2]))))) == []
    only(check_frame(frame_of(eir_area=2 * area)), "error", "eir_area")


def test_field_in_atomic_units(frame_of):
    only(check_frame(frame_of(eir_efield=np.array([0.0, 0.0, 12.0]))), "warning", "51.42")


def test_all_errors_are_raised_at_once_and_the_first_ten_are_shown():
    problems = [Problem("error", f"a.xyz frame {k}", "eir_mu is missing", "write it") for k in range(14)]
    with pytest.raises(DataError, match="14 error") as caught:
        raise_on_errors([*problems, Problem("warning", "b", "c", "d")])
    text = str(caught.value)
    assert "frame 9:" in text and "frame 10:" not in text and "and 4 more" in text and len(caught.value.problems) == 14


def test_warnings_of_one_kind_are_given_once():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        raise_on_errors([Problem("warning", f"frame {k}", "off", "look") for k in range(3)])
    assert [str(w.message) for w in caught] == ["frame 0: off. Do: look. (and 2 more like it)"]


def test_neutral_frames_without_a_counter_charge_may_lack_a_potential(frame_of):
    given = {"remove": ("eir_mu", "eir_mu_zero"), "eir_countercharge": "none"}
    assert check_frame(frame_of(0.0, **given)) == []
    only(check_frame(frame_of(0.1, **given)), "error", "eir_mu is missing")


def test_atoms_of_a_molecule_that_coincide(frame_of):
    molecule = moved(frame_of(0.0, remove=("eir_normal", "eir_sides")), lambda a: (a.set_pbc(False), a.positions.__setitem__(1, a.positions[0] + [0.0, 0.2, 0.0])))
    only(check_frame(molecule), "error", "0.200 A apart")


def test_zeroed_forces_of_frozen_atoms_are_named(frame_of):
    frame = frame_of()
    forces = frame.forces.copy()
    forces[:4] = 0.0
    frame.geometry.set_array("frozen", (np.arange(13) < 4).astype(int))
    only(check_frame(replace(frame, forces=forces)), "warning", "4 of 13 atoms, those marked frozen")


def test_every_problem_names_its_rule(series, frame_of):
    broken = [replace(f, energy_kind="Omega", method_id=None, mu=f.mu * k) for k, f in enumerate(series())] + [frame_of(661.7, eir_mu=3.0, eir_version=2, eir_u=1.0, eir_scf_converged=False)]
    found = {p.rule for p in check_frames(broken)}
    assert {"V1", "V4", "V5", "V7", "V12", "V16", "V17", "V18"} <= found and found <= set(RULES)
