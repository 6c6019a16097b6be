# %% [markdown]
# # A barrier against potential
#
# The Volmer step on Au(111), H3O+ + e- -> H* + H2O, with the model and the end states that come with the package.

# %%
import numpy as np

from electrode import ElectrodeCalculator, barriers, load_model
from electrode.examples import example
from electrode.plot import plot_barriers

model = load_model("au111-h3o")
initial, final = example("volmer-initial"), example("volmer-final")
print(model.card)

# %% [markdown]
# One structure at a potential first.  `energy` is the grand energy Omega, whose gradient the forces are; the charge follows.

# %%
initial.calc = ElectrodeCalculator(model, potential=-0.5, reference="SHE")
print(f"Omega {initial.get_potential_energy():.3f} eV, charge {initial.calc.results['charge']:+.3f} e, C {initial.calc.results['capacitance']:.3f} e/V")
initial.calc.set(potential=-0.6)
print(f"Omega {initial.get_potential_energy():.3f} eV, charge {initial.calc.results['charge']:+.3f} e")

# %% [markdown]
# Then the bands: the end states are relaxed at each potential, and each band starts from its neighbour's.  The slope of the
# barrier is the charge that the saddle takes up, d barrier / dU = -(Q_saddle - Q_initial).

# %%
table = barriers(example("volmer-initial"), final, model, [-0.4, -0.3], "SHE", progress=print)
for row in table.rows:
    print(f"{row.potential_V:+.2f} V: barrier {row.barrier_eV} eV, slope {row.barrier_slope_e}, {row.status}")
if all(row.converged for row in table.rows):
    rise = (table.rows[1].barrier_eV - table.rows[0].barrier_eV) / 0.1
    print(f"slope from the two barriers {rise:.3f}, from the charges {np.mean([r.barrier_slope_e for r in table.rows]):.3f} eV/V")

# %%
plot_barriers(table.to_json(), "barrier.png", force=True)
