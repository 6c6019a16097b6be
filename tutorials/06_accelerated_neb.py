# %% [markdown]
# # A barrier with few calls of your own DFT code
#
# A nudged elastic band asks for forces some hundred times, and at a held potential each of them is a search over charges.  `electrode neb --accelerate mine.py` asks your
# code instead at the few structures that tell most of the saddle: a Gaussian process over a classical prior learns E(R, Q) from every call, and what is reported at the
# saddle are your code's own energy and forces.
#
# All that it needs is a file that defines `calculator(potential=None)` (absolute, V), or `calculator(charge=None)` where your code can hold a charge, which is
# cheaper: one self-consistent calculation each.  Here a shipped model plays the expensive code, so that the plain band can be computed too.  Hydrogen hops on Au(111).

# %%
import os
import shlex
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from ase.io import write

from electrode import ElectrodeCalculator, barriers
from electrode.cli import main
from electrode.examples import example
from electrode.learn.accelerate import accelerated_barriers
from electrode.learn.source import Source
from electrode.relax import relax

quick = float(os.environ.get("TUTORIAL_MINUTES", "2")) < 0.5
potentials = [-0.6] if quick else [-0.6, -0.4, -0.2, 0.0]  # V SHE
images, fmax = (5, 0.1) if quick else (7, 0.05)
plt.rcParams.update({"font.size": 9, "xtick.direction": "in", "ytick.direction": "in", "legend.frameon": False, "savefig.dpi": 200})
warnings.filterwarnings("ignore", message=".*outside the trained range")  # bands of a toy may leave it for a step

# %% [markdown]
# ## Your code, in one file
#
# Put your own calculator in `calculator`: for GPAW's solvated jellium `return SJM(sj={"target_potential": potential, ...}, ...)`.  `energy` is then the grand energy and the results
# name `charge` or `excess_electrons`.  This one writes down that it was asked, and stops after `WALLTIME` calls, as a queue would.

# %%
CALCULATOR = """
import os
from pathlib import Path
from electrode import ElectrodeCalculator

LOG = Path("calls.log")

def calculator(potential=None):
    asked = LOG.read_text().splitlines() if LOG.exists() else []
    if len(asked) >= int(os.environ.get("WALLTIME", "1000")):
        raise KeyboardInterrupt("killed by the queue")
    LOG.write_text("".join(f"{line}\\n" for line in [*asked, f"{potential:.3f} V"]))
    return ElectrodeCalculator("au111-h", potential=potential, reference="absolute")
"""
Path("mine.py").write_text(CALCULATOR)
ask = Source.from_file("mine.py").factory  # the function, as the command will find it


def calls():
    """Return how often the code has been asked."""
    return len(Path("calls.log").read_text().splitlines())


# %% [markdown]
# End states relaxed at the lowest potential belong to the input; these calls are the same with any method.

# %%
ends = []
for name in ("initial", "final"):
    atoms, converged, steps = relax(example(f"hop-{name}"), ElectrodeCalculator("au111-h", potential=potentials[0], reference="SHE"), fmax=0.02)
    print(f"{name} state: {'converged' if converged else 'not converged'} in {steps} steps")
    atoms.calc = None
    write(f"{name}.xyz", atoms, format="extxyz")
    ends.append(atoms)

# %% [markdown]
# ## From the shell, killed and resumed
#
# Every call is in the folder `search` the moment it is known.  The first run ends with the queue's limit (exit code 130); the same line with `--resume` asks for nothing twice.

# %%
def shell(line):
    """Run a command of electrode as the shell would, and return its exit code and CPU time [s]."""
    print(f"$ {line}")
    start = time.process_time()
    return main(shlex.split(line)[1:]), time.process_time() - start


command = f"electrode neb initial.xyz final.xyz --accelerate mine.py --output search --potential {potentials[0]} --reference SHE --images {images} --fmax {fmax}"
os.environ["WALLTIME"] = "4"
code, _ = shell(command)
print(f"exit code {code} after {calls()} calls\n")
assert code == 130 and calls() == 4
del os.environ["WALLTIME"]
code, seconds = shell(command + " --resume --json first.json --force")
print(f"exit code {code}, {calls()} calls in all, {seconds:.1f} CPU s of the search itself")
assert code == 0

