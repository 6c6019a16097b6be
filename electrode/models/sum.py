"""Models of one natural variable added up.

    E(R, Q) = sum_k E_k(R, Q)    or    Omega(R, Phi) = sum_k Omega_k(R, Phi)

These are two different models: terms in E share the charge, their potentials and inverse capacitances add; terms in Omega
share the potential, their charges and capacitances add.  A charge-natural model stands beside a potential-natural one as
`Grand(model)`.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from electrode.bridge import Kernel
from electrode.models.base import Model, ModelCard
from electrode.models.conjugate import require_gradient
from electrode.state import Control, Structure


class Sum(Model):
    """The sum of models' scalars; extras are passed on, each from the one term that gives it.

    Atomic charges of terms at fixed potential add up, as those terms' charges do; at fixed charge every term's belong to the
    same charge, and two sets of them are refused.

    Its card is that of the first term, with the ranges and elements that all terms share.  A field goes to the terms that
    read one.  It is of no scheme: save its terms, and add them after loading.

    Parameters
    ----------
    models : at least one, all of one natural variable

    Raises
    ------
    ValueError
        for no terms, mixed natural variables, forces or a potential from heads of their own, or trained ranges that do not overlap.
    """

    def __init__(self, *models: Model):
        super().__init__()
        if not models:
            raise ValueError("Sum: expected at least one model, got none")
        natural = [m.natural for m in models]
        if len(set(natural)) > 1:
            names = ", ".join(f"{type(m).__name__} ({m.natural})" for m in models)
            raise ValueError(
                f"Sum: expected terms of one natural variable, got {names}. Corrections added in E at fixed Q add inverse capacitances, "
                "corrections added in Omega at fixed Phi add capacitances: two different models. Wrap a charge-natural term in Grand(model)"
            )
        for m in models:
            require_gradient(m, "Sum")
            if m.conjugate == "head":
                raise ValueError(f"Sum: expected conjugates that are derivatives and add up, got {type(m).__name__}, whose potential is a head of its own")
        self.terms = nn.ModuleList(models)
        self.natural = natural[0]
        self.uses_field = any(m.uses_field for m in models)
        self.branch_safe = all(m.branch_safe for m in models if m.uses_field)
        self.variational = all(m.variational for m in models)
        self.card = _shared_card([m.card for m in models])

    def kernels(self, structure: Structure) -> dict[str, Kernel]:
        """Return the kernels of all terms, named by the number of the term: "0.interface"."""
        return {f"{k}.{name}": kernel for k, term in enumerate(self.terms) for name, kernel in term.kernels(structure).items()}

    def describe(self, structure: Structure) -> dict[str, Tensor]:
        """Return the descriptions of all terms, named like the kernels."""
        return {f"{k}.{name}": value for k, term in enumerate(self.terms) for name, value in term.describe(structure).items()}

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return "natural_energy" (S,) [eV] and the extras of the terms; "member_energies" include the other terms.

        Raises
        ------
        ValueError
            where two terms give one extra that does not add up.
        """
        each = [self._term(k, structure, control, description) for k in range(len(self.terms))]
        total = torch.stack([out["natural_energy"] for out in each]).sum(0)
        merged = {"natural_energy": total}
        for out in each:
            own = out.pop("natural_energy")
            if self.natural == "potential" and "atomic_charges" in set(out) & set(merged):
                out["atomic_charges"] = out["atomic_charges"] + merged.pop("atomic_charges")
            twice = sorted(set(out) & set(merged))
            if twice:
                raise ValueError(f"Sum: expected every extra from one term, got {', '.join(twice)} from two; drop one of these terms")
            if "member_energies" in out:
                out["member_energies"] = out["member_energies"] + (total - own).detach()[:, None]
            merged |= out
        return merged

    def _term(self, k: int, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        term, prefix = self.terms[k], f"{k}."
        field = control.field if term.uses_field else None
        own = {name.removeprefix(prefix): value for name, value in description.items() if name.startswith(prefix)}
        return dict(term(structure, Control(**{self.natural: control.value}, field=field), own))


def _shared_card(cards: list[ModelCard]) -> ModelCard:
    ranges = {name: _overlap(name, cards) for name in ("surface_charge_range", "potential_range")}
    known = [set(card.elements) for card in cards if card.elements]
    return replace(cards[0], elements=tuple(sorted(set.intersection(*known))) if known else (), **ranges)


def _overlap(name: str, cards: list[ModelCard]) -> tuple[float, float] | None:
    """Return the range that all cards which state one share."""
    stated = [getattr(card, name) for card in cards if getattr(card, name) is not None]
    if not stated:
        return None
    low, high = max(r[0] for r in stated), min(r[1] for r in stated)
    if low > high:
        raise ValueError(f"Sum: expected terms trained in ranges that overlap, got {name} {stated}; train them in one range")
    return low, high
