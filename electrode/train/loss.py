"""The loss: a weighted sum of squared errors of named quantities."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from electrode.train.blocks import Block

LABELS = {"energy": "energy", "forces": "forces", "conjugate": "conjugate", "latent_charge": "charge"}  # consistency needs none
QUANTITIES = ("energy", "forces", "conjugate", "latent_charge", "consistency")


@dataclass(frozen=True)
class Term:
    """One term of the loss, weight * mean of (error / scale)^2.

    Parameters
    ----------
    quantity : "energy" per atom [eV], "forces" [eV/A], "conjugate" (the charge [e] of a potential-natural model, the
        potential [V] of a charge-natural one), "latent_charge" (sum of a scheme's atomic charges against Q [e], the
        published charge loss), "consistency" (that sum against the model's own -dOmega/dPhi [e])
    weight : dimensionless
    scale : the error that counts as one, in the quantity's unit
    """

    quantity: str
    weight: float = 1.0
    scale: float = 1.0

    def __post_init__(self):
        if self.quantity not in QUANTITIES:
            raise ValueError(f"Term: expected a quantity of {QUANTITIES}, got {self.quantity!r}")
        if not self.weight >= 0 or not self.scale > 0:
            raise ValueError(f"Term({self.quantity!r}): expected weight >= 0 and scale > 0, got {self.weight}, {self.scale}")


def errors(block: Block, out: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return predicted minus labelled values of every quantity that both sides have; NaN where a label is missing."""
    n = len(block.structure.numbers) // len(block)
    found = {
        "energy": (out["energy"] - block.labels["energy"]) / n,
        "forces": out["forces"] - block.labels["forces"],
        "conjugate": out["conjugate"] - block.labels["conjugate"],
    }
    if "atomic_charges" in out:
        latent = block.structure.total(out["atomic_charges"])
        found["latent_charge"] = latent - block.labels["charge"]
        found["consistency"] = latent - out["conjugate"]
    return found


def loss(terms: tuple[Term, ...], block: Block, out: dict[str, Tensor]) -> Tensor:
    """Return the sum of the terms; missing labels are left out of the means, a prediction that is not finite is not."""
    found = errors(block, out)
    total = out["energy"].new_zeros(())
    for term in terms:
        if term.quantity not in found:
            raise ValueError(f"the loss asks for {term.quantity!r}, which this scheme does not give; it gives {sorted(found)}")
        e = _labelled(block, term.quantity, found[term.quantity])
        if term.weight and len(e):
            total = total + term.weight * (e / term.scale).square().mean()
    return total


def root_mean_square(data: list[Block], model) -> dict[str, float]:
    """Return the root mean square error of every quantity over the blocks."""
    gathered: dict[str, list[Tensor]] = {}
    for block in data:
        for name, e in errors(block, block.predict(model)).items():
            gathered.setdefault(name, []).append(_labelled(block, name, e.detach()))
    return {k: float(torch.cat(v).square().mean().sqrt()) for k, v in gathered.items() if sum(len(x) for x in v)}


def _labelled(block: Block, quantity: str, error: Tensor) -> Tensor:
    """Return the errors of a quantity where the block has its label, flat."""
    if quantity not in LABELS:
        return error.flatten()
    return error[~torch.isnan(block.labels[LABELS[quantity]])]
