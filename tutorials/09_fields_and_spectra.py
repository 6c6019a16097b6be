# %% [markdown]
# # Fields, Born charges and an infrared spectrum
#
# In a uniform field F the scalar is the electric enthalpy H(R, F).  Its derivatives are all that a spectrum needs: forces -dH/dR, dipole P = -dH/dF, polarisability alpha = dP/dF, Born charges (polar
# tensors) Z = dP/dR.  The scheme `enthalpy` learns one network for H, from labels of any of these.
#
# Reference data come from a classical molecule written below, so that every answer is known exactly: a flexible, polarisable water molecule.  With your own DFT, frames of the same record
# (`eir_efield`, `REF_dipole`, `REF_bec`, `REF_polarizability`) take their place.

# %%
import os
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
from ase import Atoms, units
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS

from electrode import Control, ElectrodeCalculator, Structure, evaluate
from electrode.data.files import write_frames
from electrode.data.record import ElectrifiedFrame
from electrode.models.base import Model
from electrode.observables.infrared import infrared
from electrode.thermo import response
from electrode.train.config import TrainConfig
from electrode.train.metrics import frame_errors
from electrode.train.train import train

quick = float(os.environ.get("TUTORIAL_MINUTES", "2")) < 0.5
plt.rcParams.update({"font.size": 9, "xtick.direction": "in", "ytick.direction": "in", "legend.frameon": False, "savefig.dpi": 200})

# %% [markdown]
# ## The exact molecule
#
# Morse bonds, a harmonic angle, charges that shrink as a bond is stretched, and a polarisability that grows with it, so that neither Z nor alpha is constant.  Any scalar in torch is a model of the
# package: `evaluate`, `response` and the calculator take it as it is.


# %%
class Water(Model):
    """H(R, F) = V(R) - P(R).F - F.alpha(R).F/2 of molecules O, H, H."""

    natural, uses_field = "charge", True

    def forward(self, structure, control, description):
        """Return H (S,) [eV]."""
        r = description["positions"].reshape(-1, 3, 3)
        bonds = r[:, 1:] - r[:, :1]
        length = bonds.norm(dim=2)
        stretch, along = length - 0.96, bonds / length[:, :, None]
        angle = torch.arccos((along[:, 0] * along[:, 1]).sum(1))
        energy = (5.0 * (1.0 - torch.exp(-2.2 * stretch)) ** 2).sum(1) + 2.2 * (angle - 1.824) ** 2
        field = torch.zeros_like(r[:, 0]) if control.field is None else control.field.expand(len(r), 3)
        dipole = (0.33 * torch.exp(-0.8 * stretch)[:, :, None] * bonds).sum(1)
        induced = 0.05 * field.square().sum(1) + (0.03 * (1.0 + 1.5 * stretch) * (along * field[:, None]).sum(2) ** 2).sum(1)
        return {"natural_energy": energy - (dipole * field).sum(1) - 0.5 * induced}


exact = Water()
HALF = 0.912  # of the angle
PLACES = 0.96 * np.array([[0.0, 0.0, 0.0], [np.sin(HALF), 0.0, np.cos(HALF)], [-np.sin(HALF), 0.0, np.cos(HALF)]])


def labelled(number, seed):
    """Return frames of distorted, turned molecules; every second in a random field, the others with Born charges and polarisability."""
    rng, frames = np.random.default_rng(seed), []
    for k in range(number):
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        atoms, field = Atoms("OH2", (PLACES + 0.03 * rng.normal(size=(3, 3))) @ turn), 0.3 * rng.normal(size=3) * (k % 2)
        structure, control = Structure.from_atoms(atoms), Control(charge=0.0, field=field)
        out, tensors = evaluate(exact, structure, control), response(exact, structure, control)
        answers = {} if k % 2 else {"born_charges": tensors["born_charges"].reshape(3, 9).numpy(), "polarizability": tensors["polarizability"].flatten().numpy()}
        frames.append(
            ElectrifiedFrame(
                atoms, where=f"seed {seed}, molecule {k}", version=1, energy=out["enthalpy"].item(), energy_kind="enthalpy", n_excess=0.0, ensemble="fixed_n", efield=field,
                forces=out["forces"].numpy(), dipole=out["dipole"][0].numpy(), method_id="classical water", trajectory=k, scf_converged=True, countercharge="none", **answers,
            )
        )  # fmt: skip
    return frames


