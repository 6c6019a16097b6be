"""Residuals of a model with linear heads, and their exact derivatives in its weights.

With outputs o_ih = b_Zh + sum_r phi_ir(R) c_rh, the electrostatic features d(R), parameters s that no atom owns, and a scalar
E(o, d, s, x) of the natural variable x, all derivatives of E in (o, s, x) and in d are small tensors, and

    dE/dc_rh = E_o phi,    dF/dc_rh = -[(d'^T E_do + o'^T E_oo) phi + E_o phi'],    d(dE/dx)/dc_rh = E_xo phi

Frames that share a geometry share phi and phi'.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.func import jacrev, vmap

from electrode.models.base import Model
from electrode.train.geometries import Geometry


_ROOM = 5e5  # numbers of a derivative that are found at once
_HEADS = 6  # typical


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


def alike(data: Sequence[Geometry], second: bool) -> Iterator[list[Geometry]]:
    """Yield the geometries in groups of one size, so large that numbers of each derivative fill `_ROOM`."""
    held: list[Geometry] = []
    for geometry in data:
        numbers = len(geometry.flat) * len(geometry.charge) * (len(geometry.channel) * _HEADS if second else 1)
        if held and (geometry.n_atoms != held[0].n_atoms or numbers * len(held) > _ROOM):
            yield held
            held = []
        held.append(geometry)
    if held:
        yield held


def derivatives(model: Model, some: Sequence[Geometry], values: Sequence[np.ndarray], scalars: np.ndarray, second: bool) -> Iterator[list[np.ndarray]]:
    """Yield for each of some geometries of one size E (B,), E_v (B, V), E_d (B, D) and, with `second`, E_vv (B, V, V), E_vd (B, V, D); v = outputs, scalars, charge."""
    n, heads = values[0].shape
    ends = np.cumsum([len(g.charge) for g in some])
    each = lambda parts: torch.stack(tuple(parts)).repeat_interleave(torch.tensor([len(g.charge) for g in some]), 0)
    charge, now = torch.from_numpy(np.concatenate([g.charge for g in some])), torch.from_numpy(scalars)
    v = torch.cat([each(torch.from_numpy(np.concatenate([x.ravel(), scalars])) for x in values), charge[:, None]], dim=1)
    d, fixed = each(torch.from_numpy(g.flat) for g in some), [each(parts) for parts in zip(*(g.fixed for g in some))]
    turned = None if some[0].flat_change is None else each(torch.from_numpy(g.flat_change) for g in some)

    def energy(v, d, fixed, change):
        if change is not None:
            d = d + change @ (v[n * heads : -1] - now)  # exact to the first order, which is all that is asked for
        return model.energy(v[: n * heads].reshape(n, heads), v[n * heads : -1], d, v[-1], *fixed)[0]

    slopes = jacrev(lambda *x: (energy(*x),) * 2, argnums=(0, 1), has_aux=True)

    def both(*x):
        (g_v, g_d), e = slopes(*x)
        return g_v, (e, g_v, g_d)

    over = vmap(jacrev(both, argnums=(0, 1), has_aux=True) if second else slopes, in_dims=(0, 0, 0, None if turned is None else 0))
    one, other = over(v, d, fixed, turned)
    found = (*other, *one) if second else (other, *one)
    yield from zip(*(np.split(x.detach().numpy(), ends[:-1]) for x in found))


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


def jacobians(geometry: Geometry, slope, g_v, g_d, h_vv, h_vd) -> dict[str, np.ndarray]:
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
    of_scalars = turned[:, o:-1].swapaxes(1, 2)
    if geometry.flat_slope_change is not None:
        of_scalars = of_scalars + np.tensordot(g_d, geometry.flat_slope_change, 1)
    columns["forces"] += [-moved, -of_scalars]
    return {name: np.concatenate(parts, axis=-1) for name, parts in columns.items()}
