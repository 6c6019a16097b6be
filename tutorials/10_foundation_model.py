# %% [markdown]
# # A foundation model at an electrode potential
#
# A pretrained potential knows much of atoms and nothing of charge.  `electrode electrify` leaves it as it is and puts its answer to charge beside it, E(R, Q) = E0(R) + E_response(R, Q), fitted to a few
# charged frames by one linear fit; no weight of the foundation model moves.  How many frames does it take?  Here CHGNet or SevenNet-0 where they are installed (`pip install chgnet sevenn`), ASE's
# EMT otherwise, which knows gold and hydrogen badly: the potential and the charge then still come from the response, energies and forces from EMT.

# %%
import os
import shlex
import time
from importlib.util import find_spec
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from electrode import Control, ElectrodeCalculator, Structure, evaluate
from electrode.cli import main
from electrode.data.files import read_frames
from electrode.data.splits import Split
from electrode.examples import example
from electrode.models.conjugate import NoStableState
from electrode.models.neutral_base import NeutralBase, NeutralBaseConfig
from electrode.train.electrify import draw, electrify
from electrode.train.metrics import frame_errors

quick = float(os.environ.get("TUTORIAL_MINUTES", "2")) < 0.5
base = next((name for name, package in (("chgnet", "chgnet"), ("sevennet-0", "sevenn")) if find_spec(package) and not quick), "emt")
plt.rcParams.update({"font.size": 9, "xtick.direction": "in", "ytick.direction": "in", "legend.frameon": False, "savefig.dpi": 200})
data = (Path(__file__).parent if "__file__" in globals() else Path.cwd()) / "data"
print(f"neutral model: {base}")

# %% [markdown]
# ## From the shell
#
# Thirty frames, two charges of each of fifteen geometries drawn from the training part; errors of the trajectories that none was drawn of, and of the split's other parts.

# %%
command = f"electrode electrify {base} --data {data / 'au111_h.xyz.gz'} --split {data / 'au111_h.split.json'} --frames 30 --correct-neutral --output electrified --force"
print(f"$ {command}")
assert main(shlex.split(command)[1:]) == 0
atoms = example("hop-initial")
for u in (-0.4, 0.0):
    atoms.calc = ElectrodeCalculator("electrified", potential=u, reference="SHE")
    print(f"{u:+.1f} V SHE: Omega {atoms.get_potential_energy():.3f} eV, charge {atoms.calc.results['charge']:+.3f} e, capacitance {atoms.calc.results['capacitance']:.3f} e/V")

# %% [markdown]
# ## Errors against the number of charged frames
#
# Several draws each, since with three frames it matters which.  The test trajectories are those of the split, never drawn from.  With `--correct-neutral` the neutral energy is corrected too; without,
# its own error stays in energies and forces whatever the number of frames.

# %%
frames = read_frames(data / "au111_h.xyz.gz")
split = Split.from_json(data / "au111_h.split.json")
pool, test = list(split.select(frames, "train")), list(split.select(frames, "test"))
neutral = NeutralBase(NeutralBaseConfig.of(base))  # remembers what it has calculated
numbers, seeds = (3, 10, 30), range(1 if quick else 5)


def charge_error(model):
    """Return the root mean square error of the charge at the labelled potential [e], and the number of frames without a stable state."""
    found = []
    for f in test:
        try:
            found.append(evaluate(model, Structure.from_atoms(f.atoms), Control(potential=f.potential))["charge"].item() - f.charge)
        except NoStableState:
            found.append(np.nan)
    return float(np.sqrt(np.nanmean(np.square(found)))), int(np.isnan(found).sum())


start, rows = time.process_time(), {}
for corrected in (False, True):
    for n in numbers:
        rows[corrected, n] = []
        for seed in seeds:
            model = electrify(neutral, draw(pool, n, seed), corrected).model
            errors, (charge, lost) = frame_errors(model, test), charge_error(model)
            rows[corrected, n].append([1e3 * errors["potential_rmse_V"], charge, errors["force_rmse_meV_per_A"], errors["energy_rmse_meV_per_atom"], lost])
print(f"{len(rows) * len(seeds)} fits and their tests in {time.process_time() - start:.0f} CPU s; medians of {len(seeds)} draws, {len(test)} frames of {len({f.trajectory for f in test})} unseen trajectories")
print(f"{'neutral energy':>15}{'frames':>8}{'Phi mV':>9}{'Q e':>9}{'F meV/A':>9}{'E meV/atom':>12}{'no stable state':>17}")
for (corrected, n), found in rows.items():
    phi, q, force, energy, lost = np.median(found, axis=0)
    print(f"{'corrected' if corrected else 'as it is':>15}{n:8d}{phi:9.0f}{q:9.4f}{force:9.0f}{energy:12.1f}{lost:17.0f}")
median = {key: np.median(found, axis=0) for key, found in rows.items()}
scale = 1e3 * np.std([f.potential for f in test]), np.std([f.charge for f in test]), 1e3 * np.sqrt(np.mean([f.forces**2 for f in test]))
print(f"for scale, the spread of the labels: {scale[0]:.0f} mV, {scale[1]:.3f} e, forces {scale[2]:.0f} meV/A")
assert median[True, 30][0] < median[True, 3][0] and median[True, 30][0] < 0.3 * scale[0]

# %%
figure, panels = plt.subplots(1, 3, figsize=(7.2, 2.7), layout="constrained")
for panel, k, label in zip(panels, range(3), ("error of the potential / mV", "error of the charge / e", r"error of the forces / meV $\AA^{-1}$")):
    for corrected, color in ((False, "C0"), (True, "C3")):
        found = np.array([[row[k] for row in rows[corrected, n]] for n in numbers])
        panel.plot(numbers, np.median(found, 1), "o-", ms=4, lw=1.2, color=color, label="neutral energy corrected" if corrected else "neutral energy as it is")
        panel.fill_between(numbers, found.min(1), found.max(1), color=color, alpha=0.15, lw=0)
    panel.axhline(scale[k], color="0.7", lw=0.8, ls="--", zorder=0)
    panel.set(xscale="log", xlabel="charged frames", ylabel=label, ylim=(0.0, None))
    panel.set_xticks(numbers, [str(n) for n in numbers])
    panel.xaxis.minorticks_off()
panels[0].legend(fontsize=6)
figure.suptitle(f"{base}; dashed: spread of the labels", fontsize=8)
figure.savefig("electrified.png")

# %% [markdown]
# Potential and charge are those of the response, which is fitted to the differences between charges of one geometry: the same for every foundation model, 60 mV and 0.017 e from thirty frames.  Forces and energies
# are the foundation model's until enough geometries correct it.  With CHGNet (five draws) the forces go from 418 to 298, 176 and 120 meV/A with 3, 10 and 30 frames; energies become worse with three frames (60 against
# 32 meV/atom) and better from ten (12, then 6).  With EMT, whose forces on hydrogen are off by several eV/A, no correction of this size is enough.  For the barrier of the Volmer step from 3, 10 and 30 frames see `python
# -m validation electrify`.
