# %% [markdown]
# # A scheme of your own in one file
#
# A scheme says one scalar, E(R, Q) or Omega(R, Phi).  Forces, the other variable, the Legendre transform, the loss, the training, the calculator, bands and dynamics follow from it.  This file
# adds one that the package lacks, without touching the package:
#
#     E(R, Q) = sum_i e(G_i) + Q Phi_0(R) + Q^2 / [2 A c(R)]
#     Phi_0(R) = Phi_0 + a sum_i p(G_i)/A              c(R) = c_0 exp[ -a sum_i g(G_i)/A ]
#
# a network of symmetry functions G with three numbers for each atom: its share e of the neutral energy, a dipole p that shifts the potential of zero charge, and how far g it keeps the
# counter-charge from the metal.  Phi_0 and c are the same in a cell twice as large, and the compact layer's capacitance c is positive whatever the weights are.

# %%
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from electrode import Control, ElectrodeCalculator, Structure, evaluate, load_model
from electrode.cli import main
from electrode.data.files import read_frames
from electrode.data.splits import Split
from electrode.examples import example
from electrode.models.store import save_model
from electrode.train.config import TrainConfig
from electrode.train.metrics import frame_errors
from electrode.train.train import train
from electrode.units import UC_PER_CM2

minutes = float(os.environ.get("TUTORIAL_MINUTES", "0.75"))
plt.rcParams.update({"font.size": 9, "xtick.direction": "in", "ytick.direction": "in", "legend.frameon": False, "savefig.dpi": 200})
data = (Path(__file__).parent if "__file__" in globals() else Path.cwd()) / "data"

# %% [markdown]
# The frames ask for this form: the capacitance of H on Au(111) in solvated jellium varies from one geometry to the next, hardly with the charge.

# %%
frames = read_frames(data / "au111_h.xyz.gz")
between, within = [], []
for trajectory in sorted({f.trajectory for f in frames}):
    some = sorted((f for f in frames if f.trajectory == trajectory), key=lambda f: f.charge)
    c = np.diff([f.charge for f in some]) / np.diff([f.potential for f in some]) / some[0].geometry.cell.areas()[2] * UC_PER_CM2
    between.append(c.mean())
    within.append(c.std() / c.mean())
print(f"capacitance {min(between):.0f} to {max(between):.0f} uF/cm2 between geometries; with the charge of one geometry it varies by {100 * np.median(within):.1f} % (median)")

# %% [markdown]
# ## The file
#
# A frozen configuration with `for_elements`, a `Model`, and a `Scheme` that names both.  `kernels` lists what is computed of the atoms alone (once for a training, differentiably elsewhere), `adapt` takes
# scales from the training data, `forward` gives the scalar.  The class attributes of `Model` state what a scheme keeps and what not; the defaults promise everything.

