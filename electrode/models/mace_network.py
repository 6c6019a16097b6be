"""A ScaleShiftMACE of the package mace-torch whose atoms see one number more, and weights of neutral ones; the package is imported when one is made."""

from __future__ import annotations

import inspect
import os
import warnings
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from electrode.models.neutral_calculators import MissingPackage

CONVERT = (
    "python -c \"import sys, torch, mace, safetensors.torch as s; m = torch.load(sys.argv[1], map_location='cpu', weights_only=False); "
    "print('average_neighbours', m.interactions[0].avg_num_neighbors); s.save_file({k: v.contiguous().clone() for k, v in m.state_dict().items()}, "
    "sys.argv[2])\" FILE.model FILE.safetensors"
)
_GUARD = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"


class NodeAugmentation(nn.Module):
    """The condition times one vector for each atom, in the place where mace-torch adds features to those of the element."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels, dtype=torch.float64))

    def forward(self, batch: Tensor, features: dict[str, Tensor]) -> Tensor:
        """Return (N, channels) from the condition of each system, "condition" (S,)."""
        return features["condition"][batch][:, None] * self.weight


def mace_network(config) -> nn.Module:
    """Return the ScaleShiftMACE of a `MaceNodeConfig`, in double precision, with the condition among its features.

    Raises
    ------
    MissingPackage
        where mace-torch is not installed, or too old.
    """
    modules, e3nn = _packages()
    residual = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    first = residual if config.residual_first else modules.interaction_classes["RealAgnosticInteractionBlock"]
    irreps = "+".join(f"{config.channels}x{l}{'eo'[l % 2]}" for l in range(config.max_l + 1))
    with _making(e3nn, config.seed):
        network = modules.ScaleShiftMACE(
            r_max=config.cutoff, num_bessel=config.radial_functions, num_polynomial_cutoff=5, max_ell=config.max_ell,
            interaction_cls=residual, interaction_cls_first=first, num_interactions=config.layers, num_elements=len(config.elements),
            hidden_irreps=e3nn.o3.Irreps(irreps), MLP_irreps=e3nn.o3.Irreps(f"{config.readout_hidden}x0e"),
            atomic_energies=[0.0] * len(config.elements), avg_num_neighbors=config.average_neighbours, atomic_numbers=list(config.elements),
            correlation=config.correlation, gate=nn.functional.silu, radial_MLP=list(config.radial_hidden),
            atomic_inter_scale=1.0, atomic_inter_shift=0.0,
        )  # fmt: skip
    network.embedding_specs, network.joint_embedding = {"condition": {}}, NodeAugmentation(config.channels)
    return network


def neutral_weights(path: str | Path, network: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a neutral MACE, in the shapes of `network`, from a safetensors file of its `state_dict()`.

    Raises
    ------
    ValueError
        for a file of another kind (reading a pickled model can run code of its author: the message says how to convert one), or
        tensors that do not fit.
    """
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{path}: {error}; expected a safetensors file. Convert a MACE model that you trust with\n{CONVERT}") from error
    own = {k: v for k, v in network.state_dict().items() if not k.startswith("joint_embedding.")}
    wrong = sorted({*own} ^ {*weights}) or [k for k, v in own.items() if v.numel() != weights[k].numel()]
    if wrong:
        raise ValueError(f"{path}: expected a one-headed MACE of this configuration; {len(wrong)} tensors do not fit, among them {wrong[:3]}. Choose the file's")
    for name, what in (("atomic_numbers", "elements"), ("r_max", "cutoff")):
        if not torch.equal(weights[name].double(), own[name].double()):
            raise ValueError(f"{path}: expected the {what} {own[name].tolist()}, got {weights[name].tolist()}. Choose the file's")
    return {k: weights[k].reshape(v.shape).to(v.dtype) for k, v in own.items()}


def _packages():
    """Return mace-torch's modules and e3nn; importing them takes down torch's guard against pickles, which is then put back."""
    before = os.environ.get(_GUARD)
    os.environ[_GUARD] = "1"  # e3nn reads its own tables from a pickle
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()):  # of what it has not found
            warnings.simplefilter("ignore")  # torch's, about how both packages use it
            import e3nn.o3
            from mace import modules
    except ModuleNotFoundError as error:
        raise MissingPackage(f"the scheme mace-node needs mace-torch, which is not installed ({error}); pip install 'electrode-interfaces[mace]'") from error
    finally:
        if before is None:
            del os.environ[_GUARD]
        else:
            os.environ[_GUARD] = before
    if "embedding_specs" not in inspect.signature(modules.MACE).parameters:  # it would leave the condition out, and say nothing
        raise MissingPackage("the scheme mace-node needs mace-torch 0.3.14 or newer; pip install --upgrade 'electrode-interfaces[mace]'")
    return modules, e3nn


@contextmanager
def _making(e3nn, seed: int):
    """Draw weights from a seed, in double precision, without e3nn's compiler: it takes longer to start than a small network to train."""
    precision, choices = torch.get_default_dtype(), e3nn.get_optimization_defaults()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_default_dtype(torch.float64)
        e3nn.set_optimization_defaults(jit_script_fx=False)
        try:
            yield
        finally:
            torch.set_default_dtype(precision)
            e3nn.set_optimization_defaults(**choices)
