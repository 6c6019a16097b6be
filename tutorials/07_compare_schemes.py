# %% [markdown]
# # Schemes side by side
#
# Several published ways to tell an interatomic potential of charge or potential, trained on the same frames and asked the same questions: energy and forces on trajectories that training never
# saw, the potential at the labelled charge, whether that potential is dE/dQ, what a call costs, and what becomes of the potential below the trained window.
#
# **The budget decides.** `taylor`, `razor` and `equilibration` are linear in their weights: least squares are done in seconds.  `dual` and `template-f` are networks, stopped here after a
# quarter of a minute on whatever machine runs this, far from what they reach in minutes or hours ([accuracy](../docs/accuracy.md)).  The table says how good they are *so soon*, not how
# good they are.

# %%
import os
import shlex
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from electrode import Control, Structure, evaluate
from electrode.cli import main
from electrode.data.files import read_frames
from electrode.data.splits import Split
from electrode.models.conjugate import NoStableState
from electrode.train.config import TrainConfig
from electrode.train.metrics import frame_errors
from electrode.train.train import train

minutes = float(os.environ.get("TUTORIAL_MINUTES", "0.25"))
quick = minutes < 0.2
plt.rcParams.update({"font.size": 9, "xtick.direction": "in", "ytick.direction": "in", "legend.frameon": False, "savefig.dpi": 200})
data = (Path(__file__).parent if "__file__" in globals() else Path.cwd()) / "data"
frames = read_frames(data / "au111_h.xyz.gz")
print(f"{len(frames)} frames of H on Au(111), {len({f.trajectory for f in frames})} geometries at five charges each")

# %% [markdown]
# ## Two divisions
#
# `inside` holds geometries back, at all charges.  `below` holds back the lowest potentials (`electrode split`): nearly all of these geometries are seen in training at other charges, so that what is
# tested is the way in potential alone.

# %%
command = f"electrode split {data / 'au111_h.xyz.gz'} --by potential --hold-out lowest --seed 0 --output below.json --force"
assert main(shlex.split(command)[1:]) == 0
splits = {"inside": Split.from_json(data / "au111_h.split.json"), "below": Split.from_json("below.json")}
parts = {name: {part: list(split.select(frames, part)) for part in ("train", "validation", "test")} for name, split in splits.items()}
for name, some in parts.items():
    lowest = min(f.potential for f in some["train"])
    print(f"{name}: {', '.join(f'{part} {len(fs)}' for part, fs in some.items())}; training above {lowest - 4.44:.2f} V SHE, test from {min(f.potential for f in some['test']) - 4.44:.2f} V")

# %% [markdown]
# ## Training
#
# Defaults of every scheme (`TrainConfig.for_scheme`), seed 0, one model each.  Message passing is made smaller than its default to take some hundred steps at all.

# %%
SCHEMES = {"taylor": {}, "razor": {}, "equilibration": {}, "dual": {}, "template-f": {"representation": {"kind": "invariant", "channels": 16}}}
if quick:
    SCHEMES = {"taylor": {"landmarks": 60, "others": ()}, "dual": {"hidden": (8,)}}
models, seconds = {}, {}
for name, choices in SCHEMES.items():
    for division, some in parts.items():
        start = time.process_time()
        config = TrainConfig.for_scheme(name, max_minutes=min(minutes, 0.02) if quick else minutes, seed=0)
        models[name, division] = train(name, some["train"], some["validation"], config, choices).model
        seconds[name, division] = time.process_time() - start
    print(f"{name}: trained in {seconds[name, 'inside']:.1f} and {seconds[name, 'below']:.1f} CPU s")


# %% [markdown]
# ## Measures
#
# Energy and forces are compared at each model's natural variable (`electrode evaluate` does just that).  The potential at the labelled charge has to be solved for in a model natural in the potential, and
# may not exist.  A frame without it, or more than 2 V off, counts as lost, and not in the error.


# %%
LOST = 2.0  # V


def at_charge(model, frame, charges):
    """Return evaluations at some charges of a frame's geometry, None where there is no stable state."""
    try:
        return evaluate(model, Structure.from_atoms([frame.atoms] * len(charges)), Control(charge=charges))
    except NoStableState:
        return None


def potential_error(model, frames):
    """Return the root mean square error of the potential at the labelled charge [mV], and the number of lost frames."""
    found = [(at_charge(model, f, [f.charge]), f.potential) for f in frames]
    wrong = np.array([np.inf if out is None else abs(out["potential"].item() - label) for out, label in found])
    kept = wrong < LOST
    return 1e3 * float(np.sqrt(np.mean(wrong[kept] ** 2))) if kept.any() else np.nan, int((~kept).sum())


