"""Several sets of symmetry functions side by side."""

import numpy as np
import pytest
from ase.build import fcc111

from electrode.physics.joined_functions import JoinedKernel
from electrode.physics.neighbours import neighbour_list
from electrode.physics.symmetry_functions import SymmetryFunctions

SETS = (
    SymmetryFunctions((79,), cutoff=4.0, radial=(1.0, 2.4), angular=(1.0, 2.8), exponents=(1,)),
    SymmetryFunctions((79,), cutoff=6.0, radial=(2.0, 4.0, 5.0), angular=(), exponents=()),
    SymmetryFunctions((79,), cutoff=4.0, radial=(), angular=(1.0, 2.8), exponents=(1, 2), cross=True),
)


@pytest.fixture
def atoms():
    slab = fcc111("Au", (1, 1, 3), a=4.1, vacuum=8.0)
    slab.rattle(0.1, seed=1)
    return slab


def kernel(atoms, positions):
    bind = lambda f: f.bind(atoms.numbers, positions, neighbour_list(atoms.positions, atoms.cell.array, atoms.pbc, f.cutoff))
    return JoinedKernel([bind(f) for f in SETS])


def test_every_set_keeps_its_place(atoms):
    values = kernel(atoms, atoms.positions).values()
    ends = np.cumsum([0, *(f.n_features for f in SETS)])
    for f, a, b in zip(SETS, ends, ends[1:]):
        alone = f.bind(atoms.numbers, atoms.positions, neighbour_list(atoms.positions, atoms.cell.array, atoms.pbc, f.cutoff))
        assert np.array_equal(values[:, a:b], alone.values())


def test_derivatives_are_those_of_the_values(atoms):
    rng, step = np.random.default_rng(0), 1e-4
    v = rng.normal(size=atoms.positions.shape)
    at = lambda sign: kernel(atoms, atoms.positions + sign * step * v)
    one, g = kernel(atoms, atoms.positions), rng.normal(size=kernel(atoms, atoms.positions).values().shape)
    slope = (at(1).values() - at(-1).values()) / (2 * step)
    assert one.push(v) == pytest.approx(slope, abs=1e-6)
    assert (one.pull(g) * v).sum() == pytest.approx((g * slope).sum(), abs=1e-5)
    assert one.jacobian(len(atoms)) @ v.ravel() == pytest.approx(slope, abs=1e-6)
    assert one.pull_along(g, v) == pytest.approx((at(1).pull(g) - at(-1).pull(g)) / (2 * step), abs=1e-4)
