"""Every scheme by name.  A new scheme is one file and one line here, or one file of a user's own that holds a `Scheme`.

A scheme of a user's own is named MODULE:NAME, the module that holds its `Scheme` and the name of it there; models on disk keep that name,
so the module must be found where they are read: in the working folder, or installed.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from importlib import import_module

from electrode.data.problems import did_you_mean


@dataclass(frozen=True)
class Scheme:
    """Where a scheme is and what to call it.

    Parameters
    ----------
    module, model, configuration : names of the module, the Model and its frozen configuration, which has a class method
        `for_elements(elements)` or `for_card(card)` that gives its defaults
    title : one line
    natural : "potential" or "charge", the variable that the scheme's scalar depends on
    trainable : whether `electrode train` has something to do
    doi : of the publication, or empty
    linear : whether its heads are linear in their weights, so that least squares train it (`train.solve`)
    choices : entries of the configuration that make it this scheme, where several share a model
    training : entries of `train.config.TrainConfig` that suit it better than the defaults do
    """

    module: str
    model: str
    configuration: str
    title: str
    natural: str
    trainable: bool
    doi: str = ""
    linear: bool = False
    choices: dict = field(default_factory=dict)
    training: dict = field(default_factory=dict)

    def load(self):
        """Return the model class."""
        return getattr(import_module(self.module), self.model)

    def config(self):
        """Return the class of the configuration."""
        return getattr(import_module(self.module), self.configuration)

    def made(self, model) -> bool:
        """Return whether a model is of this scheme."""
        return self.load() is type(model) and all(getattr(model.config, k) == v for k, v in self.choices.items())


def scheme_of(model) -> str | None:
    """Return the name of a model's scheme, MODULE:NAME where its own module holds one, None for a model of none."""
    module = type(model).__module__
    own = {f"{module}:{name}": value for name, value in getattr(sys.modules.get(module), "__dict__", {}).items() if isinstance(value, Scheme)}
    return next((name for name, scheme in (SCHEMES | own).items() if scheme.made(model)), None)


def find_scheme(name: str) -> Scheme:
    """Return the scheme with that name, or a user's own by MODULE:NAME.

    Raises
    ------
    ValueError
        for an unknown name, with the nearest, or where the module holds no such `Scheme`.
    """
    if name in SCHEMES:
        return SCHEMES[name]
    module, colon, own = name.partition(":")
    if not colon:
        raise ValueError(f"unknown scheme {name!r}: expected one of {', '.join(SCHEMES)}, or MODULE:NAME for a scheme of your own{did_you_mean(name, SCHEMES)}")
    try:
        found = getattr(import_module(module), own)
    except (ModuleNotFoundError, AttributeError) as error:
        raise ValueError(f"scheme {name!r}: {error}; expected MODULE:NAME, a module in the working folder or installed, and the name of a Scheme in it") from error
    if not isinstance(found, Scheme):
        raise ValueError(f"scheme {name!r}: expected an electrode.models.schemes.Scheme, got {type(found).__name__}; name the Scheme that describes the model")
    return found


