"""Time one energy and force call of other programs' smallest networks as ASE calculators; run by their own interpreter.

    python calculators.py structures.npz REPEATS

prints a line of JSON for each that is installed and each structure: {"peer", "atoms", "ms"}, the least CPU time of the repeats, or {"peer", "why"}.
Weights are random, which the time does not depend on.
"""

import json
import os
import sys
import tempfile
import time
import warnings

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
from ase import Atoms  # noqa: E402

ELEMENTS, CUTOFF = ["H", "O", "Au"], 5.0


def allegro():
    """One layer, l up to 1, 32 scalars and 8 tensors, single precision."""
    from allegro.model import AllegroModel
    from nequip.utils.global_state import set_global_state

    set_global_state()
    return nequip_calculator(AllegroModel(
        seed=0, model_dtype="float32", r_max=CUTOFF, type_names=ELEMENTS, l_max=1, num_layers=1, num_scalar_features=32, num_tensor_features=8,
        radial_chemical_embed={"_target_": "allegro.nn.TwoBodyBesselScalarEmbed", "num_bessels": 8}, radial_chemical_embed_dim=16,
        scalar_embed_mlp_hidden_layers_depth=1, scalar_embed_mlp_hidden_layers_width=32, allegro_mlp_hidden_layers_depth=1,
        allegro_mlp_hidden_layers_width=32, readout_mlp_hidden_layers_depth=1, readout_mlp_hidden_layers_width=16, avg_num_neighbors=30.0,
    ))  # fmt: skip


def nequip():
    """Two layers, l up to 1, 32 features, single precision."""
    from nequip.model import NequIPGNNModel
    from nequip.utils.global_state import set_global_state

    set_global_state()
    return nequip_calculator(NequIPGNNModel(
        seed=0, model_dtype="float32", r_max=CUTOFF, type_names=ELEMENTS, num_layers=2, l_max=1, parity=False, num_features=32,
        radial_mlp_depth=1, radial_mlp_width=32, avg_num_neighbors=30.0,
    ))  # fmt: skip


def nequip_calculator(model):
    """Return the calculator of a NequIP or Allegro network."""
    from nequip.data.transforms import ChemicalSpeciesToAtomTypeMapper, NeighborListTransform
    from nequip.integrations.ase import NequIPCalculator

    networks = list(model.values()) if hasattr(model, "values") else [model]
    return NequIPCalculator(networks[0].eval(), "cpu", transforms=[ChemicalSpeciesToAtomTypeMapper(ELEMENTS), NeighborListTransform(r_max=CUTOFF)])


def mace():
    """Two layers of 32 scalars, single precision."""
    import torch
    from mace import modules
    from mace.calculators import MACECalculator

    from e3nn import o3  # after mace, which sets how it loads

    torch.set_default_dtype(torch.float32)
    blocks = modules.interaction_classes
    model = modules.ScaleShiftMACE(
        r_max=CUTOFF, num_bessel=8, num_polynomial_cutoff=5, max_ell=2, interaction_cls=blocks["RealAgnosticResidualInteractionBlock"],
        interaction_cls_first=blocks["RealAgnosticInteractionBlock"], num_interactions=2, num_elements=3, hidden_irreps=o3.Irreps("32x0e"),
        MLP_irreps=o3.Irreps("16x0e"), gate=torch.nn.functional.silu, atomic_energies=np.zeros(3), avg_num_neighbors=38.0,
        atomic_numbers=[1, 8, 79], correlation=3, radial_type="bessel", atomic_inter_scale=1.0, atomic_inter_shift=0.0,
    )  # fmt: skip
    return MACECalculator(models=model, device="cpu", default_dtype="float32")


def painn():
    """Three layers of 64 features, single precision."""
    import schnetpack
    import torch
    from schnetpack.interfaces import SpkCalculator
    from schnetpack.transform import MatScipyNeighborList

    torch.set_default_dtype(torch.float32)
    representation = schnetpack.representation.PaiNN(
        n_atom_basis=64, n_interactions=3, radial_basis=schnetpack.nn.GaussianRBF(n_rbf=20, cutoff=CUTOFF), cutoff_fn=schnetpack.nn.CosineCutoff(CUTOFF),
    )  # fmt: skip
    heads = [schnetpack.atomistic.Atomwise(n_in=64, output_key="energy"), schnetpack.atomistic.Forces(energy_key="energy", force_key="forces")]
    model = schnetpack.model.NeuralNetworkPotential(representation, input_modules=[schnetpack.atomistic.PairwiseDistances()], output_modules=heads, postprocessors=[])
    options = {"neighbor_list": MatScipyNeighborList(cutoff=CUTOFF), "device": "cpu", "dtype": torch.float32, "energy_unit": "eV", "position_unit": "Ang"}
    with tempfile.TemporaryDirectory() as folder:
        torch.save(model, os.path.join(folder, "model"))
        return SpkCalculator(os.path.join(folder, "model"), **options)


def deepmd():
    """Smooth two-body embedding of 25, 50 and 100, fitting networks of 120, double precision."""
    import torch
    from deepmd.calculator import DP
    from deepmd.pt.model.model import get_model

    descriptor = {"type": "se_e2_a", "sel": [90, 50, 60], "rcut": 6.0, "rcut_smth": 0.5, "neuron": [25, 50, 100], "axis_neuron": 16, "resnet_dt": False, "precision": "float64"}
    fitting = {"neuron": [120, 120, 120], "resnet_dt": True, "precision": "float64"}
    model = get_model({"type_map": ELEMENTS, "descriptor": descriptor, "fitting_net": fitting}).eval()
    with tempfile.TemporaryDirectory() as folder:
        torch.jit.save(torch.jit.script(model), os.path.join(folder, "model.pth"))
        return DP(model=os.path.join(folder, "model.pth"))


def milliseconds(atoms, calculator, repeats):
    """Return the least CPU time of a step in which every atom moves a little [ms]."""
    atoms, rng, times = atoms.copy(), np.random.default_rng(0), []
    atoms.calc = calculator
    for k in range(2 + repeats):
        start = time.process_time()
        atoms.positions += rng.normal(scale=1e-3, size=(len(atoms), 3))
        atoms.get_forces()
        atoms.get_potential_energy()
        times.append(time.process_time() - start)
    return 1e3 * min(times[2:])


PEERS = (("Allegro", allegro), ("NequIP", nequip), ("MACE", mace), ("PaiNN", painn), ("DeePMD", deepmd))


def main(file, repeats):
    """Print a line for each peer and structure."""
    data = np.load(file)
    for title, make in PEERS:
        try:
            calculator = make()
        except Exception as error:  # whatever another program raises, it is named and the others go on
            print(json.dumps({"peer": title, "why": f"{type(error).__name__}: {error}"[:120]}))
            continue
        import torch

        torch.set_num_threads(1)
        for k in range(int(data["number"])):
            atoms = Atoms(data[f"numbers{k}"], data[f"positions{k}"], cell=data[f"cell{k}"], pbc=data[f"pbc{k}"])
            ms = milliseconds(atoms, calculator, max(2, repeats // (1 + len(atoms) // 100)))
            print(json.dumps({"peer": title, "atoms": len(atoms), "ms": ms}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
