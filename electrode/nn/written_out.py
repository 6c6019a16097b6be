"""Small networks of scalar output with their derivatives written out, for inference without an autograd graph.

Per layer a' = tanh(z), z = a W + b, along a direction in which z moves with one variable x

    da'/dx = (1 - a'^2) dz/dx,      d2a'/dx2 = (1 - a'^2) d2z/dx2 - 2 a' da'/dx dz/dx,

and back from a weight of the output, the weight of z is that of a' times (1 - a'^2).  B networks for each of E elements are one
batched product; each element has a table of T atoms (`nn.networks.Slots`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Layers:
    """The layers after the first of B networks for each of E elements.

    Parameters
    ----------
    weights : each (E, B, a, b)
    biases : each (E, B, 1, b)
    """

    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]

    def forward(self, z: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return outputs (E, B, T) and what each layer was given, from what the first layer gives (E, B, T, h) before its tanh."""
        given = []
        for weight, bias in zip(self.weights, self.biases):
            given.append(np.tanh(z))
            z = given[-1] @ weight + bias
        return z[..., 0], given

    def along(self, z: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[np.ndarray]]:
        """Return outputs, their first and second derivative (E, B, T) as z moves along the direction, and what each layer was given."""
        given, first, second, length = [], direction, np.zeros_like(z), z.shape[2]
        for weight, bias in zip(self.weights, self.biases):
            a = np.tanh(z)
            flat = 1.0 - a * a
            a1 = flat * first
            moved = np.concatenate([a, a1, flat * second - 2.0 * a * a1 * first], axis=2) @ weight
            z, first, second = moved[:, :, :length] + bias, moved[:, :, length : 2 * length], moved[:, :, 2 * length :]
            given.append(a)
        return z[..., 0], first[..., 0], second[..., 0], given

    def back(self, weight_of_output: np.ndarray, given: list[np.ndarray]) -> np.ndarray:
        """Return the weight of what the first layer gives (E, B, T, h), from those of the outputs (E, B, T)."""
        bar = weight_of_output[..., None]
        for weight, a in zip(reversed(self.weights), reversed(given)):
            bar = (bar @ weight.swapaxes(2, 3)) * (1.0 - a * a)
        return bar

    def of(self, networks: slice) -> Layers:
        """Return those of some of the B networks."""
        return Layers(tuple(w[:, networks] for w in self.weights), tuple(b[:, networks] for b in self.biases))


@dataclass(frozen=True)
class Table:
    """A place for each atom in a table of E elements by T atoms, as `nn.networks.Slots`.

    Parameters
    ----------
    place : (N,) index of each atom's row in the flattened table
    shape : E and T
    """

    place: np.ndarray
    shape: tuple[int, int]

    @classmethod
    def of(cls, channel: np.ndarray, n_elements: int) -> Table:
        """Return the table of atoms with these element indices (N,)."""
        counts = np.bincount(channel, minlength=n_elements)
        order = np.argsort(channel, kind="stable")
        rank = np.arange(len(channel)) - np.repeat(np.cumsum(counts) - counts, counts)
        longest, place = max(int(counts.max()), 1), np.empty(len(channel), dtype=np.int64)
        place[order] = channel[order] * longest + rank
        return cls(place, (n_elements, longest))

    def spread(self, rows: np.ndarray) -> np.ndarray:
        """Return (E, 1, T, F) from one row for each atom (N, F); empty places are zero."""
        table = np.zeros((self.shape[0] * self.shape[1], rows.shape[1]))
        table[self.place] = rows
        return table.reshape(self.shape[0], 1, self.shape[1], -1)

    def spread_each(self, values: np.ndarray) -> np.ndarray:
        """Return (E, B, T) from B values for each atom (B, N); empty places are zero."""
        table = np.zeros((len(values), self.shape[0] * self.shape[1]))
        table[:, self.place] = values
        return table.reshape(len(values), *self.shape).swapaxes(0, 1)

    def gather(self, table: np.ndarray) -> np.ndarray:
        """Return one row for each atom (N, F) from (E, T, F)."""
        return table.reshape(-1, table.shape[-1])[self.place]

    def gather_each(self, table: np.ndarray) -> np.ndarray:
        """Return B values for each atom (B, N) from (E, B, T)."""
        return table.swapaxes(0, 1).reshape(table.shape[1], -1)[:, self.place]


def inputs_back(bar: np.ndarray, backward: np.ndarray) -> np.ndarray:
    """Return the weight of the inputs (E, T, F), summed over the networks.

    Parameters
    ----------
    bar : (E, B, T, h) weights of what the first layer gives
    backward : (E, B h, F) weights of the first layer, see `turned`
    """
    elements, networks, length, width = bar.shape
    return bar.swapaxes(1, 2).reshape(elements, length, networks * width) @ backward


def turned(first: np.ndarray) -> np.ndarray:
    """Return the weights of first layers (E, B, F, h) as `inputs_back` needs them, (E, B h, F)."""
    return np.ascontiguousarray(first.swapaxes(2, 3)).reshape(first.shape[0], -1, first.shape[2])
