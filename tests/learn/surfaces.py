"""Surfaces with known saddles, and calculators that count or fail."""

import numpy as np
from ase import Atoms
from ase.build import add_adsorbate, fcc111
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.optimize import BFGS

SCALE = 0.01  # eV for one unit of the surface
MINIMA = np.array([[-0.558224, 1.441726], [-0.050011, 0.466694]])
SADDLE, SADDLE_ENERGY, MINIMUM_ENERGY = np.array([-0.822002, 0.624313]), -40.6648435, -146.6995172


class MullerBrown(Calculator):
    """The surface of Muller and Brown in x and y of one atom, and a spring in z."""

    implemented_properties = ["energy", "forces"]
    a, b, c = np.array([-1.0, -1.0, -6.5, 0.7]), np.array([0.0, 0.0, 11.0, 0.6]), np.array([-10.0, -10.0, -6.5, 0.7])
    height, x, y = np.array([-200.0, -100.0, -170.0, 15.0]), np.array([1.0, 0.0, -0.5, -1.0]), np.array([0.0, 0.5, 1.5, 1.0])

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        place = atoms.positions[0]
        dx, dy = place[0] - self.x, place[1] - self.y
        terms = self.height * np.exp(self.a * dx**2 + self.b * dx * dy + self.c * dy**2)
        slope = [(terms * (2 * self.a * dx + self.b * dy)).sum(), (terms * (self.b * dx + 2 * self.c * dy)).sum(), 100.0 * place[2]]
        self.results = {"energy": SCALE * (terms.sum() + 50.0 * place[2] ** 2), "forces": -SCALE * np.array([slope])}


class Counting(Calculator):
    """Another calculator, with every structure it was asked for; `fails` are numbers of calls that raise."""

    implemented_properties = ["energy", "forces"]

    def __init__(self, inner, fails=()):
        super().__init__()
        self.inner, self.asked, self.fails = inner, [], fails

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.asked.append(atoms.positions.copy())
        if len(self.asked) in self.fails:
            raise RuntimeError("the density did not converge")
        moved = atoms.copy()
        moved.calc = self.inner
        self.results = {"energy": moved.get_potential_energy(), "forces": moved.get_forces(apply_constraint=False)}


def muller_brown_ends():
    """The two minima next to the saddle."""
    return [Atoms("H", positions=[[*place, 0.0]]) for place in MINIMA]


def hydrogen_ends():
    """Relaxed hydrogen in both hollows of Cu(111)."""
    ends = []
    for site in ("fcc", "hcp"):
        atoms = fcc111("Cu", (2, 2, 3), vacuum=8.0)
        add_adsorbate(atoms, "H", 1.0, site)
        atoms.set_constraint(FixAtoms(mask=atoms.get_tags() >= 2))
        atoms.pbc, atoms.calc = (True, True, False), EMT()
        BFGS(atoms, logfile=None).run(fmax=0.02, steps=100)
        ends.append(atoms)
    return ends
