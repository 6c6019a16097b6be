"""The user's calculator, asked at a potential or at a charge: what it can hold is read off its factory.

    def calculator(potential=None): ...     an ASE calculator that holds the absolute potential [V]
    def calculator(charge=None): ...        one that holds the net charge of the cell [e]; preferred where both can be named
    def calculator(): ...                   one that knows of neither

A label at a held charge is one self-consistent calculation, where a held potential is a search over several.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
from ase import Atoms

from electrode.learn.calls import ATTEMPTS, call
from electrode.learn.labels import Label

CONTROLS = ("charge", "potential")  # the first that a factory takes is held
NAME = "calculator"


@dataclass(frozen=True)
class Source:
    """A factory of calculators, and what they hold.

    Parameters
    ----------
    factory : called with the one keyword that `holds` names, or without any
    holds : "charge", "potential", or None where the energy knows of neither
    """

    factory: Callable
    holds: str | None

    @classmethod
    def of(cls, factory: Callable) -> Source:
        """Return the source of a factory; raises ValueError if it cannot be called or asks for what is not known."""
        if not callable(factory):
            raise ValueError(f"{NAME}: expected a function that returns an ASE calculator, got {type(factory).__name__}")
        parameters = inspect.signature(factory).parameters.values()
        anything = any(p.kind is p.VAR_KEYWORD for p in parameters)
        names = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        needed = sorted(p.name for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))
        holds = "potential" if anything and not names & set(CONTROLS) else next((c for c in CONTROLS if c in names), None)
        if set(needed) - {holds}:
            raise ValueError(f"{NAME}({', '.join(needed)}): expected at most one argument without default, {' or '.join(CONTROLS)}")
        return cls(factory, holds)

    @classmethod
    def from_file(cls, path: str | Path) -> Source:
        """Return the source that a file of Python defines as `calculator`.

        Raises
        ------
        FileNotFoundError
            if there is no such file.
        ValueError
            if it does not run, or defines no such function.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file; expected a file of Python that defines {NAME}(potential=None) or {NAME}(charge=None)")
        spec = spec_from_file_location(path.stem, path)
        if spec is None:
            raise ValueError(f"{path}: expected a file of Python, whose name ends in .py")
        module = module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except Exception as error:  # the user's own code, which may fail in any way
            raise ValueError(f"{path}: could not be run ({type(error).__name__}: {error})") from error
        if not hasattr(module, NAME):
            raise ValueError(f"{path}: expected a function {NAME}(potential=None) or {NAME}(charge=None), found none of that name")
        return cls.of(getattr(module, NAME))

    def require(self, potential: float | None, charge: float | None) -> None:
        """Raise ValueError unless the calculator can hold what is given: a charge, a potential (by charges too), or neither."""
        if potential is not None and charge is not None:
            raise ValueError("control: expected potential or charge, got both; hold one")
        if self.holds is None and (potential is not None or charge is not None):
            raise ValueError(f"{NAME}: expected a factory that takes charge or potential, got one that takes neither; leave the control out")
        if self.holds is not None and potential is None and charge is None:
            raise ValueError(f"{NAME} takes {self.holds}: expected a potential{' or a charge' if self.holds == 'charge' else ''} to hold, got none")
        if charge is not None and self.holds != "charge":
            raise ValueError(f"{NAME} takes {self.holds}: expected a potential, got a charge")

    def label(self, atoms: Atoms, reason: str, path: np.ndarray | None, potential: float | None, charge: float | None, most: int = ATTEMPTS) -> Label:
        """Return the label of a structure, asked at the charge where charges are held, else at the potential.

        Parameters
        ----------
        atoms, reason, path : see `calls.call`
        potential : [V absolute] that is wanted, and kept as the label's target
        charge : [e] at which the surrogate has it
        most : see `calls.call`
        """
        value = float(charge if self.holds == "charge" else potential)
        state = lambda results, energy: grand_state(results, energy, self.holds, value)
        return call(atoms, lambda: self.factory(**{self.holds: value}), reason, path, state, most, target=potential, held=self.holds)


def in_volts(absolute: float, scale=None) -> str:
    """Return an absolute potential [V] as text, on a scale of `electrode.references` first where there is one."""
    named = [] if scale is None or scale.name == "absolute" else [f"{scale.from_absolute(absolute):.3f} V on {scale.name}"]
    return " = ".join([*named, f"{absolute:.3f} V absolute"])


def grand_state(results: dict, energy: float, holds: str, value: float | None) -> dict:
    """Return E [eV], charge [e] and potential [V absolute] of a calculation.

    `energy` is E where the charge is held and Omega where the potential is, unless the results name `canonical_energy` or
    `grand_energy`; `excess_electrons` may stand for minus the charge.

    Raises
    ------
    ValueError
        if the results lack the charge, or the potential where the charge is held.
    """
    charge = results.get("charge", -results["excess_electrons"] if "excess_electrons" in results else value if holds == "charge" else None)
    potential = results.get("potential", value if holds == "potential" else None)
    if charge is None or potential is None:
        missing = "charge or excess_electrons" if charge is None else "potential"
        raise ValueError(f"results of the calculator: expected {missing} beside energy and forces at a held {holds}, got {', '.join(results)}")
    charge, potential = float(charge), float(potential)
    if "canonical_energy" in results:
        energy = results["canonical_energy"]
    elif "grand_energy" in results or holds == "potential":
        energy = results.get("grand_energy", energy) + potential * charge
    return {"energy": float(energy), "charge": charge, "potential": potential}
