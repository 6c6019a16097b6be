"""One model for each potential: the control row, which no scheme that sees the potential should lose to.

    Omega(R, Phi) = sum_k w_k(Phi) Omega_k(R)

    nearest         w_k is 1 for the model whose potential is closest to Phi, else 0
    interpolated    w_k falls linearly from 1 at its own potential to 0 at its neighbours'; outside it is that of the last model

Each Omega_k is a network that sees no potential (`models.templates`, a), trained on the frames of its window alone.  The potentials
are those in the middle of equal shares of the training frames.  Omega is constant in Phi, or piecewise linear: there is no capacitance,
a charge can be neither held nor trusted.
A perspective on machine-learning potentials for electrified interfaces, RSC Appl. Interfaces (2026), D6LF00149A, section 4.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from electrode.data.problems import did_you_mean
from electrode.models.base import Model
from electrode.models.templates import Template, TemplateConfig
from electrode.state import Control, Structure

BETWEEN = ("nearest", "interpolated")
NO_CAPACITANCE = "the models know nothing of each other: Omega is constant or linear between their potentials, and has no capacitance"


@dataclass(frozen=True)
class SeparateConfig:
    """Choices of the scheme.

    Parameters
    ----------
    network : that of each model; template "a" with the variable "potential" and no capacitor
    models : how many
    between : what a potential between two models gets, "nearest" or "interpolated"
    """

    network: TemplateConfig
    models: int = 4
    between: str = "nearest"

    def __post_init__(self):
        if self.models < 2:
            raise ValueError(f"SeparateConfig.models: expected at least 2, got {self.models}; one alone is template-a")
        if self.between not in BETWEEN:
            raise ValueError(f"SeparateConfig.between: expected one of {BETWEEN}, got {self.between!r}{did_you_mean(str(self.between), BETWEEN)}")
        if (self.network.template, self.network.variable, self.network.capacitor) != ("a", "potential", False):
            raise ValueError("SeparateConfig.network: expected template 'a', variable 'potential' and no capacitor: a model that sees the potential needs no others")

    @classmethod
    def for_elements(cls, elements: tuple[int, ...]) -> SeparateConfig:
        """Return the default choices for atoms of these atomic numbers."""
        return cls(replace(TemplateConfig.for_elements(elements), template="a"))


class Separate(Model):
    """Several models that share nothing but their window's edges."""

    one_slab = True
    natural = "potential"
    symmetry = "E(3)"
    stacks = False
    fails = {"conjugate": NO_CAPACITANCE}

    def __init__(self, config: SeparateConfig):
        super().__init__()
        self.config = config
        self.models = nn.ModuleList(Template(replace(config.network, seed=config.network.seed + k)) for k in range(config.models))
        self.register_buffer("potentials", torch.linspace(4.0, 5.0, config.models, dtype=torch.float64))

    def adapt(self, data) -> None:
        """Choose the potentials, and fit each model to the frames of its window.

        Raises
        ------
        ValueError
            for fewer different potentials than models.
        """
        labels = torch.cat([block.natural for block in data])
        middle = (torch.arange(self.config.models, dtype=torch.float64) + 0.5) / self.config.models
        found = torch.quantile(labels, middle, interpolation="nearest")
        if len(torch.unique(found)) < self.config.models:
            raise ValueError(f"Separate: expected training frames at {self.config.models} potentials or more, got {len(torch.unique(labels))}; lower models")
        self.potentials.copy_(found)
        for k, model in enumerate(self.models):
            parts = [(block, torch.nonzero(self._nearest(block.natural) == k)[:, 0]) for block in data]
            model.adapt([block.take(rows) for block, rows in parts if len(rows)])

    def _nearest(self, potential: Tensor) -> Tensor:
        """Return the model of each potential (S,)."""
        return (potential[:, None] - self.potentials).abs().argmin(1)

    def weights(self, potential: Tensor) -> Tensor:
        """Return w (S, K) at potentials (S,) [V]."""
        if self.config.between == "nearest":
            return nn.functional.one_hot(self._nearest(potential), self.config.models).to(potential)
        lower = (torch.searchsorted(self.potentials, potential.detach().contiguous()) - 1).clamp(0, self.config.models - 2)
        a, b = self.potentials[lower], self.potentials[lower + 1]
        share = ((potential - a) / (b - a)).clamp(0.0, 1.0)[:, None]
        of = lambda k: nn.functional.one_hot(k, self.config.models).to(potential)
        return (1.0 - share) * of(lower) + share * of(lower + 1)

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return Omega; each model sees the systems that it has a share of."""
        weights, total = self.weights(control.value), control.value * 0.0
        for k, model in enumerate(self.models):
            rows = torch.nonzero(weights[:, k].detach())[:, 0]
            if len(rows):
                part, atoms = _systems(structure, rows)
                energy = model(part, Control(potential=control.value[rows]), {"positions": description["positions"][atoms]})["natural_energy"]
                total = total.index_add(0, rows, weights[rows, k] * energy)
        return {"natural_energy": total}


def _systems(structure: Structure, rows: Tensor) -> tuple[Structure, Tensor]:
    """Return some systems of a batch, and which atoms are theirs."""
    kept = torch.isin(structure.system, rows)
    place = torch.zeros(structure.n_systems, dtype=torch.int64).index_copy(0, rows, torch.arange(len(rows)))
    atoms = {name: getattr(structure, name)[kept] for name in ("numbers", "positions", "electrode")}
    gap = structure.countercharge_gap
    system = place[structure.system[kept]]
    return Structure(**atoms, cell=structure.cell[rows], pbc=structure.pbc[rows], system=system, countercharge_gap=gap if gap is None else gap[rows]), kept