# %% [markdown]
# ## Further potentials, from Python
#
# All calls serve all potentials, so that a further one costs few.

# %%
start = time.process_time()
found = accelerated_barriers(*ends, ask, potentials, "SHE", folder="search", resume=True, images=images, fmax=fmax)
seconds += time.process_time() - start
for row in found.rows:
    print(f"{row.potential_V:+.1f} V: barrier {row.barrier_eV:.4f} eV, force at the saddle {row.fmax_eV_per_A:.3f} eV/A, charge there {row.saddle_charge_e:+.4f} e; {row.model_calls} calls, {row.status}")
assert all(row.converged for row in found.rows)

# %% [markdown]
# ## The plain band
#
# Where a call costs milliseconds there is nothing to accelerate: the climbing-image band on the same model, from the same end states, to the same force, each potential from its
# neighbour's path.  Every inner image of every step is a call.

# %%
bands = barriers(*ends, "au111-h", potentials, "SHE", images=images, fmax=fmax, relax_endpoints=False).rows
plain = [band.model_calls * (images - 2) for band in bands]
close = barriers(*ends, "au111-h", potentials, "SHE", images=images, fmax=0.02, relax_endpoints=False).rows  # what is right

# %%
print(f"\n{'U/V SHE':>8}{'accelerated/eV':>16}{'calls':>7}{'plain band/eV':>15}{'calls':>7}{'to 0.02 eV/A':>14}")
for row, band, asked, right in zip(found.rows, bands, plain, close):
    print(f"{row.potential_V:8.1f}{row.barrier_eV:16.4f}{row.model_calls:7}{band.barrier_eV:15.4f}{asked:7}{right.barrier_eV:14.4f}")
total, plain_total = sum(row.model_calls for row in found.rows), sum(plain)
print(f"{total} calls against {plain_total}; the search itself took {seconds:.0f} CPU s, which a DFT calculation of minutes hides")
off, plain_off = (max(1e3 * abs(row.barrier_eV - right.barrier_eV) for row, right in zip(rows, close)) for rows in (found.rows, bands))
print(f"largest difference from the band to 0.02 eV/A: accelerated {off:.1f} meV, plain {plain_off:.1f} meV, both to {fmax} eV/A")
assert total == calls() < plain_total / 3 and off < 10.0

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(6.8, 2.9), layout="constrained")
left.plot(potentials, [band.barrier_eV for band in bands], "-", color="0.6", lw=1.2, label="plain band")
left.plot(potentials, [row.barrier_eV for row in close], "k--", lw=0.8, label="plain band to 0.02 eV/A")
left.plot(potentials, [row.barrier_eV for row in found.rows], "o", ms=4, color="C0", label="accelerated")
left.set(xlabel="potential / V SHE (4.44 V absolute)", ylabel="barrier / eV")
left.margins(y=0.3)
left.legend()
right.step(potentials, np.cumsum(plain), where="mid", color="0.6", lw=1.2, label="plain band")
right.plot(potentials, np.cumsum([row.model_calls for row in found.rows]), "o-", ms=4, color="C0", lw=1.2, label="accelerated")
right.set(xlabel="potential / V SHE (4.44 V absolute)", ylabel="calls so far", yscale="log")
right.legend()
figure.savefig("accelerated.png")

# %% [markdown]
# The gain is that of a smooth path with few soft directions.  Where water moves, expect more calls and a coarser barrier: for a proton transfer from hydronium, with `--known-ends`, searches
# from three nearly alike starts took 9 and 16 calls at the first potential, against 220 to 305 of the plain band, and one found no saddle in 35; the two saddles are 30 meV apart.  `electrode learn
# initial.xyz final.xyz --calculator MODULE:FACTORY --output FOLDER` is the same for a calculator that knows no potential.
