"""Results do not depend on the number of threads, and are the same every time."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

SCRIPT = """
import json, warnings
import numpy as np
import torch
warnings.simplefilter("ignore")
from electrode.examples import example
from electrode.models.store import load_model
from electrode.physics import electrostatics_of
from electrode.state import Control, Structure
from electrode.thermo import evaluate

atoms = example("volmer-initial").repeat((2, 2, 1))
atoms.rattle(0.05, seed=3)
structure, found = Structure.from_atoms(atoms), {}
for name in ("au111-h3o", "baseline"):
    out = evaluate(load_model(name), structure, Control(charge=0.3))
    found[name] = [out["natural_energy"].tolist(), out["forces"].tolist(), out["capacitance"].tolist()]
points = 2.5 * np.stack(np.meshgrid(*[np.arange(8.0)] * 3), axis=-1).reshape(-1, 3)
charges = np.random.default_rng(0).normal(size=len(points))
result = electrostatics_of(points, charges - charges.mean(), 20.0 * np.eye(3), (True, True, True), method="mesh")
found["mesh"] = [float(result.energy), np.asarray(result.forces).tolist()]
print(json.dumps([torch.get_num_threads(), found]))
"""


def run(threads):
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, env={**os.environ, **dict.fromkeys(names, str(threads))})
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
def test_one_thread_and_two():
    (one, expected), (two, found) = run(1), run(2)
    assert (one, two) == (1, 2)
    for name, values in expected.items():
        for a, b in zip(values, found[name]):
            np.testing.assert_allclose(b, a, rtol=1e-10, atol=1e-10, err_msg=name)
