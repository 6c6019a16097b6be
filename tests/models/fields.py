"""Small systems for the schemes in a field, and labels of a classical model of ions that a field pulls at."""

import numpy as np
import torch
from ase import Atoms

from electrode.data.record import ElectrifiedFrame
from electrode.models.base import Model
from electrode.state import Control, Structure
from electrode.thermo import evaluate, response

FIELD = (0.2, -0.3, 0.25)


def water(seed=0):
    rng = np.random.default_rng(seed)
    return Atoms("OH2", np.array([[0.0, 0.0, 0.12], [0.0, 0.76, -0.47], [0.05, -0.76, -0.46]]) + 0.05 * rng.normal(size=(3, 3)))


def hydroxide():
    return Atoms("OH", [[0.1, 0.2, 0.3], [0.4, 0.3, 1.2]])


def crystal(seed=1):
    """A rattled, oblique cell of O and H, periodic."""
    rng = np.random.default_rng(seed)
    places = np.array([[x, y, z] for x in (0.0, 0.5) for y in (0.0, 0.5) for z in (0.0, 0.5)])
    atoms = Atoms("OHHOHOOH", cell=[[3.2, 0.0, 0.0], [0.3, 3.1, 0.0], [0.0, 0.2, 3.3]], pbc=True)
    atoms.set_scaled_positions(places)
    atoms.positions += 0.1 * rng.normal(size=(8, 3))
    return atoms


class Springs(Model):
    """H of ions of -0.6 and 0.3 e on springs between all of a molecule, polarisable along their distances: what a pupil can learn."""

    natural, uses_field = "charge", True

    def forward(self, structure, control, description):
        r, f = description["positions"].reshape(structure.n_systems, -1, 3), control.field
        apart = r[:, :, None] - r[:, None]
        squared = apart.square().sum(-1)
        charge = torch.where(structure.numbers == 8, -0.6, 0.3).reshape(structure.n_systems, -1)
        polarisation = (charge[:, :, None] * r).sum(1)
        bent = (apart * f[:, None, None]).sum(-1).square().sum((1, 2))
        return {"natural_energy": 0.5 * (squared - 1.5).square().sum((1, 2)) - (polarisation * f).sum(1) - 0.05 * bent}


def labelled(number, seed=0, fields=True):
    """Return frames of water in random fields, every second one without, there with Born charges and polarisability."""
    rng, frames, model = np.random.default_rng(seed), [], Springs()
    for k in range(number):
        atoms, field = water(seed=100 * seed + k), 0.3 * rng.normal(size=3) * (k % 2 if fields else 0)
        structure, control = Structure.from_atoms(atoms), Control(charge=0.0, field=field)
        out, answers = evaluate(model, structure, control), response(model, structure, control)
        more = {} if k % 2 else {"born_charges": answers["born_charges"].reshape(-1, 9).numpy(), "polarizability": answers["polarizability"].flatten().numpy()}
        frames.append(ElectrifiedFrame(
            atoms, where=f"frame {k}", energy=out["enthalpy"].item(), energy_kind="enthalpy", n_excess=0.0, ensemble="fixed_n", efield=field,
            forces=out["forces"].numpy(), dipole=out["dipole"][0].numpy(), method_id="springs", trajectory=k, **more,
        ))  # fmt: skip
    return frames
