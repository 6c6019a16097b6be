# %% [markdown]
# # Train a dual model on grand-canonical DFT
#
# Hydrogen on Au(111), solvated-jellium DFT at five charges of each geometry.  Frames are divided by trajectory: frames of one
# geometry never stand on both sides.

# %%
import os
from pathlib import Path

from electrode.data.files import read_frames
from electrode.data.splits import Split
from electrode.models.store import save_model
from electrode.train.fit import TrainConfig
from electrode.train.metrics import frame_errors
from electrode.train.train import train

folder = Path(__file__).parent / "data"
frames = read_frames(folder / "au111_h.xyz.gz")
split = Split.from_json(folder / "au111_h.split.json")
parts = {name: split.select(frames, name) for name in ("train", "validation", "test")}
print({name: len(some) for name, some in parts.items()})

# %% [markdown]
# A model that is natural in the potential is fitted to Omega, to the forces and to the charge -dOmega/dPhi of each frame.
# Two minutes reach about 2 meV/atom, 50 meV/A and 0.01 e on the test set; here a quarter of a minute shows the way.

# %%
minutes = float(os.environ.get("TUTORIAL_MINUTES", "0.25"))
result = train("dual", parts["train"], parts["validation"], TrainConfig(max_minutes=minutes, seed=0))
for name, some in parts.items():
    e = frame_errors(result.model, some)
    print(f"{name:10s} {e['energy_rmse_meV_per_atom']:.2f} meV/atom  {e['force_rmse_meV_per_A']:.0f} meV/A  {e['charge_rmse_e']:.4f} e")

# %%
save_model(result.model, "my-model", force=True)
