"""Which atoms are taken for the electrode."""

from __future__ import annotations

import numpy as np

# d-block metals and the p-block metals used as electrodes; alkali and alkaline-earth metals are ions at an interface
ELECTRODE_ELEMENTS = frozenset([13, *range(21, 32), *range(39, 51), *range(57, 84)])


def electrode_atoms(atoms) -> np.ndarray:
    """Say which atoms of an ASE Atoms object belong to the electrode, (N,) bool.

    The array `eir_region` (0 is electrode) decides; without it positive `tags`, ASE's layers, do; without either
    every d- or p-block metal counts.

    Raises
    ------
    ValueError
        for tags of another convention: the highest are no metal, and some metal has none.
    """
    if "eir_region" in atoms.arrays:
        return np.asarray(atoms.arrays["eir_region"]) == 0
    metal = np.isin(atoms.numbers, sorted(ELECTRODE_ELEMENTS))
    tags = atoms.get_tags() if atoms.has("tags") else np.zeros(len(atoms), int)
    if not np.any(tags > 0):
        return metal
    if metal[tags > 0].any() and metal[tags <= 0].any() and not metal[tags == tags.max()].any():
        raise ValueError(
            f"tags name {sorted(set(atoms[tags == tags.max()].symbols))} (tag {tags.max()}) the electrode's innermost layer and leave metal atoms out; expected ASE's "
            "layers, 1 on top and 0 for what is no electrode (in OC20 2 is the adsorbate). Set the tags so, or the array eir_region (0 is electrode)"
        )
    return tags > 0