training, validation, test = (labelled(n, seed) for seed, n in enumerate((16, 6, 6) if quick else (160, 40, 40)))
write_frames("water.xyz", [*training, *validation, *test], force=True)
spread = np.sqrt(np.mean([f.forces**2 for f in test]))
print(f"{len(training)} frames to train on; forces of {spread:.2f} eV/A, fields of up to {max(np.linalg.norm(f.efield) for f in training):.2f} V/A")

# %% [markdown]
# ## Training
#
# A small network; the descent is short and full-batch quasi-Newton steps (`polish`) finish it, which suits small sets.  From the shell: `electrode train water.xyz --scheme enthalpy --config c.yaml
# --output my-water`, with the same choices in YAML.

# %%
shape = {"channels": 8, "layers": 2, "radial_functions": 6, "cutoff": 2.5}
config = TrainConfig.for_scheme(
    "enthalpy", epochs=2 if quick else 20, batch_size=10, averaging=0.9, validate_every=2, polish=1 if quick else 150, polish_share=0.9, max_minutes=20, seed=0
)
start = time.process_time()
model = train("enthalpy", training, validation, config, {"representation": shape, "readout_hidden": 16}).model
print(f"trained in {time.process_time() - start:.0f} CPU s")
for name, some in (("training", training), ("test", test)):
    e = frame_errors(model, some)
    print(
        f"{name:9s} {e['energy_rmse_meV_per_atom']:.2f} meV/atom, forces {e['force_rmse_meV_per_A']:.0f} meV/A, dipole {e['dipole_rmse_eA']:.4f} e A, "
        f"Born charges {e['born_charge_rmse_e']:.3f} e, polarisability {e['polarizability_rmse_eA2_per_V']:.4f} e A^2/V"
    )
assert quick or e["force_rmse_meV_per_A"] < 0.1e3 * spread

# %% [markdown]
# Translation moves no dipole of a neutral molecule, so that the Born charges of all atoms add up to zero; and Z is at the same time the change of the force with the field.  Both hold for a network of any weights.

# %%
flat = Atoms("OH2", PLACES)
born = response(model, Structure.from_atoms(flat), Control(charge=0.0))["born_charges"].numpy()
forces = [evaluate(model, Structure.from_atoms(flat), Control(charge=0.0, field=(0.0, 0.0, f)))["forces"].numpy() for f in (-1e-3, 1e-3)]
print(f"sum of Born charges {np.abs(born.sum(0)).max():.1e} e; Z_z against dF/dF_z {np.abs((forces[1] - forces[0]) / 2e-3 - born[:, 2]).max():.1e} e")
assert np.abs(born.sum(0)).max() < 1e-9 and np.abs((forces[1] - forces[0]) / 2e-3 - born[:, 2]).max() < 1e-5

# %%
if quick:
    model = exact  # what was trained for a second is no molecule; what follows needs one

# %% [markdown]
# ## Normal modes
#
# Harmonic frequencies and infrared strengths |sum_i Z_i u_i/sqrt(m_i)|^2 of the relaxed molecule, exact and learned.

# %%
MASS = flat.get_masses().repeat(3)


def relaxed(model, field):
    """Return the molecule relaxed with its axis along the field (0, 0, field) [V/A]."""
    atoms = Atoms("OH2", PLACES)
    atoms.calc = ElectrodeCalculator(model, charge=0.0, field=(0.0, 0.0, field))
    BFGS(atoms, logfile=None).run(fmax=1e-4, steps=100)
    return atoms


def modes(model, atoms, field=0.0, step=2e-3):
    """Return the three vibrations: wave numbers [1/cm], displacements of unit mass-weighted length, infrared strengths [e^2/amu]."""
    images = [atoms.positions + sign * step * unit.reshape(3, 3) for unit in np.eye(9) for sign in (1.0, -1.0)]
    out = evaluate(model, Structure.from_atoms([Atoms(atoms.numbers, r) for r in images]), Control(charge=0.0, field=(0.0, 0.0, field)))
    pull = out["forces"].numpy().reshape(9, 2, 9)
    hessian = -(pull[:, 0] - pull[:, 1]) / (2.0 * step)
    values, vectors = np.linalg.eigh(0.5 * (hessian + hessian.T) / np.sqrt(np.outer(MASS, MASS)))
    wave = np.sqrt(np.abs(values[6:])) * units._hbar * 1e10 / np.sqrt(units._e * units._amu) / units.invcm
    moves = vectors[:, 6:].T / np.sqrt(MASS)
    born = response(model, Structure.from_atoms(atoms), Control(charge=0.0, field=(0.0, 0.0, field)))["born_charges"].numpy()
    return wave, moves, np.square(np.einsum("iab,kib->ka", born, moves.reshape(3, 3, 3))).sum(1)


