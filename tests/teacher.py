"""A teacher and its pupils: the baseline labels small interfaces, and a dual model learns them in a second or two."""

from functools import lru_cache

import numpy as np
from ase import Atoms
from ase.build import add_adsorbate, fcc111

from electrode.data.record import ElectrifiedFrame
from electrode.models.baseline import Baseline
from electrode.state import Control, Structure
from electrode.thermo import evaluate
from electrode.train.fit import TrainConfig
from electrode.train.loss import Term
from electrode.train.train import train

CHARGES = (-0.002, 0.0, 0.002)  # [e/A^2]
SMALL = {
    "symmetry_functions": {"cutoff": 5.0, "radial": (1.0, 2.4, 3.7), "angular": (1.0, 2.8), "exponents": (1,)},
    "hidden": (8,),
}


def interface(size=(1, 1, 3), height=0.95, water=False, seed=None):
    """H, or H2O, on Au(111) of `size`; the hydrogen sits `height` [A] above the top layer."""
    atoms = fcc111("Au", size, a=4.16, vacuum=8.0)
    if water:
        add_adsorbate(atoms, Atoms("OHH", [[0, 0, 0], [0.76, 0, 0.59], [-0.76, 0.05, 0.59]]), height, "ontop")
    else:
        add_adsorbate(atoms, "H", height, "fcc")
    atoms.info, atoms.pbc = {}, (True, True, False)
    if seed is not None:
        atoms.rattle(0.07, seed=seed)
    return atoms


def labelled(atoms, charges, where="teacher"):
    """Frames of one structure at several charges per area, labelled by the baseline."""
    structure = Structure.from_atoms([atoms] * len(charges))
    out = evaluate(Baseline(), structure, Control(charge=np.array(charges) * float(structure.area[0])))
    n = len(atoms)
    return [
        ElectrifiedFrame(
            atoms, f"{where} frame {k}", version=1, energy=float(out["canonical_energy"][k]), energy_kind="E", n_excess=-float(out["charge"][k]),
            mu=-float(out["potential"][k]), mu_zero="electrolyte", ensemble="fixed_n", phi_she=4.5, countercharge="jellium_slab", countercharge_gap=3.5,
            normal=2, sides=1, scf_converged=True, method_id="teacher", forces=out["forces"].numpy()[n * k : n * k + n], trajectory=where,
        )
        for k in range(len(charges))
    ]  # fmt: skip


@lru_cache(maxsize=1)
def frames():
    """Frames to train and to validate on: H at ten heights, below the surface too, and H2O at four."""
    images = [interface(height=h, seed=k) for k, h in enumerate(np.linspace(-1.4, 1.6, 10))]
    images += [interface((2, 1, 2), height=h, water=True, seed=k) for k, h in enumerate((2.2, 2.6, 3.0, 3.4))]
    found = [labelled(a, CHARGES, f"image{k}") for k, a in enumerate(images)]
    return [f for k, fs in enumerate(found) if k % 5 != 3 for f in fs], [f for k, fs in enumerate(found) if k % 5 == 3 for f in fs]


TERMS = (Term("energy", 1.0, 0.01), Term("forces", 1.0, 0.2), Term("conjugate", 1.0, 0.01), Term("consistency", 0.1, 0.01))


@lru_cache(maxsize=None)
def pupil(members=1, consistency=True, epochs=40, **choices):
    """A dual model, or a committee, after a few passes; `choices` are entries of its configuration."""
    terms = TERMS if consistency else TERMS[:-1]
    config = TrainConfig(terms, max_minutes=5.0, epochs=epochs, batch_size=12, optimiser="adamw", learning_rate=0.02, validate_every=20)
    return train("dual", *frames(), config, choices={**SMALL, **choices}, members=members).model