# %%
SCHEME = '''"""A compact layer whose potential of zero charge and capacitance are learned from what is adsorbed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from electrode.models.base import Model, held_charge
from electrode.models.schemes import Scheme
from electrode.nn.capacitor import mean_capacitor
from electrode.nn.networks import ElementNetworks, Slots
from electrode.physics.neighbours import batch_neighbours
from electrode.physics.symmetry_functions import SymmetryFunctions

AREA = 7.0  # a [A^2], of an atom of a close-packed face: makes the network's numbers of order one


@dataclass(frozen=True)
class CompactConfig:
    """Choices of the scheme: the descriptor, widths of the network, first weights."""

    symmetry_functions: SymmetryFunctions
    hidden: tuple[int, ...] = (32, 32)
    seed: int = 0

    @classmethod
    def for_elements(cls, elements: tuple[int, ...]) -> CompactConfig:
        """Return the default choices for atoms of these atomic numbers."""
        return cls(SymmetryFunctions(tuple(sorted(elements))))


class Compact(Model):
    """A parabola in the charge with three learned sums over atoms."""

    natural = "charge"
    symmetry = "E(3)"  # nothing here knows which way is up

    def __init__(self, config: CompactConfig):
        super().__init__()
        self.config, functions = config, config.symmetry_functions
        n, zeros = len(functions.elements), lambda *shape: torch.zeros(*shape, dtype=torch.float64)
        self.network = ElementNetworks(n, functions.n_features, config.hidden, 3, torch.Generator().manual_seed(config.seed))
        self.element_energy = nn.Parameter(zeros(n))
        self.zero_charge = nn.Parameter(zeros(()) + 4.44)
        self.log_capacitance = nn.Parameter(zeros(()) - 4.0)  # ln c_0 [e/V/A^2]
        self.register_buffer("centre", zeros(n, functions.n_features))
        self.register_buffer("width", zeros(n, 1) + 1.0)

    def kernels(self, structure) -> dict:
        """Return the symmetry functions (N, F)."""
        positions, functions = structure.positions.detach().double().numpy(), self.config.symmetry_functions
        pairs = batch_neighbours(positions, structure.cell.double().numpy(), structure.pbc.numpy(), structure.counts.numpy(), functions.cutoff)
        return {"symmetry": functions.bind(structure.numbers.numpy(), positions, pairs)}

    def channel(self, structure):
        """Return which element each atom is, (N,)."""
        return torch.from_numpy(self.config.symmetry_functions.channels(structure.numbers.numpy()))

    def adapt(self, data) -> None:
        """Centre and scale the features, and start from the elements' energies and the mean capacitor of the training data."""
        channel = torch.cat([self.channel(b.structure) for b in data])
        features = torch.cat([b.description["symmetry"] for b in data])
        for k in torch.unique(channel):
            some = features[channel == k]
            self.centre[k], self.width[k] = some.mean(0), (3.0 * some.std(0, unbiased=False).median()).clamp(min=1e-3)
        joined = lambda each: torch.cat([each(b) for b in data])
        level, capacitance = mean_capacitor("charge", joined(lambda b: b.natural), joined(lambda b: b.labels["conjugate"]), joined(lambda b: b.structure.area))
        counts = joined(lambda b: b.structure.total(nn.functional.one_hot(self.channel(b.structure), len(self.centre)).double()))
        energy = joined(lambda b: b.labels["energy"] - level * b.natural)
        with torch.no_grad():
            self.zero_charge.copy_(level)
            self.log_capacitance.copy_(torch.log(capacitance))
            self.element_energy.copy_(torch.linalg.lstsq(counts, energy[:, None], driver="gelsd").solution[:, 0])

    def forward(self, structure, control, description) -> dict:
        """Return E (S,) [eV]."""
        charge, area, channel = held_charge(self, structure, control), structure.area, self.channel(structure)
        slots = Slots.of(channel, len(self.element_energy))
        seen = slots.spread((description["symmetry"] - self.centre[channel]) / self.width[channel])
        energy, dipole, distance = slots.gather(self.network(seen)).unbind(1)
        neutral = structure.total(self.element_energy[channel] + energy)
        zero_charge = self.zero_charge + AREA * structure.total(dipole) / area
        capacitance = area * torch.exp(self.log_capacitance - AREA * structure.total(distance) / area)
        return {"natural_energy": neutral + charge * zero_charge + charge**2 / (2.0 * capacitance)}


COMPACT = Scheme(__name__, "Compact", "CompactConfig", "a compact layer learned from what is adsorbed", "charge", True)
'''
Path("compact.py").write_text(SCHEME)
sys.path.insert(0, str(Path.cwd()))
print(f"compact.py: {len(SCHEME.splitlines())} lines")
assert len(SCHEME.splitlines()) < 250

# %% [markdown]
# Its name is `compact:COMPACT`, the module and the name of the `Scheme` in it: in Python, after `electrode train --scheme`, and in stored models, which therefore need `compact.py` in the working folder or installed.
#
# ## What every model must keep
#
# `electrode.testing.ModelContract` holds tests that a model inherits: forces are the gradient of the energy at fixed charge and at fixed potential, the potential is dE/dQ, Maxwell's relation, the two
# ensembles agree at the matched state, sizes, rotations, permutations, batches, storage.  Bind it before you train.

