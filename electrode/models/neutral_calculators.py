"""Calculators of neutral atoms by description: a word that a file can keep, from which the calculator is made again.

    emt | chgnet | sevennet-0      of ASE, of the package chgnet, of the package sevenn; weights stay in their package
    mace:PATH                      a MACE model file, read by the package mace-torch
    electrode:PATH                 a stored model of natural charge, or the name of a shipped one, at zero charge
    MODULE:FACTORY                 a function without arguments that returns an ASE calculator

A packaged or MACE model runs on the processor; a factory may choose otherwise.
"""

from __future__ import annotations

import hashlib
from contextlib import redirect_stdout
from importlib import import_module
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from io import StringIO

import torch
from torch import nn

from electrode.data.problems import did_you_mean


class MissingPackage(ValueError):
    """The package of a neutral base is not installed."""


def _emt():
    from ase.calculators.emt import EMT

    return EMT()


def _chgnet():
    from chgnet.model.dynamics import CHGNetCalculator
    from chgnet.model.model import CHGNet

    with redirect_stdout(StringIO()):  # it announces itself
        return CHGNetCalculator(model=CHGNet.load(use_device="cpu", verbose=False), use_device="cpu")


def _sevennet():
    from sevenn.calculator import SevenNetCalculator

    return SevenNetCalculator("7net-0", device="cpu")


def _mace(path: str):
    from mace.calculators import MACECalculator

    return MACECalculator(model_paths=path, device="cpu", default_dtype="float64")


def _electrode(path: str):
    from electrode.models.zero_charge import ZeroCharge

    return ZeroCharge(path)


PACKAGES = {"emt": ("ase", _emt), "chgnet": ("chgnet", _chgnet), "sevennet-0": ("sevenn", _sevennet)}
FILES = {"mace": _mace, "electrode": _electrode}
EXPECTED = f"{', '.join(PACKAGES)}, {', '.join(f'{kind}:PATH' for kind in FILES)} or MODULE:FACTORY"


def make_calculator(description: str):
    """Return the ASE calculator of a description.

    Raises
    ------
    ValueError
        for an unknown word, or a factory that gives no calculator.
    MissingPackage
        where its package is not installed.
    """
    kind, colon, rest = description.partition(":")
    if not colon and kind not in PACKAGES:
        raise ValueError(f"unknown neutral base {description!r}: expected {EXPECTED}{did_you_mean(description, PACKAGES)}")
    try:
        if not colon:
            return PACKAGES[kind][1]()
        made = FILES[kind](rest) if kind in FILES else called(getattr(import_module(kind), rest), f"neutral base {description!r}")
    except ModuleNotFoundError as error:
        wanted = distribution(description) or kind
        raise MissingPackage(f"neutral base {description!r} needs the package {wanted}, which is not installed ({error}); pip install {wanted}") from error
    except (AttributeError, FileNotFoundError) as error:
        raise ValueError(f"neutral base {description!r}: {error}; expected {EXPECTED}") from error
    if not hasattr(made, "get_property"):
        raise ValueError(f"neutral base {description!r}: expected an ASE calculator, got {type(made).__name__}")
    return made


def called(factory, name: str):
    """Return what a user's factory returns.

    Raises
    ------
    ValueError
        for whatever it raises, except that a module is missing.
    """
    try:
        return factory()
    except ModuleNotFoundError:
        raise
    except Exception as error:  # the user's own code may raise anything
        raise ValueError(f"{name}: its factory raised {type(error).__name__}: {error}; expected a function without arguments that returns an ASE calculator") from error


def distribution(description: str) -> str:
    """Return the name of the distribution that a description's calculator comes from, empty for loose files."""
    kind = description.partition(":")[0]
    if kind in PACKAGES:
        return PACKAGES[kind][0]
    if kind in FILES:
        return "mace-torch" if kind == "mace" else ""
    return next(iter(packages_distributions().get(kind.partition(".")[0], [])), "")


def distribution_version(name: str) -> str:
    """Return the installed version of a distribution, empty where there is none."""
    try:
        return version(name) if name else ""
    except PackageNotFoundError:
        return ""


def weights_digest(calculator) -> str:
    """Return the SHA-256 of the weights of all torch modules that a calculator holds, empty where it holds none."""
    held = [v for value in vars(calculator).values() for v in (value if isinstance(value, (list, tuple)) else [value])]
    modules = [v for v in held if isinstance(v, nn.Module)]
    digest = hashlib.sha256()
    for module in modules:
        for name, value in sorted(module.state_dict().items()):
            digest.update(name.encode())
            if isinstance(value, torch.Tensor):
                digest.update(value.detach().cpu().reshape(-1).contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest() if modules else ""
