# %% [markdown]
# # Rates, quantum nuclei and the isotope effect against potential
#
# Hydrogen hops from an fcc to an hcp hollow of Au(111), at three potentials.  The free energy along the hop was sampled by hybrid Monte Carlo with the shipped model
# `au111-h`, with classical nuclei and with 16 beads a nucleus, for H and D (`python -m validation transfer_rate`, half an hour).  This page reads what was sampled:
# slopes of the free energy with error bars, their integral, rates by transition-state theory, and k(H)/k(D).

# %%
import gzip
import json
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from electrode import barriers, load_model
from electrode.examples import example
from electrode.simulate.analysis import estimate
from electrode.simulate.coordinates import Along, inverse_mass
from electrode.simulate.free_energy import Profile, isotope_effect, transition_state_rate
from electrode.simulate.isotopes import KineticEnergy, isotope_effect_by_mass

plt.rcParams.update({"font.size": 9, "xtick.direction": "in", "ytick.direction": "in", "legend.frameon": False, "savefig.dpi": 200})
quick = float(os.environ.get("TUTORIAL_MINUTES", "2")) < 1.0  # a look at what it does, not at what it reaches
here = Path(__file__).parent if "__file__" in globals() else Path.cwd()
sampled = json.loads(gzip.decompress((here / "data" / "transfer_rate.json.gz").read_bytes()))
temperature, masses = sampled["temperature_K"], {"H": 1.008, "D": 2.014}
print(f"{len(sampled['windows'])} windows at {temperature:.0f} K, {sum(len(w['slope']) for w in sampled['windows'])} moves in all")

# %% [markdown]
# ## One window
#
# The centroid is held at a place along the hop; everything else moves.  Moves follow each other, so that neighbouring slopes are alike: the error bar comes from blocks,
# and is larger than the scatter divided by the square root of the number.

# %%
settling = 0.15  # share of the first moves that is left out


def kept(window, name):
    """Return what a window sampled after it settled."""
    values = np.array(window[name])
    return values[int(settling * len(values)) :]


one = kept(sampled["windows"][1], "slope")
blocks, naive = estimate(np.mean, one), one.std() / np.sqrt(len(one))
print(f"mean slope {blocks.value:+.3f} +- {blocks.error:.3f} eV/A by blocks; {naive:.3f} if the {len(one)} values were independent")

# %% [markdown]
# A window whose structures leave what the model was trained on stops there, and says so.  What it sampled before counts, and the reader is told.

# %%
for w in sampled["windows"]:
    if w["stopped"]:
        print(f"{w['potential_V']:+.1f} V, {w['beads']} beads of {w['isotope']}, {w['place_A']:+.2f} A: {w['stopped'].split('.')[0]}")

# %% [markdown]
# ## Profiles and rates

# %%
initial, final = example("hop-initial"), example("hop-final")
along = Along(len(initial) - 1, tuple(final.positions[-1] - initial.positions[-1]))


def windows_of(potential, isotope, beads):
    """Return the windows along the hop, none where one has too few moves; classical ones serve both masses."""
    some = [w for w in sampled["windows"] if w["potential_V"] == potential and w["beads"] == beads and w["isotope"] == ("H" if beads == 1 else isotope)]
    return some if all(len(w["slope"]) >= 50 for w in some) else []


def means_of(windows, name):
    """Return the mean of each window and its standard error."""
    found = [estimate(np.mean, kept(w, name)) for w in windows]
    return np.array([x.value for x in found]), np.array([x.error for x in found])


def profile_of(potential, isotope, beads):
    """Return the free energy along the hop, or None where a window is missing."""
    some = windows_of(potential, isotope, beads)
    return Profile(np.array([w["place_A"] for w in some]), *means_of(some, "slope")) if some else None


potentials = sorted({w["potential_V"] for w in sampled["windows"]})
beads = sorted({w["beads"] for w in sampled["windows"]})
rates = {}
for u in potentials:
    for n in beads:
        for isotope, mass in masses.items():
            if (found := profile_of(u, isotope, n)) is None:
                continue
            heavy = np.where(np.arange(len(initial)) == len(initial) - 1, mass, initial.get_masses())
            try:
                rates[u, n, isotope] = rate = transition_state_rate(found, inverse_mass(along, initial.positions, heavy), temperature)
            except ValueError:
                print(f"{u:+.1f} V, {n:2d} beads, {isotope}: no barrier beyond the noise of the slopes; more moves are needed")
                continue
            print(f"{u:+.1f} V, {n:2d} beads, {isotope}: barrier {1e3 * rate.barrier:3.0f} +- {1e3 * rate.barrier_error:2.0f} meV, rate {rate.rate:.2e} /s +- {rate.rate_error / rate.rate:.0%}")

