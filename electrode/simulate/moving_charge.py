"""A calculator whose charge moves together with the atoms, and whose solves start from where the last ones lead."""

from __future__ import annotations

import torch
from ase import Atoms
from ase.calculators.calculator import all_changes
from torch import Tensor

from electrode.calculator import ElectrodeCalculator
from electrode.state import Control

_EXTRAPOLATE = ((), (1.0,), (2.0, -1.0), (3.0, -3.0, 1.0))  # through the last points, newest first, equally spaced in time


class MovingCharge(ElectrodeCalculator):
    """The calculator inside a dynamics: another's model and control, with a charge that may change at each new set of positions.

    Parameters
    ----------
    source : the calculator whose model and settings it takes
    strict : raise, rather than warn, outside the range that the model was trained in
    """

    def __init__(self, source: ElectrodeCalculator, strict: bool):
        super().__init__(source.model, **{**source.parameters, "strict": strict})
        self.next_charge: float | None = None
        self.calculations = 0
        self.guess: Tensor | None = None  # start of the last solve
        self.history: tuple[Tensor, ...] = ()  # of the variable that is solved for, beside the charge and the capacitance then; newest first
        self._planned = False

    def hold(self, charge: float) -> None:
        """Hold this charge [e] instead of what was held."""
        self._control = Control(charge=charge, field=self._control.field)
        self.parameters |= {"potential": None, "excess_electrons": None, "charge": charge}

    def settle(self, atoms: Atoms) -> None:
        """Give the planned charge to atoms that stayed where they were."""
        if self.next_charge is not None:
            self.results = {}
            self.get_property("forces", atoms)

    def repeat(self, atoms: Atoms, guess: Tensor | None, history: tuple[Tensor, ...]) -> None:
        """Compute as a calculation that started from `guess`, and left `history` behind, did."""
        self.guess, self._planned, self.results, self.next_charge = guess, True, {}, None
        self.get_property("forces", atoms)
        self.history = history

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        """Fill `results` at the charge that goes with these atoms."""
        if not self._planned:
            self.guess = self._extrapolated()
        if self.next_charge is not None:
            self.hold(self.next_charge)
        self.next_charge, self._planned = None, False
        self._warm = self.guess
        self.calculations += 1
        super().calculate(atoms, properties, [c for c in system_changes if c != "numbers"])
        if self._control.held != self.model.natural:
            now = torch.tensor([float(self._warm), self.results["charge"], self.results["capacitance"]], dtype=torch.float64)
            self.history = (now, *self.history)[: len(_EXTRAPOLATE) - 1]

    def _extrapolated(self) -> Tensor | None:
        """Return where the variable that is solved for will be: along its past, less what the charge's own motion does to a potential."""
        if not self.history:
            return None
        weights = _EXTRAPOLATE[len(self.history)]
        if self._control.held == "potential":
            return sum(w * point[:1] for w, point in zip(weights, self.history))
        _, charge, capacitance = self.history[0]
        after = charge if self.next_charge is None else self.next_charge
        return sum(w * (point[:1] - point[1] / capacitance) for w, point in zip(weights, self.history)) + after / capacitance
