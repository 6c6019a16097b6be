"""What the members of a committee are, and the configurations of members that start otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class CommitteeConfig:
    """What the members are.

    Parameters
    ----------
    scheme : name of the members' scheme
    member : their configuration, as plain entries
    size : number of members, at least 2
    caution : weight of the members' disagreement in the energy, 0 for the plain mean
    tolerated : disagreement that costs little [eV per atom]
    """

    scheme: str
    member: dict
    size: int
    caution: float = 0.0
    tolerated: float = 0.001

    def __post_init__(self):
        if self.caution < 0 or not self.tolerated > 0:
            raise ValueError(f"CommitteeConfig: expected caution >= 0 and tolerated > 0, got {self.caution} and {self.tolerated}")
        if self.size < 2:
            raise ValueError(f"CommitteeConfig.size: expected at least 2 members, got {self.size}")


def reseeded(config, by: int):
    """Return a configuration whose seeds, those of its parts too, are `by` further."""
    from electrode.models.store import from_plain

    return from_plain(type(config), seeded(asdict(config), lambda seed: seed + by))


def seeded(plain: dict, change: Callable[[int], int]) -> dict:
    """Return plain entries of a configuration with other seeds, those of its parts too."""
    inner = lambda key, value: change(value) if key == "seed" else seeded(value, change) if isinstance(value, dict) else value
    return {key: inner(key, value) for key, value in plain.items()}
