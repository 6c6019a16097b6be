"""The frames of a least-squares training by geometry: basis functions of its atoms, their slopes, and the labels of every charge.

Where the slopes of all geometries take more than `SLOPE_BYTES`, those of one geometry are worked out each time that it is passed,
and dropped; errors then come from the model itself and need no slope of the basis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from electrode.models.base import Model
from electrode.train.blocks import Block, blocks
from electrode.train.labels import between_neighbours, natural_energy, potential_of
from electrode.train.predictions import predictions

SLOPE_BYTES = 2e9  # slopes of geometries of more than this are not kept


def by_geometry(frames: Sequence) -> list[list[int]]:
    """Return the places of the frames (`ElectrifiedFrame`) of each geometry with one counter-charge, small geometries first."""
    groups: dict[tuple, list[int]] = {}
    for k, frame in enumerate(frames):
        groups.setdefault((frame.geometry_id, frame.countercharge_gap), []).append(k)
    return sorted(groups.values(), key=lambda rows: len(frames[rows[0]].geometry))


@dataclass(frozen=True)
class Geometry:
    """One geometry with its frames.

    Parameters
    ----------
    channel : (n,) element index of each atom
    flat, flat_slope : (D,), (D, X) electrostatic features and Jacobian, for those X of the 3n coordinates whose force some frame has
    basis, basis_slope : for each element its rows phi (n_Z, R) and phi' (n_Z, R, X)
    short, short_slope : [eV] and (X,) energy beside the heads
    fixed : what `energy` needs beside, of one system
    charge, energy, forces, potential : labels of the B frames, (B,), (B,), (B, X), (B,), NaN where missing
    weight : (B,) of each frame
    between : (B, B), takes values of the frames to their slopes in charge, see `labels.between_neighbours`; rows of NaN where there is none
    turned : gives `flat`, `flat_slope` and the next two at other scalars of the model; None where they do not depend on them
    flat_change, flat_slope_change : (D, K), (D, X, K) derivatives in the scalars, None before `at`
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
    between: np.ndarray
    turned: Callable[[np.ndarray, bool], tuple] | None = None
    flat_change: np.ndarray | None = None
    flat_slope_change: np.ndarray | None = None

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.channel)

    def built(self) -> Geometry:
        """Return itself, see `Passing`."""
        return self

    def at(self, scalars: np.ndarray, second: bool) -> Geometry:
        """Return the geometry with the electrostatics of these scalars of the model, and with `second` their derivatives in these."""
        if self.turned is None:
            return self
        value, slope, change, slope_change = self.turned(scalars, second)
        return replace(self, flat=value, flat_slope=slope, flat_change=change, flat_slope_change=slope_change)


@dataclass(frozen=True)
class Passing:
    """One geometry whose slopes are worked out when they are asked for.

    Parameters
    ----------
    model : whose weights `found` uses;  roots : see `geometries`
    data, place : a block, and which of its frames has the geometry
    frames, weight : the B frames and (B,) how much each counts
    """

    model: Model
    roots: list[np.ndarray]
    data: Block
    place: int
    frames: list
    weight: np.ndarray

    def built(self) -> Geometry:
        """Return the geometry with its slopes."""
        return _geometry(self.model, self.data.take(torch.tensor([self.place])), self.frames, self.weight, self.roots)

    @property
    def between(self) -> np.ndarray:
        """See `Geometry`."""
        return _between(self.frames)

    def found(self) -> dict[str, np.ndarray]:
        """Return what `residuals` does, at the model's own weights and of all 3n forces, without a slope of the basis."""
        labels, n = _labels(self.model, self.frames), len(self.frames[0].geometry)
        fresh = getattr(self.model.config, "learned_widths", False)  # the description moves with the weights
        data, place = (blocks(self.model, self.frames[:1])[0], 0) if fresh else (self.data, self.place)
        block = data.take(torch.full((len(self.frames),), place))
        out = predictions(self.model, replace(block, held={"charge": torch.from_numpy(labels.pop("charge"))}))
        return {name: (value - out[name].detach().numpy()) / (n if name == "energy" else 1) for name, value in labels.items()}


