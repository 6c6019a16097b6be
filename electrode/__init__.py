"""Atoms at electrified interfaces: energies, forces and barriers at the electrode potential you name."""

from importlib import import_module

__version__ = "0.1.0"

# name -> module; torch and numba are imported on first use
_PUBLIC = {
    "Control": "electrode.state",
    "ElectrodeCalculator": "electrode.calculator",
    "Grand": "electrode.models.grand",
    "Structure": "electrode.state",
    "Sum": "electrode.models.sum",
    "barriers": "electrode.neb",
    "evaluate": "electrode.thermo",
    "load_model": "electrode.models.store",
    "save_model": "electrode.models.store",
    "shipped_models": "electrode.models.store",
    "to_record": "electrode.calculator",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'electrode' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__():
    return sorted(__all__)
