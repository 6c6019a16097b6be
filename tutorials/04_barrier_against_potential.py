# %% [markdown]
# # A barrier against potential
#
# The Volmer step on Au(111), H3O+ + e- -> H* + H2O, with the model and the end states that come with the package: the barrier at each potential, why it moves,
# and how sure it is.

# %%
import os

import matplotlib.pyplot as plt
import numpy as np

from electrode import ElectrodeCalculator, barriers, load_model
from electrode.examples import example
from electrode.plot import plot_barriers

plt.rcParams.update({"font.size": 9, "xtick.direction": "in", "ytick.direction": "in", "legend.frameon": False, "savefig.dpi": 200})
quick = float(os.environ.get("TUTORIAL_MINUTES", "2")) < 1.0  # a look at what it does, not at what it reaches
potentials = [-0.6, -0.4] if quick else [-0.6, -0.4, -0.2, 0.0]

model = load_model("au111-h3o")
low, high = model.card.potential_range
print(f"trained from {low:.2f} to {high:.2f} V absolute, that is {low - model.card.she_absolute:+.2f} to {high - model.card.she_absolute:+.2f} V (SHE at {model.card.she_absolute} V)")

# %% [markdown]
# ## One structure first
#
# At a held potential `energy` is the grand energy Omega, whose gradient the forces are; the charge follows.  dOmega/dU = -Q, here by differences:

# %%
initial = example("volmer-initial")
initial.calc = ElectrodeCalculator(model, potential=-0.5, reference="SHE")
omega = []
for potential in (-0.51, -0.5, -0.49):
    initial.calc.set(potential=potential)
    omega.append(initial.get_potential_energy())
    charge = initial.calc.results["charge"]
    print(f"{potential:+.2f} V: Omega {omega[-1]:.4f} eV, charge {charge:+.4f} e, C {initial.calc.results['capacitance']:.3f} e/V")
initial.calc.set(potential=-0.5)
initial.get_potential_energy()
slope = (omega[2] - omega[0]) / 0.02
print(f"dOmega/dU {slope:.4f} e, -Q {-initial.calc.results['charge']:.4f} e")
assert abs(slope + initial.calc.results["charge"]) < 1e-3

# %% [markdown]
# ## Bands
#
# Both end states are relaxed at each potential, and each band starts from its neighbour's: seven images, the highest climbing.  `she_error` and `scf_noise` are what
# you know of your data: how sure the absolute potential of SHE is in the method, and what one energy of the reference is worth.

# %%
table = barriers(example("volmer-initial"), example("volmer-final"), model, potentials, "SHE", she_error=0.1, scf_noise=0.002, progress=print)
good = [row for row in table.rows if row.converged]
print(f"\n{table.rows[0].reference}")
for row in table.rows:
    print(f"{row.potential_V:+.2f} V: {row.status}" + (f", barrier {row.barrier_eV:.3f} eV, reaction {row.reaction_energy_eV:+.3f} eV, slope {row.barrier_slope_e:.3f} e, beta {row.beta:.2f}, {row.model_calls} calls" if row.converged else ""))
plot_barriers(table.to_json(), "barrier.png", force=True)

# %% [markdown]
# ## The slope is a charge
#
# d barrier / dU = -(Q_saddle - Q_initial): what the saddle takes up from the electrode.  It is read from one band; differences between bands must agree with it to second
# order in the step.  Where they do not, the path has jumped to another valley, or the states are not relaxed: do not trust a trend before this check.
# beta, the slope of a reduction, is the transfer coefficient of the step.

# %%
u, barrier, charge = (np.array([getattr(row, name) for row in good]) for name in ("potential_V", "barrier_eV", "barrier_slope_e"))
for k in range(len(good) - 1):
    rise, mean = np.diff(barrier)[k] / np.diff(u)[k], charge[k : k + 2].mean()
    print(f"{u[k]:+.2f} to {u[k + 1]:+.2f} V: from the barriers {rise:.3f} eV/V, from the charges {mean:.3f} eV/V")
    assert abs(rise - mean) < 0.05
print(f"barrier {np.polyfit(u, barrier, 1)[0]:.3f} eV/V over all; the charge of the saddle changes by {charge.max() - charge.min():.3f} e, so that the line is hardly bent")

figure, panel = plt.subplots(figsize=(3.4, 2.9), layout="constrained")
panel.plot(u, charge, "o", ms=4, color="C3", label=r"$-(Q_{saddle} - Q_{initial})$")
panel.step([*u], [*(np.diff(barrier) / np.diff(u)), np.nan], where="post", color="C0", lw=1.2, label="difference of barriers")
panel.set(xlabel="potential / V (SHE)", ylabel="slope of the barrier / e", ylim=(0.0, 0.8))
panel.legend(fontsize=7)
figure.savefig("slope.png")

# %% [markdown]
# ## How sure
#
# The budget adds what is known in squares.  The committee's spread speaks for the training data; the zero of SHE moves the barrier by slope times its error, and is
# the largest part here; the noise of the labels counts twice, a barrier being a difference.  Not in it: DFT, the cell, the orientation of the water (0.06
# eV), and anything beyond the trained window, of which the budget tells the distance alone.

# %%
for row in good:
    b = row.error_budget
    parts = f"committee {b.committee_eV:.3f}, zero of SHE {b.she_zero_eV:.3f}, labels {b.scf_noise_eV:.3f}"
    print(f"{row.potential_V:+.2f} V: {row.barrier_eV:.3f} +- {b.total_eV:.3f} eV ({parts}), beyond the trained potentials {b.beyond_potential_V:.2f} V")
    assert abs(b.total_eV**2 - b.committee_eV**2 - b.she_zero_eV**2 - b.scf_noise_eV**2) < 1e-12

# %% [markdown]
# ## Constant charge is another barrier
#
# Calculations at a fixed number of electrons hold the charge instead: the potential moves along the path, by half a volt in a cell of 13 atoms, and the barrier with it.
# The difference to second order, (Delta Q)^2/2C, vanishes only with the area of the cell.

# %%
for row in good[:: max(1, len(good) - 1)]:
    print(f"{row.potential_V:+.2f} V: at constant charge {row.constant_charge_excess_eV:+.3f} eV more than at constant potential")
    assert row.constant_charge_excess_eV > 0.0

# %% [markdown]
# From the shell, with images and figures:
#
#     electrode neb volmer-initial volmer-final --model au111-h3o --potential -0.6 -0.4 -0.2 0.0 --reference SHE --plot barrier.png --path images