def inconsistency(model, frames, step=1e-4):
    """Return the largest |dE/dQ - Phi| [mV], E by central differences."""
    found = [at_charge(model, f, [f.charge - step, f.charge, f.charge + step]) for f in frames]
    return max(1e3 * abs((e[2] - e[0]) / (2 * step) - phi[1]).item() for e, phi in ((o["canonical_energy"], o["potential"]) for o in found if o is not None))


def call_time(model, frame, calls=10):
    """Return the median CPU time of energy and forces at the natural variable [ms]."""
    structure, control = Structure.from_atoms(frame.atoms), Control(**{model.natural: getattr(frame, model.natural)})
    times = []
    for _ in range(calls):
        start = time.process_time()
        evaluate(model, structure, control)
        times.append(time.process_time() - start)
    return 1e3 * float(np.median(times))


rows = {}
for name in SCHEMES:
    inside, below = models[name, "inside"], models[name, "below"]
    test, beyond = parts["inside"]["test"], parts["below"]["test"]
    errors, far = frame_errors(inside, test), frame_errors(below, beyond)
    rows[name] = {
        "energy": errors["energy_rmse_meV_per_atom"], "forces": errors["force_rmse_meV_per_A"], "potential": potential_error(inside, test)[0],
        "energy below": far["energy_rmse_meV_per_atom"], "forces below": far["force_rmse_meV_per_A"], "potential below": potential_error(below, beyond)[0], "lost": potential_error(below, beyond)[1],
        "gap": inconsistency(inside, test[:5]), "train": seconds[name, "inside"], "call": call_time(inside, test[0]),
    }  # fmt: skip
print(f"{'':14s}|{'unseen geometries':^28s}|{'below the trained window':^38s}|")
print(f"{'scheme':14s}| E meV/atom  F meV/A   Phi mV | E meV/atom  F meV/A   Phi mV     lost | dE/dQ-Phi mV  train s  call ms")
for name, r in rows.items():
    print(
        f"{name:14s}|{r['energy']:11.2f}{r['forces']:9.0f}{r['potential']:9.0f} |{r['energy below']:11.2f}{r['forces below']:9.0f}{r['potential below']:9.0f}{r['lost']:9d} |"
        f"{r['gap']:13.1e}{r['train']:9.1f}{r['call']:9.1f}"
    )
spread = 1e3 * np.std([f.potential for f in parts["inside"]["test"]])
print(f"for scale: the potentials of the test frames spread by {spread:.0f} mV")
assert all(r["gap"] < 0.1 for r in rows.values())  # every scheme here derives its potential from its energy
assert rows["taylor"]["potential"] < 0.2 * spread

# %% [markdown]
# ## Along the potential
#
# One unseen geometry, its charge against potential by DFT, and by models that saw only what lies right of the grey line.

# %%
boundary = min(f.potential for f in parts["below"]["train"]) - 4.44
lowest = min(parts["below"]["test"], key=lambda f: f.potential)
series = sorted((f for f in frames if f.trajectory == lowest.trajectory), key=lambda f: f.charge)
charges = np.linspace(series[0].charge - 0.05, series[-1].charge, 21)
figure, (left, right) = plt.subplots(1, 2, figsize=(6.8, 3.0), layout="constrained")
for (name, r), color in zip(rows.items(), plt.cm.viridis(np.linspace(0.0, 0.85, len(rows)))):
    found = [at_charge(models[name, "below"], lowest, [q]) for q in charges]
    kept = [k for k, out in enumerate(found) if out is not None]
    left.plot([found[k]["potential"].item() - 4.44 for k in kept], charges[kept], color=color, lw=1.2, label=name)
left.plot([f.potential - 4.44 for f in series], [f.charge for f in series], "ko", ms=4, label="DFT")
left.axvline(boundary, color="0.7", lw=0.8, zorder=0)
left.set(xlabel="potential / V SHE (4.44 V absolute)", ylabel="charge of the cell / e", xlim=(-3.0, 1.5))
left.legend(fontsize=7)
place = np.arange(len(rows))
for shift, key, color in ((-0.2, "potential", "C0"), (0.2, "potential below", "C3")):
    right.bar(place + shift, [r[key] for r in rows.values()], 0.4, color=color, label={"potential": "unseen geometries", "potential below": "below the window"}[key])
right.set(ylabel="error of the potential / mV", yscale="log")
right.set_xticks(place, list(rows), rotation=30, ha="right")
right.legend(fontsize=7)
figure.savefig("schemes.png")

# %% [markdown]
# To read such a table: one seed, seven test geometries, and small differences mean nothing; `python -m validation strategies` compares with bootstrap intervals over trajectories.  What is robust is the
# order of magnitude.  Least squares beat a network of seconds.  `razor`'s potential is linear in the charge, which this interface's is not.  Below the window the schemes differ by what they
# assume of the energy in charge: `template-f`, which assumes nothing, loses frames; `equilibration` and `dual` keep the error within a factor of about two.
