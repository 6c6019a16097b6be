# %% [markdown]
# # From DFT outputs to a data set
#
# A folder of grand-canonical calculations becomes one checked file and a split, and five usual mistakes are caught on the way; one is not.  The
# commands are those of the shell; `electrode(...)` below runs them here, with `--force` so that you may run a cell again.

# %%
import contextlib
import io
import shlex
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from electrode.cli import main
from electrode.data.files import read_frames, write_frames
from electrode.data.splits import Split

plt.rcParams.update({"font.size": 9, "xtick.direction": "in", "ytick.direction": "in", "legend.frameon": False, "savefig.dpi": 200})
here = Path(__file__).parent if "__file__" in globals() else Path.cwd()


def electrode(line, part=""):
    """Run a command, print what it says (or the part that begins with these words), and return its exit code."""
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.redirect_stderr(said):
        code = main(shlex.split(line))
    text = said.getvalue()
    print(f"$ electrode {line}\n{part + text.partition(part)[2].partition(chr(10) * 2)[0] if part else text.rstrip()}\n[exit code {code}]\n")
    return code


# %% [markdown]
# ## The outputs
#
# Twelve geometries of H on Au(111), five charges each: solvated-jellium DFT.  So that you need no calculation of your own, the next cell writes the numbers
# of `tutorials/data` as GPAW's SJM logs, shortened to what matters; with logs of your own, leave it out.  OUTCAR and vasprun.xml of VASPsol(++) and CP-VASP,
# outputs of JDFTx, Quantum ESPRESSO and CP2K go the same way.

# %%
HEADER = """
  ___ ___ ___ _ _ _
 |   |   |_  | | | |
 | | | | | . | | | |
 |__ |  _|___|_____|  25.7.0
 |___|_|

Input parameters:
  basis: dzp
  kpts: [4 4 1]
  mode: lcao
  xc: PBE

Non-default Solvated Jellium parameters:
  jelliumregion: {bottom: BOTTOM,
                  top: TOP}

Solvated jellium method (SJM) calculation:
"""
POINT = """Constant-charge calculation with {n:.5f} excess electrons
Jellium counter-charge defined with:
 Bottom:  {bottom:.3f} AA
 Top:  {top:.3f} AA

Converged after 30 iterations.

Free energy:    {energy:.6f}
Extrapolated:   {energy:.6f}

Legendre-transformed energies (grand potential, Omega = E - N mu)
 N (excess electrons):    {n:+.6f}
 mu (-workfunction, eV):   {mu:.6f}
 (Grand) free energy:    {omega:.6f}
 (Grand) extrapolated:   {omega:.6f}

Canonical energy was written into results.

Forces in eV/Ang:
{forces}

"""


def write_log(path, frames):
    """Write the frames of one geometry as one log of GPAW."""
    atoms, bottom = frames[0].geometry, frames[0].countercharge_z
    top = bottom + frames[0].countercharge_thickness
    places = "\n".join(f"{k:4d} {s:2s} " + " ".join(f"{x:11.6f}" for x in r) for k, (s, r) in enumerate(zip(atoms.symbols, atoms.positions)))
    axes = "\n".join(f"  {k + 1}. axis:    {'yes' if p else 'no'}    " + "    ".join(f"{x:.6f}" for x in a) for k, (p, a) in enumerate(zip(atoms.pbc, atoms.cell)))
    text = [HEADER.replace("BOTTOM", f"{bottom:.6f}").replace("TOP", f"{top:.6f}"), f"\nPositions:\n{places}\n\nUnit cell:\n{axes}\n\n"]
    for f in frames:
        forces = "\n".join(f"{k:3d} {s:2s} " + " ".join(f"{x:10.5f}" for x in r) for k, (s, r) in enumerate(zip(atoms.symbols, f.forces)))
        mu = -float(f.info["sjm_electrode_potential"])  # as SJM prints it
        text.append(POINT.format(n=f.n_excess, bottom=bottom, top=top, energy=f.energy, mu=mu, omega=f.energy - mu * f.n_excess, forces=forces))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("Solvated jellium method (SJM) calculation:\n".join(["".join(text[:2]), *text[2:]]))


known = [f for f in read_frames(here / "data" / "au111_h.xyz.gz") if "rat" in f.trajectory]
for k, name in enumerate(sorted({f.trajectory for f in known})[:12]):
    write_log(Path(f"calculations/run-{k:02d}/sjm.txt"), [f for f in known if f.trajectory == name])
print(*sorted(str(p) for p in Path("calculations").rglob("*.txt"))[:3], "...", sep="\n")

# %% [markdown]
# ## One file, in the record
#
# `convert` recognises each output, reads what it says, and writes extended XYZ in which charge, potential and the kind of energy have names and signs of their
# own.  Nothing is guessed: what a code does not print is declared with `--assume`, here the distance of the counter-charge from the metal, which
# belongs to the method.

# %%
logs = " ".join(sorted(str(p) for p in Path("calculations").rglob("sjm.txt")))
assert electrode(f"convert {logs} --assume countercharge_gap=5.5 --output frames.xyz --force") == 0

