"""A capacitor of two gold electrodes with water and ions between them, and a walk of its molecules, for timings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from electrode.physics.charge_constraints import Constraints, Electrode
from electrode.physics.charge_interactions import Bulk, Planar
from electrode.physics.charges import ChargeModel

LATTICE, LAYERS, GAP, MARGIN = 4.08, 3, 20.0, 2.8  # of gold [A], layers of an electrode, between the inner layers [A], free of water [A]
WIDTH = 1.0 / (np.sqrt(2.0) * 1.979)  # [A], of the electrode's Gaussians; eta = 1.979/A
VOLTAGE = 1.0  # [V]
REPEATS = {760: (7, 4), 2424: (12, 7), 8584: (22, 13)}  # atoms: rectangular cells along x and y
WATER = np.array([-0.8476, 0.4238, 0.4238])  # [e], O H H
ANGLE = np.radians(109.47)  # H-O-H, bonds of 1 A
SPEED = 0.005  # [A], of a molecule along each axis in a step


@dataclass(frozen=True)
class Capacitor:
    """Positions (N, 3) [A], charges (N,) [e], part (N,) 0 electrolyte, 1 lower, 2 upper electrode, cell (3,) [A], velocity (N, 3) [A/step]."""

    positions: np.ndarray
    charges: np.ndarray
    part: np.ndarray
    cell: np.ndarray
    velocity: np.ndarray

    def at(self, step: int) -> np.ndarray:
        """Return the positions (N, 3) [A] after a number of steps."""
        return self.positions + step * self.velocity

    def model(self, slab: bool) -> ChargeModel:
        """Return Gaussians on the electrodes and points elsewhere."""
        cell, n = np.diag(self.cell), len(self.part)
        return ChargeModel(np.zeros(n), np.zeros(n), np.where(self.part > 0, WIDTH, 0.0), Planar(cell) if slab else Bulk(cell))

    @property
    def constraints(self) -> Constraints:
        """The electrodes at -VOLTAGE/2 and VOLTAGE/2, everything neutral."""
        return Constraints((Electrode(self.part == 1, -0.5 * VOLTAGE), Electrode(self.part == 2, 0.5 * VOLTAGE)))


def capacitor(atoms: int) -> Capacitor:
    """Return the capacitor of 760, 2424 or 8584 atoms."""
    if atoms not in REPEATS:
        raise ValueError(f"capacitor: expected one of {', '.join(map(str, REPEATS))} atoms, got {atoms}")
    rng = np.random.default_rng(0)
    metal, sides, step = _gold(*REPEATS[atoms])
    thickness = (LAYERS - 1) * step
    water, charges, molecule = _electrolyte(rng, [*sides, GAP - 2.0 * MARGIN])
    water[:, 2] += thickness + MARGIN
    positions = np.vstack([metal, metal + [0.0, 0.0, thickness + GAP], water])
    part = np.repeat([1, 2, 0], [len(metal), len(metal), len(water)])
    drift = SPEED * rng.normal(size=(molecule.max() + 1, 3))
    velocity = np.vstack([np.zeros((2 * len(metal), 3)), drift[molecule]])
    cell = np.array([*sides, 2.0 * thickness + GAP + step])
    return Capacitor(positions, np.concatenate([np.zeros(2 * len(metal)), charges]), part, cell, velocity)


def _gold(nx: int, ny: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the (111) layers of an electrode, the sides of its cell and the distance of layers."""
    side = LATTICE / np.sqrt(2.0) * np.array([1.0, np.sqrt(3.0)])
    step = LATTICE / np.sqrt(3.0)
    corners = np.stack(np.meshgrid(np.arange(nx), np.arange(ny), indexing="ij"), axis=-1).reshape(-1, 1, 2)
    layers = []
    for k in range(LAYERS):
        shift = [(0.0, 0.0), (0.5, 1.0 / 6.0), (0.0, 1.0 / 3.0)][k % 3]
        plane = (corners + np.array([[0.0, 0.0], [0.5, 0.5]]) + shift).reshape(-1, 2) % [nx, ny] * side
        layers.append(np.column_stack([plane, np.full(len(plane), k * step)]))
    return np.vstack(layers), side * [nx, ny], step


def _electrolyte(rng, box) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return positions, charges and molecule of water on a grid of 3 A with 2 % of it as ions, somewhat moved."""
    count = [int(box[0] / 3.0), int(box[1] / 3.0), int(box[2] / 3.05)]
    grid = np.stack(np.meshgrid(*[np.arange(k) for k in count], indexing="ij"), axis=-1).reshape(-1, 3) + 0.5
    places = rng.permutation(grid / count * box + rng.uniform(-0.15, 0.15, grid.shape))
    ions = 2 * max(1, len(places) // 50)
    positions, charges, molecule = list(places[:ions]), [(-1.0) ** k for k in range(ions)], list(range(ions))
    for k, oxygen in enumerate(places[ions:], start=ions):
        u, v = np.linalg.qr(rng.normal(size=(3, 3)))[0][:2]
        positions += [oxygen, oxygen + u, oxygen + np.cos(ANGLE) * u + np.sin(ANGLE) * v]
        charges += WATER.tolist()
        molecule += [k] * 3
    return np.array(positions), np.array(charges), np.array(molecule)
