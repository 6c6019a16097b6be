"""One helper that builds frames of the record: H on Au(111), asymmetric numbers, energies that follow mu."""

import numpy as np
import pytest
from ase.build import add_adsorbate, fcc111

from electrode.data.record import ElectrifiedFrame

NEUTRAL_ELECTRONS = 133.0
MU_NEUTRAL, HARDNESS = -5.3, 1.7  # mu(n) = MU_NEUTRAL + HARDNESS n


def energy(n):
    """E(n) whose derivative by n is mu(n) [eV]."""
    return -22.75 + MU_NEUTRAL * n + 0.5 * HARDNESS * n**2


def slab(shift=0.0):
    """H on three layers of Au(111); `shift` moves the hydrogen along x [A]."""
    atoms = fcc111("Au", (2, 2, 3), vacuum=8.0)
    add_adsorbate(atoms, "H", 1.0, "fcc")
    atoms.positions[-1, 0] += shift
    atoms.info = {}
    return atoms


def labelled(n=0.23, shift=0.0, remove=(), **changes):
    """ASE Atoms of a valid frame with n excess electrons; `changes` are keys of info, `remove` names keys to drop."""
    atoms = slab(shift)
    info = {
        "eir_version": 1, "REF_energy": energy(n), "eir_energy_kind": "E", "eir_energy_smearing": "free",
        "eir_n_excess": n, "eir_mu": MU_NEUTRAL + HARDNESS * n, "eir_mu_zero": "electrolyte", "eir_ensemble": "fixed_n",
        "eir_phi_she": 4.44, "eir_countercharge": "jellium_slab", "eir_normal": 2, "eir_sides": 1,
        "eir_scf_converged": True, "eir_method_id": "gpaw_sjm", "trajectory": f"path{round(1000 * shift):03d}",
        "system": "Au111_H", "config_type": "rattle", "reaction_coordinate": 0.375,
    }  # fmt: skip
    atoms.info = {k: v for k, v in {**info, **changes}.items() if k not in remove}
    atoms.arrays["REF_forces"] = np.random.default_rng(7).normal(size=(len(atoms), 3))
    return atoms


def build(n=0.23, where="au.xyz frame 3", **changes):
    """A valid frame with n excess electrons, changed as asked."""
    return ElectrifiedFrame.from_atoms(labelled(n, **changes), where)


@pytest.fixture
def atoms_of():
    """Builder of ASE Atoms, see `labelled`."""
    return labelled


@pytest.fixture
def frame_of():
    """Builder of frames, see `build`."""
    return build


@pytest.fixture
def series():
    """Builder of five frames of one geometry at five charges."""

    def make(**changes):
        return [build(n, where=f"au.xyz frame {k}", **changes) for k, n in enumerate((-0.4, -0.1, 0.0, 0.25, 0.6))]

    return make