def geometries(model: Model, data: Sequence[Block], frames: Sequence, weight: Sequence[float], roots: list[np.ndarray]) -> list[Geometry] | list[Passing]:
    """Return the frames by geometry, with their slopes where those take no more than `SLOPE_BYTES`.

    Parameters
    ----------
    model : with its landmarks placed
    data : the first frame of each geometry, described, in the order of `by_geometry`
    weight : (frames,) of each frame in the fit
    roots : the whitening of each element's kernel
    """
    places = [(block, k) for block in data for k in range(len(block))]
    weight, keep = np.asarray(weight, float), sum(_bytes(model, block, roots) for block in data) <= SLOPE_BYTES
    passing = (Passing(model, roots, *place, [frames[r] for r in rows], weight[rows]) for place, rows in zip(places, by_geometry(frames), strict=True))
    return [p.built() if keep else p for p in passing]


def _bytes(model: Model, block: Block, roots: list[np.ndarray]) -> float:
    """Return what the slopes of the geometries of a block take."""
    channel = model.channel(block.structure)
    rows = sum(int((channel == k).sum()) * root.shape[1] for k, root in enumerate(roots))
    flat = block.description["coulomb"].numel() if "coulomb" in block.description else 0
    return 8.0 * 3 * len(channel) / len(block) * (rows + flat)


def _geometry(model, block, frames, weight, roots) -> Geometry:
    n = len(block.structure.numbers)
    channel = model.channel(block.structure).numpy()
    labels = _labels(model, frames)
    kept = np.flatnonzero(np.isfinite(labels["forces"]).any(0))
    slope_of = lambda name: block.jacobian_of(name, 0).numpy()[:, kept]
    features = block.description["symmetry"]
    slope = slope_of("symmetry").reshape(n, features.shape[1], len(kept))
    basis, basis_slope = [], []
    for k, root in enumerate(roots):
        own = np.flatnonzero(channel == k)
        value, derivative = model.heads.kernel(features[own], k)
        basis.append(value.numpy() @ root)
        basis_slope.append(np.einsum("imf,mr->irf", derivative.numpy(), root, optimize=True) @ slope[own])
    flat = (block.description["coulomb"].numpy(), slope_of("coulomb")) if "coulomb" in block.description else (np.zeros(0), np.zeros((0, len(kept))))
    fixed = tuple(x[0] for x in model.fixed(block.structure, torch.tensor([0]), torch.arange(n)))
    return Geometry(
        channel, *flat, basis, basis_slope, float(block.description["short_range"][0]), slope_of("short_range").ravel(), fixed,
        labels["charge"], labels["energy"], labels["forces"][:, kept], labels["conjugate"], weight, _between(frames), _turned(model, block, kept),
    )  # fmt: skip


def _turned(model: Model, block: Block, kept: np.ndarray) -> Callable[[np.ndarray, bool], tuple] | None:
    """Return what gives the electrostatics at other scalars of the model, for the coordinates `kept`; None where they do not depend on them."""
    if not getattr(model.config, "learned_widths", False):
        return None

    def turned(scalars: np.ndarray, second: bool) -> tuple:
        value, slope, change, slope_change = model.turned_electrostatics(block.structure, scalars, second)
        return value, slope[:, kept], change, slope_change if slope_change is None else slope_change[:, kept]

    return turned


def _labels(model: Model, frames: Sequence) -> dict[str, np.ndarray]:
    """Return charges, energies and potentials (B,) and forces (B, 3n) of the frames of one geometry."""
    missing = np.full(3 * len(frames[0].geometry), np.nan)
    return {
        "charge": np.array([f.charge for f in frames]),
        "energy": np.array([natural_energy(model, f) for f in frames], float),
        "forces": np.array([missing if f.forces is None else np.ravel(f.forces) for f in frames]),
        "conjugate": np.array([potential_of(f) for f in frames], float),
    }


def _between(frames: Sequence) -> np.ndarray:
    return between_neighbours(frames, np.array([f.charge for f in frames]), np.eye(len(frames)))
