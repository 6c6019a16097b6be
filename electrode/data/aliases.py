"""Names that other programs give to the quantities of the record: read with a note, never written.

Signs: charge and its synonyms are the net charge, n = -Q; a Fermi level is mu; an electrode potential is -mu on a
scale that the caller must name.  `electron` means a charge in some files and a number of electrons in others, so it
is refused until the caller says which.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from electrode.data.problems import did_you_mean, fault
from electrode.references import reference

ALIASES = {  # alias: (key of the record, factor, what the number is taken for)
    "charge": ("eir_n_excess", -1.0, "net charge Q [e], so n_excess = -Q"),
    "total_charge": ("eir_n_excess", -1.0, "net charge Q [e], so n_excess = -Q"),
    "net_charge": ("eir_n_excess", -1.0, "net charge Q [e], so n_excess = -Q"),
    "Q": ("eir_n_excess", -1.0, "net charge Q [e], so n_excess = -Q"),
    "excess_electrons": ("eir_n_excess", 1.0, "excess electrons n [e]"),
    "ne": ("eir_n_excess", 1.0, "excess electrons n [e]"),
    "potential": ("eir_mu", 1.0, "electron chemical potential mu [eV], not an electrode potential"),
    "fermi": ("eir_mu", 1.0, "electron chemical potential mu [eV]"),
    "efermi": ("eir_mu", 1.0, "electron chemical potential mu [eV]"),
    "mu_e": ("eir_mu", 1.0, "electron chemical potential mu [eV]"),
    "external_field": ("eir_efield", 1.0, "field [V/A], force +qF on a charge q"),
    "electric_field": ("eir_efield", 1.0, "field [V/A], force +qF on a charge q"),
}
ELECTRON_MEANINGS = ("excess_electrons", "net_charge", "electron_count")
SPECIAL = ("electron", "electrode_potential", "pzc")  # words of `assume` that are no key of the record
ALIAS_KEYS = frozenset([*ALIASES, "electron", "electrode_potential"])

_RESULTS = {"forces": "REF_forces", "charges": "REF_charges", "dipole": "REF_dipole"}
_TOLERANCE = 1e-6


def resolve(found: Mapping, results: Mapping, assume: Mapping, where: str) -> tuple[dict, list[str]]:
    """Translate aliases and assumptions into keys of the record.

    Parameters
    ----------
    found : what the file gives, info and arrays together
    results : energies and forces under their bare names, which ASE moves into a calculator
    assume : key of the record -> value for frames that lack it; and `electron`: "excess_electrons", "net_charge" or
        "electron_count"; `electrode_potential`: the scale "absolute", "SHE", "RHE" or "PZC"; `pzc` [V, absolute]
    where : file and frame, for messages

    Returns
    -------
    keys of the record with their values, and a note for each thing assumed

    Raises
    ------
    DataError
        if an alias is ambiguous or contradicts another key.
    """
    keys = {k: v for k, v in found.items() if k.startswith(("eir_", "REF_"))}
    notes: list[str] = []
    for key, value in assume.items():
        if key not in SPECIAL and key not in keys:
            keys[key] = value
    for alias, (key, factor, meaning) in ALIASES.items():
        if alias in found:
            _put(keys, key, factor * _number(found[alias], alias, where), alias, where)
            notes.append(f"{alias!r} read as {meaning}")
    if "electron" in found:
        notes.append(_electron(keys, found["electron"], assume.get("electron"), where))
    if "electrode_potential" in found:
        notes.append(_electrode_potential(keys, found["electrode_potential"], assume, where))
    notes.extend(_bare_results(keys, results))
    return keys, notes


def expand(assume: Mapping | None, key_of: Mapping, where: str) -> dict:
    """Return `assume` with every word (`mu_zero`) turned into its key (`eir_mu_zero`).

    Raises
    ------
    DataError
        on a word that is neither in `key_of` nor one of `SPECIAL`.
    """
    known = {**key_of, **{k: k for k in (*key_of.values(), *SPECIAL)}}
    for word in assume or {}:
        if word not in known:
            raise fault(where, f"assume: unknown word {word!r}{did_you_mean(word, known)}", "use a key of the record, electron, electrode_potential or pzc")
    return {known[word]: value for word, value in (assume or {}).items()}


def _bare_results(keys: dict, results: Mapping) -> list[str]:
    notes = []
    if "REF_energy" not in keys and ("energy" in results or "free_energy" in results):
        name = "free_energy" if "free_energy" in results else "energy"
        keys["REF_energy"] = float(results[name])
        if name == "free_energy":
            keys.setdefault("eir_energy_smearing", "free")
        notes.append(f"bare {name!r} read as REF_energy of kind {keys.get('eir_energy_kind')}")
    for name, key in _RESULTS.items():
        if name in results and key not in keys:
            keys[key] = results[name]
            notes.append(f"bare {name!r} read as {key}")
    return notes


def _electron(keys: dict, value, meaning: str | None, where: str) -> str:
    if meaning not in ELECTRON_MEANINGS:
        hint = did_you_mean(meaning, ELECTRON_MEANINGS) if meaning else ""
        words = ", ".join(ELECTRON_MEANINGS)
        raise fault(where, f"'electron' = {value} is ambiguous, a net charge in some files and a number of electrons in others; got meaning {meaning!r}{hint}", f"pass assume={{'electron': word}} with one of {words}")
    number = float(_number(value, "electron", where))
    if meaning == "electron_count":
        _put(keys, "eir_nelect", number, "electron", where)
        return "'electron' read as the number of electrons of the cell (assumed by the caller)"
    _put(keys, "eir_n_excess", -number if meaning == "net_charge" else number, "electron", where)
    return f"'electron' read as {meaning} (assumed by the caller)"


def _electrode_potential(keys: dict, value, assume: Mapping, where: str) -> str:
    word = assume.get("electrode_potential")
    if word is None:
        raise fault(where, f"'electrode_potential' = {value} without a scale", "pass assume={'electrode_potential': scale} with absolute (GPAW's), SHE, RHE or PZC, or write eir_mu and eir_mu_zero")
    scale = scale_of(word, keys, assume.get("pzc"), where)
    phi = float(scale.to_absolute(_number(value, "electrode_potential", where)))
    keys.setdefault("eir_mu_zero", "electrolyte")
    _put(keys, "eir_mu", -phi, "electrode_potential", where)
    return f"'electrode_potential' read on the scale {scale} (assumed by the caller), mu = -Phi, zero {keys['eir_mu_zero']}"


def scale_of(word: str, keys: Mapping, pzc: float | None, where: str):
    """Return the potential scale `word` with what the frame knows of it (eir_phi_she, eir_ph, eir_temperature).

    Raises
    ------
    DataError
        if the scale is unknown or lacks what it needs.
    """
    is_she, is_rhe = word.lower() == "she", word.lower() == "rhe"
    warm = keys.get("eir_temperature")
    try:
        return reference(
            word,
            absolute=keys.get("eir_phi_she") if is_she or is_rhe else None,
            ph=keys.get("eir_ph") if is_rhe else None,
            pzc=pzc if word.lower() == "pzc" else None,
            **({} if warm is None else {"temperature": warm}),
        )
    except ValueError as error:
        raise fault(where, f"scale {word!r}: {error}", "give eir_phi_she, eir_ph and eir_temperature, or another scale") from error


def _put(keys: dict, key: str, value, alias: str, where: str) -> None:
    old = keys.get(key)
    if old is None:
        keys[key] = value
    elif np.shape(old) != np.shape(value) or not np.allclose(old, value, rtol=0.0, atol=_TOLERANCE):
        sign = "; their signs are opposite" if np.shape(old) == np.shape(value) and np.allclose(old, np.negative(value), atol=_TOLERANCE) else ""
        raise fault(where, f"{key} = {old} (given or from another alias) contradicts {alias!r}, which means {key} = {value}{sign}", f"drop {alias!r}, or correct it: charge is Q = -n, excess electrons are n", "V13" if key == "eir_n_excess" else "")


def _number(value, name: str, where: str):
    array = np.asarray(value)
    if array.dtype.kind not in "if":
        raise fault(where, f"{name!r}: expected a number, got {value!r}", "write a number")
    return array.astype(float) if array.ndim else float(array)
