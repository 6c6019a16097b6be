# %% [markdown]
# # Dynamics at constant potential
#
# Hydrogen on Au(111) at 300 K and -0.2 V (SHE), with a model that comes with the package.  Nuclei move by any dynamics of ASE; a mode says what the charge does:
# it follows the potential (`BornOppenheimer`), or it fluctuates (`Thermopotentiostat`, `ExtendedCharge`).  What both mean for averages and for the capacitance is
# the subject.

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from ase import units
from ase.io import read
from ase.md.langevinbaoab import LangevinBAOAB

from electrode import ElectrodeCalculator
from electrode.examples import example
from electrode.relax import fixed_bottom_layer
from electrode.simulate import BornOppenheimer, ChargeRecorder, ElectrodeDynamics, Thermopotentiostat
from electrode.simulate.analysis import capacitance, estimate, mean_potential
from electrode.simulate.start import with_velocities
from electrode.units import BOLTZMANN, UC_PER_CM2

plt.rcParams.update({"font.size": 9, "xtick.direction": "in", "ytick.direction": "in", "legend.frameon": False, "savefig.dpi": 200})
quick = float(os.environ.get("TUTORIAL_MINUTES", "2")) < 1.0  # a look at what it does, not at what it reaches
steps, settling = (60, 10) if quick else (2400, 200)
temperature, target = 300.0, -0.2

# %% [markdown]
# A fluctuating charge has var(Q) = kT C: in the ten-atom cell 0.07 e, a third of the charges that the model has seen.  Charge per area fluctuates less in a larger
# one, so the cell is repeated to 40 atoms.


# %%
def start(seed):
    """Return the atoms at 300 K with the calculator, the lowest layer held, and the dynamics of their nuclei."""
    rng = np.random.default_rng(seed)
    atoms = with_velocities(fixed_bottom_layer(example("hop-initial").repeat((2, 2, 1))), temperature, rng)
    atoms.calc = ElectrodeCalculator("au111-h", potential=target, reference="SHE")
    return atoms, LangevinBAOAB(atoms, 1.0 * units.fs, temperature_K=temperature, T_tau=100 * units.fs, rng=rng)


atoms, _ = start(0)
atoms.get_potential_energy()
fixed = atoms.calc.results["capacitance"]
area = np.linalg.norm(np.cross(*atoms.cell[:2]))
print(f"{len(atoms)} atoms, charge {atoms.calc.results['charge']:+.4f} e, C at fixed nuclei {fixed:.3f} e/V, that is {UC_PER_CM2 * fixed / area:.1f} uF/cm2")
print(f"expected fluctuation of the charge sqrt(kT C) = {np.sqrt(BOLTZMANN * temperature * fixed):.3f} e")

# %% [markdown]
# ## Two modes
#
# Born-Oppenheimer puts the charge where dE/dQ is the potential of the reservoir, in every step.  The thermopotentiostat lets it relax there with noise that obeys
# the fluctuation-dissipation theorem ([Deissenbeck et al. 2021](https://doi.org/10.1103/PhysRevLett.126.136803)).  Each writes its frames, with charge and
# potential, in the package's record.

