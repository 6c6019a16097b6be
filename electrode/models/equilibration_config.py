"""The choices of the charge-equilibrated network, see `models.equilibration`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from electrode.models.base import ModelCard
from electrode.models.gap import SAME_GAP
from electrode.physics.elements import check_elements
from electrode.physics.screened_coulomb import ScreenedCoulomb
from electrode.physics.symmetry_functions import SymmetryFunctions

HEADS = ("energy", "electronegativity", "log_hardness", "steps")  # as many of the last as there are steps
SURFACE_CHARGE = 0.01  # sigma_0 where the trained charges are not known [e/A^2]
STEPS = 3
LEAST_WIDTH = 1.24  # of the Gaussian charges: narrower ones leave hydrogen too hard to take up charge [A]
SURFACE_ATOM_AREA = 7.0  # a_0 [A^2]
FIRST = 0.6  # centre of the fine functions [A]
FAR = (8.0, 7.4, 0.4, 0.35)  # of the far functions: cutoff, last centre, spacing, width [A]


@dataclass(frozen=True)
class EquilibrationConfig:
    """Choices of the scheme.

    Parameters
    ----------
    symmetry_functions : the descriptor;  coulomb : the electrostatics
    landmarks : environments kept for each element;  length : of the kernels, see `nn.kernel_heads`
    amplitudes : prior standard deviations of the heads: energy [eV], electronegativity [V], logarithm of the hardness, the b_ki of each step
    others : further functions, each set a part of the kernel of its own, of `other_length` and the weight 1 beside `first_weight`, see `nn.kernel_heads`
    charges : the trained charges per area [e/A^2], over which the steps are spread; None for one step at the neutral surface
    gaps : shortest and longest trained distance of the counter-charge [A], None where not known
    fragments : let charge flow along bonds alone
    formal_charges : (atomic number, charge [e]) of atoms that are ions when apart from the electrode
    learned_widths : train the widths of the Gaussians too, one factor for each element
    short_range : stand beside the classical short-range energy of `physics.pair`; without it nothing keeps atoms apart where no data are, but
        data of bonds that it knows badly (CO on copper) are fitted far better
    """

    symmetry_functions: SymmetryFunctions
    coulomb: ScreenedCoulomb = field(default_factory=ScreenedCoulomb)
    landmarks: int = 300
    length: float = 3.0
    amplitudes: tuple[float, ...] = (3.0, 1.0, 0.5, 0.5)
    others: tuple[SymmetryFunctions, ...] = ()
    other_length: float = 6.0
    first_weight: float = 0.1
    charges: tuple[float, float] | None = None
    gaps: tuple[float, float] | None = None
    fragments: bool = False
    formal_charges: tuple[tuple[int, float], ...] = ()
    seed: int = 0
    learned_widths: bool = False
    short_range: bool = True

    def __post_init__(self):
        if len(self.amplitudes) < len(HEADS) or not all(a > 0 for a in self.amplitudes):
            raise ValueError(f"EquilibrationConfig.amplitudes: expected at least {len(HEADS)} positive numbers, for {', '.join(HEADS)}; got {self.amplitudes}")
        if len(self.amplitudes) > len(HEADS) and self.charges is None:
            raise ValueError("EquilibrationConfig: several steps need the charges that they are spread over; give charges, or one step")
        if self.fragments != self.coulomb.bonds:
            raise ValueError("EquilibrationConfig: fragments needs coulomb.bonds, and only then; set both")
        check_elements(self.symmetry_functions.elements)

    @classmethod
    def for_elements(cls, elements: tuple[int, ...]) -> EquilibrationConfig:
        """Return the default choices for atoms of these atomic numbers."""
        elements = tuple(sorted(elements))
        return cls(SymmetryFunctions(elements), ScreenedCoulomb(least_width=LEAST_WIDTH), length=2.0, amplitudes=(3.0, 10.0, 2.0, 1.0), others=separate_functions(elements))

    @classmethod
    def for_card(cls, card: ModelCard) -> EquilibrationConfig:
        """Return the default choices for training data of this card."""
        chosen, charges = cls.for_elements(card.elements), card.surface_charge_range
        gap = card.countercharge_gap
        gaps = card.countercharge_gaps or (None if gap is None else (gap, gap))
        if charges is None or not charges[1] > charges[0]:
            return replace(chosen, gaps=gaps)
        return replace(chosen, gaps=gaps, charges=charges, amplitudes=(*chosen.amplitudes[:3], *(chosen.amplitudes[3],) * STEPS))

    @property
    def steps(self) -> tuple[tuple[float, ...], float]:
        """The charges per area sigma_k at which the capacitance changes, and sigma_0 over which it does [e/A^2]."""
        number = len(self.amplitudes) - len(HEADS) + 1
        if self.charges is None:
            return (0.0,), SURFACE_CHARGE
        low, high = self.charges
        return tuple(low + (high - low) * (k + 0.5) / number for k in range(number)), (high - low) / number

    @property
    def several_gaps(self) -> bool:
        """Whether the counter-charges of the training data stand at different distances."""
        return self.gaps is not None and self.gaps[1] - self.gaps[0] > SAME_GAP


def separate_functions(elements: tuple[int, ...]) -> tuple[SymmetryFunctions, SymmetryFunctions]:
    """Return functions of the distances alone, finer and farther than the default ones, and of the angles alone."""
    cutoff, last, spacing, width = FAR
    centres = tuple(round(FIRST + spacing * k, 3) for k in range(round((last - FIRST) / spacing) + 1))
    distances = SymmetryFunctions(elements, cutoff=cutoff, radial=centres, radial_width=width, angular=(), exponents=())
    return distances, SymmetryFunctions(elements, radial=(), exponents=(1, 2, 3, 4), cross=True)
