"""`python -m validation density_response [--frames 20] [--points 300] [--epochs 60] [--seed 0] [--plot FILE] [--json FILE]` learns what a field does to a classical interface.

Teacher: four layers of Au(100) of Gaussian charges at one potential (`electrode.physics`), between molecules of three Gaussian charges that
follow the potential under hardnesses, a neutral group each, in a cell periodic along all directions; a field along the normal acts on all.  Atoms stand off their sites and
molecules lie at random.  The response dn is the change of all charges with the field.  The scheme `mledr` sees some points of some
geometries; shown is, for geometries that it has not seen, the error of dn, and the capacitance that follows from the charge of a
face of the metal, sigma = -int dn dz, against the voltage |F| L of the cell: learned, of the same integral of the teacher's density, and of the
teacher's charges themselves.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.build import fcc100, molecule

from electrode.models.mledr import MledrConfig
from electrode.observables import capacitance_curve
from electrode.output import refuse_existing, replacing, write_json
from electrode.physics import ChargeModel, Constraints, Group, electrode_charge, equilibrate_charges
from electrode.physics.charge_interactions import Bulk
from electrode.physics.grids import grid_points, grid_shape, planar_average
from electrode.state import Structure
from electrode.train.density import DensityFrame, DensityTraining, selected, train_density
from electrode.units import UC_PER_CM2

HEIGHT, FIELDS = 30.0, (-0.1, -0.05, 0.05, 0.1)  # of the cell [A]; [V/A]
WIDTH = {79: 0.7, 8: 0.8, 1: 0.8}  # of the Gaussians [A]
ELECTRONEGATIVITY, HARDNESS = {79: 0.0, 8: 8.0, 1: 4.0}, {79: 0.0, 8: 12.0, 1: 12.0}  # [V], [V/e]
SPACING = 0.5  # of the grid [A]
TESTED = 4  # geometries
WAYS = ("slope", "line", "secant")  # of a polynomial at no voltage, of a straight line through all, between the largest


@dataclass(frozen=True)
class Teacher:
    """A geometry with its charges without a field and what answers to one."""

    atoms: Atoms
    answers: dict[float, np.ndarray]

    @classmethod
    def draw(cls, rng: np.random.Generator, molecules: int = 4) -> Teacher:
        """Return a random geometry with its answers."""
        metal = fcc100("Au", (2, 2, 4), vacuum=0.0)
        metal.set_cell([*metal.cell.lengths()[:2], HEIGHT])
        metal.positions[:, 2] += 0.5 * HEIGHT - metal.positions[:, 2].mean()
        metal.rattle(0.06, rng=rng)
        atoms, metal_atoms = metal, len(metal)
        while len(atoms) < metal_atoms + 3 * 2 * molecules:
            atoms = _with_molecule(atoms, metal_atoms, rng, top=(len(atoms) - metal_atoms) // 3 < molecules)
        atoms.pbc = True
        charges = {f: _charges(atoms, f) for f in (0.0, *FIELDS)}
        return cls(atoms, {f: charges[f] - charges[0.0] for f in FIELDS})

    @property
    def structure(self) -> Structure:
        """The geometry as a batch of one."""
        return Structure.from_atoms(self.atoms)

    def response(self, field: float, shape: tuple[int, int, int]) -> np.ndarray:
        """Return dn on the grid [1/A^3], the sum of the Gaussians of all atoms and images."""
        cell, values = self.atoms.cell.lengths(), np.zeros(shape)
        for z in WIDTH:
            of = np.flatnonzero(self.atoms.numbers == z)
            each = [_line(self.atoms.positions[of, k], cell[k], shape[k], WIDTH[z]) for k in range(3)]
            values -= np.einsum("n,ni,nj,nk->ijk", self.answers[field][of], *each, optimize=True)
        return values

    @property
    def plane(self) -> tuple[float, float]:
        """Heights of the middle of the metal and of its upper layer [A]."""
        z = self.atoms.positions[self.atoms.numbers == 79, 2]
        return 0.5 * HEIGHT, float(np.sort(z)[-4:].mean())

    def face(self, field: float) -> float:
        """Return the charge per area of the upper half of the metal [e/A^2]."""
        upper = (self.atoms.numbers == 79) & (self.atoms.positions[:, 2] > 0.5 * HEIGHT)
        return float(self.answers[field][upper].sum()) / np.prod(self.atoms.cell.lengths()[:2])


def _line(x: np.ndarray, length: float, number: int, width: float) -> np.ndarray:
    """Return periodic Gaussians (N, number) of unit integral along one direction."""
    d = np.arange(number) * length / number - x[:, None]
    d -= length * np.rint(d / length)
    images = d[:, :, None] + length * np.arange(-1, 2)
    return np.exp(-((images / width) ** 2)).sum(2) / (np.sqrt(np.pi) * width)


def _with_molecule(atoms: Atoms, metal: int, rng: np.random.Generator, top: bool) -> Atoms:
    """Return the atoms with one molecule more, at a place where it touches none."""
    cell, z = atoms.cell.lengths(), atoms.positions[:metal, 2]
    for _ in range(2000):
        one = molecule("H2O")
        one.euler_rotate(*rng.uniform(0, 360, 3))
        low, high = (z.max() + 3.2, z.max() + 8.0) if top else (z.min() - 8.0, z.min() - 3.2)
        one.positions += [*(rng.uniform(0, 1, 2) * cell[:2]), rng.uniform(low, high)] - one.positions[0]
        d = one.positions[:, None] - atoms.positions
        d -= cell * np.rint(d / cell)
        r, other = np.linalg.norm(d, axis=2), atoms.numbers
        if (r[:, other == 79] > 2.4).all() and (r[:, other != 79] > 1.9).all():
            return atoms + one
    raise ValueError("density_response: no place for a molecule; ask for fewer")


def _charges(atoms: Atoms, field: float) -> np.ndarray:
    of = lambda table: np.array([table[z] for z in atoms.numbers])
    n_metal = int((atoms.numbers == 79).sum())
    groups = [np.arange(n_metal), *np.arange(n_metal, len(atoms)).reshape(-1, 3)]
    model = ChargeModel(of(ELECTRONEGATIVITY), of(HARDNESS), of(WIDTH), Bulk(atoms.cell.array))
    held = Constraints(groups=[Group(g, 0.0) for g in groups], total=None, field=field)
    return equilibrate_charges(model, atoms.positions, held).charges


def frames(teachers: list[Teacher], shape, points: int, config: MledrConfig, rng) -> list[DensityFrame]:
    """Return points of every geometry in every field."""
    grid, found = grid_points(teachers[0].atoms.cell.array, shape), []
    for t in teachers:
        for f in FIELDS:
            found.append(selected(DensityFrame(t.structure, np.array([0.0, 0.0, f]), grid, t.response(f, shape).ravel()), points, config, rng))
    return found


def main(argv: list[str]) -> int:
    """Make the teacher's data, train, compare, draw."""
    parser = argparse.ArgumentParser(prog="python -m validation density_response", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=20, help="geometries to learn from; a quarter as many validate, and four are tested")
    parser.add_argument("--points", type=int, default=300, help="of each geometry and field")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path, help="figure of the profile and of the charge against voltage, .png, .svg or .pdf")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--force", action="store_true")
    arguments = parser.parse_args(argv)
    refuse_existing([arguments.plot, arguments.json], arguments.force)
    torch.set_num_threads(1)
    rng, config = np.random.default_rng(arguments.seed), MledrConfig((1, 8, 79), cutoff=5.0, radial_functions=10, channels=16, seed=arguments.seed)
    teachers = [Teacher.draw(rng) for _ in range(arguments.frames + max(1, arguments.frames // 4) + TESTED)]
    shape = grid_shape(teachers[0].atoms.cell.array, SPACING)
    test, rest = teachers[-TESTED:], teachers[:-TESTED]
    data, check = (frames(some, shape, arguments.points, config, rng) for some in (rest[: arguments.frames], rest[arguments.frames :]))
    print(f"{len(data)} fields and geometries of {len(data[0].density)} points each, of {np.prod(shape)} on the grid; dn {1e3 * np.std(np.concatenate([d.density for d in data])):.3f}e-3 / A^3 rms", flush=True)
    started = time.process_time()
    show = lambda row: print("epoch {epoch}: {training_rms:.2e}, validation {validation_rms:.2e} 1/A^3".format(**row), flush=True) if row["epoch"] % 20 == 0 else None
    model = train_density(data, check, config, DensityTraining(arguments.epochs, seed=arguments.seed), show)
    print(f"trained in {time.process_time() - started:.0f} s of one core")
    results = compare(model, test, shape)
    if arguments.plot:
        draw(results, arguments.plot, arguments.force)
    if arguments.json:
        write_json(arguments.json, {k: v for k, v in results.items() if k != "profile"}, arguments.force)
    return 0


def compare(model, test: list[Teacher], shape) -> dict:
    """Print and return errors, charges of the face and capacitances of geometries that were not learned from."""
    cell, voltages = test[0].atoms.cell.array, np.array(FIELDS) * HEIGHT
    wrong, size, sigma, profile = 0.0, 0.0, {"learned": [], "density": [], "charges": []}, None
    for t in test:
        for f in FIELDS:
            learned, own = model.on_grid(t.structure, np.array([0.0, 0.0, f]), shape), t.response(f, shape)
            wrong, size = wrong + ((learned - own) ** 2).mean(), size + (own**2).mean()
            both = [planar_average(x, cell) for x in (learned, own)]
            sigma["learned"].append(electrode_charge(*both[0], *t.plane))
            sigma["density"].append(electrode_charge(*both[1], *t.plane))
            sigma["charges"].append(t.face(f))
            profile = (both[0][0], both[0][1], both[1][1])
    mean = {k: np.reshape(v, (len(test), -1)).mean(0) for k, v in sigma.items()}
    found = {"rms_share": float(np.sqrt(wrong / size)), "voltages_V": voltages.tolist(), "profile": profile}
    print(f"error of dn on all points of {len(test)} other geometries: {100 * found['rms_share']:.1f} % of its rms")
    print("face charge e/A^2 at cell voltages (V)" + "".join(f"{v:10.2f}" for v in voltages) + "   C uF/cm^2: slope at 0, straight line, secant")
    for name, values in mean.items():
        curve = capacitance_curve(voltages, values, faces=2)
        span = (values[-1] - values[0]) / (curve.drops[-1] - curve.drops[0])
        found[name] = {"sigma": values.tolist(), "slope": curve.at_zero, "line": capacitance_curve(voltages, values, faces=2, degree=1).at_zero, "secant": float(span)}
        print(f"{name:38s}" + "".join(f"{v:10.6f}" for v in values) + " " * 14 + "".join(f"{UC_PER_CM2 * found[name][k]:12.4f}" for k in WAYS))
    for against in ("density", "charges"):
        found[f"error_{against}"] = {k: found["learned"][k] / found[against][k] - 1.0 for k in WAYS}
        print(f"learned against the teacher's {against}: " + ", ".join(f"{k} {100 * v:+.2f} %" for k, v in found[f"error_{against}"].items()))
    one = np.array(sigma["learned"]) / np.array(sigma["density"]) - 1.0
    found["sigma_error_rms"] = float(np.sqrt(np.mean(one**2)))
    print(f"charge of a face of one geometry in one field: {100 * found['sigma_error_rms']:.1f} % rms")
    return found


def draw(results: dict, path: Path, force: bool) -> None:
    """Draw one profile, and the charge of the face against the voltage."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 2.9), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    z, learned, own = results["profile"]
    left.plot(z, 1e3 * own, "-", color="0.6", lw=2.5, label="teacher")
    left.plot(z, 1e3 * learned, "-", color="C0", lw=1.0, label="learned")
    left.set_xlabel("height / A", fontsize="small")
    left.set_ylabel("response, lateral mean / (0.001 / A^3)", fontsize="small")
    for name, mark in (("charges", "s"), ("learned", "o")):
        right.plot(results["voltages_V"], 1e3 * np.array(results[name]["sigma"]), mark, ms=4, fillstyle="none", label={"charges": "teacher's charges"}.get(name, name))
    right.set_xlabel("voltage of the cell / V", fontsize="small")
    right.set_ylabel("charge of a face / (0.001 e/A^2)", fontsize="small")
    for panel in (left, right):
        panel.tick_params(labelsize="small", direction="in", top=True, right=True)
        panel.legend(frameon=False, fontsize="x-small")
    with replacing(path, force) as part:
        figure.savefig(part, dpi=200)
