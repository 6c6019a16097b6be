"""An interface that is known exactly: E, Q, Phi, C and forces of metal, water, ions and a proton that goes over to the metal.

`python -m validation teacher --layers 2 --frames 500 --seed 0 --output frames.xyz [--neutral]`

    from validation.teacher.interface import Interface         state = Interface(atoms).at_potential(positions, 4.2)
    from validation.teacher.calculator import TeacherCalculator

It is no member of the package's model classes: its charges obey a hardness that is not constant, formal charges move with the proton, its bonds
are many-body, and its double layer has a Gouy-Chapman and higher terms, so that every scheme has something to learn and none is exact.
"""

from validation.teacher.command import main

__all__ = ["main"]
