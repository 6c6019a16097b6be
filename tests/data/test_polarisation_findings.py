"""V32: what is wrong with Born charges that the polarisation does not follow, and that nothing is said of those it does."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms

from electrode.data.polarisation_findings import polarisation_steps
from electrode.data.record import ElectrifiedFrame
from electrode.data.report import examine
from electrode.units import BOHR

CELL = np.array([[4.0, 0.0, 0.0], [1.0, 4.2, 0.0], [0.3, -0.4, 4.4]])
REST = np.array([[0.1, 0.1, 0.1], [2.2, 2.1, 2.3], [3.0, 0.4, 1.7]])


def frames(branch="modulo_lattice"):
    """P = sum Z u with charges that are not symmetric, known up to lattice vectors."""
    draw = np.random.default_rng(5)
    charges = draw.normal(size=(3, 3, 3)) * 3.0
    charges -= charges.mean(0)
    for moved in 0.2 * draw.normal(size=(12, 3, 3)):
        dipole = np.einsum("nab,nb->a", charges, moved) + 1.0
        if branch:
            dipole = dipole - np.round(dipole @ np.linalg.inv(CELL)) @ CELL
        atoms = Atoms("TiO2", REST + moved, cell=CELL, pbc=True)
        yield ElectrifiedFrame(atoms, dipole=dipole, born_charges=charges.reshape(3, 9), polarization_branch=branch, n_excess=0.0)


@pytest.mark.parametrize("branch", ["modulo_lattice", None])
def test_charges_that_fit_are_not_complained_of(branch):
    found = polarisation_steps(list(frames(branch)))
    assert found.rule == "V32" and found.problems == () and found.numbers["relative_rms"] < 1e-9 and found.numbers["steps"] >= 5
    assert "V32" in {f.rule for f in examine({"data.xyz": list(frames(branch))}, [], []).findings}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: replace(f, born_charges=f.born_charges.reshape(3, 3, 3).swapaxes(1, 2).reshape(3, 9)), "transposed"),
        (lambda f: replace(f, born_charges=-f.born_charges), "sign of the Born charges"),
        (lambda f: replace(f, dipole=f.dipole / BOHR), "dipole is in e bohr"),
        (lambda f: replace(f, geometry=Atoms(f.geometry.numbers, f.geometry.positions / BOHR, cell=CELL / BOHR, pbc=True)), "in bohr, but not both"),
        (lambda f: replace(f, dipole=np.random.default_rng(int(1e6 * abs(f.dipole[0]))).normal(size=3)), "% off what Born charges say"),
    ],
)
def test_what_explains_those_that_do_not(change, message):
    (problem,) = polarisation_steps([change(f) for f in frames(None)]).problems
    assert problem.rule == "V32" and problem.severity == "warning" and message in problem.what
    assert ("perhaps" in problem.what) == ("% off what" not in message)


def test_too_few_steps_say_nothing():
    assert polarisation_steps(list(frames())[:5]) is None
    assert polarisation_steps([replace(f, born_charges=None) for f in frames()]) is None
    assert polarisation_steps([]) is None
