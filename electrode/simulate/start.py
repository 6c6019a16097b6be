"""How nuclei start to move."""

from __future__ import annotations

import numpy as np
from ase import Atoms, units

from electrode.simulate.charge_state import require_positive


def with_velocities(atoms: Atoms, temperature: float, rng: np.random.Generator) -> Atoms:
    """Return a copy whose free atoms have velocities drawn at a temperature; atoms that move keep their velocities.

    Parameters
    ----------
    atoms : N atoms;  temperature : [K];  rng : what draws

    Raises
    ------
    ValueError
        for a temperature that is not positive.
    """
    require_positive("with_velocities", temperature=temperature)
    copy = atoms.copy()
    if not copy.get_momenta().any():
        spread = np.sqrt(copy.get_masses() * units.kB * temperature)
        copy.set_momenta(spread[:, None] * rng.standard_normal((len(copy), 3)))
    return copy
