"""The transform of the particle mesh, plane by plane along c.

The mesh is kept with c as its slowest axis.  Charges of a slab, of an electrode or of an electrolyte between electrodes touch
some of its planes only: two-dimensional transforms are made of those alone, and the vacuum of a slab costs no more than the
transforms along c.  By linearity the spectra of sets of charges add up.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import fft

from electrode.physics._mesh_kernels import fold, gather, gather_gradients, occupied, padded, scale, spline_weights, spread, unfold
from electrode.physics._splines import Settings, damping
from electrode.units import COULOMB

AXES = (2, 0, 1)  # of the cell, as the mesh has them


class Planes:
    """The mesh of a cell.

    Parameters
    ----------
    cell : (3, 3) [A];  settings : of the mesh
    single : transform in single precision
    """

    def __init__(self, cell: np.ndarray, settings: Settings, single: bool = False):
        self.order, self.inverse = settings.order, np.linalg.inv(cell)[:, AXES]
        self.grid = np.array(settings.grid)[list(AXES)]
        self.real, self.complex = (np.float32, np.complex64) if single else (np.float64, np.complex128)
        self.influence = self._influence(abs(float(np.linalg.det(cell))), settings.alpha).astype(self.real)
        self.mesh, self.potential = padded(self.grid, self.real), padded(self.grid, self.real)

    def _influence(self, volume: float, alpha: float) -> np.ndarray:
        grid = self.grid
        steps = [np.rint(np.fft.fftfreq(k, 1.0 / k)) for k in grid[:2]] + [np.arange(grid[2] // 2 + 1.0)]
        m = np.meshgrid(*steps, indexing="ij", sparse=True)
        factors = math.prod(np.meshgrid(*[damping(s, k, self.order) for s, k in zip(steps, grid)], indexing="ij", sparse=True))
        square = sum((2.0 * math.pi * sum(self.inverse[axis, k] * m[k] for k in range(3))) ** 2 for axis in range(3))
        square[0, 0, 0] = np.inf
        return 4.0 * math.pi * COULOMB / volume * np.exp(-square / (4.0 * alpha**2)) / square * factors

    def splines(self, positions: np.ndarray) -> Splines:
        """Return the spline weights of positions (N, 3) [A]."""
        return Splines(*spline_weights(positions @ self.inverse, self.grid, self.order), self.order)

    def spectrum(self) -> np.ndarray:
        """Return an empty spectrum."""
        return np.zeros(self.influence.shape, self.complex)

    def add(self, spectrum: np.ndarray, charges: np.ndarray, atoms: np.ndarray, splines: Splines, runs: list[slice]) -> None:
        """Add the plane transforms of some atoms' charges to a spectrum."""
        for run in runs:
            self.mesh[run] = 0.0
        spread(charges, atoms, splines.weights, splines.start, self.order, self.mesh)
        for run in runs:
            spectrum[run] += fft.rfft2(fold(self.mesh[run]), overwrite_x=True)

    def solve(self, spectrum: np.ndarray, runs: list[slice]) -> np.ndarray:
        """Return the potential over k_e of a spectrum in some planes, a mesh with margin that the next call overwrites."""
        across = fft.fft(spectrum, axis=0)
        scale(across, self.influence)
        across = fft.ifft(across, axis=0, norm="forward", overwrite_x=True)
        size = self.grid[2]
        for run in runs:
            self.potential[run, :, :size] = fft.irfft2(across[run], s=tuple(self.grid[1:]), norm="forward", overwrite_x=True)
            unfold(self.potential[run])
        return self.potential

    def runs(self, splines: Splines, atoms: np.ndarray) -> list[slice]:
        """Return the planes that some atoms' splines touch, as slices."""
        touched = occupied(splines.start, atoms, self.order, self.grid[0])
        edges = np.flatnonzero(np.diff(np.concatenate([[False], touched, [False]])))
        return [slice(a, b) for a, b in edges.reshape(-1, 2).tolist()]


class Splines:
    """Spline weights of positions; see `_mesh_kernels`."""

    def __init__(self, weights: np.ndarray, slopes: np.ndarray, start: np.ndarray, order: int):
        self.weights, self.slopes, self.start, self.order = weights, slopes, start, order

    def gather(self, mesh: np.ndarray, atoms: np.ndarray, potentials: np.ndarray) -> None:
        """Add the mesh at some atoms to potentials (N,)."""
        gather(mesh, atoms, self.weights, self.start, self.order, potentials)

    def gather_gradients(self, mesh: np.ndarray, potentials: np.ndarray, gradients: np.ndarray) -> None:
        """Add the mesh at all atoms to potentials (N,) and its gradients, in mesh steps of the mesh's axes, to (N, 3)."""
        gather_gradients(mesh, self.weights, self.slopes, self.start, self.order, potentials, gradients)
