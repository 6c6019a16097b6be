"""The design: a centre, and points that differ from it in one choice."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec

from electrode.models.schemes import SCHEMES


@dataclass(frozen=True)
class Point:
    """One strategy.

    Parameters
    ----------
    name : of the row and of the result's file
    factor : what differs from the centre
    scheme : as in `electrode schemes`
    choices : entries of the scheme's configuration that are not its defaults
    inside : the entry that holds the network and the seed of its weights, for a configuration without a seed of its own
    """

    name: str
    factor: str
    scheme: str
    choices: dict = field(default_factory=dict)
    inside: str | None = None

    def seeded(self, seed: int) -> dict:
        """Return the choices with the seed of the weights."""
        if self.inside is None:
            return {**self.choices, "seed": seed}
        return {**self.choices, self.inside: {**self.choices[self.inside], "seed": seed}}

    def missing(self) -> str | None:
        """Return why the point cannot be run here, None where it can."""
        if self.scheme not in SCHEMES:
            return f"scheme {self.scheme!r} is not registered"
        if self.scheme == "mace-node" and find_spec("mace") is None:
            return "mace-torch is not installed"
        return None


_SMALL = {"representation": {"kind": "invariant", "channels": 16}}
_CENTRE = {"variable": "charge_per_area", "capacitor": True, **_SMALL}


def _with(**changes) -> dict:
    return {**_CENTRE, **changes}


CENTRE = Point("centre", "centre", "template-f", _CENTRE)
POINTS = (
    CENTRE,
    Point("equivariant", "representation", "template-f", _with(representation={"kind": "equivariant", "channels": 16})),
    Point("power-spectrum", "representation", "eep"),
    Point("mace-node", "representation", "mace-node"),
    Point("where-a", "where x enters", "template-a", _CENTRE),
    Point("where-b", "where x enters", "template-b", _CENTRE),
    Point("where-c", "where x enters", "template-c", _CENTRE),
    Point("where-d", "where x enters", "template-d", _CENTRE),
    Point("where-e", "where x enters", "template-e", _CENTRE),
    Point("near-surface", "where x enters", "template-f", _with(envelope={"reach": 4.0, "width": 0.7})),
    Point("potential", "variable", "template-f", _with(variable="potential")),
    Point("charge", "variable", "template-f", _with(variable="charge")),
    Point("bare", "composition", "template-f", _with(capacitor=False)),
    Point("correction", "composition", "correction", {"form": "difference", **_SMALL}),
    Point("correction-product", "composition", "correction", {"form": "product", **_SMALL}),
    Point("delta", "composition", "delta"),
    Point("dual", "energy form", "dual"),
    Point("taylor", "energy form", "taylor"),
    Point("razor", "energy form", "razor"),
    Point("equilibration", "energy form", "equilibration"),
    Point("fragments", "energy form", "equilibration", {"fragments": True, "coulomb": {"bonds": True}}),
    Point("forces-head", "forces", "direct-forces", {"energy": _with(representation={"kind": "equivariant", "channels": 16})}, "energy"),
    Point("separate", "control row", "separate", {"network": _SMALL}, "network"),
    Point("dp-ne", "published", "dp-ne"),
)
BY_NAME = {p.name: p for p in POINTS}


def chosen(names) -> list[Point]:
    """Return points by name, all of them for None.

    Raises
    ------
    ValueError
        for an unknown name.
    """
    unknown = [n for n in names or () if n not in BY_NAME]
    if unknown:
        raise ValueError(f"points: expected some of {', '.join(BY_NAME)}; got {', '.join(unknown)}")
    return [BY_NAME[n] for n in names] if names else list(POINTS)