RAZOR_TERMS = [  # those of `train.config`, and the labels of the Born charges
    {"quantity": "energy", "weight": 1.0, "scale": 0.002},
    {"quantity": "forces", "weight": 3.0, "scale": 0.06},
    {"quantity": "conjugate", "weight": 1.0, "scale": 0.01},
    {"quantity": "force_slope", "weight": 1.0, "scale": 0.02},
]
PNNP_TERMS = [
    {"quantity": "energy", "weight": 1.0, "scale": 0.002},
    {"quantity": "forces", "weight": 3.0, "scale": 0.06},
    {"quantity": "born_charges", "weight": 3.0, "scale": 0.03},
]
MESSAGE_PASSING = {"batch_size": 5, "averaging": 0.99, "weight_decay": 1e-4, "gradient_clip": 10.0}
FIELD_TERMS = [  # each counts where it is labelled
    {"quantity": "energy", "weight": 1.0, "scale": 0.002},
    {"quantity": "forces", "weight": 3.0, "scale": 0.06},
    {"quantity": "dipole", "weight": 1.0, "scale": 0.005},
    {"quantity": "born_charges", "weight": 3.0, "scale": 0.015},
    {"quantity": "polarizability", "weight": 1.0, "scale": 0.0008},
]
IN_FIELD = {
    "terms": FIELD_TERMS, "schedule": {"warm_up": 0.05}, "batch_size": 4, "averaging": 0.99, "weight_decay": 0.1,
    "gradient_clip": 10.0, "validate_every": 5, "single": True, "response_rows": 1,
}  # fmt: skip
TEMPLATES = {
    "a": "message passing that sees neither charge nor potential, the control row of its kind",
    "b": "message passing, the potential (or charge) at the embedding",
    "c": "message passing, the potential (or charge) at the readout",
    "d": "message passing, a function of the potential (or charge) at the embedding",
    "e": "message passing, a function of the potential (or charge) at the readout",
    "f": "message passing, a function of the potential (or charge) after each layer",
}
CP_MLFF = {
    "node": "message passing, the electrons beside the element of every atom, a head for the Fermi level (Wang et al. 2025)",
    "global": "message passing with a state of the whole cell that carries the electrons, a head for the Fermi level (Wang et al. 2025)",
}

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
    "razor": Scheme(
        "electrode.models.razor", "Razor", "RazorConfig",
        "second order in the charge: a learned work function, Born charges as its gradient, a capacitance (Bergmann et al. 2025)", "charge", True,
        "10.48550/arXiv.2505.19745", linear=True, training={"terms": RAZOR_TERMS},
    ),
    "eep": Scheme(
        "electrode.models.eep", "Eep", "EepConfig",
        "the potential as an input of every atom's network, over the smooth power spectrum (Zhou et al. 2025)", "potential", True,
        "10.48550/arXiv.2411.14732", training={"averaging": 0.99},
    ),
    "dp-ne": Scheme(
        "electrode.models.dp_ne", "DpNe", "DpNeConfig",
        "a deep potential whose fitting networks see the excess electrons (Sun et al. 2025)", "charge", True,
        "10.48550/arXiv.2407.12458",
        training={"batch_size": 10, "averaging": 0.99, "weight_decay": 1e-4, "gradient_clip": 10.0},
    ),
    "delta": Scheme(
        "electrode.models.delta", "Delta", "DeltaConfig",
        "a dual network that learns what the classical baseline misses", "potential", True,
    ),
    "mace-node": Scheme(
        "electrode.models.mace_node", "MaceNode", "MaceNodeConfig",
        "equivariant message passing that sees the charge (or potential) on every atom; needs mace-torch", "charge", True,
        "10.48550/arXiv.2206.07697", training={"batch_size": 4, "optimiser": "adamw", "learning_rate": 0.01, "weight_decay": 0.0, "averaging": 0.995, "validate_every": 5},
    ),
    **{
        f"template-{letter}": Scheme(
            "electrode.models.templates", "Template", "TemplateConfig", title, "potential", True,
            choices={"template": letter}, training=MESSAGE_PASSING,
        )
        for letter, title in TEMPLATES.items()
    },
    "correction": Scheme(
        "electrode.models.correction", "Correction", "CorrectionConfig",
        "message passing for the neutral energy, with a correction that vanishes without charge", "charge", True,
        training=MESSAGE_PASSING,
    ),
    **{
        f"cp-mlff-{place}": Scheme(
            "electrode.models.cp_mlff", "CpMlff", "CpMlffConfig", title, "charge", True, choices={"place": place}, training=MESSAGE_PASSING,
        )
        for place, title in CP_MLFF.items()
    },
    "enthalpy": Scheme(
        "electrode.models.enthalpy", "Enthalpy", "EnthalpyConfig",
        "one electric enthalpy in a uniform field: polarisation, Born charges, polarisability by derivative (Falletta et al. 2025)", "charge", True,
        "10.1038/s41467-025-59304-1", training=IN_FIELD,
    ),
    "fireann": Scheme(
        "electrode.models.fireann", "Fireann", "FireannConfig",
        "recursive embedded densities with an orbital of the field, forces alone where the polarisation has no label (Zhang and Jiang 2023)", "charge", True,
        "10.1038/s41467-023-42148-y", training=IN_FIELD,
    ),
    "direct-forces": Scheme(
        "electrode.models.direct_forces", "DirectForces", "DirectForcesConfig",
        "message passing with forces from a head of their own, which are no gradient; a control row", "potential", True, training=MESSAGE_PASSING,
    ),
    "multihead": Scheme(
        "electrode.models.multihead", "Multihead", "MultiheadConfig",
        "message passing with one trunk and a head for each ensemble or method", "charge", True, training=MESSAGE_PASSING,
    ),
    "separate": Scheme(
        "electrode.models.separate", "Separate", "SeparateConfig",
        "one network for each potential that sees no other, the control row of the potential as an input", "potential", True, training=MESSAGE_PASSING,
    ),
    "pnnp": Scheme(
        "electrode.models.pnnp", "Pnnp", "PnnpConfig",
        "a network without a field, and the polar tensors (or dipole) that answer to one, to first order (Joll et al. 2024)", "charge", True,
        training={**MESSAGE_PASSING, "batch_size": 4, "terms": PNNP_TERMS},
    ),
    "mledr": Scheme(
        "electrode.models.mledr", "Mledr", "MledrConfig",
        "the answer of the electron density to a field, point by point; made by `train.density` (Feng and Jiang 2025)", "charge", False,
        "10.48550/arXiv.2410.04977",
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
