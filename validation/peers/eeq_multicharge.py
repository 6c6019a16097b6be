"""Electronegativity equilibration with tad-multicharge or dftd4: `python eeq_multicharge.py atoms.npz PEER`, run by their interpreter.

atoms.npz holds numbers (N,), positions (N, 3) [A] and cell (3, 3) [A].  PEER is tad (open space; charges, energy and forces) or
dftd4 (periodic; charges as a by-product, no forces).  Prints median CPU milliseconds of a call, and the charges, as JSON.
"""

import json
import sys
import time

import numpy as np

BOHR = 0.529177210903


def tad(numbers, positions, cell):
    """Return a function that computes charges, energy and forces."""
    import tad_mctc as mctc
    import tad_multicharge as multicharge
    import torch

    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)

    def call():
        moving = torch.tensor(positions / BOHR, requires_grad=True)
        charges, energy = multicharge.eeq.get_eeq(mctc.Structure(numbers=torch.tensor(numbers), positions=moving), return_energy=True)
        energy.sum().backward()
        return charges.detach().numpy()

    return call


def dftd4(numbers, positions, cell):
    """Return a function that computes charges."""
    from dftd4.interface import DispersionModel

    return lambda: DispersionModel(numbers, positions / BOHR, lattice=cell / BOHR, periodic=np.array([True] * 3)).get_properties()["partial charges"]


def main(path: str, peer: str) -> None:
    """Time the calls."""
    data = np.load(path)
    call = {"tad": tad, "dftd4": dftd4}[peer](data["numbers"], data["positions"], data["cell"])
    charges, times = call(), []
    for _ in range(3 if len(charges) < 2000 else 1):
        start = time.process_time()
        charges = call()
        times.append(time.process_time() - start)
    print(json.dumps({"step": 1e3 * float(np.median(times)), "charges": np.asarray(charges).tolist()}))


main(*sys.argv[1:])
