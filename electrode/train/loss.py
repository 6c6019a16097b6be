"""The loss: a weighted sum of squared errors of named quantities, each over the frames that have its label."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from electrode.data.problems import did_you_mean
from electrode.models.base import Model
from electrode.train.blocks import Block
from electrode.train.predictions import member_predictions, members_of
from electrode.train.processes import ALONE, Processes

LABELS = {  # quantity: name of its label; "consistency" needs none
    "energy": "energy", "forces": "forces", "conjugate": "conjugate", "capacitance": "capacitance", "force_slope": "force_slope",
    "dipole": "dipole", "born_charges": "born_charges", "polarizability": "polarizability", "latent_charge": "charge",
}  # fmt: skip
QUANTITIES = (*LABELS, "consistency")
PER_ATOM = ("energy", "dipole", "polarizability")  # sums over atoms, whose errors grow with the cell


@dataclass(frozen=True)
class Term:
    """One term of the loss, weight * mean of (error / scale)^2.

    Parameters
    ----------
    quantity : "energy" per atom [eV], "forces" [eV/A], "conjugate" (the charge [e] of a potential-natural model, the
        potential [V] of a charge-natural one), "capacitance" [e/V] (dQ/dPhi, from REF_hardness or from frames of one geometry at
        neighbouring charges), "force_slope" (dF/dx at fixed atoms from such frames, x the natural variable: Maxwell's other side,
        -dPhi/dR or dQ/dR), in a field "dipole" per atom [e A] (modulo a lattice vector times e where the
        frame's is known no better), "born_charges" [e] (REF_bec) and "polarizability" per atom [e A^2/V], "latent_charge" (sum of a scheme's atomic
        charges against Q [e], the published charge loss), "consistency" (that sum against the model's own -dOmega/dPhi [e]; a scheme's
        potential head against its own dE/dQ [V])
    weight : dimensionless
    scale : the error that counts as one, in the quantity's unit
    begins : share of the training, 0 to below 1, after which it counts.  A dipole that is known up to lattice vectors is compared on the branch nearest to
        what the model says, which Born charges must have taught it first: states of a ferroelectric can stay quanta apart from where they belong
    """

    quantity: str
    weight: float = 1.0
    scale: float = 1.0
    begins: float = 0.0

    def __post_init__(self):
        if self.quantity not in QUANTITIES:
            raise ValueError(f"Term: expected a quantity of {QUANTITIES}, got {self.quantity!r}{did_you_mean(str(self.quantity), QUANTITIES)}")
        if not self.weight >= 0 or not self.scale > 0:
            raise ValueError(f"Term({self.quantity!r}): expected weight >= 0 and scale > 0, got {self.weight}, {self.scale}")
        if not 0 <= self.begins < 1:
            raise ValueError(f"Term({self.quantity!r}): expected begins in [0, 1), a share of the training, got {self.begins}")


def errors(block: Block, out: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return predicted minus labelled values of every quantity that both sides have, those of `PER_ATOM` over the number of atoms; NaN where a label is missing.

    Members, where there are any, come first, as they do in `out`.
    """
    n = len(block.structure.numbers) // len(block)
    found = {q: out[q] - block.labels[label] for q, label in LABELS.items() if q in out and label in block.labels}
    if "dipole" in found and "dipole_quantum" in block.labels:
        found["dipole"] = folded(found["dipole"], block.labels["dipole_quantum"])
    found |= {q: found[q] / n for q in PER_ATOM if q in found}
    if "atomic_charges" in out:
        q = out["atomic_charges"]
        latent = block.structure.total(q) if q.dim() == 1 else block.structure.total(q.mT).mT
        found["latent_charge"] = latent - block.labels["charge"]
        found["consistency"] = latent - out["conjugate"]
    if "potential_slope" in out:
        found["consistency"] = out["conjugate"] - out["potential_slope"]
    return found


def folded(error: Tensor, quantum: Tensor) -> Tensor:
    """Return errors (..., B, 3) of dipoles [e A] modulo the rows of (B, 3, 3), zeros for a dipole that is known: e - round(e c^-1) c."""
    times = torch.einsum("...bi,bij->...bj", error.detach(), torch.linalg.pinv(quantum)).round()
    return error - torch.einsum("...bj,bji->...bi", times, quantum)


def counts(terms: Sequence[Term], block: Block) -> Tensor:
    """Return the number of labels of each term in the block, (terms,)."""
    masks = [_mask(block, t.quantity) for t in terms]
    return torch.tensor([float(len(block) if m is None else m.sum()) for m in masks], dtype=torch.float64)


def loss(terms: Sequence[Term], block: Block, out: dict[str, Tensor], of: Tensor | None = None) -> Tensor:
    """Return the sum of the terms, () or (M,) for each of M members.

    Missing labels are left out of the means, a prediction that is not finite is not.

    Parameters
    ----------
    of : (terms,) the numbers of labels that the means are taken over, where the block is a part of a larger batch; see `counts`
    """
    found = errors(block, out)
    total = out["energy"].new_zeros(out["energy"].shape[:-1])
    for k, term in enumerate(terms):
        if term.quantity not in found:
            raise ValueError(f"the loss asks for {term.quantity!r}, which this scheme does not give; it gives {sorted(found)}")
        e = _labelled(block, term.quantity, _weighted(block, found[term.quantity]))
        number = e.shape[-1] if of is None else float(of[k])
        if term.weight and number:
            total = total + term.weight * ((e / term.scale).square().sum(-1) / number)
    return total


def root_mean_square(data: Iterable[Block], model: Model, quantities: tuple[str, ...] = (), processes: Processes = ALONE) -> dict[str, np.ndarray]:
    """Return the root mean square error of every quantity over the blocks of all processes, () or (M,) for the members of a committee.

    Responses are among them where `quantities` names them.
    """
    lead = (members_of(model),) if members_of(model) > 1 else ()
    sums = {name: torch.zeros(lead, dtype=torch.float64) for name in QUANTITIES}
    numbers = dict.fromkeys(QUANTITIES, 0.0)
    for block in data:
        if len(block):
            out = {k: v.detach() for k, v in member_predictions(model, block, False, quantities).items()}
            for name, e in errors(block, out).items():
                kept = _labelled(block, name, e)
                sums[name] = sums[name] + kept.square().sum(-1)
                numbers[name] += kept.shape[-1]
    number = processes.sum(torch.tensor(list(numbers.values()), dtype=torch.float64))
    total = processes.sum(torch.stack(list(sums.values())))
    return {name: (total[k] / number[k]).sqrt().numpy() for k, name in enumerate(QUANTITIES) if number[k]}


def _weighted(block: Block, error: Tensor) -> Tensor:
    """Return the errors of each frame times the root of how much it counts."""
    if block.weight is None:
        return error
    root = block.weight.sqrt().movedim(0, -1)  # (B,) or (M, B)
    return error * root.reshape(*root.shape, *[1] * (error.dim() - root.dim()))


def _labelled(block: Block, quantity: str, error: Tensor) -> Tensor:
    """Return the errors of a quantity where the block has its label, flat, members first."""
    mask = _mask(block, quantity)
    if mask is None:
        return error
    return error[mask] if error.dim() == mask.dim() else error[:, mask]


def _mask(block: Block, quantity: str) -> Tensor | None:
    """Return where the block has the label of a quantity, or None for a quantity that needs none."""
    label = block.labels.get(LABELS.get(quantity, ""))
    return None if label is None else ~torch.isnan(label)
