"""Zeros of energy and potential: known ones are found again, and taking them off leaves dE/dQ = Phi."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from ase import Atoms

from electrode.data.problems import DataError
from electrode.data.record import ElectrifiedFrame
from electrode.data.zeros import EnergyZeros, fit_zeros, fit_zeros_to

TRUE = {"pbe": ({79: -3.21, 8: -432.1, 1: -13.7}, 0.37), "rpbe": ({79: -2.98, 8: -433.4, 1: -13.9}, -0.58)}
N_NEUTRAL = 133.0


def physics(atoms, q):
    """A common E(R, Q) and Phi = dE/dQ, with a capacitance that depends on the structure."""
    spread = float(atoms.positions.std())
    return 2.0 * spread + (4.6 + 0.3 * spread) * q + q**2 / (2 * 0.4 * (1 + spread)), 4.6 + 0.3 * spread + q / (0.4 * (1 + spread))


def labelled(method, atoms, q, kind="E", **fields):
    """A frame of a method whose zeros are those of TRUE."""
    (elements, c), (energy, phi) = TRUE[method], physics(atoms, q)
    energy += sum(elements[z] for z in atoms.numbers.tolist()) + c * q
    mu = -(phi + c)
    energy -= {"E": 0.0, "enthalpy": 0.0, "Omega": mu * -q, "Omega_total": mu * (-q + N_NEUTRAL)}[kind]
    return ElectrifiedFrame(atoms, f"{method} frame", energy=energy, energy_kind=kind, n_excess=-q, mu=mu, mu_zero="electrolyte", method_id=method, nelect_neutral=N_NEUTRAL, **fields)


def structures(count=6):
    """Different formulas of Au, O and H."""
    rng = np.random.default_rng(4)
    for k in range(count):
        symbols = ["Au"] * (2 + k) + ["O"] * (1 + k % 3) + ["H"] * (k % 2 + 1)
        yield Atoms(symbols, rng.normal(size=(len(symbols), 3)) * 4, cell=[9, 9, 30], pbc=(True, True, False))


def two_methods(**fields):
    return [labelled(m, a, q, **fields) for m in TRUE for a in structures() for q in (-0.3, 0.0, 0.2)]


def bases(frames):
    """E and Phi of the common physics."""
    return np.array([physics(f.geometry, f.charge) for f in frames]).T


@pytest.mark.parametrize("with_potential", [True, False])
@pytest.mark.parametrize("kind", ["E", "Omega", "Omega_total"])
def test_known_zeros_are_found(with_potential, kind):
    frames = two_methods(kind=kind)
    energy, phi = bases(frames)
    found = fit_zeros(frames, energy, phi if with_potential else None)
    for name, (elements, c) in TRUE.items():
        zero = found.of(name)
        assert zero.shift == pytest.approx(c, abs=1e-10)
        assert dict(zero.elements) == pytest.approx(elements, abs=1e-10)
        assert (zero.n_energies, zero.n_potentials, zero.rank, zero.n_unknowns, zero.undetermined) == (18, 18 * with_potential, 4, 4, ())
        assert zero.energy_rms < 1e-10 and zero.potential_rms < 1e-10


def test_taking_them_off_gives_the_common_level():
    for kind in ("E", "Omega", "Omega_total"):
        frames = two_methods(kind=kind)
        energy, phi = bases(frames)
        found = fit_zeros(frames, energy, phi)
        for frame, e, p in zip(map(found.apply, frames), energy, phi):
            assert frame.energy_kind == kind and frame.canonical_energy == pytest.approx(e, abs=1e-8)
            assert frame.potential == pytest.approx(p, abs=1e-10)
            assert frame.grand_energy == pytest.approx(e - p * frame.charge, abs=1e-8)


def test_the_derivative_of_the_energy_stays_the_potential():
    """Central differences in Q of the labels with the zeros taken off, by the method that was not used in the fit."""
    found = fit_zeros(frames := two_methods(), *bases(frames))
    atoms, h = next(structures()), 1e-4
    for method in TRUE:
        low, middle, high = (found.apply(labelled(method, atoms, 0.1 + step)) for step in (-h, 0.0, h))
        assert (high.canonical_energy - low.canonical_energy) / (2 * h) == pytest.approx(middle.potential, abs=1e-6)


def test_the_inverse_and_what_moves_along():
    found = fit_zeros(frames := two_methods(), *bases(frames))
    c = TRUE["pbe"][1]
    frame = labelled("pbe", next(structures()), 0.2, mu_target=-5.0, phi_she=4.4, u=0.3, u_scale="she", forces=np.ones((4, 3)))
    moved = found.apply(frame)
    assert (moved.mu_target, moved.phi_she, moved.u) == pytest.approx((-5.0 + c, 4.4 - c, 0.3), abs=1e-9)
    assert moved.potential - moved.phi_she == pytest.approx(frame.potential - frame.phi_she, abs=1e-12)
    assert moved.forces is frame.forces
    assert found.apply(replace(frame, u=5.0, u_scale="abs")).u == pytest.approx(5.0 - c, abs=1e-9)
    for kind in ("E", "Omega", "Omega_total", "enthalpy"):
        frame = labelled("rpbe", next(structures()), -0.3, kind=kind)
        back = found.restore(found.apply(frame))
        assert (back.energy, back.mu) == pytest.approx((frame.energy, frame.mu), abs=1e-9)


def test_a_reference_method_is_the_level():
    frames = two_methods()
    found = fit_zeros_to(frames, "pbe")
    assert found.relative_to == "pbe" and found.of("pbe").shift == 0.0 and set(dict(found.of("pbe").elements).values()) == {0.0}
    other = found.of("rpbe")
    assert other.shift == pytest.approx(TRUE["rpbe"][1] - TRUE["pbe"][1], abs=1e-10)
    assert dict(other.elements) == pytest.approx({z: e - TRUE["pbe"][0][z] for z, e in TRUE["rpbe"][0].items()}, abs=1e-9)
    with pytest.raises(DataError, match="did you mean 'pbe'"):
        fit_zeros_to(frames, "pbee")
    apart = [f for f in frames if f.method_id == "pbe"][:3] + [f for f in frames if f.method_id == "rpbe"][6:]
    with pytest.raises(DataError, match="rpbe: no structure and charge in common"):
        fit_zeros_to(apart, "pbe")


def test_elements_in_one_ratio_are_reported():
    water = [Atoms("OHH" * k, np.random.default_rng(k).normal(size=(3 * k, 3)) * 5, cell=[9, 9, 30], pbc=(True, True, False)) for k in (1, 2, 3)]
    frames = [labelled("pbe", a, q) for a in water for q in (0.0, 0.2)]
    zero = fit_zeros(frames, *bases(frames)).of("pbe")
    assert (zero.rank, zero.n_unknowns, zero.undetermined) == (2, 3, ("H", "O"))
    sum_of_water = TRUE["pbe"][0][8] + 2 * TRUE["pbe"][0][1]
    assert zero.atoms_energy(water[0].numbers) == pytest.approx(sum_of_water, abs=1e-9)
    assert dict(zero.elements) == pytest.approx({8: sum_of_water / 5, 1: 2 * sum_of_water / 5}, abs=1e-9)  # least norm along (1, 2)


def test_a_shift_that_nothing_determines():
    frames = [replace(labelled("pbe", a, 0.0), mu=None) for a in structures()]
    zero = fit_zeros(frames, bases(frames)[0]).of("pbe")
    assert zero.undetermined == ("shift",) and zero.shift == 0.0 and zero.rank == 3


def test_labels_that_are_missing_or_on_another_zero():
    frames = two_methods()
    frames[0] = replace(frames[0], energy=None)
    frames[1] = replace(frames[1], energy_kind="none")
    frames[2] = replace(frames[2], mu_zero="cell_average", mu=7.0)
    zero = fit_zeros(frames, *bases(frames)).of("pbe")
    assert (zero.n_energies, zero.n_potentials) == (16, 17) and zero.shift == pytest.approx(0.37, abs=1e-10)


def test_noise_is_averaged_and_its_size_told():
    rng = np.random.default_rng(8)
    frames = [labelled("pbe", a, q) for a in structures(40) for q in np.linspace(-0.3, 0.3, 5)]
    energy, phi = bases(frames)
    noisy = [replace(f, energy=f.energy + 0.02 * len(f.geometry) * rng.normal(), mu=f.mu + 0.1 * rng.normal()) for f in frames]
    zero = fit_zeros(noisy, energy, phi).of("pbe")
    assert zero.energy_rms == pytest.approx(0.02, rel=0.15) and zero.potential_rms == pytest.approx(0.1, rel=0.15)
    assert zero.shift == pytest.approx(0.37, abs=4 * 0.1 / np.sqrt(200))


def test_json_round_trip():
    from electrode.models.store import from_plain

    found = fit_zeros(frames := two_methods(), *bases(frames))
    assert from_plain(EnergyZeros, json.loads(json.dumps(asdict(found)))) == found


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda z, f: fit_zeros([], []), "at least one frame"),
        (lambda z, f: fit_zeros(f, [1.0]), "expected a finite energy for each"),
        (lambda z, f: fit_zeros(f[:1], [np.nan]), "expected a finite energy"),
        (lambda z, f: fit_zeros([replace(f[0], method_id=None)], [1.0]), "eir_method_id is missing"),
        (lambda z, f: fit_zeros([replace(f[0], energy=None)], [1.0]), "no frame has an energy"),
        (lambda z, f: z.apply(replace(f[0], method_id="pb")), "did you mean 'pbe'"),
        (lambda z, f: z.apply(replace(f[0], n_excess=None)), "without n_excess"),
        (lambda z, f: z.apply(replace(f[0], energy_kind="Omega_total", nelect_neutral=None)), "without nelect_neutral"),
        (lambda z, f: z.apply(replace(f[0], energy_kind=None)), "kind None cannot change"),
        (lambda z, f: z.apply(replace(f[0], geometry=Atoms("Pt"))), "no element energy for Pt"),
    ],
)
def test_what_is_refused(change, message):
    frames = two_methods()
    with pytest.raises(ValueError, match=message):
        change(fit_zeros(frames, *bases(frames)), frames)