# %%
runs = {}
for name, mode in (("Born-Oppenheimer", BornOppenheimer()), ("thermopotentiostat", Thermopotentiostat(temperature=temperature, time_constant=20.0))):
    atoms, nuclei = start(1)
    dynamics = ElectrodeDynamics(nuclei, mode, seed=2)
    Path(f"{name}.traj").unlink(missing_ok=True)  # of an earlier run; nothing is overwritten
    dynamics.write_frames(f"{name}.traj", interval=steps // 10)
    dynamics.run(settling)
    recorder = ChargeRecorder(dynamics)
    dynamics.attach(recorder, interval=1)
    dynamics.run(steps)
    runs[name] = recorder.columns()
    absolute = dynamics.target
    print(f"{name}: {dynamics.time:g} fs, mean temperature {runs[name]['temperature_K'].mean():.0f} K, drift {1e3 * dynamics.drift:.3f} meV/atom")
last = read("thermopotentiostat.traj")
print(f"{len(read('thermopotentiostat.traj', ':'))} frames of the second run; the last: n = {last.info['eir_n_excess']:+.4f} e, mu = {last.info['eir_mu']:.4f} eV, energy of kind {last.info['eir_energy_kind']}")

# %% [markdown]
# ## What the charge says
#
# A fluctuating charge has C = var(Q)/kT, in which both the response at fixed nuclei and that of the structure count; a charge that follows has only the
# second, and the first comes from the model: C = <C(R)> + var(Q)/kT.  Errors are jackknifes over blocks in time.

# %%
thermal, blocks = BOLTZMANN * temperature, 5 if quick else 16
found = {}
for name, run in runs.items():
    c = capacitance(run["charge_e"], run["potential_V"], run["capacitance_e_per_V"], absolute, temperature, blocks=blocks)
    raw = estimate(lambda q: np.var(q) / thermal, run["charge_e"], blocks=blocks)
    mean = mean_potential(run["potential_V"], blocks=blocks)
    found[name] = c, raw, mean
    print(name)
    print(f"  mean charge {run['charge_e'].mean():+.4f} e, <dE/dQ> - Phi {1e3 * (mean.value - absolute):+.1f} +- {1e3 * mean.error:.1f} mV")
    print(f"  var(Q)/kT {raw.value:.3f} +- {raw.error:.3f} e/V")
    print(f"  C {c.total.value:.3f} +- {c.total.error:.3f} e/V = {c.electronic.value:.3f} at fixed nuclei + {c.structural.value:.3f} +- {c.structural.error:.3f} of the structure")
    print(f"  that is {UC_PER_CM2 * c.total.value / area:.1f} +- {UC_PER_CM2 * c.total.error / area:.1f} uF/cm2")

# %% [markdown]
# The variances differ by a factor, as they must, and the capacitances made of them do not.  To take var(Q)/kT of a Born-Oppenheimer run for the capacitance would be
# wrong by the whole electronic part.  `simulate.analysis` reweights structures too, by sqrt(C(R)), in which the two ensembles differ.

# %%
(follows, follows_raw, _), (moves, moves_raw, mean) = found["Born-Oppenheimer"], found["thermopotentiostat"]
off = abs(follows.total.value - moves.total.value) / np.hypot(follows.total.error, moves.total.error)
print(f"totals of the two runs differ by {off:.1f} standard errors, var(Q)/kT of the second and its own total by {abs(moves_raw.value - moves.total.value) / moves_raw.error:.1f}")
if not quick:
    assert follows_raw.value < 0.5 * moves_raw.value and off < 3.0 and mean.within(absolute) and moves_raw.within(moves.total.value)

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(6.8, 2.9), layout="constrained", sharey=True, width_ratios=(2, 1))
for (name, run), color in zip(runs.items(), ("C3", "C0")):
    left.plot(run["time_fs"], run["charge_e"], color=color, lw=0.8, label=name, zorder=3 if color == "C3" else 2)
    right.hist(run["charge_e"], bins=30, density=True, orientation="horizontal", color=color, alpha=0.5)
q = runs["thermopotentiostat"]["charge_e"]
grid = np.linspace(q.min(), q.max(), 200)
variance = thermal * moves.total.value
right.plot(np.exp(-0.5 * (grid - q.mean()) ** 2 / variance) / np.sqrt(2.0 * np.pi * variance), grid, "k-", lw=1.0, label="Gaussian of variance kT C")
left.set(xlabel="time / fs", ylabel="charge of the cell / e")
right.set(xlabel="density / e$^{-1}$")
left.legend(fontsize=7)
right.legend(fontsize=7)
figure.savefig("charge.png")

# %% [markdown]
# ## Restart
#
# A run that is interrupted and goes on from its file is, bit for bit, the run that was not: velocities, charge, random numbers and the guesses of the solver are
# kept.  A file of another model, mode or time step is refused.


# %%
def dynamics_of(charge_mode):
    """Return a new dynamics, always from the same start."""
    _, nuclei = start(7)
    return ElectrodeDynamics(nuclei, charge_mode, seed=8)


mode = Thermopotentiostat(temperature=temperature, time_constant=20.0)
whole, first, second = (dynamics_of(mode) for _ in range(3))
whole.run(20)
first.run(10)
first.save("run.npz", force=True)
second.load("run.npz")
second.run(10)
print(f"largest difference of positions {np.abs(whole.atoms.positions - second.atoms.positions).max()} A, of charges {float(whole.charge_state.charge - second.charge_state.charge)} e")
assert (whole.atoms.positions == second.atoms.positions).all() and whole.charge_state.charge == second.charge_state.charge
try:
    dynamics_of(BornOppenheimer()).load("run.npz")
except ValueError as error:
    print(f"refused: {error}")

# %% [markdown]
# From the shell:
#
#     electrode md hop-initial --model au111-h --mode thermopotentiostat --potential -0.2 --reference SHE --steps 200 --output run.traj --restart run.npz
#
# With so small a cell as its ten atoms the charge soon leaves what the model was trained on, and the run stops at its last good frame.
