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
from electrode.train.geometries import Geometry


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


def outputs(geometry: Geometry, weights: Weights, sizes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the heads' outputs (n, H) and their slopes (n, H, X)."""
    n, heads = geometry.n_atoms, weights.offsets.shape[1]
    value, slope = weights.offsets[geometry.channel], np.zeros((n, heads, len(geometry.short_slope)))
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
    """Return labelled minus found energy per atom (B,), forces (B, X) and potential (B,)."""
    n, heads = slope.shape[:2]
    g_o = g_v[:, : n * heads]
    forces = -(g_o @ slope.reshape(n * heads, -1) + g_d @ geometry.flat_slope + geometry.short_slope)
    return {
        "energy": (geometry.energy - e - geometry.short) / n,
        "forces": geometry.forces - forces,
        "conjugate": geometry.potential - g_v[:, -1],
    }


def jacobians(geometry: Geometry, slope, g_v, h_vv, h_vd) -> dict[str, np.ndarray]:
    """Return the derivatives of found energy per atom (B, P), forces (B, X, P) and potential (B, P) in the packed weights."""
    n, heads = slope.shape[:2]
    b, o, x = len(g_v), n * heads, slope.shape[2]
    g_o = g_v[:, :o].reshape(b, n, heads)
    turned = h_vd @ geometry.flat_slope + h_vv[:, :, :o] @ slope.reshape(o, -1)  # (B, V, X): d(E_v)/dR
    turned_o = turned[:, :o].reshape(b, n, heads, x)
    curved_o = h_vv[:, -1, :o].reshape(b, n, heads)
    columns = {"energy": [], "forces": [], "conjugate": []}
    for k, (phi, phi_slope) in enumerate(zip(geometry.basis, geometry.basis_slope)):
        own = geometry.channel == k
        columns["energy"].append(np.einsum("bih,ir->brh", g_o[:, own], phi).reshape(b, -1) / n)
        columns["conjugate"].append(np.einsum("bih,ir->brh", curved_o[:, own], phi).reshape(b, -1))
        bent = np.tensordot(turned_o[:, own], phi, (1, 0)) + np.tensordot(g_o[:, own], phi_slope, (1, 0)).swapaxes(2, 3)
        columns["forces"].append(-bent.transpose(0, 2, 3, 1).reshape(b, x, phi.shape[1] * heads))
    belongs = np.eye(len(geometry.basis))[geometry.channel]  # (n, Z)
    constants = lambda x: np.einsum("bih...,iz->bzh...", x, belongs)
    columns["energy"] += [constants(g_o).reshape(b, -1) / n, g_v[:, o:-1] / n]
    columns["conjugate"] += [constants(curved_o).reshape(b, -1), h_vv[:, -1, o:-1]]
    moved = constants(turned_o).reshape(b, belongs.shape[1] * heads, x).swapaxes(1, 2)
    columns["forces"] += [-moved, -turned[:, o:-1].swapaxes(1, 2)]
    return {name: np.concatenate(parts, axis=-1) for name, parts in columns.items()}
