"""Reference cases: each category passes on a right answer, fails on a wrong one, and a strange file is a failed line."""

import copy
import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from validation.cases import CATEGORIES, main, run_case  # noqa: E402

K = 14.399645478425668
SALT = {"symbols": ["Na"] * 4 + ["Cl"] * 4, "cell_A": [[5.64, 0, 0], [0, 5.64, 0], [0, 0, 5.64]], "pbc": [True] * 3}
FCC = 2.82 * np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]])
SALT["positions_A"] = np.vstack([FCC, FCC + [2.82, 0, 0]]).tolist()
MADELUNG = 1.7475645946331822
CHARGE = (8.564 - 2.843) / (18.0 + 20.0 - 2.0 * MADELUNG * K / 2.82)
GAP, ETA = 6.0, 1.979
PLATE = 16.0 / (4.0 * np.pi * K * (GAP - np.sqrt(2.0 / np.pi) / ETA))  # the spread of the charges shortens the gap
REDUCED = 0.2 / (8.617333262e-5 * 298.15)
CROWDED = np.exp(-REDUCED) / (1.0 + 4.0 * 216.0 * 6.02214076e-4 * np.sinh(0.5 * REDUCED) ** 2)
CASES = {
    "rock salt": {
        "category": "electrostatics", "system": SALT, "parameters": {"charges": [1.0] * 4 + [-1.0] * 4, "model": "point"},
        "expected": {"madelung_constant": MADELUNG, "r0_A": 2.82, "energy_eV": -4 * MADELUNG * K / 2.82, "forces_max": 0.0}, "tolerance": {"energy_rel": 1e-8},
    },
    "checkerboard": {
        "category": "electrostatics", "parameters": {"charges": [1.0, 1.0, -1.0, -1.0], "model": "point", "slab": "2D periodic"},
        "system": {"symbols": ["X"] * 4, "positions_A": [[0, 0, 0], [2, 2, 0], [2, 0, 0], [0, 2, 0]], "cell_A": [[4, 0, 0], [0, 4, 0], [0, 0, 50]], "pbc": [True, True, False]},
        "expected": {"madelung_constant": 1.6155426267128248}, "tolerance": {"energy_rel": 1e-8},
    },
    "gaussian pair": {
        "category": "electrostatics", "parameters": {"charges": [1.0, -1.0], "model": "Gaussian", "eta": 1.0}, "system": {"symbols": ["X", "X"], "positions_A": [[0, 0, 0], [0, 0, 9.0]]},
        "expected": {"energy_eV": K * (np.sqrt(2.0 / np.pi) - 1.0 / 9.0)}, "tolerance": {"energy_abs": 1e-9},
    },
    "grahame": {
        "category": "continuum", "description": "1:1, T=298.15 K, eps_r=78.5, CODATA", "tolerance": {"rel": 1e-5},
        "expected": {"rows": [{"c_M": 0.1, "psi0_V": 0.0, "debye_A": 9.61983, "C_diff_uF_cm2": 72.25218, "sigma_uC_cm2": 0.0}]},
    },
    "plates": {"category": "continuum", "expected": {"rows": [{"d_A": 3.0, "eps_r": 6.0, "C_uF_cm2": 17.7083756}]}, "tolerance": {"rel": 1e-6}},
    "profile": {
        "category": "continuum", "description": "eps_r=79", "tolerance": {"rel": 1e-6},
        "expected": {"rows": [{"c_mol_m3": 100.0, "u_V": 0.1, "x_A": [0.0], "phi_V": [0.1], "c_plus": [100.0 * np.exp(-0.1 / (8.617333262e-5 * 298.15))]}]},
    },
    "crowded profile": {
        "category": "continuum", "description": "Bikerman, T=298.15, eps_r=78.5", "tolerance": {"rel": 1e-8},
        "expected": {"rows": [{"c_M": 1.0, "a_A": 6.0, "u_V": -0.2, "x_A": [0.0, 1e4], "phi_V": [-0.2, 0.0], "c_minus": [1.0 * CROWDED, 1.0]}]},
    },
    "square lattice": {
        "category": "neighbour list", "parameters": {"cutoff_A": 1.2}, "system": {"symbols": ["X"], "positions_A": [[0, 0, 0]], "cell_A": [[1, 0, 0], [0, 1, 0], [0, 0, 9]], "pbc": [True, True, False]},
        "expected": {"n_pairs": 4, "counts": [4], "sum_d": 4.0, "sum_inv_d6": 4.0}, "tolerance": {"n_pairs": 0, "sum_rel": 1e-10},
    },
    "point equilibration": {
        "category": "qeq", "system": SALT, "parameters": {"chi_eV": {"Na": 2.843, "Cl": 8.564}, "J_eV": {"Na": 18.0, "Cl": 20.0}},
        "expected": {"q_Na": CHARGE, "q_Cl": -CHARGE, "energy_eV": -2.0 * CHARGE * (8.564 - 2.843)}, "tolerance": {"charges_abs": 1e-8, "energy_abs": 1e-7},
    },
    "shielded dimer": {
        "category": "qeq", "system": {"symbols": ["H", "O"], "positions_A": [[0, 0, 0], [0, 0, 1.0]]},
        "parameters": {"chi_eV": [4.0, 8.0], "J_eV": [14.0, 16.0], "gamma_1_A": [0.8, 1.0], "rc_A": 10.0, "k_e": 14.4},
        "expected": {"q_H": 4.0 / (30.0 - 2.0 * 14.4 * (1.0 - 35e-4 + 84e-5 - 70e-6 + 20e-7) / (1.0 + 0.8**-1.5) ** (1 / 3))}, "tolerance": {"charges_abs": 1e-9},
    },
    "two planes": {
        "category": "constant potential", "parameters": {"eta_1_A": ETA, "dV": 1.0, "slab_ew3dc": True, "fixed_charges": [0.0] * 32, "total_charge": 0.0},
        "system": {
            "positions_A": [[x, y, z] for z in (0.0, GAP) for x in range(4) for y in range(4)], "cell_A": [[4, 0, 0], [0, 4, 0], [0, 0, 40]], "pbc": [True, True, False],
            "electrode": [1] * 16 + [2] * 16, "symbols": ["Au"] * 32,
        },
        "expected": {"Omega_eV": -0.5 * PLATE, "Q_top_e": PLATE}, "tolerance": {"charges_abs": 1e-5, "energy_abs": 1e-5},
    },
    "water": {
        "category": "eeq", "system": {"symbols": ["O", "H", "H"], "positions_A": [[0, 0, 0.119262], [0, 0.763239, -0.477047], [0, -0.763239, -0.477047]], "charge": 0.0},
        "expected": {"charges_e": [-0.5863906859572836, 0.2931953429786418, 0.2931953429786418], "energy_Eh": -0.06332909495855948}, "tolerance": {"charges_abs": 1e-6, "energy_abs": 1e-8},
    },
}  # fmt: skip


