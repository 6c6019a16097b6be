"""Networks that are evaluated in single precision for a while, a third of the time, with weights that stay in double.

Weights and inputs are rounded on the way in and derivatives come back through the rounding, so that an optimiser adds small steps to double weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain

from torch import Tensor, nn
from torch.func import functional_call

from electrode.nn.graph import Graph


def evaluate_in_single(network: nn.Module, *inputs: Tensor | Graph) -> Tensor:
    """Return what a network gives, computed in single precision, as a double."""
    weights = {name: _rounded(value) for name, value in chain(network.named_parameters(), network.named_buffers())}
    return functional_call(network, weights, tuple(_rounded(x) for x in inputs)).double()


@contextmanager
def single_precision(networks: list[nn.Module]) -> Iterator[None]:
    """Let networks with an attribute `single` compute in single precision for a while.

    Raises
    ------
    ValueError
        where there is none.
    """
    able = [part for network in networks for part in network.modules() if hasattr(part, "single")]
    if not able:
        raise ValueError("single precision: expected a scheme whose network can be trained in it (enthalpy, fireann), got another; leave out single")
    for part in able:
        part.single = True
    try:
        yield
    finally:
        for part in able:
            part.single = False


def _rounded(value: Tensor | Graph) -> Tensor | Graph:
    if isinstance(value, Graph):
        return replace(value, vectors=value.vectors.float(), distances=value.distances.float())
    return value.float() if value.is_floating_point() else value
