"""When a dynamics ends before its time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from electrode.simulate.charge_state import require_positive


class DynamicsStopped(RuntimeError):
    """A step could not be trusted; the atoms are back at the last good frame, which attached writers have saved."""


@dataclass(frozen=True)
class Limits:
    """What ends a dynamics at its last good frame; numbers that are not finite always do.

    Parameters
    ----------
    window : stop where charge, potential or structure leave what the model was trained on; otherwise warn once
    displacement : of an atom in one step [A]
    temperature : of the nuclei [K]
    drift : of the conserved quantity from its start [eV per atom]

    Raises
    ------
    ValueError
        for a limit that is not positive.
    """

    window: bool = True
    displacement: float | None = 0.5
    temperature: float | None = None
    drift: float | None = None

    def __post_init__(self):
        require_positive("Limits", displacement=self.displacement, temperature=self.temperature, drift=self.drift)

    def check(self, moved: np.ndarray, temperature: float, drift: float) -> None:
        """Raise FloatingPointError where a limit is passed.

        Parameters
        ----------
        moved : (N, 3) [A], in the last step;  temperature : [K];  drift : [eV per atom]
        """
        values = {"displacement": float(np.linalg.norm(moved, axis=1).max()), "temperature": temperature, "drift": abs(drift)}
        units = {"displacement": "A in one step", "temperature": "K", "drift": "eV per atom of the conserved quantity"}
        for name, value in values.items():
            bound = getattr(self, name)
            if not np.isfinite(value) or (bound is not None and value > bound):
                raise FloatingPointError(f"{name} of {value:.4g} {units[name]}, more than the limit of {bound}")
