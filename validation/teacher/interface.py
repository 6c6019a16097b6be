"""The exact interface: one scalar E(R, Q), its charges, its derivatives, and the same at a potential.

    E(R, Q) = E_short + min { chi.d + h(d) + q.(A + B).q/2 + Q f.q + sum_bonds p^2/2g } + U(Q)
    q = z + d,    d = Q u + sum_bonds p (e_i - e_j),    u = 1/n on the n atoms of the metal, which share one potential

With phi = chi + h'(d) + (A + B) q + Q f the minimum is d = Q u - L phi (L the Laplacian of the conductances), found by Newton's method; then

    dE/dQ = u.phi + f.q + U'(Q) = Phi
    dE/dR = d(E_short + chi.d + psi.z - phi.L.phi/2 + q.(A + B).q/2 + Q f.q)/dR at fixed d, q, phi and psi = (A + B) q + Q f

E is convex in Q: a minimum over p of a convex function of (p, Q), so that C > 0.  `environment` has z, chi, g and E_short; A is the Coulomb matrix of
Gaussians in the slab (`physics.dense_sums`), B and f are the layer's (`physics.countercharge`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from electrode.physics.countercharge import layer_of
from electrode.physics.dense_sums import LatticeSum
from electrode.units import capacitance_per_cell
from validation.teacher.environment import Environment, environment
from validation.teacher.parameters import KINDS, METAL, DoubleLayer, Parameters

_AMONG_METAL = 300.0  # conductance among the metal's atoms [e/V]
_NEARLY, _CONVERGED, _STEPS = 1e-8, 1e-11, 60  # of the charges [e], before the last step; of a potential that is held [V]


@dataclass(frozen=True)
class State:
    """The interface at one set of positions and one charge.

    Parameters
    ----------
    energy : E [eV];  charge : Q [e];  potential : Phi [V];  capacitance : dQ/dPhi [e/V]
    forces : -dE/dR at fixed Q, which is -dOmega/dR at fixed Phi, (N, 3) [eV/A]
    charges : q (N,) [e]
    """

    energy: float
    charge: float
    potential: float
    capacitance: float
    forces: np.ndarray
    charges: np.ndarray

    @property
    def grand_energy(self) -> float:
        """Omega = E - Phi Q [eV]."""
        return self.energy - self.potential * self.charge


class Interface:
    """A slab periodic along a and b with electrolyte on the side of c.

    Parameters
    ----------
    atoms : metal (gold), oxygen, hydrogen, sodium and chlorine
    parameters : the numbers

    Raises
    ------
    ValueError
        for other elements, another periodicity, or no metal.
    """

    def __init__(self, atoms, parameters: Parameters = Parameters()):
        strange = sorted(set(atoms.get_chemical_symbols()) - {"Au", "O", "H", "Na", "Cl"})
        if strange or atoms.pbc.tolist() != [True, True, False] or not (atoms.numbers == 79).any():
            raise ValueError(f"Interface: expected a slab of Au with H, O, Na or Cl, periodic along a and b; got {atoms.symbols} with pbc {atoms.pbc.tolist()}")
        self.kinds = np.array([KINDS[z] for z in atoms.numbers])
        self.cell, self.pbc, self.parameters = atoms.cell.array, np.asarray(atoms.pbc), parameters
        self.metal = self.kinds == METAL
        self.share = self.metal / self.metal.sum()
        self.area = float(np.linalg.norm(np.cross(self.cell[0], self.cell[1])))
        self.width = parameters.charges.of("width", self.kinds)

    def at_charge(self, positions: np.ndarray, charge: float) -> State:
        """Return the state at positions (N, 3) [A] and a charge [e]."""
        return _Problem(self, positions).state(float(charge))

    def at_potential(self, positions: np.ndarray, potential: float, guess: float = 0.0) -> State:
        """Return the state at positions (N, 3) [A] and an absolute potential [V]; `guess` [e] starts the iterations."""
        return _Problem(self, positions).state_at(float(potential), float(guess))

    def at_charges(self, positions: np.ndarray, charges) -> list[State]:
        """Return the states at the same positions and several charges [e]."""
        problem = _Problem(self, positions)
        return [problem.state(float(q)) for q in charges]

    def at_potentials(self, positions: np.ndarray, potentials) -> list[State]:
        """Return the states at the same positions and several absolute potentials [V]."""
        problem = _Problem(self, positions)
        return [problem.state_at(float(phi), 0.0) for phi in potentials]


class _Problem:
    """The charges' problem of one set of positions, for any total charge."""

    def __init__(self, interface: Interface, positions: np.ndarray):
        self.of, p = interface, interface.parameters
        positions = np.asarray(positions, float)
        self.positions = torch.tensor(positions, requires_grad=True)
        self.around: Environment = environment(self.positions, interface.kinds, interface.cell, interface.pbc, p)
        self.sum = LatticeSum(positions, interface.cell, interface.width, planar=True)
        self.layer = layer_of(positions, interface.cell, interface.pbc, interface.width, interface.metal, p.layer.capacitance, p.layer.permittivity)
        self.matrix = self.sum.matrix() + self.layer.matrix
        self.formal, self.chi = self.around.formal.detach().numpy(), self.around.electronegativity.detach().numpy()
        self.hardness = [p.charges.of(name, interface.kinds) for name in ("hardness", "cubic", "quartic")]
        self.laplacian = self._laplacian()

    def _laplacian(self) -> np.ndarray:
        metal, share = self.of.metal.astype(float), self.of.share
        out = _AMONG_METAL * (np.diag(metal) - np.outer(metal, share))
        i, j, g = (t.detach().numpy() for t in (self.around.first, self.around.second, self.around.conductance))
        np.add.at(out, (i, i), g)
        np.subtract.at(out, (i, j), g)
        return out

    def solve(self, charge: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return d, phi and h''(d), each (N,)."""
        j, t, u = self.hardness
        d, nearly = charge * self.of.share, False
        for _ in range(_STEPS):
            q, stiffness = self.formal + d, j + t * d + 0.5 * u * d**2
            phi = self.chi + d * (j + d * (0.5 * t + u * d / 6.0)) + self.matrix @ q + charge * self.layer.field
            wrong = d - charge * self.of.share + self.laplacian @ phi
            if nearly:
                return d, phi, stiffness
            nearly = np.abs(wrong).max() < _NEARLY  # one step more leaves nothing but rounding
            d = d - np.linalg.solve(self._flow(stiffness), wrong)
            d = d + (charge - d.sum()) * self.of.share  # what rounding did to the sum, which the matrix's large constant part would show
        raise ArithmeticError(f"the charges did not converge: {np.abs(wrong).max():.1e} e are left after {_STEPS} steps")

    def _flow(self, stiffness: np.ndarray) -> np.ndarray:
        a = self.matrix + np.diag(stiffness)
        return np.eye(len(a)) + self.laplacian @ (a - a.mean(axis=0))

    def slopes(self, charge: float) -> tuple[tuple, float, float]:
        """Return what `solve` found, Phi [V] and dPhi/dQ [V/e]."""
        found = d, phi, stiffness = self.solve(charge)
        share, field = self.of.share, self.layer.field
        series, bend = capacitor(self.of.parameters.layer, charge, self.of.area)[1:]
        a = self.matrix + np.diag(stiffness)
        # dd/dQ = u - L dphi/dQ with dphi/dQ = a dd/dQ + f
        grown = np.linalg.solve(self._flow(stiffness), share - self.laplacian @ (field - field.mean()))
        return found, float(share @ phi + field @ (self.formal + d) + series), float(share @ (a @ grown + field) + field @ grown + bend)

    def state_at(self, potential: float, guess: float) -> State:
        """Return the state at a potential [V], by Newton's method in the charge, whose slope dPhi/dQ is positive."""
        charge, step = guess, math.inf
        for _ in range(_STEPS):
            _, found, slope = self.slopes(charge)
            if abs(found - potential) < _CONVERGED:
                return self.state(charge)
            step = (potential - found) / slope
            charge += math.copysign(min(abs(step), 0.02 * self.of.area), step)
        raise ArithmeticError(f"no charge was found for {potential:.3f} V: {found - potential:.1e} V are left after {_STEPS} steps")

    def state(self, charge: float) -> State:
        """Return the state at a charge [e]."""
        (d, phi, _), potential, slope = self.slopes(charge)
        q, field = self.formal + d, self.layer.field
        j, t, u = self.hardness
        psi = self.matrix @ q + charge * field
        flow = self.laplacian @ phi
        inner = self.chi @ d + (d**2 * (j / 2.0 + d * (t / 6.0 + u * d / 24.0))).sum() + 0.5 * q @ self.matrix @ q + charge * field @ q
        energy = float(self.around.energy.detach()) + inner + 0.5 * phi @ flow + capacitor(self.of.parameters.layer, charge, self.of.area)[0]
        gradient = self._gradient(d, phi, psi) - self.sum.forces(q) + self.layer.pull(charge * q, np.outer(q, q))
        return State(float(energy), charge, potential, 1.0 / slope, -gradient, q)

    def _gradient(self, d, phi, psi) -> np.ndarray:
        """Return the gradient of E_short + chi.d + psi.z - phi.L.phi/2 in the positions, (N, 3)."""
        around, own = self.around, lambda x: torch.from_numpy(x)
        steps = own(phi)[around.first] - own(phi)[around.second]
        scalar = around.energy + around.electronegativity @ own(d) + around.formal @ own(psi) - 0.25 * (around.conductance * steps**2).sum()
        return torch.autograd.grad(scalar, self.positions, retain_graph=True)[0].numpy()


def capacitor(layer: DoubleLayer, charge: float, area: float) -> tuple[float, float, float]:
    """Return U [eV], dU/dQ [V] and d2U/dQ2 [V/e] of the electrolyte beyond the atoms, see `parameters.DoubleLayer`."""
    s, s0 = charge / area, layer.diffuse
    root, c = math.hypot(s, s0), capacitance_per_cell(layer.capacitance, area)
    value = area * (layer.thermal * (s * math.asinh(s / s0) - root + s0) + layer.cubic * s**3 / 3.0 + layer.quartic * s**4 / 4.0)
    slope = layer.thermal * math.asinh(s / s0) + layer.cubic * s**2 + layer.quartic * s**3
    bend = layer.thermal / root + 2.0 * layer.cubic * s + 3.0 * layer.quartic * s**2
    return value + 0.5 * charge**2 / c, slope + charge / c, bend / area + 1.0 / c
