"""Charge equilibration inside a network: energy and charges as differentiable functions of positions and parameters.

    E(R, chi, J, Q) = min_q  chi.q + q.(A(R) + diag J).q/2,   sum q = Q

    dE/dchi = q,   dE/dJ = q^2/2,   dE/dQ = level,   dE/dR = q.dA.q/2 at fixed q

The energy has two derivatives, the charges one.  A second derivative costs one adjoint solve with the factors that the
first one used: for a scalar with the derivative s in q and d in the level,

    A w - s = mu 1,   sum w = -d:      -w in chi,   -w q in J,   -mu in Q,   -d(w.A.q) in R at fixed w and q

A is the Coulomb matrix of Gaussians (`physics.electrostatics`), a slab or open space, their own interaction included.
An electrode at the potential V is a shift of its electronegativities by -V.
Source of the model: Ko et al. 2021, https://doi.org/10.1038/s41467-020-20427-2
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from electrode.physics.charge_solver import Factorised
from electrode.physics.electrostatics import Coulomb, coulomb


def equilibrated_energy(positions: Tensor, chi: Tensor, hardness: Tensor, charge: Tensor, width, cell=None, pbc=(False, False, False)) -> Tensor:
    """Return the equilibrated energy of one system, twice differentiable in its first four arguments.

    Parameters
    ----------
    positions : (N, 3) [A]
    chi : (N,) [V]
    hardness : J (N,) [V/e], beside the own interaction of the Gaussians
    charge : Q, a scalar [e]
    width : (N,) [A], of the Gaussians, constants
    cell : (3, 3) [A];  pbc : (True, True, False), or all False without a cell

    Returns
    -------
    scalar Tensor [eV]

    Raises
    ------
    ValueError
        for shapes that differ, another periodicity, or a matrix that is not positive definite on neutral charges.
    RuntimeError
        where a third derivative is asked for.
    """
    inputs = _checked(positions, chi, hardness, charge)
    return _Energy.apply(*inputs, _Problem(*inputs, width, cell, pbc))


def equilibrated_charges(positions: Tensor, chi: Tensor, hardness: Tensor, charge: Tensor, width, cell=None, pbc=(False, False, False)) -> Tensor:
    """Return the equilibrated charges (N,) [e], once differentiable; see `equilibrated_energy`.

    Raises
    ------
    ValueError, RuntimeError
        see `equilibrated_energy`; RuntimeError already for a second derivative.
    """
    inputs = _checked(positions, chi, hardness, charge)
    return _Response.apply(*inputs, _Problem(*inputs, width, cell, pbc))[1]


def _checked(positions, chi, hardness, charge) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    charge = torch.as_tensor(charge, dtype=positions.dtype)
    shapes = [tuple(x.shape) for x in (positions, chi, hardness, charge)]
    n = len(positions)
    if shapes != [(n, 3), (n,), (n,), ()]:
        raise ValueError(f"equilibrated: expected positions (N, 3), chi (N,), hardness (N,) and a scalar charge, got shapes {shapes}")
    return positions, chi, hardness, charge


class _Problem:
    """The solved system of fixed inputs."""

    def __init__(self, positions, chi, hardness, charge, width, cell, pbc):
        self.positions, self.hardness = _numpy(positions), _numpy(hardness)
        width = _numpy(torch.as_tensor(width))
        if width.shape != self.hardness.shape:
            raise ValueError(f"equilibrated: expected {len(self.hardness)} widths, one for each atom, got shape {width.shape}")
        cell = np.zeros((3, 3)) if cell is None else _numpy(torch.as_tensor(cell))
        self._space = (cell, [bool(p) for p in pbc], width)
        self.kernel = coulomb(self.positions, *self._space)
        self.solver = Factorised(self.kernel.value + np.diag(self.hardness), np.ones((1, len(width))))
        chi = _numpy(chi)
        self.q, multiplier = self.solver.solve(-chi, _numpy(charge).reshape(1))
        self.level = multiplier[0]
        self.energy = chi @ self.q + 0.5 * self.q @ self.solver.matrix @ self.q

    @cached_property
    def curved(self) -> Coulomb:
        """The kernel with second derivatives, which only a second derivative needs."""
        return coulomb(self.positions, *self._space, second=True)

    def adjoint(self, a, b, c, d) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the gradient of a.(dE/dR) + b.q + c.q^2/2 + d level in R, chi, J and Q."""
        q, outer = self.q, np.outer(self.q, self.q)
        w, mu = self.solver.solve(self.kernel.push(a) @ q + b + c * q, -d.reshape(1))
        explicit = self.curved.pull_along(outer, a) if a.any() else 0.0
        mixed = np.outer(w, q)
        return explicit - self.kernel.pull(mixed + mixed.T), -w, -w * q, -mu.reshape(())


class _Energy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, positions, chi, hardness, charge, problem):
        ctx.problem = problem
        ctx.save_for_backward(positions, chi, hardness, charge)
        return positions.new_tensor(problem.energy)

    @staticmethod
    def backward(ctx, cotangent):
        return (*(cotangent * slope for slope in _Response.apply(*ctx.saved_tensors, ctx.problem)), None)


class _Response(torch.autograd.Function):
    """The first derivatives of the energy: in positions, chi (the charges), J and Q (the level)."""

    @staticmethod
    def forward(ctx, positions, chi, hardness, charge, problem):
        ctx.problem = problem
        ctx.save_for_backward(positions, chi, hardness, charge)
        q = problem.q
        slopes = (problem.kernel.pull(np.outer(q, q)), q, 0.5 * q**2, np.array(problem.level))
        return tuple(torch.from_numpy(x).to(y) for x, y in zip(slopes, (positions, chi, hardness, charge)))

    @staticmethod
    def backward(ctx, *cotangents):
        return (*_Adjoint.apply(*ctx.saved_tensors, *cotangents, ctx.problem), None)


class _Adjoint(torch.autograd.Function):
    """The derivative of the response along cotangents; refuses to be differentiated, as `bridge` does."""

    @staticmethod
    def forward(ctx, positions, chi, hardness, charge, a, b, c, d, problem):
        out = problem.adjoint(*(_numpy(x) for x in (a, b, c, d)))
        return tuple(torch.from_numpy(np.ascontiguousarray(x)).to(y) for x, y in zip(out, (positions, chi, hardness, charge)))

    @staticmethod
    def backward(ctx, *_):
        raise RuntimeError("the equilibrated energy has two derivatives, the charges one; another was asked for. Use finite differences of the last")


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().astype(np.float64)
