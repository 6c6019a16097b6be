"""Cases of continuum double layers; each row of `expected.rows` states its own conditions beside its results."""

from __future__ import annotations

import re

import numpy as np

from electrode.physics.double_layer import Bikerman, Constant, DoubleLayer, Electrolyte, GouyChapman, Helmholtz, Plate, Stern, solve
from electrode.units import ROOM_TEMPERATURE, UC_PER_CM2
from validation._case_checks import CaseError, Checks

_CONDITIONS = ("c_M", "c_mol_m3", "d_A", "d_stern_A", "eps_stern", "eps_r", "V", "psi0_V", "u_V", "x_A", "z", "T", "a_A", "diameter_A", "nu")
_LITRES = 1e-3  # mol/m^3 in mol/L


def continuum(case: dict, checks: Checks) -> None:
    """Compare every row."""
    general = {**_from_words(case.get("description", "")), **case.get("parameters", {})}
    rows = case["expected"]["rows"]
    for k, row in enumerate(rows):
        conditions = {**general, **row}
        computed = _plates(conditions) if "d_A" in row else _layer(conditions)
        checks.compare_known(computed, row, f"row {k} ", _CONDITIONS)


def _from_words(description: str) -> dict[str, float]:
    """Return temperature and permittivity where the description states them, as in T=298.15 and eps_r=79."""
    found = {key: re.search(rf"\b{key}\s*=\s*([0-9.]*[0-9])", description) for key in ("T", "eps_r")}
    return {key: float(hit.group(1)) for key, hit in found.items() if hit}


def _plates(row: dict) -> dict:
    c = Helmholtz(row["d_A"], row["eps_r"]).capacitance
    return {"C_uF_cm2": ("", UC_PER_CM2 * c), "C_e_V_A2": ("", c)}


def _layer(row: dict) -> dict:
    electrolyte, potential = _electrolyte(row), _first(row, "V", "psi0_V", "u_V")
    layer = outer = (Bikerman if electrolyte.ions[0].diameter > 0.0 else GouyChapman)(electrolyte)
    if "d_stern_A" in row:
        layer = Stern(Helmholtz(row["d_stern_A"], row["eps_stern"]), outer)
    charge, capacitance = layer.charge(potential), layer.differential_capacitance(potential)
    computed = {
        "debye_A": ("", electrolyte.debye_length),
        "sigma_e_A2": ("", charge),
        "sigma_uC_cm2": ("", UC_PER_CM2 * charge),
        "C_diff_uF_cm2": ("", UC_PER_CM2 * capacitance),
        "C_diff_e_V_A2": ("", capacitance),
        "C_int_uF_cm2": ("", UC_PER_CM2 * layer.integral_capacitance(potential)),
        "psi_ohp_V": ("", outer.potential(charge)),
        "energy_eV_A2": ("", lambda: layer.energy(charge)),
        "grand_energy_eV_A2": ("", lambda: layer.grand_energy(potential)),
    }
    return {**computed, **_profile(row, outer, float(outer.potential(charge)))} if "x_A" in row else computed


def _profile(row: dict, outer: DoubleLayer, potential: float) -> dict:
    x, electrolyte = np.asarray(row["x_A"], float), outer.electrolyte
    psi = outer.profile(x, potential) if isinstance(outer, GouyChapman) else solve(electrolyte, Plate(potential=potential)).potential(x)
    scale = _concentration(row) / (_LITRES if "c_mol_m3" in row else 1.0)
    plus, minus = electrolyte.densities(psi) / electrolyte.bulk_densities[:, None] * scale
    return {"phi_V": ("", psi), "c_plus": ("", plus), "c_minus": ("", minus)}


def _electrolyte(row: dict) -> Electrolyte:
    diameter = next((row[key] for key in ("a_A", "diameter_A") if key in row), 0.0)
    options = {"temperature": row.get("T", ROOM_TEMPERATURE), "permittivity": Constant(row.get("eps_r", 78.5))}
    electrolyte = Electrolyte.symmetric(_concentration(row), row.get("z", 1), diameter, **options)
    if "nu" in row and not diameter:
        return Electrolyte.symmetric(_concentration(row), row.get("z", 1), (row["nu"] / (2.0 * electrolyte.bulk_densities[0])) ** (1.0 / 3.0), **options)
    return electrolyte


def _concentration(row: dict) -> float:
    return row["c_M"] if "c_M" in row else _LITRES * row["c_mol_m3"]


def _first(row: dict, *names: str) -> float:
    for name in names:
        if name in row:
            return row[name]
    raise CaseError(f"a row has none of {', '.join(names)}")