# %% [markdown]
# ## Is it sound?
#
# `check-data` says what is there, what was assumed and what is wrong, with the rule and what to do.  The strongest rule needs no outside knowledge: dE = Phi dQ
# between charges of one geometry.  Its residual, in mV, says whether energies, charges, potentials and their signs belong together.

# %%
assert electrode("check-data frames.xyz --json report.json --plot coverage.png --force") == 0

# %% [markdown]
# `doctor` asks whether the calculations themselves were good ones: spacing of the charges, curvature, noise.  Give it the series of one geometry.

# %%
assert electrode("doctor calculations/run-00/sjm.txt --potential-tolerance 0.05") == 0

# %% [markdown]
# ## Mistakes, and what says so
#
# 1. A job that the queue killed: the log ends in the middle.

# %%
killed = Path("killed/sjm.txt")
killed.parent.mkdir(exist_ok=True)
killed.write_text(Path("calculations/run-01/sjm.txt").read_text()[:4000])
assert electrode("convert killed/sjm.txt --output killed.xyz --force") != 0
assert electrode("convert killed/sjm.txt --assume partial=true --output killed.xyz --force") == 0  # keep what had finished

# %% [markdown]
# 2. A sign: someone's script wrote the charge where excess electrons belong.
# 3. A grand energy under the name of an energy: GPAW's `.traj` holds Omega where `grand_output` is set.
# 4. A Fermi level that was not referred to the electrolyte, here 0.4 eV off.

# %%
frames = read_frames("frames.xyz")
wrong = {
    "sign": [replace(f, n_excess=-f.n_excess) for f in frames],
    "grand": [replace(f, energy=f.grand_energy, energy_kind="E") for f in frames],
    "zero": [replace(f, mu=f.mu + 0.4) for f in frames],
}
for name, some in wrong.items():
    write_frames(f"{name}.xyz", some, force=True)
    assert electrode(f"check-data {name}.xyz", "what is wrong") == 1

# %% [markdown]
# Each is named from the numbers alone.  What these data cannot tell is the unit of the forces: that takes geometries less than 0.1 A apart, as in a relaxation,
# where energies must rise as the forces say (rule V27).  These twelve are far from each other, and the rule is silent:

# %%
write_frames("unit.xyz", [replace(f, forces=f.forces / 27.2114) for f in frames], force=True)
assert electrode("check-data unit.xyz", "what was measured") == 0

# %% [markdown]
# ## Training, validation, test
#
# 5. The last mistake needs no wrong number.  The five charges of one geometry are nearly one structure; divided frame by frame, the test sees what training
# saw.  `check-data` on several files names the structures that stand in two of them.  `split` divides by trajectory, here one for each log.

# %%
for name, some in (("odd.xyz", frames[1::2]), ("even.xyz", frames[::2])):
    write_frames(name, some, force=True)
assert electrode("check-data odd.xyz even.xyz", "what is wrong") == 0  # a warning, no error
assert electrode("split frames.xyz --by trajectory --seed 0 --output split.json --force") == 0

split = Split.from_json("split.json")
for name in ("train", "validation", "test"):
    write_frames(f"{name}.xyz", split.select(frames, name), force=True)
assert electrode("check-data train.xyz validation.xyz test.xyz", "what is wrong") == 0

# %% [markdown]
# ## A look at the numbers
#
# Energy at fixed charge is a parabola in Q with the potential as its slope, whatever the geometry.  Potential of zero charge and capacitance depend on the
# geometry: that is what a model has to learn.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(6.8, 2.9), layout="constrained")
series = {name: sorted((f for f in frames if f.trajectory == name), key=lambda f: f.charge) for name in sorted({f.trajectory for f in frames})}
constants = []
for name, color in zip(series, plt.cm.viridis(np.linspace(0.0, 0.9, len(series)))):
    q, energy, phi = (np.array([getattr(f, key) for f in series[name]]) for key in ("charge", "energy", "potential"))
    stiffness, zero = np.polyfit(q, phi, 1)
    parabola = np.polyfit(q, energy, 2)
    constants.append((1.0 / stiffness, zero, 0.5 / parabola[0], parabola[1]))
    grid = np.linspace(q[0], q[-1], 50)
    left.plot(q, energy - np.polyval(parabola[1:], q), "o", ms=3, color=color)
    left.plot(grid, parabola[0] * grid**2, "-", lw=0.8, color=color)
    right.plot(q, phi, "o", ms=3, color=color)
    right.plot(grid, np.polyval([stiffness, zero], grid), "-", lw=0.8, color=color)
left.set(xlabel="charge of the cell / e", ylabel="energy without its linear part / eV")
right.set(xlabel="charge of the cell / e", ylabel="potential, absolute / V")
figure.savefig("parabolas.png")
c, zero, c_energy, zero_energy = np.array(constants).T
print(f"potential of zero charge {zero.min():.2f} to {zero.max():.2f} V absolute, capacitance {c.min():.3f} to {c.max():.3f} e/V over {len(c)} geometries")
print(f"energies and potentials agree: largest difference {1e3 * np.abs(zero - zero_energy).max():.0f} mV in the first, {np.abs(c - c_energy).max():.3f} e/V in the second")
assert np.abs(zero - zero_energy).max() < 0.02
