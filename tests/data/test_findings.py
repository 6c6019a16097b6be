"""Each measurement on frames whose answer is known: a capacitor, a spring, noise of stated size, wrong signs and units."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms

from electrode.data import atom_findings, charge_findings
from electrode.data.consistency import check_set
from electrode.data.record import ElectrifiedFrame
from electrode.units import BOHR, HARTREE

CHARGES = (-0.4, -0.2, 0.0, 0.2, 0.4)
SPRING = np.array([3.0, 4.0, 5.0])  # [eV/A^2]
PULL = 0.7  # dPhi/dz of the first atom [V/A]


def state(q, x=(0.0, 0.0, 2.0), where="toy", **changes):
    """H above Au on springs, beside a capacitor: E = k (x - x0)^2/2 + (4.6 + 0.7 (z - 2)) Q + Q^2/(2 * 0.8)."""
    x = np.asarray(x, dtype=float)
    away = x - [0.0, 0.0, 2.0]
    phi = 4.6 + PULL * away[2] + q / 0.8
    force = -SPRING * away - [0.0, 0.0, PULL * q]
    atoms = Atoms("AuH", [[0.0, 0.0, 0.0], x], cell=[3.0, 3.0, 20.0], pbc=(True, True, False))
    values = {
        "version": 1, "energy": float(0.5 * SPRING @ away**2 + (4.6 + PULL * away[2]) * q + q**2 / 1.6 - 20.0), "energy_kind": "E", "n_excess": -q, "mu": -phi, "mu_zero": "electrolyte",
        "ensemble": "fixed_n", "scf_converged": True, "method_id": "toy", "countercharge": "jellium_slab", "normal": 2, "sides": 1, "forces": np.array([-force, force]),
    }  # fmt: skip
    return ElectrifiedFrame(atoms, where, {}, **{**values, **changes})


def one(finding, severity, *words):
    """The one problem of a finding."""
    (problem,) = finding.problems
    assert problem.severity == severity and problem.rule == finding.rule and all(w in str(problem) for w in words), str(problem)


def scattered(noise):
    """Five charges at three geometries, energies off by normal numbers of width `noise`."""
    rng = np.random.default_rng(3)
    frames = [state(q, (0.0, 0.0, 2.0 + 0.5 * k), f"toy {k}") for k in range(3) for q in CHARGES]
    return [replace(f, energy=f.energy + noise * rng.normal()) for f in frames]


def test_a_capacitor_obeys_every_identity():
    frames = [state(q, (x, 0.1, 2.0)) for q in CHARGES for x in np.linspace(-0.5, 0.5, 11)]
    found = [m(frames) for m in (charge_findings.trapezoid, charge_findings.noise, charge_findings.maxwell, atom_findings.force_units, atom_findings.net_force)]
    assert all(f.problems == () for f in found)
    assert found[0].numbers["count"] == 44 and found[0].numbers["max_mV_per_e"] < 1e-6
    assert found[1].numbers["max_meV"] < 1e-6 and found[3].numbers["ratio"] == pytest.approx(1.0, abs=1e-6)


def test_an_energy_of_another_kind_is_seen_and_is_no_noise():
    frames = [replace(f, energy=f.grand_energy) for f in (state(q) for q in CHARGES)]
    found = charge_findings.trapezoid(frames)
    assert found.numbers["beyond_tolerance"] == 4 and found.numbers["median_mV_per_e"] > 4000.0
    assert charge_findings.noise(frames) is None


@pytest.mark.parametrize("size", [0.03, 0.07])
def test_noise_of_energies_is_found_with_its_size(size):
    found = charge_findings.noise(scattered(size))
    assert found.numbers["geometries"] == 3 and 0.4 * size < 1e-3 * found.numbers["median_meV"] < 1.6 * size
    one(found, "warning", "energies hold noise", "meV")
    assert charge_findings.noise(scattered(1e-4)).problems == ()


def test_printed_energies_of_two_kinds():
    def printed(q, shift):
        f = state(q)
        return replace(f, info={"printed_energy": f.energy + shift})

    same_kind = [printed(q, 0.1) for q in CHARGES]
    assert charge_findings.printed_kinds(same_kind).problems == ()
    mixed = [printed(q, 0.1 if q == 0.0 else 2.0 * q) for q in CHARGES]
    one(charge_findings.printed_kinds(mixed), "warning", "another kind in 4 of 5 frames")
    uneven = [printed(q, -n_mu) for q, n_mu in ((-0.4, 1.6), (-0.2, 1.2), (0.0, 0.0))]  # mu 6 at n = 0.2, 4 at n = 0.4
    one(charge_findings.printed_kinds(uneven), "warning", "falls with n in 1 places")
    assert charge_findings.printed_kinds([state(0.0)]) is None


def test_maxwell_relation_and_its_wrong_sign():
    frames = [state(q, (0.0, 0.0, z)) for q in CHARGES[:3] for z in (2.0, 2.02)]
    found = charge_findings.maxwell(frames)
    assert found.numbers["count"] == 2 and found.numbers["max_V_per_A"] < 1e-9 and "dPhi/dR is 0.7" in found.text
    turned = [replace(f, forces=-f.forces) for f in frames]
    one(charge_findings.maxwell(turned), "error", "opposite")
    sideways = [state(q, (x, 0.0, z)) for q in CHARGES[:3] for x, z in ((0.0, 2.0), (0.02, 2.02))]
    assert charge_findings.maxwell(sideways) is None


@pytest.mark.parametrize("factor, word", [(BOHR / HARTREE, "hartree/bohr"), (HARTREE, "energies are in hartree"), (BOHR, "eV/bohr"), (-1.0, "sign of the forces")])
def test_units_of_forces(factor, word):
    frames = [state(0.0, (x, y, 2.0)) for x in np.linspace(-1, 1, 25) for y in (0.0, 0.06)]
    one(atom_findings.force_units([replace(f, forces=factor * f.forces) for f in frames]), "error", word)


def test_units_of_one_composition_among_others():
    """The median of all pairs does not see them: they are named, and the others are not."""
    right = [replace(state(0.0, (x, y, 2.0)), where=f"right {k}") for k, (x, y) in enumerate((x, y) for x in np.linspace(-1, 1, 50) for y in (0.0, 0.06))]
    other = [replace(renamed(f), where=f"other {k}") for k, f in enumerate(right[:50])]
    assert atom_findings.force_units([*right, *other]).problems == ()
    finding = atom_findings.force_units([*right, *(replace(f, forces=HARTREE * f.forces) for f in other)])
    assert finding.numbers["ratio"] == pytest.approx(1.0, abs=0.05)
    one(finding, "error", "energies are in hartree")
    assert "50 frames of" in finding.problems[0].what and finding.problems[0].where.startswith("other 0")
    unknown = [replace(f, forces=3.0 * f.forces) for f in other]  # no unit's factor: few pairs do not tell
    assert atom_findings.force_units([*right, *unknown]).problems == ()


def renamed(frame):
    """Return the frame with another element in the place of its first."""
    atoms = frame.geometry.copy()
    atoms.symbols[0] = "Ag"
    return replace(frame, geometry=atoms)


def test_net_force_along_the_surface_and_of_a_neutral_cell():
    lifted = replace(state(0.2), forces=state(0.2).forces + [0.0, 0.0, 0.2])
    assert atom_findings.net_force([lifted]).problems == ()  # a counter-charge takes it up
    one(atom_findings.net_force([replace(lifted, forces=lifted.forces + [0.1, 0.0, 0.0])]), "warning", "0.2 eV/A")
    one(atom_findings.net_force([replace(lifted, n_excess=0.0, countercharge="none")]), "warning", "1 of 1")
    assert atom_findings.net_force([replace(lifted, forces=np.zeros((2, 3)))]) is None


def in_field(f, sign=1.0):
    """H = -P0 F - alpha F^2/2 along x; P = P0 + alpha F."""
    values = {"efield": np.array([f, 0.0, 0.0]), "dipole": sign * np.array([0.3 + 1.2 * f, 0.0, 0.0]), "polarizability": np.diag([1.2, 5.0, 5.0]).ravel()}
    return state(0.0, energy=-0.3 * f - 0.5 * 1.2 * f**2, energy_kind="enthalpy", **values)


def test_sign_of_the_dipole():
    found = atom_findings.dipole_sign([in_field(f) for f in (0.0, 0.1, 0.3)])
    assert found.numbers["slope"] == pytest.approx(1.0) and found.problems == ()
    one(atom_findings.dipole_sign([in_field(f, -1.0) for f in (0.0, 0.1, 0.3)]), "error", "opposite sign", "dH/dF")
    assert atom_findings.dipole_sign([in_field(0.1)]) is None


def test_sign_and_unit_of_the_polarizability():
    frames = [in_field(f) for f in (0.0, 0.1, 0.3)]
    found = atom_findings.polarizability(frames)
    assert found.numbers["polarizability_slope"] == pytest.approx(1.0) and found.problems == ()
    one(atom_findings.polarizability([replace(f, polarizability=-f.polarizability) for f in frames]), "error", "-1.000")
    one(atom_findings.polarizability([replace(f, polarizability=14.4 * f.polarizability) for f in frames]), "warning", "expected 1")


def test_sums_of_born_charges():
    born = np.array([np.eye(3).ravel() * 0.9, np.eye(3).ravel() * -0.9])
    assert atom_findings.born_sums([state(0.0, born_charges=born)]).problems == ()
    assert atom_findings.born_sums([state(0.2, born_charges=born + 0.1 * np.eye(3).ravel())]).problems == ()  # they add up to the charge
    one(atom_findings.born_sums([state(0.0, born_charges=born + 0.1)]), "warning", "0.2 e")


def test_structures_in_two_files():
    train, test = [state(0.0, (x, 0.0, 2.0)) for x in (0.0, 0.3, 0.6)], [state(0.2, (0.3, 0.0, 2.0)), state(0.0, (0.9, 0.0, 2.0))]
    moved = replace(test[0], geometry=Atoms("AuH", test[0].geometry.positions + [0.5, 0.0, 0.1], cell=test[0].geometry.cell, pbc=test[0].geometry.pbc))
    for shared in (test[0], moved, replace(moved, geometry=moved.geometry[::-1])):
        one(atom_findings.leaks([train, [shared, test[1]]], ["train.xyz", "test.xyz"]), "warning", "train.xyz and test.xyz", "1 structures")
    assert atom_findings.leaks([train, test[1:]], ["a", "b"]).problems == () and atom_findings.leaks([train], ["a"]) is None


def test_slope_between_nearly_equal_geometries_takes_off_the_work_of_the_forces():
    pair = [state(0.0), state(0.1, (0.02, 0.0, 2.02))]
    assert check_set(pair) == []
    wrong = [replace(f, energy=f.grand_energy) for f in pair]
    (problem,) = check_set(wrong)
    assert problem.rule == "V12" and "nearly equal geometries" in problem.what
    far = [state(0.0), replace(state(0.1, (0.2, 0.0, 2.0)), energy=-3.0)]
    assert check_set(far) == []


def test_energies_of_kind_omega_in_hartree_at_few_charges():
    """Short steps at many geometries: each is within the tolerance of dE/dn = mu, all together are not."""
    frames = [replace(f, energy=f.energy + f.mu * f.charge, energy_kind="Omega") for k in range(8) for f in (state(q, (0.0, 0.0, 2.0 + 0.1 * k)) for q in (0.02, 0.18))]
    assert charge_findings.grand_slope(frames).problems == () and charge_findings.grand_slope(frames).numbers["grand_slope"] == pytest.approx(1.0)
    for unit, name in ((HARTREE, "hartree"), (HARTREE / 2, "Rydberg")):
        wrong = [replace(f, energy=f.energy / unit) for f in frames]
        assert check_set(wrong) == []
        one(charge_findings.grand_slope(wrong), "error", name)
    one(charge_findings.grand_slope([*frames, *frames, *(replace(renamed(f), energy=f.energy / HARTREE) for f in frames)]), "error", "hartree")
    rng = np.random.default_rng(2)
    noisy = [replace(f, energy=f.energy + 0.05 * rng.normal()) for f in frames]
    assert charge_findings.grand_slope(noisy).problems == ()
    assert charge_findings.grand_slope(frames[:2]) is None and charge_findings.grand_slope([replace(f, energy_kind="E") for f in frames]) is None
