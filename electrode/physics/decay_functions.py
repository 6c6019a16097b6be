"""Gouy-Chapman decaying functions of an atom's height above the interface plane.

    D_k(z_i) = s((z_i - z_s) / w) exp(-kappa_k max(z_i - z_s, 0)),      z_i = n . r_i

times the potential these are the potential that atom i feels at the interface, one decay constant kappa for each function.
The plane moves with the surface: z_s = sum_j w_j z_j + offset with w_j = softmax(beta z_j) over the electrode's atoms, the
mean height of the outer metal layer.  s is a switch with two continuous derivatives, 0 below -1/2 and 1 above +1/2.

Chen et al., npj Comput. Mater. 9, 73 (2023), https://doi.org/10.1038/s41524-023-01007-6.  Departs from it where the published
function jumps at the plane and the plane is not differentiated: both are smooth here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from electrode.physics._decay_profile import functions_of_height, planes, pulled
from electrode.physics.one_face import require_one_face


@dataclass(frozen=True)
class DecayFunctions:
    """The set of decay constants and the place of the interface plane.

    Parameters
    ----------
    decay_constants : kappa_k [1/A]
    offset : height of the plane above the outer electrode layer [A], negative is inside
    switch_width : w [A], the functions rise from 0 to their full value over this height
    sharpness : beta [1/A], how strongly the outermost electrode atoms set the plane
    """

    decay_constants: tuple[float, ...] = (2.0, 1.0, 0.5, 0.1)
    offset: float = -1.15
    switch_width: float = 1.0
    sharpness: float = 4.0

    def __post_init__(self):
        if not self.decay_constants or min(self.decay_constants) < 0:
            raise ValueError(f"DecayFunctions.decay_constants: expected values >= 0 [1/A], got {self.decay_constants}")
        if not self.switch_width > 0 or not self.sharpness > 0:
            raise ValueError("DecayFunctions: switch_width [A] and sharpness [1/A] must be positive")

    def bind(self, positions, normal, system, electrode, periodic=None) -> DecayKernel:
        """Return the kernel of these functions, see `electrode.bridge.Kernel`.

        Parameters
        ----------
        positions : (N, 3) [A];  normal : (S, 3) unit vectors to the electrolyte
        system : (N,) system of each atom;  electrode : (N,) bool
        periodic : (S,) bool, whether the cell repeats along the normal; None where it does not

        Raises
        ------
        ValueError
            for a system without electrode atoms, or not one slab with all else above it, see `one_face`: there is no single interface then.
        """
        normal = np.ascontiguousarray(normal, dtype=np.float64)
        bare = np.flatnonzero(np.bincount(system[electrode], minlength=len(normal)) == 0)
        if len(bare):
            raise ValueError(
                f"systems {bare.tolist()} have no electrode atoms, so no interface plane; mark them with "
                "positive tags or eir_region = 0"
            )
        heights = np.einsum("nc,nc->n", positions, normal[system])
        require_one_face(heights, system, electrode, np.zeros(len(normal), bool) if periodic is None else periodic)
        return DecayKernel(self, normal, heights, system, electrode)


@dataclass(frozen=True)
class DecayKernel:
    """Decaying functions of one set of positions: values (N, K) and derivative products."""

    functions: DecayFunctions
    normal: np.ndarray  # (S, 3)
    heights: np.ndarray  # (N,) along the normal [A]
    system: np.ndarray
    electrode: np.ndarray

    @cached_property
    def _outer(self) -> tuple[np.ndarray, np.ndarray]:
        """softmax(beta z) over each system's electrode atoms, zero elsewhere, (N,), and the mean height of the outer layer, (S,) [A]."""
        return planes(self.heights, self.system, self.electrode, self.functions.sharpness, int(self.system[-1]) + 1)

    @property
    def _weights(self) -> np.ndarray:
        return self._outer[0]

    @property
    def plane(self) -> np.ndarray:
        """Height of the interface plane of each atom's system, (N,) [A]."""
        return self._outer[1][self.system] + self.functions.offset

    @cached_property
    def _pulls(self) -> np.ndarray:
        """dz_s/dz_j = w_j [1 + beta (z_j - sum w z)], (N,)."""
        return self._weights * (1.0 + self.functions.sharpness * (self.heights - self.plane + self.functions.offset))

    def _total(self, x: np.ndarray) -> np.ndarray:
        """Sum over each system, given back to every atom of it."""
        return np.bincount(self.system, weights=x)[self.system]

    @cached_property
    def _functions_of_height(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """D and its first two derivatives in z_i - z_s, each (N, K)."""
        return functions_of_height(self.heights - self.plane, np.array(self.functions.decay_constants, dtype=float), float(self.functions.switch_width))

    def _climb(self, displacement: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Change of z_i, of the mean height of the outer layer, and of sum w z_dot, along a displacement."""
        rise = np.einsum("nc,nc->n", self.normal[self.system], displacement)
        return rise, self._total(self._pulls * rise), self._total(self._weights * rise)

    def values(self) -> np.ndarray:
        """Return the functions of each atom, (N, K)."""
        return self._functions_of_height[0]

    def push(self, displacement: np.ndarray) -> np.ndarray:
        """Return the change of the functions along a displacement (N, 3), (N, K)."""
        rise, plane, _ = self._climb(displacement)
        return self._functions_of_height[1] * (rise - plane)[:, None]

    def pull(self, cotangent: np.ndarray) -> np.ndarray:
        """Return sum_ik g_ik dD_ik/dR, (N, 3)."""
        weights, mean = self._outer
        return pulled(cotangent, self._functions_of_height[1], weights, self.functions.sharpness, self.heights, mean, self.normal, self.system)

    def pull_along(self, cotangent: np.ndarray, displacement: np.ndarray) -> np.ndarray:
        """Return the derivative of `pull(cotangent)` along the displacement, (N, 3)."""
        beta = self.functions.sharpness
        rise, plane, mean = self._climb(displacement)
        slope = (cotangent * self._functions_of_height[1]).sum(1)
        slope_t = (cotangent * self._functions_of_height[2]).sum(1) * (rise - plane)
        pulls_t = beta * (rise - mean) * self._pulls + beta * self._weights * (rise - plane)
        change = slope_t - self._pulls * self._total(slope_t) - pulls_t * self._total(slope)
        return self.normal[self.system] * change[:, None]
