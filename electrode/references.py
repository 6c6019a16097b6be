"""Potential scales: absolute, standard hydrogen, reversible hydrogen, potential of zero charge.

    Phi = U_SHE + Phi_abs(SHE)        U_RHE = U_SHE + (kT ln10 / e) pH        Phi = U_PZC + Phi_PZC

Phi_abs(SHE) belongs to the method that made the data (4.57 V for VASPsol++ with BEEF-vdW, 4.66 V for CANDLE). The
default, 4.44 V, is the recommendation of IUPAC: S. Trasatti, Pure Appl. Chem. 58, 955 (1986),
https://doi.org/10.1351/pac198658070955
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass, field
from numbers import Real

from electrode.units import ROOM_TEMPERATURE, nernst_slope

IUPAC_SHE = 4.44  # absolute potential of the standard hydrogen electrode [V]

_WORDS = ("absolute", "abs", "SHE", "RHE", "PZC")
_USES = {"absolute": ((), ()), "she": ((), ("absolute",)), "rhe": (("ph",), ("absolute",)), "pzc": (("pzc",), ())}  # needed, optional


@dataclass(frozen=True)
class Absolute:
    """The absolute scale, Phi = -mu_e/e: the potential itself, converted by nothing."""

    @property
    def name(self) -> str:
        """Word for the scale."""
        return "absolute"

    def to_absolute(self, u: float) -> float:
        """Return the absolute potential [V] of `u` [V] on this scale."""
        return u

    def from_absolute(self, phi: float) -> float:
        """Return the potential [V] on this scale of the absolute potential `phi` [V]."""
        return phi

    def __str__(self):
        return "absolute"


@dataclass(frozen=True)
class SHE:
    """The standard hydrogen electrode: U_SHE = Phi - Phi_abs(SHE).

    Parameters
    ----------
    absolute : float [V], Phi_abs(SHE) of the method; without it 4.44 V, which `str` then calls the default

    Raises
    ------
    ValueError
        if `absolute` lies outside 3.5 to 5.5 V.
    """

    absolute: float | None = None
    default: bool = field(init=False, compare=False)

    def __post_init__(self):
        _settle_absolute(self)

    @property
    def name(self) -> str:
        """Word for the scale."""
        return "SHE"

    def to_absolute(self, u: float) -> float:
        """Return the absolute potential [V] of `u` [V] on this scale."""
        return u + self.absolute

    def from_absolute(self, phi: float) -> float:
        """Return the potential [V] on this scale of the absolute potential `phi` [V]."""
        return phi - self.absolute

    def __str__(self):
        return f"SHE at {self.absolute:g} V absolute{_origin(self)}"


@dataclass(frozen=True)
class RHE:
    """The reversible hydrogen electrode: U_RHE = Phi - Phi_abs(SHE) + (kT ln10 / e) pH.

    Parameters
    ----------
    ph : float, between -2 and 16
    temperature : float [K]
    absolute : float [V], Phi_abs(SHE) of the method; without it 4.44 V, which `str` then calls the default

    Raises
    ------
    ValueError
        if a value is not finite or not plausible.
    """

    ph: float
    temperature: float = ROOM_TEMPERATURE
    absolute: float | None = None
    default: bool = field(init=False, compare=False)

    def __post_init__(self):
        _check(self.ph, "RHE: pH", -2.0, 16.0, "give the pH of the electrolyte")
        _check(self.temperature, "RHE: temperature [K]", 100.0, 2000.0, "give it in kelvin")
        _settle_absolute(self)

    @property
    def name(self) -> str:
        """Word for the scale."""
        return "RHE"

    @property
    def zero(self) -> float:
        """Absolute potential of this electrode [V]."""
        return self.absolute - nernst_slope(self.temperature) * self.ph

    def to_absolute(self, u: float) -> float:
        """Return the absolute potential [V] of `u` [V] on this scale."""
        return u + self.zero

    def from_absolute(self, phi: float) -> float:
        """Return the potential [V] on this scale of the absolute potential `phi` [V]."""
        return phi - self.zero

    def __str__(self):
        return f"RHE at pH {self.ph:g} and {self.temperature:g} K, SHE at {self.absolute:g} V absolute{_origin(self)}"


@dataclass(frozen=True)
class PZC:
    """Potentials counted from the potential of zero charge of one system: U_PZC = Phi - Phi_PZC.

    Parameters
    ----------
    value : float [V], absolute potential of zero charge of the system

    Raises
    ------
    ValueError
        if `value` lies outside 0 to 12 V.
    """

    value: float

    def __post_init__(self):
        _check(self.value, "PZC: value [V, absolute]", 0.0, 12.0, "give the absolute potential, U_SHE(PZC) + Phi_abs(SHE)")

    @property
    def name(self) -> str:
        """Word for the scale."""
        return "PZC"

    def to_absolute(self, u: float) -> float:
        """Return the absolute potential [V] of `u` [V] on this scale."""
        return u + self.value

    def from_absolute(self, phi: float) -> float:
        """Return the potential [V] on this scale of the absolute potential `phi` [V]."""
        return phi - self.value

    def __str__(self):
        return f"PZC at {self.value:g} V absolute"


def reference(
    name: str,
    *,
    absolute: float | None = None,
    ph: float | None = None,
    temperature: float = ROOM_TEMPERATURE,
    pzc: float | None = None,
) -> Absolute | SHE | RHE | PZC:
    """Return the potential scale of that name, and refuse to guess what it needs.

    Parameters
    ----------
    name : "absolute" or "abs", "SHE", "RHE", "PZC", in any case
    absolute : float [V], Phi_abs(SHE) of the method, for SHE and RHE
    ph : float, for RHE
    temperature : float [K], for RHE
    pzc : float [V, absolute], for PZC

    Raises
    ------
    ValueError
        on an unknown or missing name, on a value that the scale needs and lacks or has no use for, and on values
        that are not plausible.
    """
    word = _word(name)
    needed, optional = _USES[word]
    for key, value in {"absolute": absolute, "ph": ph, "pzc": pzc}.items():
        if key in needed and value is None:
            raise ValueError(f"reference {name!r} needs {key}; got none. Give {key}=...")
        if key not in needed + optional and value is not None:
            raise ValueError(f"reference {name!r} does not use {key}; got {key}={value}. Drop it or name the scale that it belongs to.")
    if word == "she":
        return SHE(absolute)
    if word == "rhe":
        return RHE(ph, temperature, absolute)
    return PZC(pzc) if word == "pzc" else Absolute()


def _word(name) -> str:
    if not isinstance(name, str):
        raise ValueError(f"a potential needs its scale: expected one of {', '.join(_WORDS)}; got {name!r}. Name the scale, for instance reference='SHE'.")
    word = name.strip().lower()
    known = {w.lower(): w for w in _WORDS}
    if word not in known:
        near = difflib.get_close_matches(word, known, n=1, cutoff=0.3)
        hint = f" Did you mean {known[near[0]]!r}?" if near else ""
        raise ValueError(f"unknown potential scale: expected one of {', '.join(_WORDS)}; got {name!r}.{hint}")
    return "absolute" if word == "abs" else word


def _settle_absolute(scale) -> None:
    object.__setattr__(scale, "default", scale.absolute is None)
    if scale.absolute is None:
        object.__setattr__(scale, "absolute", IUPAC_SHE)
    _check(scale.absolute, f"{scale.name}: absolute potential of SHE [V]", 3.5, 5.5, "give the value of the method that made the data, for instance 4.44")


def _origin(scale) -> str:
    return " (default, IUPAC 1986)" if scale.default else ""


def _check(value, what: str, low: float, high: float, mend: str) -> None:
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value) or not low <= value <= high:
        raise ValueError(f"{what}: expected a number from {low:g} to {high:g}; got {value!r}. Do: {mend}.")
