"""Constant charge beside constant potential: what a finite cell adds to a barrier.

At the initial state's charge Q and potential Phi, with C the saddle's capacitance,

    [E_saddle(Q) - E_initial(Q)] - [Omega_saddle(Phi) - Omega_initial(Phi)] = C (Phi_saddle - Phi)^2 / 2 = (Q_saddle - Q)^2 / 2C

to second order, nuclei held where they are: at constant charge the potential changes on the way, at constant potential the
charge does.  One event in a cell of area A changes the potential by ~ 1/A while C ~ A, so that the difference vanishes as 1/A.
In a small cell (dPhi of a volt) the saddle itself moves with what is held, and this is no more than its size: compute both, and
double the cell.
"""

from __future__ import annotations


def constant_charge_excess(out: dict, first: int, top: int, held: str) -> float:
    """Return by how much the barrier at constant charge lies above the one at constant potential, both the first image's [eV].

    Take it off a barrier at constant charge, or add it to one at constant potential, to reach the other.

    Parameters
    ----------
    out : of `evaluate` for the band
    first, top : indices of the initial state and of the saddle
    held : "potential" or "charge"
    """
    capacitance = float(out["capacitance"][top])
    if held == "charge":
        return 0.5 * capacitance * float(out["potential"][top] - out["potential"][first]) ** 2
    return 0.5 * float(out["charge"][top] - out["charge"][first]) ** 2 / capacitance
