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
    """

    module: str
    model: str
    configuration: str
    title: str
    natural: str
    trainable: bool
    doi: str = ""

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
    "committee": Scheme(
        "electrode.models.committee", "Committee", "CommitteeConfig",
        "the mean of several models of one scheme, with their spread; made by training with several members", "members'", False,
        "10.1039/C7CP00375G",
    ),
}  # fmt: skip
