"""Which weights of a network wait, for how long, and how fast they then move.

What is frozen gets no gradient, no step, no decay and no share in the clipping: it stays bit for bit.  Blocks of message-passing
schemes are `representation.embedding`, `representation.interaction` and `readout`; what of them to keep depends on what the weights
were trained on before: of neutral interfaces embedding and interactions, of surfaces and adsorbates the embedding alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Freeze:
    """One rule.

    Parameters
    ----------
    weights : regular expression that the names of the weights hold, as in "interaction" or "network\\.representation"; of several
        rules the first that fits counts
    until : epochs for which they are frozen, 0 for none, None for the whole training
    rate : of their learning, in units of the training's
    """

    weights: str
    until: int | None = None
    rate: float = 1.0

    def __post_init__(self):
        try:
            re.compile(self.weights)
        except re.error as error:
            raise ValueError(f"Freeze.weights: expected a regular expression, got {self.weights!r} ({error})") from error
        if (self.until is not None and self.until < 0) or not self.rate > 0:
            raise ValueError(f"Freeze({self.weights!r}): expected until >= 0 epochs or None, and rate > 0; got {self.until} and {self.rate}")

    def holds(self, epoch: int) -> bool:
        """Return whether the weights are frozen in this epoch, the first being 0."""
        return self.until is None or epoch < self.until


FREE = Freeze("", 0)


class Freezing:
    """The weights of a model by rule.

    Parameters
    ----------
    model : whose weights
    rules : first to last

    Raises
    ------
    ValueError
        for a rule that fits no weight, or rules that freeze all for the whole training.
    """

    def __init__(self, model: nn.Module, rules: Sequence[Freeze]):
        named = {name.replace("__", "."): p for name, p in model.named_parameters() if p.requires_grad}  # a committee writes the dots so
        self.groups: dict[Freeze, list[nn.Parameter]] = {rule: [] for rule in (*rules, FREE)}
        for name, p in named.items():
            self.groups[next(rule for rule in (*rules, FREE) if re.search(rule.weights, name))].append(p)
        idle = [rule.weights for rule in rules if not self.groups[rule]]
        if idle:
            raise ValueError(f"freeze: expected names of weights, got {idle[0]!r}, which fits none, or none that is left; they are {', '.join(_blocks(named))}")
        self.groups = {rule: some for rule, some in self.groups.items() if some}
        if all(rule.until is None for rule in self.groups):
            raise ValueError("freeze: expected weights that are trained at some time, got rules that freeze them all; leave some free")

    def optimiser_groups(self) -> list[dict]:
        """Return the weights of each rule with its "share" of the learning rate, as an optimiser takes them."""
        return [{"params": some, "share": rule.rate} for rule, some in self.groups.items()]

    def apply(self, epoch: int) -> None:
        """Freeze what rests in this epoch, and let the others go."""
        for rule, some in self.groups.items():
            for p in some:
                p.requires_grad_(not rule.holds(epoch))

    def release(self) -> None:
        """Let all go."""
        for some in self.groups.values():
            for p in some:
                p.requires_grad_(True)


def _blocks(names) -> list[str]:
    """Return the names of weights without their last part and the numbers of layers, each once."""
    return sorted({".".join(part for part in name.split(".")[:-1] if not part.isdigit()) or name for name in names})