def spoil(content):
    """Change every number that is expected, keeping the conditions of continuum rows."""
    conditions = ("c_M", "c_mol_m3", "psi0_V", "u_V", "x_A", "a_A", "d_A", "eps_r", "r0_A")
    if isinstance(content, dict):
        return {k: v if k in conditions else spoil(v) for k, v in content.items()}
    return [spoil(v) for v in content] if isinstance(content, list) else content * 1.01 + 1


@pytest.mark.parametrize("name", CASES)
def test_right_passes_and_wrong_fails(name):
    case = {"name": name, **CASES[name]}
    assert run_case(case)[1] is None, run_case(case)
    wrong = copy.deepcopy(case)
    wrong["expected"] = spoil(wrong["expected"])
    _, reason, _ = run_case(wrong)
    assert "is off by" in reason


def test_every_category_has_a_case():
    assert {case["category"] for case in CASES.values()} == set(CATEGORIES)


def test_image_of_an_ion():
    metal = [[x, y, z] for z in (-2.0, 0.0) for x in np.arange(0.0, 8.0, 2.0) for y in np.arange(0.0, 8.0, 2.0)]
    system = {"slab_positions_A": metal, "ion_xy_A": [1.0, 1.0], "cell_A": [[8, 0, 0], [0, 8, 0], [0, 0, 80]], "pbc": [True, True, False]}
    points = [{"z_A": z, "q_slab_sum": -1.0} for z in (8.0, 10.0)]
    case = {"name": "image", "category": "constant potential", "system": system, "parameters": {"eta_1_A": 1.979, "slab_ew3dc": True, "total_charge": 0},
            "expected": {"points": points, "z_image_A": 0.0}, "tolerance": {"z_image": 0.6}}  # fmt: skip
    assert run_case(case)[1] is None, run_case(case)


@pytest.mark.parametrize(
    "case, reason",
    [
        ({"name": "a", "category": "weather"}, "category 'weather' is not supported yet"),
        ({"name": "a"}, "not supported yet"),
        ({"name": "a", "category": "qeq"}, "no entry 'system'"),
        ({"name": "a", "category": "electrostatics", "system": SALT, "parameters": {"charges": [1.0]}, "expected": {"energy_eV": 0.0}}, "ValueError"),
        ({"name": "a", "category": "continuum", "expected": {"rows": [{"c_M": 0.1}]}}, "a row has none of"),
        ({"name": "a", "category": "continuum", "expected": {"rows": [{"c_M": 0.1, "V": 0.1, "colour": 3}]}}, "nothing to compare"),
        ([1], "expected a JSON object"),
    ],
)
def test_strange_cases_fail_with_a_reason(case, reason):
    assert reason in run_case(case)[1]


def test_command(tmp_path, capsys):
    good, bad, broken = (tmp_path / f"{k}.json" for k in range(3))
    good.write_text(json.dumps({"name": "plates", **CASES["plates"]}))
    bad.write_text(json.dumps([{"name": "odd", "category": "weather"}]))
    broken.write_text("{")
    assert main([str(good)]) == 0 and capsys.readouterr().out.endswith("1 passed, 0 failed\n")
    assert main([str(good), str(bad), str(broken), str(tmp_path / "none.json")]) == 1
    out = capsys.readouterr().out
    assert "plates: passed" in out and "odd: FAILED: category" in out and out.endswith("1 passed, 3 failed\n")
    assert main([]) == 2


def test_unknown_numbers_are_named(capsys):
    case = copy.deepcopy(CASES["plates"])
    case["expected"]["rows"][0]["colour"] = 3.0
    _, reason, note = run_case({"name": "plates", **case})
    assert reason is None and "not compared: colour" in note
