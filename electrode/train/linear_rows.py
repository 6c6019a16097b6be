"""Residuals of a model with linear heads, and their exact derivatives in its weights.

With outputs o_ih = b_Zh + sum_r phi_ir(R) c_rh, the electrostatic features d(R), parameters s that no atom owns, and a scalar
E(o, d, s, x) of the natural variable x, all derivatives of E in (o, s, x) and in d are small tensors, and

    dE/dc_rh = E_o phi,    dF/dc_rh = -[(d'^T E_do + o'^T E_oo) phi + E_o phi'],    d(dE/dx)/dc_rh = E_xo phi

Frames that share a geometry share phi and phi'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.func import jacrev, vmap

from electrode.models.base import Model
from electrode.train.blocks import Block


@dataclass(frozen=True)
class Geometry:
    """One geometry with its frames.

    Parameters
    ----------
    channel : (n,) element index of each atom
    flat, flat_slope : (D,), (D, 3n) electrostatic features and Jacobian
    basis, basis_slope : for each element its rows phi (n_Z, R) and phi' (n_Z, R, 3n)
    short, short_slope : [eV] and (3n,) energy beside the heads
    fixed : what `energy` needs beside, of one system
    charge, energy, forces, potential : labels of the B frames, (B,), (B,), (B, 3n), (B,), NaN where missing
    weight : (B,) of each frame
    """

    channel: np.ndarray
    flat: np.ndarray
    flat_slope: np.ndarray
    basis: list[np.ndarray]
    basis_slope: list[np.ndarray]
    short: float
    short_slope: np.ndarray
    fixed: tuple
    charge: np.ndarray
    energy: np.ndarray
    forces: np.ndarray
    potential: np.ndarray
    weight: np.ndarray

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.channel)


@dataclass(frozen=True)
class Weights:
    """All parameters as one vector: coefficients (R, H) in the whitened basis, constants (Z, H), scalars (S,)."""

    coefficients: np.ndarray
    offsets: np.ndarray
    scalars: np.ndarray

    def pack(self) -> np.ndarray:
        """Return the vector."""
        return np.concatenate([self.coefficients.ravel(), self.offsets.ravel(), self.scalars])

    def unpack(self, vector: np.ndarray) -> Weights:
        """Return the weights of a vector."""
        a, b = self.coefficients.size, self.offsets.size
        return Weights(vector[:a].reshape(self.coefficients.shape), vector[a : a + b].reshape(self.offsets.shape), vector[a + b :])


def by_geometry(frames: Sequence) -> list[list[int]]:
    """Return the places of the frames (`ElectrifiedFrame`) of each geometry, small geometries first."""
    groups: dict[str, list[int]] = {}
    for k, frame in enumerate(frames):
        groups.setdefault(frame.geometry_id, []).append(k)
    return sorted(groups.values(), key=lambda rows: len(frames[rows[0]].geometry))


def geometries(model: Model, data: Sequence[Block], frames: Sequence, weight: Sequence[float], roots: list[np.ndarray]) -> list[Geometry]:
    """Return the frames by geometry.

    Parameters
    ----------
    model : with its landmarks placed
    data : the first frame of each geometry, described, in the order of `by_geometry`
    weight : (frames,) of each frame in the fit
    roots : the whitening of each element's kernel
    """
    described = (block.take(torch.tensor([k])) for block in data for k in range(len(block)))
    weight = np.asarray(weight, float)
    return [_geometry(model, block, [frames[r] for r in rows], weight[rows], roots) for block, rows in zip(described, by_geometry(frames), strict=True)]


def _geometry(model, block, frames, weight, roots) -> Geometry:
    n = len(block.structure.numbers)
    channel = model.channel(block.structure).numpy()
    features = block.description["symmetry"]
    slope = block.jacobian["symmetry"][0].reshape(n, -1, 3 * n)
    basis, basis_slope = [], []
    for k, root in enumerate(roots):
        own = np.flatnonzero(channel == k)
        value, derivative = model.heads.kernel(features[own], k)
        basis.append(value.numpy() @ root)
        moved = np.einsum("imf,mr->irf", derivative.numpy(), root)
        basis_slope.append(moved @ slope[own].numpy())
    fixed = tuple(x[0] for x in model.fixed(block.structure, torch.tensor([0]), torch.arange(n)))
    missing = np.full(3 * n, np.nan)
    return Geometry(
        channel, *_electrostatics(block, n), basis, basis_slope,
        float(block.description["short_range"][0]), block.jacobian["short_range"][0].numpy().ravel(), fixed,
        np.array([f.charge for f in frames]), np.array([f.canonical_energy for f in frames], float),
        np.array([missing if f.forces is None else np.ravel(f.forces) for f in frames]),
        np.array([f.potential for f in frames], float), weight,
    )  # fmt: skip


def _electrostatics(block: Block, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the electrostatic features (D,) and their Jacobian (D, 3n), D = 0 for a model without."""
    if "coulomb" not in block.description:
        return np.zeros(0), np.zeros((0, 3 * n))
    return block.description["coulomb"].numpy(), block.jacobian["coulomb"][0].numpy()