still = {"exact": relaxed(exact, 0.0), "learned": relaxed(model, 0.0)}
found = {name: modes(one, still[name]) for name, one in (("exact", exact), ("learned", model))}
for k, name in enumerate(("bend", "symmetric stretch", "asymmetric stretch")):
    (a, _, i), (b, _, j) = found["exact"], found["learned"]
    print(f"{name:19s} exact {a[k]:7.1f}, learned {b[k]:7.1f} 1/cm; strength {i[k]:.4f}, {j[k]:.4f} e^2/amu")
assert np.abs(found["learned"][0] / found["exact"][0] - 1.0).max() < 0.05

# %% [markdown]
# ## A spectrum from a trajectory
#
# Dynamics with the learned model, all three modes started with the same small energy; the spectrum is that of the dipole's changes.  A molecule in vacuum has no density: the volume given (1000 A^3) only
# sets the scale of the absorption.  One picosecond resolves 33 1/cm, so that the two stretches are one band.

# %%
temperature, step, steps = 30.0, 0.25, 400 if quick else 4000  # K, fs
atoms, moves = still["learned"].copy(), found["learned"][1]
atoms.calc = ElectrodeCalculator(model, charge=0.0, field=(0.0, 0.0, 0.0))
atoms.set_velocities(np.sqrt(2.0 * units.kB * temperature) * moves.sum(0).reshape(3, 3))
dynamics, dipoles, energies = VelocityVerlet(atoms, timestep=step * units.fs), [], []
dynamics.attach(lambda: (dipoles.append(atoms.calc.results["dipole"].copy()), energies.append(atoms.get_total_energy())))
start = time.process_time()
dynamics.run(steps)
spectrum = infrared(step, 1000.0, temperature, dipoles=np.array(dipoles), resolution=40.0)
print(f"{steps} steps in {time.process_time() - start:.0f} CPU s; the energy stays within {1e3 * np.ptp(energies):.2f} meV of {3e3 * units.kB * temperature:.1f} meV put in")
for name, some in (("bend", [0]), ("stretches", [1, 2])):
    waves, exactly = (found[which][0][some] for which in ("learned", "exact"))
    near = np.flatnonzero(np.abs(spectrum.wavenumbers - waves.mean()) < 400.0)
    peak = spectrum.wavenumbers[near][np.argmax(spectrum.absorption[near])]
    print(f"{name}: peak at {peak:.0f} 1/cm; normal modes learned {', '.join(f'{w:.0f}' for w in waves)}, exact {', '.join(f'{w:.0f}' for w in exactly)}")
    assert quick or np.abs(peak - waves).min() < 40.0

# %% [markdown]
# ## Stark shifts
#
# A field along the molecular axis stretches its bonds: the vibrational Stark effect, by which fields at electrodes are measured.  Fields of training had a standard deviation of 0.3 V/A in each direction.

# %%
fields = np.array([-0.4, 0.4]) if quick else np.linspace(-0.4, 0.4, 5)
shifts = {name: np.array([modes(one, relaxed(one, f), f)[0] for f in fields]) for name, one in (("exact", exact), ("learned", model))}
slopes = {name: np.polyfit(fields, values, 1)[0] for name, values in shifts.items()}
print("Stark tuning of bend and stretches [1/cm per V/A]:", "; ".join(f"{name} {', '.join(f'{s:.0f}' for s in slope)}" for name, slope in slopes.items()))

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(6.8, 2.9), layout="constrained")
left.plot(spectrum.wavenumbers, spectrum.absorption / spectrum.absorption.max(), color="C0", lw=1.0, label="trajectory, learned")
for k, wave in enumerate(found["exact"][0]):
    left.axvline(wave, color="0.6", lw=0.8, ls="--", zorder=0, label=None if k else "normal modes, exact")
left.set(xlabel="wave number / cm$^{-1}$", ylabel="absorption / largest", xlim=(1000.0, 4600.0))
left.legend(fontsize=7)
for k, (name, color) in enumerate((("bend", "C2"), ("symmetric stretch", "C0"), ("asymmetric stretch", "C3"))):
    base = shifts["exact"][len(fields) // 2, k]
    right.plot(fields, shifts["exact"][:, k] - base, "-", color=color, lw=1.2, label=name)
    right.plot(fields, shifts["learned"][:, k] - shifts["learned"][len(fields) // 2, k], "o", ms=4, color=color)
right.set(xlabel=r"field / V $\AA^{-1}$", ylabel="shift / cm$^{-1}$", title="lines exact, points learned")
right.title.set_fontsize(8)
right.legend(fontsize=7)
figure.savefig("spectrum.png")
