"""Parts of `bench`: imports and first calls, training, and images evaluated together."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time

import numpy as np
import torch

from electrode.calculator import ElectrodeCalculator, to_record
from electrode.data.record import ElectrifiedFrame
from electrode.examples import example
from electrode.models.schemes import find_scheme
from electrode.models.store import build_model, load_model
from electrode.state import Control, Structure
from electrode.thermo import evaluate
from electrode.train.blocks import batches, blocks
from electrode.train.config import TrainConfig
from electrode.train.loss import loss
from validation._wet_gold import wet_gold

IMPORT = "import json, sys, time; a = time.process_time(); import electrode; print(json.dumps([time.process_time() - a, [m for m in ('torch', 'numba') if m in sys.modules]]))"
FIRST = """
import json, time
from validation._wet_gold import wet_gold
from electrode.calculator import ElectrodeCalculator
atoms = wet_gold(21)
atoms.calc = ElectrodeCalculator("au111-h3o", potential=-0.5, reference="SHE")
a = time.process_time(); atoms.get_forces(); print(json.dumps(time.process_time() - a))
"""
PEER_RATE = {"dual": ("PaiNN", 22.0, 10.0), "template-f": ("PaiNN", 22.0, 1.5)}  # measured before, in a run of its own [structures per CPU second]; target


def told(python: str, script: str, **environment: str):
    """Return what a script printed in a process of its own."""
    done = subprocess.run([python, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True, env={**os.environ, **environment})
    return json.loads(done.stdout.splitlines()[-1])


def of_start(python: str) -> None:
    """Print the time of the import, and of a first call with kernels compiled anew and with kernels kept."""
    seconds, loaded = min(told(python, IMPORT) for _ in range(3))
    print(f"\nimport electrode: {seconds:.3f} s, loads {', '.join(loaded) or 'neither torch nor numba'}; target 0.3: {'met' if seconds < 0.3 and not loaded else 'not met'}")
    with tempfile.TemporaryDirectory() as folder:
        anew, kept = (told(python, FIRST, NUMBA_CACHE_DIR=folder) for _ in range(2))
    print(f"first call: {anew:.1f} s with kernels compiled, {kept:.2f} s with kernels kept")


def frames(number: int) -> list[ElectrifiedFrame]:
    """Return frames of 52 atoms with labels of the shipped model."""
    rng, atoms, found = np.random.default_rng(0), wet_gold(52), []
    for _ in range(number):
        atoms.positions += rng.normal(scale=0.01, size=atoms.positions.shape)
        atoms.calc = ElectrodeCalculator("au111-h3o", potential=4.0, reference="absolute")
        found.append(ElectrifiedFrame.from_atoms(to_record(atoms)))
    return found


def of_training(number: int = 24) -> None:
    """Print structures of 52 atoms per CPU second in steps of four, energies and forces in the loss."""
    print(f"\n{'training, 52 atoms':26s} {'describe once, ms':>18s} {'structures/s':>13s} {'peer':>14s} {'ratio':>7s} {'target':>7s}")
    known = frames(number)
    for scheme, (peer, rate, target) in PEER_RATE.items():
        model = build_model(scheme, find_scheme(scheme).config().for_elements((1, 8, 79)))
        start = time.process_time()
        data = blocks(model, known)
        described = time.process_time() - start
        model.adapt(data)
        seconds = steps(model, data)
        print(f"{scheme:26s} {1e3 * described / number:18.1f} {1 / seconds:13.1f} {f'{peer} {rate:.0f} *':>14s} {1 / seconds / rate:7.1f} {target:7.1f} {'met' if 1 / seconds >= target * rate else 'not met'}", flush=True)
    print("* measured before, in a run of its own")


def steps(model, data) -> float:
    """Return the least CPU time for each structure of a step with its gradient [s]."""
    config, optimiser, times = TrainConfig(), torch.optim.AdamW(model.parameters()), []
    for _ in range(2):
        for batch in batches(data, 4, np.random.default_rng(0)):
            start = time.process_time()
            optimiser.zero_grad()
            loss(config.terms, batch, batch.predict(model, True)).backward()
            optimiser.step()
            times.append((time.process_time() - start) / len(batch))
    return min(times[1:])


def of_bands(images: int = 7) -> None:
    """Print the time of the images of a band evaluated together and one after another."""
    model, rng, band = load_model("au111-h3o"), np.random.default_rng(0), []
    for _ in range(images):
        band.append(example("volmer-initial"))
        band[-1].positions += rng.normal(scale=0.02, size=band[-1].positions.shape)
    together, single, control = Structure.from_atoms(band), [Structure.from_atoms(atoms) for atoms in band], Control(potential=4.0)
    one, many = (_least(call) for call in (lambda: evaluate(model, together, control), lambda: [evaluate(model, s, control) for s in single]))
    print(f"\n{images} images of 13 atoms, committee: {1e3 * one:.1f} ms together, {1e3 * many:.1f} ms one after another, ratio {many / one:.1f}")


def _least(call, repeats: int = 15) -> float:
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times[1:])