def outputs(geometry: Geometry, weights: Weights, sizes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the heads' outputs (n, H) and their slopes (n, H, 3n)."""
    n, heads = geometry.n_atoms, weights.offsets.shape[1]
    value, slope = weights.offsets[geometry.channel], np.zeros((n, heads, 3 * n))
    for k, c in enumerate(np.split(weights.coefficients, np.cumsum(sizes)[:-1])):
        own = geometry.channel == k
        value[own] += geometry.basis[k] @ c
        slope[own] = np.einsum("irx,rh->ihx", geometry.basis_slope[k], c, optimize=True)
    return value, slope


def derivatives(model: Model, geometry: Geometry, value: np.ndarray, scalars: np.ndarray, second: bool) -> list[np.ndarray]:
    """Return E (B,), E_v (B, V), E_d (B, D) and, with `second`, E_vv (B, V, V), E_vd (B, V, D); v = outputs, scalars, charge."""
    n, heads = value.shape
    charge = torch.from_numpy(geometry.charge)
    v = torch.cat([torch.from_numpy(np.concatenate([value.ravel(), scalars])).expand(len(charge), -1), charge[:, None]], dim=1)
    d, fixed = torch.from_numpy(geometry.flat), geometry.fixed

    def energy(v, d):
        return model.energy(v[: n * heads].reshape(n, heads), v[n * heads : -1], d, v[-1], *fixed)[0]

    with_value = lambda v, d: (energy(v, d),) * 2
    slopes = jacrev(with_value, argnums=(0, 1), has_aux=True)
    if not second:
        (g_v, g_d), e = vmap(slopes, in_dims=(0, None))(v, d)
        return [x.detach().numpy() for x in (e, g_v, g_d)]

    def both(v, d):
        (g_v, g_d), e = slopes(v, d)
        return g_v, (e, g_v, g_d)

    (h_vv, h_vd), (e, g_v, g_d) = vmap(jacrev(both, argnums=(0, 1), has_aux=True), in_dims=(0, None))(v, d)
    return [x.detach().numpy() for x in (e, g_v, g_d, h_vv, h_vd)]


def residuals(geometry: Geometry, slope: np.ndarray, e: np.ndarray, g_v: np.ndarray, g_d: np.ndarray) -> dict[str, np.ndarray]:
    """Return labelled minus found energy per atom (B,), forces (B, 3n) and potential (B,)."""
    n, heads = slope.shape[:2]
    g_o = g_v[:, : n * heads]
    forces = -(g_o @ slope.reshape(n * heads, -1) + g_d @ geometry.flat_slope + geometry.short_slope)
    return {
        "energy": (geometry.energy - e - geometry.short) / n,
        "forces": geometry.forces - forces,
        "conjugate": geometry.potential - g_v[:, -1],
    }


def jacobians(geometry: Geometry, slope, g_v, h_vv, h_vd) -> dict[str, np.ndarray]:
    """Return the derivatives of found energy per atom (B, P), forces (B, 3n, P) and potential (B, P) in the packed weights."""
    n, heads = slope.shape[:2]
    b, o = len(g_v), n * heads
    g_o = g_v[:, :o].reshape(b, n, heads)
    turned = h_vd @ geometry.flat_slope + h_vv[:, :, :o] @ slope.reshape(o, -1)  # (B, V, 3n): d(E_v)/dR
    turned_o = turned[:, :o].reshape(b, n, heads, -1)
    curved_o = h_vv[:, -1, :o].reshape(b, n, heads)
    columns = {"energy": [], "forces": [], "conjugate": []}
    for k, (phi, phi_slope) in enumerate(zip(geometry.basis, geometry.basis_slope)):
        own = geometry.channel == k
        columns["energy"].append(np.einsum("bih,ir->brh", g_o[:, own], phi).reshape(b, -1) / n)
        columns["conjugate"].append(np.einsum("bih,ir->brh", curved_o[:, own], phi).reshape(b, -1))
        bent = np.tensordot(turned_o[:, own], phi, (1, 0)) + np.tensordot(g_o[:, own], phi_slope, (1, 0)).swapaxes(2, 3)
        columns["forces"].append(-bent.transpose(0, 2, 3, 1).reshape(b, bent.shape[2], -1))
    belongs = np.eye(len(geometry.basis))[geometry.channel]  # (n, Z)
    constants = lambda x: np.einsum("bih...,iz->bzh...", x, belongs)
    columns["energy"] += [constants(g_o).reshape(b, -1) / n, g_v[:, o:-1] / n]
    columns["conjugate"] += [constants(curved_o).reshape(b, -1), h_vv[:, -1, o:-1]]
    moved = constants(turned_o).reshape(b, -1, 3 * n).swapaxes(1, 2)
    columns["forces"] += [-moved, -turned[:, o:-1].swapaxes(1, 2)]
    return {name: np.concatenate(parts, axis=-1) for name, parts in columns.items()}
