"""Every scheme by name.  A new scheme is one file and one line here."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True)
class Scheme:
    """Where a scheme is and what to call it.

    Parameters
    ----------
    module, model, configuration : names of the module, the Model and its frozen configuration
    title : one line
    natural : "potential" or "charge", the variable that the scheme's scalar depends on
    trainable : whether `electrode train` has something to do
    doi : of the publication, or empty
    linear : whether its heads are linear in their weights, so that least squares train it (`train.solve`)
    """

    module: str
    model: str
    configuration: str
    title: str
    natural: str
    trainable: bool
    doi: str = ""
    linear: bool = False

    def load(self):
        """Return the model class."""
        return getattr(import_module(self.module), self.model)

    def config(self):
        """Return the class of the configuration."""
        return getattr(import_module(self.module), self.configuration)


SCHEMES = {
    "baseline": Scheme(
        "electrode.models.baseline", "Baseline", "BaselineConfig",
        "classical: pair terms, equilibrated Gaussian charges, double-layer capacitor", "charge", False,
    ),
    "dual": Scheme(
        "electrode.models.dual", "Dual", "DualConfig",
        "charge and electronegativity networks over symmetry and decaying functions (Chen et al. 2023)", "potential", True,
        "10.1038/s41524-023-01007-6",
    ),
    "equilibration": Scheme(
        "electrode.models.equilibration", "Equilibration", "EquilibrationConfig",
        "charge equilibration with learned electronegativities and hardnesses in slab geometry, long-range by construction", "charge", True,
        linear=True,
    ),
    "taylor": Scheme(
        "electrode.models.taylor", "Taylor", "TaylorConfig",
        "energy expanded in the charge per surface atom, coefficients learned by least squares", "charge", True,
        linear=True,
    ),
    "delta": Scheme(
        "electrode.models.delta", "Delta", "DeltaConfig",
        "a dual network that learns what the classical baseline misses", "potential", True,
    ),
    "mace-node": Scheme(
        "electrode.models.mace_node", "MaceNode", "MaceNodeConfig",
        "equivariant message passing that sees the charge (or potential) on every atom; needs mace-torch", "charge", True,
        "10.48550/arXiv.2206.07697",
    ),
    "committee": Scheme(
        "electrode.models.committee", "Committee", "CommitteeConfig",
        "the mean of several models of one scheme, with their spread; made by training with several members", "members'", False,
        "10.1039/C7CP00375G",
    ),
    "electrified": Scheme(
        "electrode.models.electrified", "Electrified", "ElectrifiedConfig",
        "a neutral model with an ASE calculator and its answer to charge; made by `electrode electrify`", "charge", False,
    ),
}  # fmt: skip