# %% [markdown]
# ## The isotope effect
#
# Classically the mass enters through the velocity alone: sqrt(2.014/1.008) = 1.41 at any potential, of one profile and so without error.  With beads each isotope has a
# profile of its own, and two noisy profiles make a useless ratio.  dA/d ln m = -<T>, the kinetic energy along the profile, knows the same with a tenth of the error
# ([Vanicek et al. 2005](https://doi.org/10.1063/1.1946740)).

# %%
inverse = tuple(inverse_mass(along, initial.positions, np.where(np.arange(len(initial)) == len(initial) - 1, m, initial.get_masses())) for m in masses.values())
for u in potentials:
    for n in beads:
        if (u, n, "H") not in rates or not windows_of(u, "D", n):
            continue
        light, heavy = rates[u, n, "H"], rates.get((u, n, "D"))
        if n == 1:
            print(f"{u:+.1f} V, classical: k(H)/k(D) = {light.rate / heavy.rate:.2f}")
            assert abs(light.rate / heavy.rate - np.sqrt(masses["D"] / masses["H"])) < 0.02
            continue
        kinetic = [KineticEnergy(masses[i], *means_of(windows_of(u, i, n), "kinetic")) for i in masses]
        effect = isotope_effect_by_mass(profile_of(u, "H", n), *kinetic, inverse, temperature)
        ratio = "" if heavy is None else ", {:.2f} +- {:.2f} from the two rates".format(*isotope_effect(light, heavy))
        print(f"{u:+.1f} V, {n} beads: k(H)/k(D) = {effect[0]:.2f} +- {effect[1]:.2f} from kinetic energies{ratio}")

# %% [markdown]
# ## Beside the static barrier
#
# A relaxed band knows no temperature and no zero-point energy.  Free energies at 300 K lie below it or above it by what the vibrations beside the path do.

# %%
model = load_model("au111-h")
static = barriers(initial, final, model, potentials[:1] if quick else potentials, "SHE")
for row in static.rows:
    line = "".join(f", {'classical' if n == 1 else f'{n} beads'} {1e3 * rates[row.potential_V, n, 'H'].barrier:.0f} +- {1e3 * rates[row.potential_V, n, 'H'].barrier_error:.0f}" for n in beads if (row.potential_V, n, "H") in rates)
    print(f"{row.potential_V:+.1f} V: band {1e3 * row.barrier_eV:.0f} meV{line}" if row.converged else f"{row.potential_V:+.1f} V: band {row.status}")

# %%
figure, panels = plt.subplots(1, len(potentials), figsize=(2.3 * len(potentials), 2.7), layout="constrained", sharey=True)
for panel, u in zip(panels, potentials):
    for n, color in zip(beads, ("0.4", "C0")):
        for isotope, style in zip(masses, ("-", "--")):
            if (found := profile_of(u, isotope, n)) is None or (n == 1 and isotope == "D"):
                continue
            grid, energy = found.dense()
            panel.plot(grid, 1e3 * (energy - energy.min()), style, color=color, lw=1, label="classical" if n == 1 else f"{isotope}, {n} beads")
            panel.errorbar(found.value, 1e3 * (found.energy - energy.min()), 1e3 * found.energy_error, fmt=".", color=color, ms=4, lw=0.8)
    panel.set(title=f"{u:+.1f} V (SHE)", xlabel="along the hop / A")
panels[0].set_ylabel("free energy / meV")
panels[0].legend(fontsize=7)
figure.savefig("profiles.png")

# %% [markdown]
# Hops this fast need no theory of rare events, and electrons that follow at every step are an assumption that hydrogen on gold meets.  For your own step: replace the model,
# the ends and the coordinate in `validation/transfer_rate.py`, look at what the windows stopped for, and double the moves until the errors do not matter.
