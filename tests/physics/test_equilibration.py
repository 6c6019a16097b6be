"""Charge equilibration: two atoms by hand, the double layer, fragments, derivatives and invariances."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import fcc100, fcc111, molecule
from ase.data import covalent_radii

from electrode.physics.countercharge import Layer
from electrode.physics.electrostatics import coulomb
from electrode.physics.elements import ELECTRONEGATIVITY, HARDNESS
from electrode.physics.equilibration import equilibrate
from electrode.units import COULOMB, capacitance_per_cell

OPEN = (False, False, False)


def solve(atoms, **kw):
    metal = np.isin(atoms.numbers, [29, 78, 79])
    return equilibrate(atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc, metal, **kw)


def slab_with(adsorbate=None, height=2.0, size=(1, 1, 3), metal="Au"):
    atoms = fcc111(metal, size, vacuum=8.0)
    atoms.pbc = (True, True, False)
    if adsorbate is not None:
        adsorbate = adsorbate.copy()
        adsorbate.translate(atoms.positions[-1] + [0.9, 0.4, height] - adsorbate.positions[0])
        atoms += adsorbate
    return atoms


def rattled():
    atoms = slab_with(molecule("H2O"), 2.3, (2, 1, 3), "Cu")
    atoms.rattle(0.1, seed=3)
    formal = np.where(atoms.numbers == 8, 0.4, 0.0)
    return atoms, lambda p, **kw: solve(Atoms(atoms.numbers, p, cell=atoms.cell, pbc=atoms.pbc), formal_charges=formal, **kw)


def test_two_atoms_by_hand():
    """The bond charge p minimises (chi1 - chi2) p + (A11 + A22 - 2 A12 + 1/g) p^2 / 2."""
    r = 1.0
    atoms = Atoms("OH", [[0, 0, 0], [0, 0, r]])
    sigma = covalent_radii[[8, 1]]
    self_energy = HARDNESS[[8, 1]] + COULOMB / (sigma * np.sqrt(np.pi))
    a12 = coulomb(atoms.positions, np.zeros((3, 3)), OPEN, sigma).value[0, 1]
    g = 10.0 ** (-(r - 0.95) / 0.6)
    curvature = self_energy.sum() - 2.0 * a12 + 1.0 / g
    difference = ELECTRONEGATIVITY[8] - ELECTRONEGATIVITY[1]
    result = solve(atoms)
    assert result.charges[0] == pytest.approx([-difference / curvature, difference / curvature], rel=1e-10)
    assert result.coefficients[0] == pytest.approx(-0.5 * difference**2 / curvature, rel=1e-10)


@pytest.mark.parametrize("face", [fcc111, fcc100])
@pytest.mark.parametrize("metal", ["Cu", "Ag", "Au", "Ni", "Pd", "Pt", "Al"])
def test_a_bare_electrode_has_nearly_the_capacitance_of_the_double_layer(metal, face):
    atoms = face(metal, (1, 1, 4), vacuum=8.0)
    atoms.pbc = (True, True, False)
    result = equilibrate(atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc, np.ones(4, bool))
    area = np.linalg.norm(np.cross(*atoms.cell.array[:2]))
    assert 1.0 / result.coefficients[2] == pytest.approx(capacitance_per_cell(20.0, area), rel=0.12)
    assert result.coefficients[1] == pytest.approx(ELECTRONEGATIVITY[atoms.numbers[0]], abs=1e-9)
    assert np.allclose(result.charges.sum(axis=1), [0.0, 1.0], atol=1e-9)


@pytest.mark.parametrize("element", ["H", "O", "Cl", "Na", "Cs", "Au"])
@pytest.mark.parametrize("size", [(1, 1, 3), (2, 2, 3)])
def test_the_capacitance_is_positive_whatever_adsorbs(element, size):
    for height in (1.2, 2.0, 3.0, 4.0, 6.0):
        atoms = slab_with(Atoms(element), height, size, "Cu")
        metal = np.arange(len(atoms)) < len(atoms) - 1
        result = equilibrate(atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc, metal)
        assert result.coefficients[2] > 0.0
        a = result.matrix.value + result.layer.matrix
        neutral = np.eye(len(a)) - 1.0 / len(a)
        assert np.linalg.eigvalsh(neutral @ a @ neutral).min() > -1e-9
        assert np.abs(result.charges[0]).max() < 1.5


def test_the_double_layer_is_in_series():
    """The double layer is in series: halving its capacitance adds as much to 1/C as it says."""
    atoms = slab_with(size=(1, 1, 4), metal="Pt")
    stiffness = [solve(atoms, double_layer_capacitance=c).coefficients[2] for c in (5.0, 10.0)]
    area = np.linalg.norm(np.cross(*atoms.cell.array[:2]))
    assert stiffness[0] - stiffness[1] == pytest.approx(0.5 / capacitance_per_cell(5.0, area), rel=0.02)


def test_field_behind_the_slab_vanishes():
    """A test charge far behind the slab feels no force from the charge of the electrode, at any Q."""
    atoms = slab_with(size=(2, 2, 3))
    atoms += Atoms("Na", [[0.0, 0.0, atoms.positions[:, 2].min() - 25.0]])
    formal = np.where(atoms.numbers == 11, 1e-6, 0.0)
    force = solve(atoms, formal_charges=formal).pull(np.array([0.0, 1.0, 0.0]))[-1]
    assert np.all(np.abs(force) < 1e-11)


@pytest.mark.parametrize("permittivity", [1.0, 6.0])
def test_field_in_the_layer(permittivity):
    """On average over the surface it is Q/(eps0 eps area) inside the layer, and nothing beyond the counter-charge."""
    atoms = slab_with(size=(1, 1, 3))
    area, top = np.linalg.norm(np.cross(*atoms.cell.array[:2])), atoms.positions[-1, 2]
    slope = 2.0 * np.pi * COULOMB / area
    height, sigma = np.append(atoms.positions[:, 2], 0.0), np.full(4, 0.3)
    charge = np.array([0.0, 0.0, 1.0, 0.0])
    metal, normal = np.arange(4) < 3, np.array([0.0, 0.0, 1.0])
    thickness = 10.0
    field = {}
    for z in (5.0, 25.0):
        height[-1] = top + z
        layer = Layer(height, sigma, metal, normal, slope, permittivity, thickness)
        weight = np.outer(charge, np.eye(4)[3]) + np.outer(np.eye(4)[3], charge)
        field[z] = slope - layer.pull(np.eye(4)[3], weight)[3, 2]  # the first term is that of the slab sum
    assert field[5.0] == pytest.approx(2.0 * slope / permittivity, rel=1e-6)
    assert abs(field[25.0]) < 1e-9


def test_a_fragment_that_left_keeps_its_formal_charge():
    water = slab_with(molecule("H2O"), 12.0)
    assert np.allclose(solve(water).charges[:, -3:].sum(axis=1), 0.0, atol=1e-9)
    ion = slab_with(Atoms("Na"), 12.0)
    result = solve(ion, formal_charges=np.where(ion.numbers == 11, 1.0, 0.0))
    assert result.charges[:, -1] == pytest.approx([1.0, 0.0], abs=1e-9)


def test_an_ion_is_drawn_to_its_image():
    forces = []
    for height in (6.0, 8.0):
        atoms = slab_with(Atoms("Na"), height, (4, 4, 3))
        result = solve(atoms, formal_charges=np.where(atoms.numbers == 11, 1.0, 0.0))
        forces.append(-result.pull(np.array([1.0, 0.0, 0.0]))[-1, 2])
    assert forces[0] < forces[1] < 0.0


def test_derivatives():
    atoms, at = rattled()
    direction = np.random.default_rng(0).normal(size=atoms.positions.shape)
    here, h = at(atoms.positions, second=True), 1e-3
    points = {k: at(atoms.positions + k * h * direction) for k in (-2, -1, 1, 2)}
    five = lambda f: (8 * (f(points[1]) - f(points[-1])) - f(points[2]) + f(points[-2])) / (12 * h)
    slope = five(lambda s: s.coefficients)
    for k, g in enumerate(np.eye(3)):
        assert np.vdot(here.pull(g), direction) == pytest.approx(slope[k], abs=1e-7)
        assert np.allclose(here.pull_along(g, direction), five(lambda s: s.pull(g)), atol=1e-6)


def test_energy_is_the_minimum():
    atoms, at = rattled()
    here = at(atoms.positions)
    formal = np.where(atoms.numbers == 8, 0.4, 0.0)
    metal = (atoms.numbers == 29) / 6.0
    a, laplacian = here.matrix.value + here.layer.matrix, here.conductance.value
    inverse = np.linalg.pinv(laplacian)
    series = 1.0 / capacitance_per_cell(20.0, np.linalg.norm(np.cross(*atoms.cell.array[:2])))

    def energy(q, total):
        flow = q - formal + formal.sum() * metal - total * metal
        fields = ELECTRONEGATIVITY[atoms.numbers] + total * here.layer.field
        return fields @ q + 0.5 * q @ a @ q + 0.5 * flow @ inverse @ flow + 0.5 * series * total**2

    rng = np.random.default_rng(1)
    for total in (-0.4, 0.0, 0.7):
        q = here.charges[0] + total * here.charges[1]
        lowest = here.coefficients @ [1.0, total, 0.5 * total**2]
        assert energy(q, total) == pytest.approx(lowest, abs=1e-8)
        away = rng.normal(size=len(q))
        assert energy(q + 0.01 * (away - away.mean()), total) > lowest


def test_invariances():
    atoms, at = rattled()
    want = at(atoms.positions)
    moved = atoms.positions + [0.4, 1.1, -13.0]
    moved[7] += atoms.cell.array[0]
    assert np.allclose(at(moved).coefficients, want.coefficients, atol=1e-8)
    order = np.random.default_rng(2).permutation(len(atoms))
    shuffled = solve(atoms[order], formal_charges=np.where(atoms.numbers == 8, 0.4, 0.0)[order])
    assert np.allclose(shuffled.coefficients, want.coefficients, atol=1e-8)
    assert np.allclose(shuffled.charges, want.charges[:, order], atol=1e-8)
    turned = atoms.copy()
    turned.rotate(33.0, "z", rotate_cell=True)
    turned.rotate(50.0, "x", rotate_cell=True)
    again = solve(turned, formal_charges=np.where(atoms.numbers == 8, 0.4, 0.0))
    assert np.allclose(again.coefficients, want.coefficients, atol=1e-8)


def test_a_repeated_cell_has_the_energy_of_its_parts():
    atoms = slab_with(Atoms("H"), 1.2)
    one, four = solve(atoms), solve(atoms.repeat((2, 2, 1)))
    assert four.coefficients == pytest.approx(one.coefficients * [4.0, 1.0, 0.25], rel=1e-6)


def test_one_atom():
    assert solve(Atoms("H", [[0, 0, 0]])).coefficients[:2] == pytest.approx([0.0, ELECTRONEGATIVITY[1]])
    assert solve(slab_with(size=(1, 1, 1))).coefficients[2] > 0.0


def test_refusals():
    with pytest.raises(ValueError, match="Z = \\[92\\]"):
        solve(Atoms("U", [[0, 0, 0]]))
    for wrong in ({"double_layer_capacitance": 0.0}, {"permittivity": 0.5}):
        with pytest.raises(ValueError, match="expected a positive"):
            solve(slab_with(), **wrong)
