"""Frames of the exact interface from short Langevin trajectories at held potentials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count, islice

import numpy as np
from ase import Atoms, units
from ase.md.langevin import Langevin
from ase.optimize import FIRE

from electrode.data.record import ElectrifiedFrame
from validation.teacher.calculator import TeacherCalculator
from validation.teacher.interface import Interface, State
from validation.teacher.structures import between, ends, interface

METHOD = "exact_interface"
STARTS = ("hydronium", "path", "hydride", "none")  # of trajectories, in turn


@dataclass(frozen=True)
class Plan:
    """What is sampled; every trajectory has its own molecules, number of layers, start, ion and potential.

    Parameters
    ----------
    layers : of water, in turn
    potentials : absolute [V] that trajectories are held at, in turn; ignored where `neutral`
    size : of the slab
    ions : "Na", "Cl" or None, drawn for each trajectory of two layers or more
    per_trajectory : geometries of a trajectory
    states : frames of each geometry: the first at the potential held, the others at potentials drawn between the lowest and the highest
    neutral : hold no charge, and label every geometry once, without charge
    temperature : [K];  step : [fs];  stride, warm_up : steps between geometries, and before the first
    seed : of everything that is drawn
    """

    layers: tuple[int, ...] = (1, 2)
    potentials: tuple[float, ...] = (3.9, 4.2, 4.5, 4.8)
    size: tuple[int, int, int] = (2, 2, 3)
    ions: tuple[str | None, ...] = (None, None, "Na")
    per_trajectory: int = 5
    states: int = 2
    neutral: bool = False
    temperature: float = 350.0
    step: float = 0.5
    stride: int = 20
    warm_up: int = 60
    seed: int = 0

    def __post_init__(self):
        if not self.layers or min(self.layers) < 1 or min(self.per_trajectory, self.states, self.stride) < 1 or not (self.potentials and self.ions):
            raise ValueError(f"Plan: expected layers, potentials, ions, and at least one geometry, state and step, got {self}")


def sample(plan: Plan, number: int) -> list[ElectrifiedFrame]:
    """Return the first `number` frames of a plan."""
    if number < 1:
        raise ValueError(f"sample: expected at least one frame, got {number}")
    trajectories = (trajectory(plan, k) for k in count())
    return list(islice(chain.from_iterable(trajectories), number))


def trajectory(plan: Plan, k: int) -> Iterator[ElectrifiedFrame]:
    """Yield the frames of trajectory `k`, which depend on the plan and `k` alone."""
    rng = np.random.default_rng([plan.seed, k])
    start, turn = STARTS[k % len(STARTS)], k // len(STARTS)
    layers = plan.layers[(k + turn) % len(plan.layers)]
    held = float(plan.potentials[int(rng.integers(len(plan.potentials)))])
    ion = plan.ions[int(rng.integers(len(plan.ions)))] if layers > 1 else None
    name = f"seed{plan.seed}_{'neutral' if plan.neutral else 'held'}_{k:04d}"
    atoms = _start(plan, layers, start, ion, rng)
    atoms.calc = TeacherCalculator(charge=0.0) if plan.neutral else TeacherCalculator(potential=held)
    number = 0
    for moved in _dynamics(atoms, plan, rng):
        world = Interface(moved)
        if plan.neutral:
            states = [world.at_charge(moved.positions, 0.0)]
        else:
            states = world.at_potentials(moved.positions, [held, *rng.uniform(min(plan.potentials), max(plan.potentials), plan.states - 1)])
        for state in states:
            yield frame(moved, state, name, layers, start, number)
            number += 1


def frame(atoms: Atoms, state: State, trajectory: str, layers: int, start: str, number: int = 0) -> ElectrifiedFrame:
    """Return a state as a frame of the record."""
    bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    area = float(np.linalg.norm(np.cross(atoms.cell[0], atoms.cell[1])))
    return ElectrifiedFrame(
        bare, f"{trajectory} frame {number}", {"config_type": start, "layers": layers}, version=1, energy=state.energy, energy_kind="E", n_excess=-state.charge,
        mu=-state.potential, mu_zero="electrolyte", ensemble="fixed_n", phi_she=4.44, countercharge="pb_nonlinear", normal=2, sides=1, area=area,
        scf_converged=True, method_id=METHOD, hardness=1.0 / state.capacitance, forces=state.forces, atomic_charges=state.charges,
        region=np.asarray(atoms.get_array("eir_region")), trajectory=trajectory, system=f"layers{layers}",
    )  # fmt: skip


def relabelled(frames: Sequence[ElectrifiedFrame], shift: float, edge: float) -> list[ElectrifiedFrame]:
    """Return one frame of every geometry at the absolute potential `edge + shift` [V], exact there as anywhere."""
    seen: dict[str, ElectrifiedFrame] = {}
    for f in frames:
        seen.setdefault(f.geometry_id, f)
    return [_at(f, edge + shift) for f in seen.values()]


def _at(f: ElectrifiedFrame, potential: float) -> ElectrifiedFrame:
    state = Interface(f.geometry).at_potential(f.geometry.positions, potential)
    return replace(
        f, energy=state.energy, n_excess=-state.charge, mu=-state.potential, hardness=1.0 / state.capacitance, forces=state.forces, atomic_charges=state.charges
    )


def _start(plan: Plan, layers: int, start: str, ion: str | None, rng: np.random.Generator) -> Atoms:
    """Return the first structure, its largest forces relaxed."""
    seed = int(rng.integers(2**31))
    if start == "path":
        atoms = between(*ends(layers, size=plan.size, seed=seed), float(rng.uniform(0.3, 0.7)))
    else:
        atoms = interface(layers, size=plan.size, added=start, ion=ion, seed=seed)
    atoms.calc = TeacherCalculator(charge=0.0)
    FIRE(atoms, logfile=None, maxstep=0.1).run(fmax=1.0, steps=8 if start == "path" else 40)
    return atoms


def _dynamics(atoms: Atoms, plan: Plan, rng: np.random.Generator) -> Iterator[Atoms]:
    """Yield the structures of a trajectory."""
    atoms.set_momenta(rng.standard_normal((len(atoms), 3)) * np.sqrt(atoms.get_masses() * units.kB * plan.temperature)[:, None])
    motion = Langevin(atoms, plan.step * units.fs, temperature_K=plan.temperature, friction=0.02 / units.fs, fixcm=False, rng=rng)
    motion.run(plan.warm_up)
    for _ in range(plan.per_trajectory):
        motion.run(plan.stride)
        yield atoms