# %%
TEST = '''
import pytest
import torch
from ase.build import add_adsorbate, fcc111
from electrode.testing import Case, ModelContract
from compact import Compact, CompactConfig

torch.set_num_threads(1)

def slab(size, height, seed):
    atoms = fcc111("Au", size, vacuum=7.0)
    add_adsorbate(atoms, "H", height, "fcc")
    atoms.pbc, atoms.info = (True, True, False), {}
    atoms.rattle(0.1, seed=seed)
    return atoms

class TestCompact(ModelContract):
    @pytest.fixture
    def case(self):
        model = Compact(CompactConfig.for_elements((1, 79))).eval()
        return Case(model, [slab((1, 1, 3), 1.0, 1), slab((2, 1, 2), 1.5, 2)], charge=0.03, potential=4.7)
'''
Path("test_compact.py").write_text(TEST)
contract = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", "test_compact.py"], capture_output=True, text=True)
print(contract.stdout[-400:].strip().splitlines()[-1])
assert contract.returncode == 0, contract.stdout

# %% [markdown]
# ## Training
#
# The ordinary loop: AdamW on energies, forces and potentials, the weights with the lowest validation loss are kept.  Descriptors are computed once.

# %%
split = Split.from_json(data / "au111_h.split.json")
parts = {part: list(split.select(frames, part)) for part in ("train", "validation", "test")}
start = time.process_time()
training = train("compact:COMPACT", parts["train"], parts["validation"], TrainConfig.for_scheme("compact:COMPACT", max_minutes=minutes, seed=0))
model = training.model
print(f"{sum(p.numel() for p in model.parameters())} weights, {training.history[-1]['epoch']} epochs, {time.process_time() - start:.0f} CPU s")
for part, some in parts.items():
    e = frame_errors(model, some)
    print(f"{part:10s} {e['energy_rmse_meV_per_atom']:5.2f} meV/atom  {e['force_rmse_meV_per_A']:4.0f} meV/A  {1e3 * e['potential_rmse_V']:4.0f} mV")
save_model(model, "my-compact", force=True)

# %% [markdown]
# From the shell the same is `electrode train tutorials/data/au111_h.xyz.gz --scheme compact:COMPACT --split tutorials/data/au111_h.split.json --output my-compact`, run where `compact.py` lies; what is stored serves every
# command:

# %%
line = f"electrode evaluate {data / 'au111_h.xyz.gz'} --model my-compact --split {data / 'au111_h.split.json'} --part test"
print(f"$ {line}")
assert main(shlex.split(line)[1:]) == 0

# %% [markdown]
# ## Using it
#
# In the calculator, at a potential; and its charge against potential beside DFT's, on a geometry of the test set.

# %%
atoms = example("hop-initial")
for u in (-0.8, -0.4, 0.0):
    atoms.calc = ElectrodeCalculator("my-compact", potential=u, reference="SHE")
    omega, results = atoms.get_potential_energy(), atoms.calc.results
    print(f"{u:+.1f} V SHE: Omega {omega:.3f} eV, charge {results['charge']:+.3f} e, capacitance {results['capacitance']:.4f} e/V")

series = sorted((f for f in frames if f.trajectory == parts["test"][0].trajectory), key=lambda f: f.charge)
charges = np.linspace(series[0].charge - 0.1, series[-1].charge + 0.1, 41)
out = evaluate(load_model("my-compact"), Structure.from_atoms([series[0].atoms] * len(charges)), Control(charge=charges))
assert (np.diff(out["potential"]) > 0).all()  # a stable state at every charge, by construction
figure, (left, right) = plt.subplots(1, 2, figsize=(6.8, 2.9), layout="constrained")
left.plot(out["potential"] - 4.44, charges, "-", color="C0", lw=1.2, label="my-compact")
left.plot([f.potential - 4.44 for f in series], [f.charge for f in series], "ko", ms=4, label="DFT, not trained on")
left.set(xlabel="potential / V SHE (4.44 V absolute)", ylabel="charge of the cell / e")
left.legend()
found = evaluate(model, Structure.from_atoms([f.atoms for f in parts["test"]]), Control(charge=[f.charge for f in parts["test"]]))["potential"]
label = np.array([f.potential for f in parts["test"]])
right.plot(label - 4.44, found - 4.44, "o", ms=3, color="C0")
right.axline((0.0, 0.0), slope=1.0, color="0.6", lw=0.8, zorder=0)
right.set(xlabel="potential, DFT / V SHE", ylabel="potential, model / V SHE")
figure.savefig("compact.png")

# %% [markdown]
# To make it part of the package instead: move the file to `electrode/models/`, the test to `tests/models/`, and add one line to `SCHEMES` in `electrode/models/schemes.py`; `python docs/schemes_page.py` writes it into
# the page of schemes.
