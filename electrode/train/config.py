"""The choices of a training."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from electrode.data.problems import did_you_mean
from electrode.models.schemes import find_scheme
from electrode.models.store import from_plain
from electrode.train.freezing import Freeze
from electrode.train.loss import Term
from electrode.train.schedule import Schedule
from electrode.train.soap import Soap

TERMS = (Term("energy", 1.0, 0.002), Term("forces", 3.0, 0.06), Term("conjugate", 1.0, 0.01))
OPTIMISERS = ("soap", "adamw")
_BETAS = (0.9, 0.99)
_POSITIVE = ("max_minutes", "batch_size", "learning_rate", "gradient_clip", "validate_every")


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained.

    Parameters
    ----------
    terms : the loss
    max_minutes : time for the training, the polishing included
    epochs : passes over the data, None for as many as the time allows
    batch_size : frames, in each process
    optimiser : "soap" or "adamw", see `soap`
    learning_rate, weight_decay : of the optimiser
    schedule : of the learning rate over the time or over `epochs`, whichever ends first, see `Schedule`
    gradient_clip : largest norm of a step's gradient, of each member
    validate_every : epochs between validations; the weights with the lowest validation loss are kept
    patience : validations without a lower loss after which training ends, None to go on
    averaging : decay of the exponential moving average of the weights for each step, which is then what is validated and kept; 0
        for the weights as they are
    bootstrap : train each member on trajectories drawn with replacement
    posterior : least squares: draw the members of a committee about one fit, from what the labels leave open, see `posterior`
    polish : number, in tens, of full-batch quasi-Newton iterations at most after the descent, see `polish`; 0 for none
    polish_share : share of `max_minutes` that they may take
    freeze : weights that wait or move slowly, see `freezing`; none by default
    single : compute in single precision while training, where the scheme's network can (those in a field); the weights stay double
    response_rows : components of the polarisation, of three, whose Born charges and polarisability a step learns from, see `thinning`
    seed : of the order of frames and of the draws
    """

    terms: tuple[Term, ...] = TERMS
    max_minutes: float = 5.0
    epochs: int | None = None
    batch_size: int = 20
    optimiser: str = "soap"
    learning_rate: float = 2e-3
    weight_decay: float = 0.1
    schedule: Schedule = Schedule()
    gradient_clip: float = 100.0
    validate_every: int = 10
    patience: int | None = None
    averaging: float = 0.0
    bootstrap: bool = False
    posterior: bool = False
    polish: int = 0
    polish_share: float = 0.3
    freeze: tuple[Freeze, ...] = ()
    single: bool = False
    response_rows: int = 3
    seed: int = 0

    def __post_init__(self):
        for name in _POSITIVE:
            if not getattr(self, name) > 0:
                raise ValueError(f"TrainConfig.{name}: expected a positive number, got {getattr(self, name)}")
        if not self.weight_decay >= 0 or (self.epochs is not None and self.epochs < 1) or not self.terms:
            raise ValueError("TrainConfig: expected weight_decay >= 0, epochs >= 1 or None, and at least one term")
        if all(t.begins for t in self.terms):
            raise ValueError("TrainConfig.terms: expected one that counts from the beginning, begins = 0; got none")
        if self.optimiser not in OPTIMISERS:
            raise ValueError(f"TrainConfig.optimiser: expected one of {', '.join(OPTIMISERS)}, got {self.optimiser!r}{did_you_mean(str(self.optimiser), OPTIMISERS)}")
        if not 0 <= self.averaging < 1 or not 0 < self.polish_share < 1:
            raise ValueError(f"TrainConfig: expected 0 <= averaging < 1 and 0 < polish_share < 1, got {self.averaging} and {self.polish_share}")
        if self.bootstrap and self.posterior:
            raise ValueError("TrainConfig: expected bootstrap or posterior, got both; members are drawn in one way")
        if (self.patience is not None and self.patience < 1) or self.polish < 0:
            raise ValueError(f"TrainConfig: expected patience >= 1 or None and polish >= 0, got {self.patience} and {self.polish}")
        if self.response_rows not in (1, 2, 3):
            raise ValueError(f"TrainConfig.response_rows: expected 1, 2 or 3 components of the polarisation, got {self.response_rows}")
        if self.freeze and self.polish:
            raise ValueError("TrainConfig: expected freeze or polish, got both; polishing moves all weights")

    @classmethod
    def for_scheme(cls, scheme: str, **changes) -> TrainConfig:
        """Return the choices that suit a scheme of `electrode schemes`, with some entries changed."""
        return from_plain(cls, {**find_scheme(scheme).training, **changes})

    @property
    def descent_minutes(self) -> float:
        """Time for the stochastic descent."""
        return self.max_minutes * (1.0 - self.polish_share) if self.polish else self.max_minutes

    @property
    def quantities(self) -> tuple[str, ...]:
        """The quantities of the loss."""
        return tuple(t.quantity for t in self.terms)

    def terms_at(self, done: float) -> tuple[Term, ...]:
        """Return the terms that count when this share of the training is done."""
        return tuple(t for t in self.terms if done >= t.begins)

    def optimiser_of(self, groups: list[dict], members: int = 1) -> torch.optim.Optimizer:
        """Return the optimiser of groups of weights, of so many models stacked along their first axis."""
        choices = {"lr": self.learning_rate, "weight_decay": self.weight_decay, "betas": _BETAS}
        return torch.optim.AdamW(groups, **choices) if self.optimiser == "adamw" else Soap(groups, **choices, members=members)
